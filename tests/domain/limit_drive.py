"""A session that is driven to its limit of cost, and plans for tariffs as they are written."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction

from holdfast.domain.currency import EUR
from holdfast.domain.limits import (
    LimitReason,
    SessionLimits,
    TripwirePlan,
    limits_reached,
    plan_tripwires,
)
from holdfast.domain.money import Money
from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.course_price import price_course
from holdfast.domain.pricing.flow import FlowSample
from holdfast.domain.pricing.signed_quarters import SignedPoint
from holdfast.domain.running_state import RunningState
from holdfast.domain.tariff.version import DimensionType, TariffVersion
from tests.domain.tariffs import BERLIN, NOON, course

MINUTE = timedelta(minutes=1)
FRESH = RunningState(started_at=NOON, as_of=NOON)


def euros(amount: int) -> SessionLimits:
    return SessionLimits(cost=Money(amount * 100, EUR))


def planned(
    version: TariffVersion,
    state: RunningState,
    limits: SessionLimits,
    context: PriceContext = BERLIN,
) -> TripwirePlan:
    return plan_tripwires(compile_tariff(version), state, limits, context)


def reached(
    version: TariffVersion,
    state: RunningState,
    limits: SessionLimits,
    context: PriceContext = BERLIN,
    *,
    now: datetime,
) -> tuple[LimitReason, ...]:
    return limits_reached(compile_tariff(version), state, limits, context, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """How a session is driven to its limit. `flow` and `signed` are known as time passes."""

    power_w: int
    guess_w: int | None
    context: PriceContext = BERLIN
    flow: tuple[FlowSample, ...] = ()
    signed: tuple[SignedPoint, ...] | None = None
    minutes: range = field(default_factory=lambda: range(1, 20 * 60))


def spend(plan_tariff: TariffVersion, limit: Money, drive: Drive) -> tuple[Fraction, Fraction, int]:
    """Charge on until a tripwire says that the limit is reached.

    Gives the dearest cost seen before any tripwire was crossed, the cost at the stop, and how
    often the workflow was woken.
    """
    limits, compiled = SessionLimits(cost=limit), compile_tariff(plan_tariff)
    state = replace(FRESH, power_w=drive.guess_w)
    if drive.signed is not None:
        state = replace(state, held_since=NOON)
    plan = plan_tripwires(compiled, state, limits, drive.context)
    unwoken, woken = Fraction(0), 0
    for minute in drive.minutes:
        now, mwh = NOON + minute * MINUTE, minute * drive.power_w * 1_000 // 60
        went = replace(
            course((0, 0), (minute * 60, mwh)),
            flow=tuple(sample for sample in drive.flow if sample.at <= now),
            signed=None
            if drive.signed is None
            else tuple(point for point in drive.signed if point.at <= now),
        )
        found = price_course(compiled, went, drive.context)
        cost = found.priced.exact_incl
        energy_crossed = plan.energy_threshold_mwh is not None and mwh >= plan.energy_threshold_mwh
        if not energy_crossed and not (plan.wake_at is not None and now >= plan.wake_at):
            unwoken = max(unwoken, cost)
            continue
        woken += 1
        state = RunningState(
            started_at=NOON,
            as_of=now,
            energy_mwh=mwh,
            cost=cost,
            flat_charged=found.priced.total(DimensionType.FLAT).quantity > 0,
        )
        if drive.signed is not None:
            before = sum(period.energy_mwh for period in found.periods[:-1])
            last = found.periods[-1].started_at
            state = replace(state, held_since=last, held_from_mwh=before)
        if limits_reached(compiled, state, limits, drive.context, now=now):
            return unwoken, cost, woken
        plan = plan_tripwires(compiled, state, limits, drive.context)
    return unwoken, Fraction(0), woken
