"""The newest OCPP messages of a station, as they went over the socket."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.message_log import LogAsked, list_frames
from holdfast.store.tables import Frame, Station

MESSAGES_SHOWN = 40
TEXT_LENGTH_MAX = 6_000
CLOCKS_APART = timedelta(minutes=1)  # of the machines of an installation

KINDS = {2: "Call", 3: "Result", 4: "Error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedMessage:
    """A frame. `text` is its JSON, indented, or what there is of it."""

    id: int
    received_at: datetime
    outbound: bool
    kind: str
    action: str | None
    message_id: str | None
    finding: str | None
    text: str
    length: int


async def read_log(
    db: AsyncSession, organization_id: UUID, station: Station, now: datetime
) -> tuple[LoggedMessage, ...]:
    """Newest first: those of the last day, else of the day that ended with its last message."""
    rows: list[Frame] = []
    for newest in (now, station.last_seen_at):
        if not rows and newest is not None:
            asked = LogAsked(before=newest + CLOCKS_APART, limit=MESSAGES_SHOWN)
            rows = await list_frames(db, organization_id, station.identity, asked)
    return tuple(_message(row) for row in rows)


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


def _message(row: Frame) -> LoggedMessage:
    kind, text = readable(row.frame)
    return LoggedMessage(
        id=row.id,
        received_at=row.received_at,
        outbound=row.outbound,
        kind=kind,
        action=row.action,
        message_id=row.message_id,
        finding=row.finding,
        text=text,
        length=len(row.frame),
    )
