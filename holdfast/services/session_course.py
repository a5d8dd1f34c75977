"""From rows to how sessions went: energy, power, current, pauses and signed readings over time.

A course is made from everything that is stored of a session at that moment, in the stations' time
and not in that of arrival. What comes later or corrects something makes another course, cut and
priced anew; nothing is ever patched.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal_column, null, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.measured_current import measured_current_ua
from holdfast.domain.pricing.flow import FlowSample
from holdfast.domain.pricing.periods import Interval, SessionCourse
from holdfast.domain.pricing.signed_quarters import SignedPoint
from holdfast.domain.quality import (
    EnergyPoint,
    Measurement,
    MeterEnds,
    RegisterReading,
    measure,
)
from holdfast.domain.session_state import ChargingState
from holdfast.domain.signed_record import register_points
from holdfast.services.session_terms import terms_of_all
from holdfast.store.tables import MeterValue, Session, SessionState, SignedReading

READINGS_MAX = 100_000
"""Of one session; ten times as many of several at once."""

SIGNED_MAX = 2_000
SESSIONS_MAX = 1_000
MWH_PER_WH = 1_000
MW_PER_W = 1_000
MESSAGES_MISSING = "messages_missing"  # numbers of the station's that never came


class TooManySessions(ValueError):
    """More sessions than are loaded at once."""


@dataclass(slots=True)
class _Stored:
    """What is stored of one session, in order of time."""

    readings: list[RegisterReading] = field(default_factory=list)
    flow: list[FlowSample] = field(default_factory=list)
    states: list[tuple[datetime, str]] = field(default_factory=list)
    signed: list[SignedPoint] = field(default_factory=list)


def end_of(session: Session) -> datetime | None:
    """When it ended: the station's word, else the last register before we ended it ourselves."""
    if session.ended_at is not None:
        return session.ended_at
    if session.ended_by_us_at is None:
        return None
    last = session.meter_last_at or session.last_seen_at or session.started_at
    return session.ended_by_us_at if last is None else min(last, session.ended_by_us_at)


async def session_course(
    db: AsyncSession, session: Session, now: datetime, *, current: bool = False
) -> SessionCourse:
    """How it went so far. Its energy is the row's, its shape comes from the samples.

    `current`: with the measured current, which is wanted where a price depends on it.
    """
    return (await session_courses(db, [session], now, current=current))[session.id]


async def session_courses(
    db: AsyncSession,
    sessions: Sequence[Session],
    now: datetime | None = None,
    *,
    current: bool = False,
) -> dict[UUID, SessionCourse]:
    """The courses of sessions of one organization, by session, in two to four queries.

    An open session goes on to `now`, or without it to when it was last heard of. Raises
    `TooManySessions` for more than `SESSIONS_MAX`.
    """
    if len(sessions) > SESSIONS_MAX:
        raise TooManySessions(f"{len(sessions)} sessions: at most {SESSIONS_MAX} at once")
    if not sessions:
        return {}
    terms = await terms_of_all(db, sessions)
    stored = {session.id: _Stored() for session in sessions}
    await _load_meters(db, stored, current=current)
    await _load_states(db, stored)
    lawful = [session for session in sessions if terms[session.id].calibration_law]
    if lawful:
        await _load_signed(db, stored, [session.id for session in lawful])
    return {
        session.id: _course(
            session, stored[session.id], now, signed_only=terms[session.id].calibration_law
        )
        for session in sessions
    }


def _course(
    session: Session, stored: _Stored, now: datetime | None, *, signed_only: bool
) -> SessionCourse:
    ended_at = end_of(session) or now or session.last_seen_at or session.created_at
    started_at = session.started_at or ended_at
    ended_at = max(started_at, ended_at)
    measured = measure(
        stored.readings,
        MeterEnds(start_mwh=session.meter_start_mwh, stop_mwh=session.meter_stop_mwh),
        started_at=started_at,
        ended_at=ended_at,
    )
    return SessionCourse(
        started_at=started_at,
        ended_at=ended_at,
        measurement=_of_row(measured, session, ended_at),
        suspended=_without_power(stored.states, started_at, ended_at),
        flow=tuple(stored.flow),
        signed=tuple(stored.signed) if signed_only else None,
    )


