"""Messages that could not be applied: read, played again, or discarded by a person.

A gateway plays them again, since only a gateway knows OCPP versions: the request is noted on the
row, which stays open until a gateway has applied it. Every decision is audited here.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import REPLAY_CHANNEL
from holdfast.services import audit
from holdfast.services.outbox import notify
from holdfast.services.refusal import Conflict, NotFound
from holdfast.services.scope import belongs
from holdfast.services.slices import Slice, SliceAsked, take_rows
from holdfast.store.tables import Quarantined, Station

Seen = tuple[Quarantined, str]
"""A message and its station's identity."""


async def list_quarantined(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    state: str | None = None,
    station: str | None = None,
) -> Slice[Seen]:
    """Newest first."""
    statement = (
        select(Quarantined, Station.identity)
        .join(Station, Station.id == Quarantined.station_id)
        .where(belongs(Quarantined, organization_id))
    )
    if state is not None:
        statement = statement.where(Quarantined.state == state)
    if station is not None:
        statement = statement.where(Station.identity == station)
    rows = await take_rows(db, statement, Quarantined.id, asked, newest_first=True)
    return Slice(items=[(row[0], row[1]) for row in rows.items], next=rows.next)


async def get_quarantined(
    db: AsyncSession, organization_id: UUID, row_id: UUID, *, lock: bool = False
) -> Seen:
    """Raises NotFound."""
    statement = (
        select(Quarantined, Station.identity)
        .join(Station, Station.id == Quarantined.station_id)
        .where(belongs(Quarantined, organization_id), Quarantined.id == row_id)
    )
    if lock:
        statement = statement.with_for_update(of=Quarantined)
    row = (await db.execute(statement)).one_or_none()
    if row is None:
        raise NotFound("quarantined message", row_id)
    return row[0], row[1]


async def ask_replay(
    db: AsyncSession, organization_id: UUID, row_id: UUID, *, actor: str, reason: str, now: datetime
) -> Seen:
    """Have a gateway apply it again. Raises NotFound, Conflict (not open)."""
    message, station = await _open(db, organization_id, row_id)
    message.decided_at, message.decided_by, message.reason = now, actor, reason
    await db.flush()
    await db.execute(
        text("SELECT pg_notify(:channel, :id)"), {"channel": REPLAY_CHANNEL, "id": str(row_id)}
    )
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="quarantine.replay",
        subject=f"quarantine:{row_id}",
        reason=reason,
    )
    await notify(db, ["frames"])
    return message, station


async def discard(
    db: AsyncSession, organization_id: UUID, row_id: UUID, *, actor: str, reason: str, now: datetime
) -> Seen:
    """Never apply it. The row stays. Raises NotFound, Conflict (not open)."""
    message, station = await _open(db, organization_id, row_id)
    message.state = "discarded"
    message.decided_at, message.decided_by, message.reason = now, actor, reason
    await db.flush()
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="quarantine.discard",
        subject=f"quarantine:{row_id}",
        reason=reason,
    )
    await notify(db, ["frames"])
    return message, station


async def _open(db: AsyncSession, organization_id: UUID, row_id: UUID) -> Seen:
    message, station = await get_quarantined(db, organization_id, row_id, lock=True)
    if message.state != "open":
        raise Conflict(f"the message was {message.state} before")
    return message, station
