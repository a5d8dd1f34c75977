"""The message log: frames both ways, found by station, action, direction, time, transaction, text.

A search walks back (or on) in time over an index and tests each frame, and stops at so many found,
so many looked at, or so much time: it never costs more than that, whatever is asked, and says how
far it came. There is no index on the text, nor on transactions: that would cost the gateway more
than the searches do. Looking at 20,000 frames of 1 kB takes 65 ms for a text, 7 ms without.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, Select, cast, func, literal, select, text, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.refusal import Conflict
from holdfast.services.scope import belongs, owned
from holdfast.services.stations import find_station
from holdfast.store.tables import Frame, Station

FOUND_MAX = 500
SCANNED_MAX = 20_000
TEXT_LENGTH_MAX = 100
TIME_S_MAX = 5
ANSWER_WINDOW = timedelta(minutes=2)
SLACK = timedelta(milliseconds=100)  # a quick answer may be noted before the call it answers

QUERY_CANCELED = "57014"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A frame's place in the log: the order is of receipt, then of writing."""

    at: datetime
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAsked:
    """What is looked for; every field that is set must hold.

    Newest first from `before` (or `until`) back to `since`; with `after`, the oldest first that
    came later, given newest first as well. `text` is part of the frame, whatever the case of ASCII
    letters. `odd`: frames with a finding.
    """

    limit: int
    identity: str | None = None
    action: str | None = None
    outbound: bool | None = None
    transaction_id: str | None = None
    message_id: str | None = None
    text: str | None = None
    odd: bool = False
    since: datetime | None = None
    until: datetime | None = None
    before: Position | None = None
    after: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """The other half of a call and its answer. `latency_ms` between the two, in whole ms."""

    frame: Frame
    latency_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A frame, its station, and its other half if that came within two minutes."""

    frame: Frame
    station: str
    other: Other | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Newest first. `older` goes on back in time, None where nothing is left there; it may name a
    frame that was looked at and did not match. `searched_to`: how far back this search came where
    it stopped early."""

    items: tuple[Logged, ...]
    older: Position | None
    newer: Position | None
    searched_to: datetime | None = None


async def search(db: AsyncSession, organization_id: UUID, asked: LogAsked) -> Found:
    """One page. Raises NotFound (station), Conflict (it took too long)."""
    station_id = None
    if asked.identity is not None:
        station_id = (await find_station(db, organization_id, asked.identity)).id
    await _plan_as_a_walk(db, TIME_S_MAX)
    try:
        found = await _search(db, organization_id, station_id, asked)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != QUERY_CANCELED:
            raise
        raise Conflict(
            f"the search took more than {TIME_S_MAX} s: name a station or a shorter time"
        ) from None
    await _plan_as_a_walk(db, 0)
    return found


_PLANNING = text(
    "SELECT set_config('statement_timeout', :limit, true), set_config('jit', :other, true), "
    "set_config('enable_seqscan', :other, true), set_config('enable_bitmapscan', :other, true), "
    "set_config('enable_sort', :other, true)"
)


async def _plan_as_a_walk(db: AsyncSession, seconds: int) -> None:
    """Limit the time (0: as usual again), and leave the planner no way but along the index.

    Of today's partition, which grows by millions of rows, its statistics are always old: it would
    read and sort the whole day for the newest fifty.
    """
    other = "off" if seconds else "on"
    await db.execute(_PLANNING, {"limit": f"{seconds}s", "other": other})


async def _search(
    db: AsyncSession, organization_id: UUID, station_id: UUID | None, asked: LogAsked
) -> Found:
    limit = min(asked.limit, FOUND_MAX)
    scope = _scope(organization_id, station_id, asked)
    walked = scope.limit(SCANNED_MAX).subquery()
    matching = select(walked.c.id, walked.c.received_at)
    for condition in _conditions(walked.c, asked):
        matching = matching.where(condition)
    keys = [(row[1], row[0]) for row in await db.execute(matching.limit(limit))]
    stopped_at = keys[-1] if len(keys) == limit else await _end_of_walk(db, scope)
    rows = await _frames(db, organization_id, keys)
    items = await with_others(db, organization_id, rows)
    last = None if stopped_at is None else Position(at=stopped_at[0], id=stopped_at[1])
    newest = Position(at=rows[0][0].received_at, id=rows[0][0].id) if rows else None
    if asked.after is not None:
        oldest = rows[-1][0] if rows else None
        back = Position(at=oldest.received_at, id=oldest.id) if oldest else asked.after
        return Found(items=items, older=back, newer=last or newest or asked.after)
    return Found(
        items=items,
        older=last,
        newer=newest or asked.before,
        searched_to=last.at if last is not None and len(keys) < limit else None,
    )


def _scope(organization_id: UUID, station_id: UUID | None, asked: LogAsked) -> "Select[Any]":
    """The frames that the walk passes, in its order, by an index of each day."""
    statement = owned(Frame, organization_id)
    if station_id is not None:
        statement = statement.where(Frame.station_id == station_id)
    place = tuple_(Frame.received_at, Frame.id)
    if asked.since is not None:
        statement = statement.where(Frame.received_at >= asked.since)
    if asked.until is not None:
        statement = statement.where(Frame.received_at < asked.until)
    if asked.before is not None:
        # The first of the two finds its place in the index, the second settles equal times.
        statement = statement.where(
            Frame.received_at <= asked.before.at,
            place < tuple_(literal(asked.before.at), literal(asked.before.id)),
        )
    if asked.after is not None:
        statement = statement.where(
            Frame.received_at >= asked.after.at,
            place > tuple_(literal(asked.after.at), literal(asked.after.id)),
        )
        return statement.order_by(Frame.received_at, Frame.id)
    return statement.order_by(Frame.received_at.desc(), Frame.id.desc())


