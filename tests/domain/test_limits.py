import random
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

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
from holdfast.domain.pricing.context import PriceContext, SpotCurve
from holdfast.domain.pricing.course_price import price_course
from holdfast.domain.pricing.flow import FlowSample
from holdfast.domain.pricing.signed_quarters import SignedPoint
from holdfast.domain.running_state import RunningState
from holdfast.domain.tariff.version import (
    Allowance,
    AllowancePer,
    DimensionType,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    SpotPrice,
    TariffElement,
    TariffVersion,
)
from tests.domain.pricing.test_price_by_the_second import random_tariff
from tests.domain.tariffs import (
    BERLIN,
    KWH,
    NOON,
    charging,
    course,
    element,
    energy,
    flat,
    parking,
    tariff,
)

MINUTE = timedelta(minutes=1)
SIGNALS_MAX = 20
FRESH = RunningState(started_at=NOON, as_of=NOON)
ENERGY_ONLY = tariff(element(energy("0.5", "20")))


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


def test_no_limit_plants_nothing() -> None:
    assert planned(ENERGY_ONLY, FRESH, SessionLimits(), BERLIN) == TripwirePlan()


def test_energy_and_duration_are_planted_as_they_are() -> None:
    limits = SessionLimits(energy_wh=20_000, duration_s=3_600)

    plan = planned(ENERGY_ONLY, FRESH, limits, BERLIN)

    assert (plan.energy_threshold_mwh, plan.energy_reason) == (20 * KWH, LimitReason.ENERGY)
    assert (plan.wake_at, plan.wake_reason) == (NOON + 60 * MINUTE, LimitReason.DURATION)


def test_the_first_of_two_limits_is_the_tripwire() -> None:
    by_the_hour = tariff(element(charging("6")))

    dear = planned(by_the_hour, FRESH, replace(euros(6), duration_s=7_200), BERLIN)
    short = planned(by_the_hour, FRESH, replace(euros(6), duration_s=1_800), BERLIN)

    assert (dear.wake_at, dear.wake_reason) == (NOON + 60 * MINUTE, LimitReason.COST)
    assert (short.wake_at, short.wake_reason) == (NOON + 30 * MINUTE, LimitReason.DURATION)


def test_a_limit_of_cost_under_a_price_of_energy_is_an_energy() -> None:
    plan = planned(ENERGY_ONLY, FRESH, euros(6), BERLIN)

    assert plan.energy_threshold_mwh == 10 * KWH
    assert plan.wake_at is None


def test_a_limit_of_cost_under_a_price_of_time_is_an_instant() -> None:
    plan = planned(tariff(element(charging("6"))), FRESH, euros(6), BERLIN)

    assert plan.energy_threshold_mwh is None
    assert plan.wake_at == NOON + 60 * MINUTE


def test_what_was_spent_already_leaves_less() -> None:
    spent = replace(FRESH, energy_mwh=4 * KWH, cost=Fraction("2.40"))

    assert planned(ENERGY_ONLY, spent, euros(6), BERLIN).energy_threshold_mwh == 10 * KWH


def test_a_tier_that_is_over_no_longer_counts() -> None:
    dear_start = element(energy("5"), when=Restrictions(max_kwh=Decimal(1)))
    tiered = tariff(dear_start, element(energy("0.5")))
    later = replace(FRESH, energy_mwh=2 * KWH, cost=Fraction("5.5"))

    assert planned(tiered, later, euros(10), BERLIN).energy_threshold_mwh == 11 * KWH


def test_a_tariff_that_caps_itself_needs_no_limit_of_cost() -> None:
    capped = tariff(
        element(energy("0.5")), max_price=PriceLimit(excl_vat=Decimal(5), incl_vat=Decimal(5))
    )
    dear = replace(FRESH, cost=Fraction(5))

    assert planned(capped, FRESH, euros(5), BERLIN) == TripwirePlan()
    assert reached(capped, dear, euros(5), now=NOON) == ()


def test_a_free_tariff_never_reaches_a_limit_of_cost() -> None:
    free = tariff(element(energy("0")))

    assert planned(free, FRESH, euros(5), BERLIN) == TripwirePlan()


def test_a_limit_that_is_reached_is_crossed_as_it_is_planted() -> None:
    spent = replace(FRESH, energy_mwh=10 * KWH, cost=Fraction(6))

    plan = planned(ENERGY_ONLY, spent, euros(6), BERLIN)

    assert plan.energy_threshold_mwh == 10 * KWH
    assert plan.wake_at == NOON
    assert plan.wake_reason is LimitReason.COST
    assert reached(ENERGY_ONLY, spent, euros(6), now=NOON) == (LimitReason.COST,)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (SessionLimits(energy_wh=5_000), LimitReason.ENERGY),
        (SessionLimits(duration_s=3_600), LimitReason.DURATION),
    ],
)
def test_each_limit_is_reached_exactly_where_it_was_planted(
    limits: SessionLimits, reason: LimitReason
) -> None:
    at_limit = replace(FRESH, energy_mwh=5 * KWH)
    before = replace(FRESH, energy_mwh=5 * KWH - 1)
    hour = NOON + 60 * MINUTE

    assert reached(ENERGY_ONLY, at_limit, limits, now=hour) == (reason,)
    assert reached(ENERGY_ONLY, before, limits, now=hour - MINUTE) == ()


