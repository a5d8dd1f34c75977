"""What a station told of itself: security, alarms, limits, logs, firmware; filtered, live."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.domain.station_events import Urgency, urgency
from holdfast.http.permissions import Permission
from holdfast.services.message_log import Position
from holdfast.services.station_events import EventsAsked, list_events
from holdfast.store.tables import StationEvent
from web.live_page import LivePage, bounded
from web.viewer import Viewer
from web.visit import Desk, Visit
from web.wording import Badge, badge

EVENTS_PER_PAGE = 50
DETAILS_LENGTH_MAX = 4_000
POSITION_LENGTH_MAX = 60
FIELDS = ("kind", "from", "to")

URGENCIES: dict[str, Badge] = {
    Urgency.CRITICAL: Badge("Critical", "bad", "alert"),
    Urgency.WARNING: Badge("Warning", "wait", "alert"),
    Urgency.INFORMATION: Badge("Information", "calm", "check"),
}
KINDS = {
    "security": "Security",
    "monitor": "Monitored variable",
    "drift": "Setting that did not stay",
    "firmware": "Firmware",
    "firmware_publication": "Firmware publication",
    "log": "Log upload",
    "charging_limit": "Charging limit",
    "charging_profiles": "Charging profiles",
    "charging_needs": "Charging needs of a car",
    "charging_schedule": "Charging schedule of a car",
    "priority_charging": "Priority charging",
    "dynamic_schedule": "Dynamic schedule",
    "transaction": "Transaction",
    "reservation": "Reservation",
    "display_messages": "Display messages",
    "customer_information": "Customer information",
    "settlement": "Settlement at the station",
    "vat_number": "VAT number",
    "battery_swap": "Battery swap",
    "der_alarm": "Grid alarm",
    "der_control": "Grid control",
    "der_report": "Grid control settings",
    "event_stream": "Event stream",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsFilter:
    """`values` are the fields as they were written; `before`: further back than this event."""

    identity: str
    values: tuple[tuple[str, str], ...] = ()
    before: str | None = None

    def value(self, name: str) -> str:
        """A field as it was written; empty where it was not."""
        return dict(self.values).get(name, "")

    def parameters(self) -> Mapping[str, str]:
        """As the stream's URL has them."""
        more = {"before": self.before} if self.before else {}
        return {"station": self.identity, **dict(self.values), **more}

    def query(self, **more: str) -> str:
        """As the page's own URL has them."""
        return urlencode(dict(self.values) | more)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """An event for people. `where` is the EVSE, transaction or request that it is about."""

    id: int
    at: datetime
    received_at: datetime
    badge: Badge
    kind: str
    name: str | None
    where: tuple[str, ...]
    details: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsView:
    """A page of events; `older` continues it."""

    lines: tuple[EventLine, ...]
    older: str | None


def parse_events(_viewer: Viewer, parameters: Mapping[str, str]) -> EventsFilter:
    """The station of a stream is in its query; a page has it in its path."""
    return EventsFilter(
        identity=parameters.get("station", ""),
        values=tuple((name, parameters[name]) for name in FIELDS if parameters.get(name)),
        before=parameters.get("before"),
    )


async def read_events(
    _desk: Desk, db: AsyncSession, organization_id: UUID, asked: EventsFilter
) -> EventsView:
    """Raises NotFound. A field that cannot be read filters nothing."""
    until = _day(asked.value("to"))
    found = await list_events(
        db,
        organization_id,
        asked.identity,
        EventsAsked(
            limit=EVENTS_PER_PAGE,
            kind=asked.value("kind") or None,
            since=_day(asked.value("from")),
            until=None if until is None else until + timedelta(days=1),
            before=_position(asked.before),
        ),
    )
    older = found.older
    return EventsView(
        lines=tuple(_line(row) for row in found.items),
        older=None if older is None else f"{older.at.isoformat()}_{older.id}",
    )


EVENTS = LivePage(
    name="station-events",
    topics=frozenset({"stations"}),
    template="fragments/station_events.html",
    parse=parse_events,
    read=read_events,
    permission=Permission.READ_MESSAGES,
)


async def show_events(visit: Visit) -> Response:
    """GET /stations/{identity}/events"""
    asked = parse_events(visit.viewer, bounded(visit.request.query_params))
    asked = replace(asked, identity=visit.request.path_params["identity"])
    return await EVENTS.show_asked(visit, "station_events.html", asked, kinds=KINDS)


def _line(row: StationEvent) -> EventLine:
    where = (
        None if row.evse is None else "Station" if row.evse == 0 else f"EVSE {row.evse}",
        None if not row.connector else f"connector {row.connector}",
        None if row.transaction_id is None else f"transaction {row.transaction_id}",
        None if row.request_id is None else f"request {row.request_id}",
    )
    text = json.dumps(row.details, indent=2, ensure_ascii=False) if row.details else ""
    if len(text) > DETAILS_LENGTH_MAX:
        text = text[:DETAILS_LENGTH_MAX] + "\n… (cut here)"
    return EventLine(
        id=row.id,
        at=row.at,
        received_at=row.received_at,
        badge=badge(URGENCIES, urgency(row.kind, row.name, row.severity)),
        kind=KINDS.get(row.kind, row.kind),
        name=row.name,
        where=tuple(part for part in where if part),
        details=text,
    )


def _day(written: str) -> datetime | None:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return None
    # The ends of the calendar cannot be moved by a day.
    return datetime.combine(day, time(), UTC) if 2000 <= day.year <= 2999 else None


def _position(written: str | None) -> Position | None:
    if not written or len(written) > POSITION_LENGTH_MAX:
        return None
    stamp, _, row_id = written.partition("_")
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    if at.tzinfo is None or not row_id.isascii() or not row_id.isdigit() or len(row_id) > 18:
        return None
    return Position(at=at, id=int(row_id))