def _conditions(columns: Any, asked: LogAsked) -> list[Any]:
    conditions: list[Any] = []
    if asked.action is not None:
        conditions.append(columns.action == asked.action)
    if asked.outbound is not None:
        conditions.append(columns.outbound == asked.outbound)
    if asked.transaction_id is not None:
        conditions.append(columns.transaction_id == asked.transaction_id)
    if asked.message_id is not None:
        conditions.append(columns.message_id == asked.message_id)
    if asked.odd:
        conditions.append(columns.finding.is_not(None))
    if asked.text is not None:
        # A frame may be no UTF-8. "escape" turns any bytes into text, ASCII as it is.
        wanted = cast(literal(asked.text.encode()), LargeBinary)
        conditions.append(
            func.strpos(
                func.lower(func.encode(columns.frame, "escape")),
                func.lower(func.encode(wanted, "escape")),
            )
            > 0
        )
    return conditions


async def _end_of_walk(db: AsyncSession, scope: "Select[Any]") -> tuple[datetime, int] | None:
    """The last frame that the walk looked at; None where it came to the end of the log."""
    row = (
        await db.execute(
            scope.with_only_columns(Frame.received_at, Frame.id).offset(SCANNED_MAX - 1).limit(1)
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


async def _frames(
    db: AsyncSession, organization_id: UUID, keys: Sequence[tuple[datetime, int]]
) -> list[tuple[Frame, str]]:
    if not keys:
        return []
    times = [at for at, _ in keys]
    rows = await db.execute(
        owned(Frame, organization_id)
        .join(Station, (Station.id == Frame.station_id) & belongs(Station, organization_id))
        .with_only_columns(Frame, Station.identity)
        .where(
            Frame.id.in_([row_id for _, row_id in keys]),
            Frame.received_at.between(min(times), max(times)),
        )
        .order_by(Frame.received_at.desc(), Frame.id.desc())
    )
    return [(row[0], row[1]) for row in rows]


# Two walks along the index of the station, each to the first that fits: forwards from a call,
# backwards from an answer. Stations belong to one organization, and these are of ours.
_OTHERS = text(
    """
    SELECT w.id AS of_id, f.id, f.received_at, f.outbound, f.message_id, f.action,
           f.transaction_id, f.frame, f.finding, f.station_id
    FROM unnest(cast(:ids AS bigint[]), cast(:stations AS uuid[]), cast(:times AS timestamptz[]),
                cast(:outbound AS boolean[]), cast(:messages AS text[]), cast(:calls AS boolean[]))
         AS w(id, station_id, at, outbound, message_id, is_call)
    CROSS JOIN LATERAL (
        (
            SELECT * FROM frames x
            WHERE w.is_call AND x.station_id = w.station_id
              AND x.received_at BETWEEN w.at - :slack AND w.at + :span
              AND x.outbound <> w.outbound AND x.message_id = w.message_id
            ORDER BY x.received_at LIMIT 1
        ) UNION ALL (
            SELECT * FROM frames x
            WHERE NOT w.is_call AND x.station_id = w.station_id
              AND x.received_at BETWEEN w.at - :span AND w.at + :slack
              AND x.outbound <> w.outbound AND x.message_id = w.message_id
            ORDER BY x.received_at DESC LIMIT 1
        )
    ) f
    """
)


async def with_others(
    db: AsyncSession, organization_id: UUID, rows: Sequence[tuple[Frame, str]]
) -> tuple[Logged, ...]:
    """Each frame with its other half: the same id on the same station the other way, nearest in
    time. Ids of a station start again with each connection (charger-quirks 8)."""
    named = [frame for frame, _ in rows if frame.message_id is not None]
    others: dict[int, Other] = {}
    if named:
        found = await db.execute(
            _OTHERS,
            {
                "ids": [frame.id for frame in named],
                "stations": [frame.station_id for frame in named],
                "times": [frame.received_at for frame in named],
                "outbound": [frame.outbound for frame in named],
                "messages": [frame.message_id for frame in named],
                "calls": [is_call(frame.frame) for frame in named],
                "span": ANSWER_WINDOW,
                "slack": SLACK,
            },
        )
        by_id = {frame.id: frame for frame in named}
        for row in found.mappings():
            values = dict(row)
            of = by_id[values.pop("of_id")]
            other = Frame(organization_id=organization_id, **values)
            apart = abs(other.received_at - of.received_at)
            others[of.id] = Other(frame=other, latency_ms=apart // timedelta(milliseconds=1))
    return tuple(
        Logged(frame=frame, station=station, other=others.get(frame.id)) for frame, station in rows
    )


def is_call(frame: bytes) -> bool:
    """Whether it asks for an answer, by its first digit (OCPP-J section 4.1.3)."""
    return frame[:20].translate(None, b" \t\r\n").startswith(b"[2")


def older_than(asked: LogAsked, position: Position) -> LogAsked:
    """The same search, further back."""
    return replace(asked, before=position, after=None)