def test_a_begun_block_and_a_fee_to_come_are_set_aside() -> None:
    blocks = tariff(element(energy("1", step_size=2_000)))
    fee = tariff(element(energy("1")), element(flat("2"), when=Restrictions(min_duration=600)))

    assert planned(blocks, FRESH, euros(10), BERLIN).energy_threshold_mwh == 8 * KWH
    assert planned(fee, FRESH, euros(10), BERLIN).energy_threshold_mwh == 8 * KWH
    charged = replace(FRESH, flat_charged=True)
    assert planned(fee, charged, euros(10), BERLIN).energy_threshold_mwh == 10 * KWH


def test_a_dear_window_ahead_is_foreseen_at_its_own_price() -> None:
    """Cheap until 14:00 in Berlin, an hour from now; then ten times and more as dear."""
    cheap = element(energy("0.1"), charging("0.1"), when=Restrictions(end_time=time(14)))
    rising = tariff(cheap, element(energy("0.5"), charging("10")))

    plan = planned(rising, FRESH, euros(10), BERLIN)

    assert plan.wake_at is not None
    assert NOON + 59 * MINUTE <= plan.wake_at <= NOON + 120 * MINUTE
    assert plan.energy_threshold_mwh is not None
    worst = Fraction(plan.energy_threshold_mwh, KWH) / 10 + Fraction(1, 10)
    assert worst <= 10


def test_parking_is_foreseen_while_the_car_still_charges() -> None:
    stays = tariff(element(energy("0.5"), parking("6")))

    plan = planned(stays, FRESH, euros(6), BERLIN)

    assert plan.wake_at is not None
    assert plan.wake_at <= NOON + 60 * MINUTE


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