def _of_row(measured: Measurement, session: Session, ended_at: datetime) -> Measurement:
    """The writer alone says how much energy a session has; the samples only say when it flowed."""
    if measured.energy_wh == session.energy_wh:
        return measured
    total = session.energy_wh * MWH_PER_WH
    curve = tuple(
        replace(point, energy_mwh=min(point.energy_mwh, total)) for point in measured.curve
    )
    last = EnergyPoint(at=max(ended_at, curve[-1].at), energy_mwh=total)
    return replace(measured, energy_mwh=total, curve=(*curve[:-1], last))


async def _load_meters(db: AsyncSession, stored: dict[UUID, _Stored], *, current: bool) -> None:
    # Of the samples as sent only those of the current: the rest is many times larger.
    currents = func.jsonb_path_query_array(
        MeterValue.samples,
        literal_column("""'$[*] ? (@.measurand == "Current.Import")'::jsonpath"""),
    )
    wanted: list[ColumnElement[bool]] = [
        MeterValue.energy_mwh.is_not(None),
        MeterValue.power_w.is_not(None),
    ]
    if current:
        wanted.append(func.jsonb_array_length(currents) > 0)
    rows = await db.execute(
        select(
            MeterValue.session_id,
            MeterValue.sampled_at,
            MeterValue.energy_mwh,
            MeterValue.power_w,
            currents if current else null(),
        )
        .where(_among(MeterValue.session_id, stored), or_(*wanted))
        .order_by(MeterValue.session_id, MeterValue.sampled_at, MeterValue.energy_mwh)
        .limit(_most(stored))
    )
    taken = 0
    for session_id, at, energy_mwh, power_w, samples in rows:
        taken += 1
        found = stored[session_id]
        if energy_mwh is not None:
            found.readings.append(RegisterReading(at=at, register_mwh=energy_mwh))
        current_ua = measured_current_ua(samples)
        if power_w is not None or current_ua is not None:
            power_mw = None if power_w is None else power_w * MW_PER_W
            found.flow.append(FlowSample(at=at, power_mw=power_mw, current_ua=current_ua))
    if len(stored) > 1 and taken >= _most(stored):
        raise TooManySessions(f"{taken} meter values in {len(stored)} sessions: load fewer at once")


async def _load_states(db: AsyncSession, stored: dict[UUID, _Stored]) -> None:
    rows = await db.execute(
        select(SessionState.session_id, SessionState.at, SessionState.state)
        .where(_among(SessionState.session_id, stored))
        .order_by(SessionState.session_id, SessionState.at, SessionState.state)
        .limit(_most(stored))
    )
    for session_id, at, state in rows:
        stored[session_id].states.append((at, state))


async def _load_signed(
    db: AsyncSession, stored: dict[UUID, _Stored], session_ids: Sequence[UUID]
) -> None:
    """What was proven wrong is no reading. What nobody could verify is one: the evidence is judged
    apart, and may stop the settlement."""
    rows = await db.execute(
        select(SignedReading.session_id, SignedReading.at, SignedReading.data)
        .where(
            SignedReading.session_id.in_(session_ids),
            or_(SignedReading.verified.is_(None), SignedReading.verified.is_(True)),
        )
        .order_by(SignedReading.session_id, SignedReading.at, SignedReading.id)
        .limit(SIGNED_MAX * len(session_ids))
    )
    records: dict[UUID | None, list[tuple[datetime, str]]] = {}
    for session_id, at, data in rows:
        records.setdefault(session_id, []).append((at, data.decode("utf-8", "replace")))
    for session_id in session_ids:
        stored[session_id].signed += [
            SignedPoint(at=at, energy_mwh=energy_mwh)
            for at, energy_mwh in register_points(records.get(session_id, ()))
        ]


def _most(stored: dict[UUID, _Stored]) -> int:
    return READINGS_MAX * min(len(stored), 10)


def _among(column: Any, stored: dict[UUID, _Stored]) -> Any:
    """Equality for one, which every plan does well."""
    ids = list(stored)
    return column == ids[0] if len(ids) == 1 else column.in_(ids)


def _without_power(
    states: Iterable[tuple[datetime, str]], started_at: datetime, ended_at: datetime
) -> tuple[Interval, ...]:
    changes = [(max(at, started_at), state) for at, state in states if at < ended_at]
    intervals = [
        Interval(started_at=at, ended_at=until)
        for (at, state), (until, _) in pairwise([*changes, (ended_at, "")])
        if _takes_no_power(state) and until > at
    ]
    return tuple(intervals)


def _takes_no_power(state: str) -> bool:
    try:
        return ChargingState(state).takes_no_power
    except ValueError:
        return False
