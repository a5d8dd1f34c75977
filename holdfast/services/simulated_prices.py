"""A session's price as it was, and as it would have been; and what both depend on besides it."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.pricing.boundaries import boundaries_of
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.context import PriceContext, SpotCurve
from holdfast.domain.pricing.course_price import price_course
from holdfast.domain.pricing.day_totals import day_totals
from holdfast.domain.pricing.periods import SessionCourse
from holdfast.domain.pricing.priced_session import PricedSession
from holdfast.domain.simulation_tally import Tally, TwicePriced
from holdfast.domain.tariff.version import AllowancePer
from holdfast.domain.time_zone import time_zone
from holdfast.services.price_terms import context_of, counts_days
from holdfast.services.scope import belongs
from holdfast.services.session_course import end_of
from holdfast.services.session_price import UNPRICEABLE
from holdfast.services.session_terms import terms_of_all
from holdfast.services.simulation_earlier import NOT_COUNTED, EarlierDays
from holdfast.services.spot_prices import curves
from holdfast.store.tables import Session, Settlement

AROUND = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCase:
    """A session with all that its two prices depend on. `before` None: no tariff was in force.

    `driver`: whose allowances and caps it draws on, an id of ours; None for nobody known.
    """

    session_id: UUID
    site_id: UUID | None
    driver: str | None
    course: SessionCourse
    before: CompiledTariff | None
    before_context: PriceContext
    after_context: PriceContext


def driver_key(session: Session) -> str | None:
    """The account, else the token: as `price_terms` tells drivers apart."""
    if session.account_id is not None:
        return f"account:{session.account_id}"
    return None if session.token_id is None else f"token:{session.token_id}"


async def frozen_contexts(
    db: AsyncSession, rows: Sequence[Session], tariffs: Mapping[UUID, CompiledTariff]
) -> dict[UUID, PriceContext]:
    """The contexts under what was frozen then, by session. Sessions whose tariff asks for a market
    or for what the driver used earlier are looked up, by what their settlement recorded."""
    terms = await terms_of_all(db, rows)
    found = {
        row.id: PriceContext(zone=terms[row.id].zone, user_groups=terms[row.id].groups)
        for row in rows
    }
    asking = {tariff.tariff.id for tariff in distinct(tariffs.values()) if _asks(tariff)}
    wanted = [row for row in rows if row.id in tariffs and tariffs[row.id].tariff.id in asking]
    if not wanted:
        return found
    recorded = await db.execute(
        select(Settlement.session_id, Settlement.breakdown["context"]).where(
            belongs(Settlement, wanted[0].organization_id),
            Settlement.session_id.in_([row.id for row in wanted]),
        )
    )
    written = {session_id: {"context": form} for session_id, form in recorded if form}
    for row in wanted:
        # What cannot be looked up cannot be priced either: it is counted when that is tried.
        with suppress(*UNPRICEABLE):
            found[row.id] = await context_of(db, row, recorded=written.get(row.id))
    return found


def distinct(tariffs: Iterable[CompiledTariff]) -> list[CompiledTariff]:
    """Each once: a portion has many sessions and few tariffs."""
    return list({id(tariff): tariff for tariff in tariffs}.values())


def _asks(tariff: CompiledTariff) -> bool:
    return counts_days(tariff) or bool(boundaries_of(tariff.tariff).feeds)


async def spot_of(
    db: AsyncSession, tariff: CompiledTariff, rows: Sequence[Session]
) -> Mapping[str, SpotCurve]:
    """The market's prices that a tariff asks for, over all these sessions: one query."""
    feeds = boundaries_of(tariff.tariff).feeds
    spans = [(row.started_at, end_of(row)) for row in rows if row.started_at is not None]
    if not feeds or not spans:
        return {}
    from_at = min(started for started, _ in spans) - AROUND
    until_at = max(ended or started for started, ended in spans) + AROUND
    return await curves(db, rows[0].organization_id, feeds, from_at, until_at)


def price_all(
    tally: Tally, earlier: EarlierDays, cases: Sequence[SimulatedCase], tariff: CompiledTariff
) -> None:
    """Add a portion to the figures. What cannot be priced under one of the two is counted apart."""
    counted = counts_days(tariff)
    for case in cases:
        try:
            tally.add(_twice(case, tariff, earlier if counted else None))
        except Exception as error:
            # One odd session is a line of the result, whatever is odd about it, and not its end.
            tally.add_unpriced(case.session_id, type(error).__name__)
    if counted and cases:
        monthly = any(each.per is AllowancePer.MONTH for each in tariff.tariff.allowances)
        last = cases[-1].course.started_at.date() - AROUND
        earlier.forget((date(last.year, last.month, 1) if monthly else last - AROUND).isoformat())


def _twice(case: SimulatedCase, tariff: CompiledTariff, earlier: EarlierDays | None) -> TwicePriced:
    """Raises what pricing raises."""
    context, findings = case.after_context, []
    if earlier is not None:
        context = replace(context, earlier=earlier.of(case.driver))
    before = None
    if case.before is not None:
        before = price_course(case.before, case.course, case.before_context).priced
    after = price_course(tariff, case.course, context).priced
    if earlier is not None and not earlier.add(case.driver, day_totals(after, context.zone)):
        findings.append(NOT_COUNTED)
    local = case.course.started_at.astimezone(time_zone(context.zone))
    return TwicePriced(
        session=case.session_id,
        site=case.site_id,
        day=local.date().isoformat(),
        weekday=local.weekday(),
        hour=local.hour,
        before_gross=0 if before is None else before.incl.amount_minor,
        after_gross=after.incl.amount_minor,
        before_net=0 if before is None else _net(before),
        after_net=_net(after),
        findings=(*findings, *(finding.code for finding in after.findings)),
    )


def _net(priced: PricedSession) -> int | None:
    return None if priced.excl is None else priced.excl.amount_minor