@pytest.mark.parametrize("seed", range(20))
def test_the_limit_of_cost_is_never_passed_unseen_and_takes_few_signals(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - cases, not secrets
    anything = replace(random_tariff(chance, NOON), idle_grace_s=0)
    limit = Money(chance.randrange(500, 6_000), EUR)
    drive = Drive(
        power_w=chance.choice((3_600, 10_800, 49_800)),
        guess_w=chance.choice((None, 3_600, 150_000)),
        minutes=range(1, 20 * 60, 4),
    )

    unwoken, _, woken = spend(anything, limit, drive)

    assert unwoken * 100 < limit.amount_minor
    assert woken <= SIGNALS_MAX


def extended(chance: random.Random, version: TariffVersion) -> TariffVersion:
    """With all that OCPI cannot say, by chance: markets, groups, holidays, allowances, caps."""

    def follows(component: PriceComponent) -> PriceComponent:
        if component.type is not DimensionType.ENERGY or chance.random() < 0.4:
            return component
        ceiling = chance.choice((None, None, Decimal("0.9")))
        market = SpotPrice(
            feed="M",
            fallback=Decimal(chance.randrange(0, 60)) / 100,
            factor=Decimal(chance.choice(("0.5", "1", "1.3"))),
            ceiling=ceiling,
        )
        return replace(component, price=component.price / 20, spot=market)

    def restricted(rule: Restrictions | None) -> Restrictions | None:
        rule = rule or Restrictions()
        kind = chance.randrange(7)
        if kind == 0:
            return replace(rule, user_groups=(chance.choice(("taxi", "other")),))
        if kind == 1:
            return replace(rule, holiday=chance.random() < 0.5)
        if kind == 2:
            return replace(rule, min_power=Decimal(chance.choice((5, 11, 22))))
        if kind == 3:
            return replace(rule, max_current=Decimal(chance.choice((16, 32))))
        if kind == 4 and chance.random() < 0.5:
            return replace(rule, reservation=Reservation.RESERVATION)
        return rule

    return replace(
        version,
        elements=tuple(
            TariffElement(
                price_components=tuple(map(follows, item.price_components)),
                restrictions=restricted(item.restrictions),
            )
            for item in version.elements
        ),
        allowances=tuple(
            Allowance(type=kind, quantity=Decimal(quantity), per=per)
            for kind, quantity, per in (
                (DimensionType.ENERGY, 3, AllowancePer.SESSION),
                (DimensionType.ENERGY, 5, AllowancePer.DAY),
                (DimensionType.TIME, 1_800, AllowancePer.MONTH),
            )
            if chance.random() < 0.3
        ),
        daily_cap=PriceLimit(incl_vat=Decimal(9)) if chance.random() < 0.3 else None,
        holidays=(NOON.date() + timedelta(days=chance.randrange(2)),),
    )


def market(chance: random.Random) -> SpotCurve:
    """By the hour from before the session for most of a day, with holes."""
    starts = tuple(NOON + timedelta(hours=hour, minutes=-30) for hour in range(15))
    prices = tuple(
        None if chance.random() < 0.15 else Decimal(chance.randrange(-10, 80)) / 100 for _ in starts
    )
    return SpotCurve(starts, prices, starts[-1] + timedelta(hours=1))


@pytest.mark.parametrize("seed", range(24))
def test_whatever_a_tariff_says_its_limit_of_cost_is_never_passed_unseen(seed: int) -> None:
    chance = random.Random(1_000 + seed)  # noqa: S311 - cases, not secrets
    anything = extended(chance, replace(random_tariff(chance, NOON), idle_grace_s=0))
    limit = Money(chance.randrange(500, 6_000), EUR)
    signed = None
    if chance.random() < 0.4:
        quarters = range(chance.choice((1, 2)), 80, chance.choice((1, 3)))
        signed = tuple(SignedPoint(at=NOON + number * 15 * MINUTE) for number in quarters)
    drive = Drive(
        power_w=chance.choice((3_600, 10_800, 49_800)),
        guess_w=chance.choice((None, 150_000)),
        context=replace(BERLIN, user_groups=frozenset({"taxi"}), spot={"M": market(chance)}),
        flow=tuple(
            FlowSample(
                at=NOON + minute * MINUTE,
                power_mw=chance.randrange(0, 50_000_000),
                current_ua=None if chance.random() < 0.3 else chance.randrange(0, 64_000_000),
            )
            for minute in range(0, 20 * 60, chance.choice((7, 40)))
            if chance.random() < 0.8
        ),
        signed=signed,
        minutes=range(1, 10 * 60, 9),
    )

    unwoken, _, _ = spend(anything, limit, drive)

    assert unwoken * 100 < limit.amount_minor


def test_a_market_that_is_not_known_yet_is_taken_at_its_dearest() -> None:
    soon = NOON + 60 * MINUTE
    follows = SpotPrice(feed="M", fallback=Decimal("0.1"))
    component = replace(energy("0"), spot=follows)
    capped = replace(component, spot=replace(follows, ceiling=Decimal(2)))
    curve = SpotCurve((NOON - 60 * MINUTE, NOON), (Decimal("0.8"), Decimal("0.5")), soon)
    known = replace(BERLIN, spot={"M": curve})
    later = replace(FRESH, as_of=soon)

    within = planned(tariff(element(component)), FRESH, euros(10), known)
    unknown = planned(tariff(element(component)), later, euros(10), known)
    ceiled = planned(tariff(element(capped)), later, euros(10), known)

    assert (within.energy_threshold_mwh, within.wake_at) == (20 * KWH, soon)
    assert unknown.energy_threshold_mwh == 12_500_000
    assert ceiled.energy_threshold_mwh == 5 * KWH


def test_a_price_by_power_may_come_at_any_moment() -> None:
    fast = element(energy("1"), when=Restrictions(min_power=Decimal(22)))
    either = tariff(fast, element(energy("0.5")))

    assert planned(either, FRESH, euros(10)).energy_threshold_mwh == 10 * KWH


def test_prices_of_others_and_of_reservations_do_not_count() -> None:
    mine = Restrictions(user_groups=("taxi",))
    reserved = element(
        energy("9"), flat("9"), when=Restrictions(reservation=Reservation("RESERVATION"))
    )
    others = element(energy("5"), flat("5"), when=Restrictions(user_groups=("crew",)))
    version = tariff(reserved, others, element(energy("0.2"), when=mine), element(energy("1")))
    taxi = replace(BERLIN, user_groups=frozenset({"taxi"}))

    assert planned(version, FRESH, euros(10), taxi).energy_threshold_mwh == 50 * KWH
    assert planned(version, FRESH, euros(10)).energy_threshold_mwh == 10 * KWH


def test_a_price_that_is_held_for_want_of_a_signed_reading_may_last() -> None:
    """Dear until five past, cheap from then on; the meter signs at the quarter hour."""
    cheap = element(energy("0.1"), when=Restrictions(start_time=time(13, 5)))
    version = tariff(cheap, element(energy("1")))
    later = replace(FRESH, as_of=NOON + 7 * MINUTE, held_since=NOON)

    held = planned(version, later, euros(10))
    free = planned(version, replace(later, held_since=None), euros(10))

    assert (held.energy_threshold_mwh, free.energy_threshold_mwh) == (10 * KWH, 100 * KWH)


def test_a_session_is_stopped_near_its_limit() -> None:
    usual = tariff(element(energy("0.5", "19"), charging("1", "19")))

    _, stopped_at, woken = spend(usual, Money(2_000, EUR), Drive(power_w=10_800, guess_w=10_800))

    assert Fraction(19) < stopped_at < Fraction(21)
    assert 1 <= woken <= 5
