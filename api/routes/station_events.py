"""What stations told of themselves."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.routes.fields import Identity, Instant, Line, Output
from api.routes.messages import from_cursor, to_cursor
from holdfast.domain.station_events import Urgency, urgency
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Page
from holdfast.http.principal import MessageReader
from holdfast.services import station_events
from holdfast.services.station_events import LIMIT_MAX, EventsAsked
from holdfast.store.tables import StationEvent

router = APIRouter(tags=["stations"], route_class=IdempotentRoute)


class StationEventShown(Output):
    """One event. `at` is the station's own time as far as it can be believed, `name` its own word;
    `details` is the rest of the message."""

    id: int
    received_at: datetime
    at: datetime
    kind: str
    name: str | None
    severity: int | None
    urgency: Urgency
    evse: int | None
    connector: int | None
    request_id: int | None
    transaction_id: str | None
    details: dict[str, Any]


@router.get("/stations/{identity}/events")
async def list_station_events(
    identity: Identity,
    db: Db,
    reader: MessageReader,
    kind: Annotated[Line | None, Query(description="security, log, firmware, monitor, …")] = None,
    since: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[Instant | None, Query(alias="to")] = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many items at most.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=80, description="`next` of the page before.")
    ] = None,
) -> Page[StationEventShown]:
    """What a station told of itself, newest first by receipt. It may name drivers, as messages
    do, and needs the same permission."""
    asked = EventsAsked(
        limit=limit,
        kind=kind,
        since=since,
        until=until,
        before=None if cursor is None else from_cursor(cursor)[1],
    )
    found = await station_events.list_events(db, reader.organization_id, identity, asked)
    return Page(items=[_shown(row) for row in found.items], next=to_cursor("o", found.older))


def _shown(row: StationEvent) -> StationEventShown:
    return StationEventShown(
        id=row.id,
        received_at=row.received_at,
        at=row.at,
        kind=row.kind,
        name=row.name,
        severity=row.severity,
        urgency=urgency(row.kind, row.name, row.severity),
        evse=row.evse,
        connector=row.connector,
        request_id=row.request_id,
        transaction_id=row.transaction_id,
        details=row.details if isinstance(row.details, dict) else {},
    )
