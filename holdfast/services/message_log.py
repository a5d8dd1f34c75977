"""The message log: frames of a station, both ways, as they were."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.scope import owned
from holdfast.services.stations import find_station
from holdfast.store.tables import Frame

WINDOW = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAsked:
    """The newest `limit` frames received before `before` and at most `WINDOW` earlier."""

    before: datetime
    limit: int
    action: str | None = None


async def list_frames(
    db: AsyncSession, organization_id: UUID, identity: str, asked: LogAsked
) -> list[Frame]:
    """Newest first. A window of time keeps the query inside two partitions. Raises NotFound."""
    station = await find_station(db, organization_id, identity)
    statement = (
        owned(Frame, organization_id)
        .where(
            Frame.station_id == station.id,
            Frame.received_at < asked.before,
            Frame.received_at >= asked.before - WINDOW,
        )
        .order_by(Frame.received_at.desc(), Frame.id.desc())
        .limit(asked.limit)
    )
    if asked.action is not None:
        statement = statement.where(Frame.action == asked.action)
    return list(await db.scalars(statement))
