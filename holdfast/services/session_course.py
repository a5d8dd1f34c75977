"""From rows to what pricing takes: how a session went, and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.currency import Currency
from holdfast.domain.finding import Finding
from holdfast.domain.money import Money
from holdfast.domain.pricing.boundaries import SessionTooLong
from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.periods import Interval, SessionCourse, TariffUnsupported, cut_periods
from holdfast.domain.pricing.price import TooManyPeriods, UnknownZone, price
from holdfast.domain.pricing.priced_session import PricedSession
from holdfast.domain.quality import (
    EnergyPoint,
    Measurement,
    MeterEnds,
    RegisterReading,
    measure,
)
from holdfast.domain.session_state import ChargingState
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.version import TariffInvalid
from holdfast.store.tables import MeterValue, Session, SessionState, Site, TariffVersion

READINGS_MAX = 100_000
MWH_PER_WH = 1_000
MESSAGES_MISSING = "messages_missing"  # numbers of the station's that never came
UNPRICEABLE = (SessionTooLong, TariffInvalid, TariffUnsupported, TooManyPeriods, UnknownZone)
"""What pricing raises where a person must change a tariff, a site or the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A priced session in the form that a settlement keeps. Amounts as exact decimal strings."""

    currency: str
    energy_wh: int
    amount_minor: int
    excl_vat: str
    incl_vat: str
    breakdown: dict[str, Any]
    findings: tuple[Finding, ...] = ()


def end_of(session: Session) -> datetime | None:
    """When it ended: the station's word, else the last register before we ended it ourselves."""
    if session.ended_at is not None:
        return session.ended_at
    if session.ended_by_us_at is None:
        return None
    last = session.meter_last_at or session.last_seen_at or session.started_at
    return session.ended_by_us_at if last is None else min(last, session.ended_by_us_at)


async def session_course(db: AsyncSession, session: Session, now: datetime) -> SessionCourse:
    """How it went so far. Its energy is the row's, its shape comes from the samples."""
    ended_at = end_of(session) or now
    started_at = session.started_at or ended_at
    ended_at = max(started_at, ended_at)
    readings = await db.execute(
        select(MeterValue.sampled_at, MeterValue.energy_mwh)
        .where(MeterValue.session_id == session.id, MeterValue.energy_mwh.is_not(None))
        .order_by(MeterValue.sampled_at, MeterValue.energy_mwh)
        .limit(READINGS_MAX)
    )
    measured = measure(
        [RegisterReading(at=at, register_mwh=energy or 0) for at, energy in readings],
        MeterEnds(start_mwh=session.meter_start_mwh, stop_mwh=session.meter_stop_mwh),
        started_at=started_at,
        ended_at=ended_at,
    )
    return SessionCourse(
        started_at=started_at,
        ended_at=ended_at,
        measurement=_of_row(measured, session, ended_at),
        suspended=await _without_power(db, session, started_at, ended_at),
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


async def _without_power(
    db: AsyncSession, session: Session, started_at: datetime, ended_at: datetime
) -> tuple[Interval, ...]:
    rows = await db.execute(
        select(SessionState.at, SessionState.state)
        .where(SessionState.session_id == session.id)
        .order_by(SessionState.at)
        .limit(READINGS_MAX)
    )
    changes = [(max(at, started_at), state) for at, state in rows if at < ended_at]
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


async def price_course(
    db: AsyncSession, session: Session, course: SessionCourse, version: TariffVersion
) -> PricedSession:
    """By the one pricing function, in the site's own time. Raises what `cut_periods` raises."""
    tariff = tariff_from_json(version.body)
    context = PriceContext(zone=await site_zone(db, session))
    return price(tariff, cut_periods(course, tariff, context), context)


async def site_zone(db: AsyncSession, session: Session) -> str:
    """The IANA zone of the session's site; UTC for a station without one."""
    zone = await db.scalar(select(Site.time_zone).where(Site.id == session.site_id))
    return zone or "UTC"


async def frozen_version(db: AsyncSession, session: Session) -> TariffVersion | None:
    """The tariff version that was frozen when the session began."""
    if session.tariff_version_id is None:
        return None
    return await db.get(TariffVersion, session.tariff_version_id)


async def bill_session(db: AsyncSession, session: Session, now: datetime) -> Bill:
    """What it costs under its frozen version; without one it costs nothing, and says so."""
    course = await session_course(db, session, now)
    version = await frozen_version(db, session)
    energy_wh = course.measurement.energy_wh
    if version is None:
        note = "no tariff was in force when the session began"
        nothing = await bill_nothing(db, session, energy_wh, note)
        return replace(nothing, findings=course.measurement.findings)
    priced = await price_course(db, session, course, version)
    form = price_to_json(priced)
    breakdown = form["breakdown"]
    if not isinstance(breakdown, dict):
        raise TypeError("a price's breakdown is an object")
    return Bill(
        currency=priced.currency.code,
        energy_wh=energy_wh,
        amount_minor=priced.incl.amount_minor,
        excl_vat=str(form["excl_vat"] if form["excl_vat"] is not None else form["incl_vat"]),
        incl_vat=str(form["incl_vat"]),
        breakdown=breakdown,
        findings=(*course.measurement.findings, *priced.findings),
    )


async def bill_nothing(db: AsyncSession, session: Session, energy_wh: int, note: str) -> Bill:
    """A bill over zero in the site's currency, that says why."""
    currency = await db.scalar(select(Site.currency).where(Site.id == session.site_id))
    nothing = Money.zero(Currency.of(currency or "EUR"))
    return Bill(
        currency=nothing.currency.code,
        energy_wh=energy_wh,
        amount_minor=0,
        excl_vat=nothing.decimal_text(),
        incl_vat=nothing.decimal_text(),
        breakdown={"lines": [], "note": note},
    )


def blocking(findings: Sequence[Finding]) -> list[Finding]:
    """Those that nothing may be settled on before a person has looked."""
    return [finding for finding in findings if finding.severity.value == "block"]
