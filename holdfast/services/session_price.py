"""What a session costs: its course, cut and priced under its frozen version and terms.

The one way from rows to a price: the running price, the tripwires, the bill and the repricing all
come through here (M4).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.currency import Currency
from holdfast.domain.finding import Finding
from holdfast.domain.money import Money
from holdfast.domain.pricing.boundaries import SessionTooLong
from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.course_price import price_course
from holdfast.domain.pricing.periods import SessionCourse
from holdfast.domain.pricing.price import TooManyPeriods
from holdfast.domain.pricing.priced_session import PricedSession
from holdfast.domain.tariff.version import TariffInvalid
from holdfast.domain.time_zone import UnknownZone
from holdfast.services.compiled_tariffs import compiled_version
from holdfast.services.price_terms import context_of, record_of
from holdfast.services.session_course import session_course
from holdfast.store.tables import Session, Site

UNPRICEABLE = (SessionTooLong, TariffInvalid, TooManyPeriods, UnknownZone)
"""What pricing raises where a person must change a tariff, a site or the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPrice:
    """A priced session, with what it was priced by."""

    course: SessionCourse
    tariff: CompiledTariff
    context: PriceContext
    periods: tuple[ChargingPeriod, ...]
    priced: PricedSession


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


async def price_session(
    db: AsyncSession,
    session: Session,
    now: datetime,
    *,
    ahead: timedelta = timedelta(0),
    recorded: Mapping[str, Any] | None = None,
) -> SessionPrice | None:
    """What it costs by now, or in the end; None where no tariff applied when it began.

    `ahead`: the context's market prices reach so far beyond now. `recorded`: a settlement's
    breakdown, to price it by the same again. Raises what is `UNPRICEABLE`.
    """
    if session.tariff_version_id is None:
        return None
    tariff = await compiled_version(db, session.tariff_version_id)
    course = await session_course(db, session, now, current=tariff.by_current)
    context = await context_of(db, session, until_at=now + ahead, recorded=recorded)
    found = price_course(tariff, course, context)
    return SessionPrice(
        course=course,
        tariff=tariff,
        context=context,
        periods=found.periods,
        priced=found.priced,
    )


async def bill_session(
    db: AsyncSession,
    session: Session,
    now: datetime,
    *,
    recorded: Mapping[str, Any] | None = None,
) -> Bill:
    """What it costs under its frozen version; without one it costs nothing, and says so."""
    found = await price_session(db, session, now, recorded=recorded)
    if found is None:
        measured = (await session_course(db, session, now)).measurement
        note = "no tariff was in force when the session began"
        nothing = await bill_nothing(db, session, measured.energy_wh, note)
        return replace(nothing, findings=measured.findings)
    measured, priced = found.course.measurement, found.priced
    form = price_to_json(priced)
    breakdown = form["breakdown"]
    if not isinstance(breakdown, dict):
        raise TypeError("a price's breakdown is an object")
    context = record_of(session, found.course, found.context, priced, now)
    return Bill(
        currency=priced.currency.code,
        energy_wh=measured.energy_wh,
        amount_minor=priced.incl.amount_minor,
        excl_vat=str(form["excl_vat"] if form["excl_vat"] is not None else form["incl_vat"]),
        incl_vat=str(form["incl_vat"]),
        breakdown={**breakdown, "context": context},
        findings=(*measured.findings, *priced.findings),
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
