"""OCPP messages as they went over the socket: of one station, or of all of them; live or searched.

A page is live while it shows the newest messages and no text is searched for: looking through
frames for a text twice a second would cost more than it shows.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.http.permissions import Permission
from holdfast.services.message_log import (
    Found,
    LogAsked,
    Logged,
    Position,
    search,
)
from holdfast.store.tables import Station
from web.live_page import LivePage, bounded
from web.viewer import Viewer
from web.visit import Desk, Visit

MESSAGES_SHOWN = 20
MESSAGES_PER_PAGE = 50
TEXT_LENGTH_MAX = 6_000
POSITION_LENGTH_MAX = 60

KINDS = {2: "Call", 3: "Result", 4: "Error", 5: "Result error", 6: "Send"}
DIRECTIONS = (("from_station", "From the station"), ("to_station", "To the station"))
FIELDS = ("direction", "action", "transaction", "text", "odd", "from", "to")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherHalf:
    """The answer to a call, or the call that was answered."""

    id: int
    kind: str
    received_at: datetime
    latency_ms: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedMessage:
    """A frame. `text` is its JSON, indented, or what there is of it; `copied` the whole of it."""

    id: int
    station: str
    received_at: datetime
    outbound: bool
    kind: str
    action: str | None
    message_id: str | None
    transaction_id: str | None
    finding: str | None
    finding_word: str
    text: str
    copied: str
    length: int
    other: OtherHalf | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesAsked:
    """The filter of a page: `values` are its fields as they were written. `identity`: of one
    station. `before`: further back than this frame."""

    identity: str | None = None
    values: tuple[tuple[str, str], ...] = ()
    before: str | None = None
    paused: bool = False

    def value(self, name: str) -> str:
        """A field as it was written; empty where it was not."""
        return dict(self.values).get(name, "")

    @property
    def is_live(self) -> bool:
        """Whether new messages may appear while one looks."""
        return not (self.paused or self.before or self.value("text") or self.value("to"))

    def parameters(self) -> Mapping[str, str]:
        """As the stream's URL has them."""
        return (
            {"station": self.identity, **dict(self.values)} if self.identity else dict(self.values)
        )

    def query(self, **more: str) -> str:
        """As the page's own URL has them."""
        return urlencode(dict(self.values) | more)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesView:
    """A page of messages. `older` continues it; `searched_to`: it looked no further back."""

    identity: str | None
    messages: tuple[LoggedMessage, ...]
    older: str | None
    searched_to: datetime | None


def parse_messages(_viewer: Viewer, parameters: Mapping[str, str]) -> MessagesAsked:
    """The station of a stream is in its query; a page has it in its path."""
    return MessagesAsked(
        identity=parameters.get("station"),
        values=tuple((name, parameters[name]) for name in FIELDS if name in parameters),
        before=parameters.get("before"),
        paused=parameters.get("live") == "off",
    )


async def read_messages(
    _desk: Desk, db: AsyncSession, organization_id: UUID, asked: MessagesAsked
) -> MessagesView:
    """Raises NotFound, Conflict (the search took too long)."""
    direction = asked.value("direction")
    found = await search(
        db,
        organization_id,
        LogAsked(
            limit=MESSAGES_PER_PAGE,
            identity=asked.identity,
            action=asked.value("action") or None,
            outbound=direction == "to_station" if direction in dict(DIRECTIONS) else None,
            transaction_id=asked.value("transaction") or None,
            text=asked.value("text") or None,
            odd=asked.value("odd") == "yes",
            since=_instant(asked.value("from")),
            until=_instant(asked.value("to")),
            before=_position(asked.before),
        ),
    )
    return MessagesView(
        identity=asked.identity,
        messages=tuple(message(item) for item in found.items),
        older=_written(found),
        searched_to=found.searched_to,
    )


MESSAGES = LivePage(
    name="messages",
    topics=frozenset({"frames"}),
    template="fragments/messages.html",
    parse=parse_messages,
    read=read_messages,
    permission=Permission.READ_MESSAGES,
)


async def show_messages(visit: Visit) -> Response:
    """GET /messages: of all stations."""
    asked = parse_messages(visit.viewer, bounded(visit.request.query_params))
    asked = replace(asked, identity=None)
    return await MESSAGES.show_asked(visit, "messages.html", asked, directions=DIRECTIONS)


async def show_station_messages(visit: Visit) -> Response:
    """GET /stations/{identity}/messages"""
    asked = parse_messages(visit.viewer, bounded(visit.request.query_params))
    asked = replace(asked, identity=visit.request.path_params["identity"])
    return await MESSAGES.show_asked(visit, "messages.html", asked, directions=DIRECTIONS)


async def read_log(
    db: AsyncSession, organization_id: UUID, station: Station
) -> tuple[LoggedMessage, ...]:
    """The newest messages of a station, for its overview."""
    asked = LogAsked(limit=MESSAGES_SHOWN, identity=station.identity)
    return tuple(message(item) for item in (await search(db, organization_id, asked)).items)


def readable(frame: bytes) -> tuple[str, str]:
    """What kind of message it is, and its text for people, cut at a bounded length."""
    text = frame.decode("utf-8", errors="replace")
    kind = "Not OCPP"
    if len(frame) <= 4 * TEXT_LENGTH_MAX:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(value, list) and value and type(value[0]) is int:
                kind = KINDS.get(value[0], kind)
            text = json.dumps(value, indent=2, ensure_ascii=False)
    elif text.startswith("[2"):
        kind = KINDS[2]
    if len(text) > TEXT_LENGTH_MAX:
        text = text[:TEXT_LENGTH_MAX] + "\n… (cut here)"
    return kind, text


def message(item: Logged) -> LoggedMessage:
    """A frame of the log for a page."""
    row = item.frame
    kind, text = readable(row.frame)
    other = None
    if item.other is not None:
        other_kind, other_text = readable(item.other.frame.frame)
        other = OtherHalf(
            id=item.other.frame.id,
            kind=other_kind,
            received_at=item.other.frame.received_at,
            latency_ms=item.other.latency_ms,
            text=other_text,
        )
    was_adjusted = (row.finding or "").startswith("adjusted: ")
    return LoggedMessage(
        id=row.id,
        station=item.station,
        received_at=row.received_at,
        outbound=row.outbound,
        kind=kind,
        action=row.action,
        message_id=row.message_id,
        transaction_id=row.transaction_id,
        finding=row.finding,
        finding_word="Adjusted by a quirk" if was_adjusted else "Breaks the schema",
        text=text,
        copied=row.frame[: 4 * TEXT_LENGTH_MAX].decode("utf-8", errors="replace"),
        length=len(row.frame),
        other=other,
    )


def _instant(written: str) -> datetime | None:
    """Of a field for a local date and time, which pages say is UTC; a bad one filters nothing."""
    try:
        found = datetime.fromisoformat(written)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # one before the year 1, in UTC
        return None


def _written(found: Found) -> str | None:
    position = found.older
    return None if position is None else f"{position.at.isoformat()}_{position.id}"


def _position(written: str | None) -> Position | None:
    if not written or len(written) > POSITION_LENGTH_MAX:
        return None
    stamp, _, row_id = written.partition("_")
    at = _instant(stamp)
    if at is None or not row_id.isascii() or not row_id.isdigit() or len(row_id) > 18:
        return None
    return Position(at=at, id=int(row_id))
