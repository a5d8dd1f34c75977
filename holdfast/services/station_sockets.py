"""Closing a station's socket from outside the gateway that holds it.

The next generation is taken on behalf of nobody, and told as gateways tell it to each other:
whoever holds an older one closes it (DESIGN 2, step 9). What the station sent before counts.
"""

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import CONNECTIONS_CHANNEL
from holdfast.store.tables import StationConnection


async def close_socket(
    db: AsyncSession, station_id: UUID, *, certificate_serial: str | None = None
) -> bool:
    """At the commit; whether there was one. With a serial number, only one that showed this
    certificate."""
    statement = (
        update(StationConnection)
        .where(StationConnection.station_id == station_id, StationConnection.boot_id.is_not(None))
        .values(
            generation=StationConnection.generation + 1,
            boot_id=None,
            disconnected_at=func.now(),
        )
        .returning(StationConnection.generation)
        .execution_options(synchronize_session=False)
    )
    if certificate_serial is not None:
        statement = statement.where(StationConnection.certificate_serial == certificate_serial)
    generation = await db.scalar(statement)
    if generation is None:
        return False
    await db.execute(select(func.pg_notify(CONNECTIONS_CHANNEL, f"{station_id} {generation}")))
    return True
