"""What stations told of themselves: events of one station, newest first."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.message_log import Position
from holdfast.services.scope import owned
from holdfast.services.stations import find_station
from holdfast.store.tables import StationEvent

LIMIT_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsAsked:
    """What is looked for; every field that is set must hold. `since` and `until` are of receipt;
    `before` is where the page before ended."""

    limit: int
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsFound:
    """Newest first; `older` goes on from here, None at the end."""

    items: tuple[StationEvent, ...]
    older: Position | None


async def list_events(
    db: AsyncSession, organization_id: UUID, identity: str, asked: EventsAsked
) -> EventsFound:
    """Raises NotFound. Partitions are walked from the newest, so that the first page costs only
    what it shows."""
    station = await find_station(db, organization_id, identity)
    limit = min(asked.limit, LIMIT_MAX)
    statement = (
        owned(StationEvent, organization_id)
        .where(StationEvent.station_id == station.id)
        .order_by(StationEvent.received_at.desc(), StationEvent.id.desc())
        .limit(limit + 1)
    )
    if asked.kind is not None:
        statement = statement.where(StationEvent.kind == asked.kind)
    if asked.since is not None:
        statement = statement.where(StationEvent.received_at >= asked.since)
    if asked.until is not None:
        statement = statement.where(StationEvent.received_at < asked.until)
    if asked.before is not None:
        place = tuple_(StationEvent.received_at, StationEvent.id)
        statement = statement.where(
            # The first condition alone lets whole partitions be left out.
            StationEvent.received_at <= asked.before.at,
            place < tuple_(asked.before.at, asked.before.id),
        )
    rows = list(await db.scalars(statement))
    last = rows[limit - 1] if len(rows) > limit else None
    return EventsFound(
        items=tuple(rows[:limit]),
        older=None if last is None else Position(at=last.received_at, id=last.id),
    )
