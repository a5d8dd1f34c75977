"""The message log: every OCPP frame, searched and exported."""

import base64
import binascii
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from api.routes.fields import Identity, Instant, Line, Output
from api.routes.fields import Query as QueryText
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.principal import MessageReader
from holdfast.http.problems import invalid
from holdfast.services import audit, message_log
from holdfast.services.message_log import FOUND_MAX, Found, LogAsked, Logged, Position
from holdfast.services.stations import find_station
from holdfast.store.database import Sessions

router = APIRouter(tags=["messages"], route_class=IdempotentRoute)

EXPORT_MAX = 100_000
EXPORT_SEARCHES_MAX = 1_000
CURSOR_MARK = "1"


class OtherHalf(Output):
    """The answer to a call, or the call that was answered."""

    id: int
    received_at: datetime
    frame: str
    latency_ms: int


class MessageShown(Output):
    """A frame of the message log; `frame` is its text, with � where it is not UTF-8. `pair` is the
    other half of the call and its answer, `finding` what was odd about it."""

    id: int
    received_at: datetime
    station: str
    outbound: bool
    message_id: str | None
    action: str | None
    transaction_id: str | None
    finding: str | None
    frame: str
    pair: OtherHalf | None


class Messages(Output):
    """Newest first. `next` goes into `cursor` for older ones, `previous` for newer ones.

    A search stops where it has looked at so many frames: then `next` is not null though there are
    fewer items than asked for, and `searched_to` says how far back it came.
    """

    items: list[MessageShown]
    next: str | None
    previous: str | None
    searched_to: datetime | None


def asked_log(
    direction: Annotated[
        Literal["from_station", "to_station"] | None, Query(description="Both, where left out.")
    ] = None,
    action: Annotated[Line | None, Query(description="As OCPP writes it: MeterValues.")] = None,
    transaction: Annotated[Line | None, Query(description="The station's transaction id.")] = None,
    message_id: Line | None = None,
    text: Annotated[
        QueryText | None, Query(description="Part of the frame, in upper or lower case.")
    ] = None,
    odd: Annotated[bool, Query(description="Only frames with a finding.")] = False,
    since: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[Instant | None, Query(alias="to")] = None,
) -> LogAsked:
    """What a request looks for."""
    return LogAsked(
        limit=FOUND_MAX,
        action=action,
        outbound=None if direction is None else direction == "to_station",
        transaction_id=transaction,
        message_id=message_id,
        text=text,
        odd=odd,
        since=since,
        until=until,
    )


Asked = Annotated[LogAsked, Depends(asked_log)]
Limit = Annotated[int, Query(ge=1, le=FOUND_MAX, description="How many items at most.")]
Cursor = Annotated[str | None, Query(max_length=80, description="`next` or `previous`.")]
Before = Annotated[
    Instant | None, Query(description="Received before; the same as `to`, by its older name.")
]


@router.get("/messages")
async def search_messages(
    db: Db, reader: MessageReader, asked: Asked, limit: Limit = 100, cursor: Cursor = None
) -> Messages:
    """The OCPP messages of all stations, both ways, newest first."""
    found = await message_log.search(db, reader.organization_id, _placed(asked, limit, cursor))
    return _shown(found)


@router.get("/stations/{identity}/messages")
async def search_station_messages(
    identity: Identity,
    db: Db,
    reader: MessageReader,
    asked: Asked,
    before: Before = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Messages:
    """The OCPP messages of a station, both ways, newest first."""
    placed = replace(_placed(asked, limit, cursor), identity=identity)
    if before is not None:
        placed = replace(placed, until=before)
    return _shown(await message_log.search(db, reader.organization_id, placed))


@router.get(
    "/messages/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}}},
)
async def export_messages(
    request: Request, db: Db, reader: MessageReader, asked: Asked, station: Line | None = None
) -> StreamingResponse:
    """The same as JSON lines, newest first, at most 100,000. The export is in the audit log."""
    if station is not None:
        await find_station(db, reader.organization_id, station)
    await audit.record(
        db,
        reader.organization_id,
        actor=reader.actor,
        action="messages.export",
        subject=f"station:{station}" if station else "organization:current",
        details={"from": str(asked.since), "to": str(asked.until), "action": asked.action},
    )
    # A fixed end: what comes meanwhile would never let it end.
    until = asked.until or datetime.now(UTC)
    lines = _lines(request, reader, replace(asked, identity=station, until=until))
    return StreamingResponse(
        lines,
        media_type="application/x-ndjson",
        headers={"Content-Disposition": 'attachment; filename="messages.jsonl"'},
    )


async def _lines(request: Request, reader: MessageReader, asked: LogAsked) -> AsyncIterator[str]:
    """A transaction for each part: a slow reader must not hold one open."""
    sessions: Sessions = request.app.state.sessions
    written = 0
    for _ in range(EXPORT_SEARCHES_MAX):
        async with sessions() as db:
            found = await message_log.search(db, reader.organization_id, asked)
        for item in found.items[: EXPORT_MAX - written]:
            yield _message(item).model_dump_json() + "\n"
        written += len(found.items)
        if found.older is None or written >= EXPORT_MAX:
            return
        asked = message_log.older_than(asked, found.older)


def _placed(asked: LogAsked, limit: int, cursor: str | None) -> LogAsked:
    if cursor is None:
        return replace(asked, limit=limit)
    direction, position = from_cursor(cursor)
    if direction == "o":
        return replace(asked, limit=limit, before=position)
    return replace(asked, limit=limit, after=position)


def to_cursor(direction: Literal["o", "n"], position: Position | None) -> str | None:
    """Opaque to callers: which way, and the frame to go on from."""
    if position is None:
        return None
    micros = int(position.at.timestamp()) * 1_000_000 + position.at.microsecond
    content = f"{CURSOR_MARK}{direction}{micros}.{position.id}"
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def from_cursor(cursor: str) -> tuple[str, Position]:
    """Raises a Problem (422) where it is none of ours."""
    wrong = invalid("query.cursor", cursor, "use the value of `next` or `previous` as it was given")
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        micros, _, row_id = content[2:].partition(".")
        at = datetime.fromtimestamp(int(micros) // 1_000_000, UTC)
        position = Position(at=at.replace(microsecond=int(micros) % 1_000_000), id=int(row_id))
    except (binascii.Error, ValueError, OverflowError, OSError):
        raise wrong from None
    if content[0] != CURSOR_MARK or content[1] not in "on" or not 0 <= position.id < 2**63:
        raise wrong
    return content[1], position


def _shown(found: Found) -> Messages:
    return Messages(
        items=[_message(item) for item in found.items],
        next=to_cursor("o", found.older),
        previous=to_cursor("n", found.newer),
        searched_to=found.searched_to,
    )


def _message(item: Logged) -> MessageShown:
    frame, other = item.frame, item.other
    return MessageShown(
        id=frame.id,
        received_at=frame.received_at,
        station=item.station,
        outbound=frame.outbound,
        message_id=frame.message_id,
        action=frame.action,
        transaction_id=frame.transaction_id,
        finding=frame.finding,
        frame=frame.frame.decode(errors="replace"),
        pair=None
        if other is None
        else OtherHalf(
            id=other.frame.id,
            received_at=other.frame.received_at,
            frame=other.frame.frame.decode(errors="replace"),
            latency_ms=other.latency_ms,
        ),
    )
