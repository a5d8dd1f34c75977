import random
from dataclasses import replace
from datetime import time, timedelta
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
from holdfast.domain.pricing.periods import cut_periods
from holdfast.domain.pricing.price import price
from holdfast.domain.running_state import RunningState
from holdfast.domain.tariff.version import DimensionType, PriceLimit, Restrictions, TariffVersion
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


def test_no_limit_plants_nothing() -> None:
    assert plan_tripwires(ENERGY_ONLY, FRESH, SessionLimits(), BERLIN) == TripwirePlan()


def test_energy_and_duration_are_planted_as_they_are() -> None:
    limits = SessionLimits(energy_wh=20_000, duration_s=3_600)

    plan = plan_tripwires(ENERGY_ONLY, FRESH, limits, BERLIN)

    assert (plan.energy_threshold_mwh, plan.energy_reason) == (20 * KWH, LimitReason.ENERGY)
    assert (plan.wake_at, plan.wake_reason) == (NOON + 60 * MINUTE, LimitReason.DURATION)


def test_the_first_of_two_limits_is_the_tripwire() -> None:
    by_the_hour = tariff(element(charging("6")))

    dear = plan_tripwires(by_the_hour, FRESH, replace(euros(6), duration_s=7_200), BERLIN)
    short = plan_tripwires(by_the_hour, FRESH, replace(euros(6), duration_s=1_800), BERLIN)

    assert (dear.wake_at, dear.wake_reason) == (NOON + 60 * MINUTE, LimitReason.COST)
    assert (short.wake_at, short.wake_reason) == (NOON + 30 * MINUTE, LimitReason.DURATION)


def test_a_limit_of_cost_under_a_price_of_energy_is_an_energy() -> None:
    plan = plan_tripwires(ENERGY_ONLY, FRESH, euros(6), BERLIN)

    assert plan.energy_threshold_mwh == 10 * KWH
    assert plan.wake_at is None


def test_a_limit_of_cost_under_a_price_of_time_is_an_instant() -> None:
    plan = plan_tripwires(tariff(element(charging("6"))), FRESH, euros(6), BERLIN)

    assert plan.energy_threshold_mwh is None
    assert plan.wake_at == NOON + 60 * MINUTE


def test_what_was_spent_already_leaves_less() -> None:
    spent = replace(FRESH, energy_mwh=4 * KWH, cost=Fraction("2.40"))

    assert plan_tripwires(ENERGY_ONLY, spent, euros(6), BERLIN).energy_threshold_mwh == 10 * KWH


def test_a_tier_that_is_over_no_longer_counts() -> None:
    dear_start = element(energy("5"), when=Restrictions(max_kwh=Decimal(1)))
    tiered = tariff(dear_start, element(energy("0.5")))
    later = replace(FRESH, energy_mwh=2 * KWH, cost=Fraction("5.5"))

    assert plan_tripwires(tiered, later, euros(10), BERLIN).energy_threshold_mwh == 11 * KWH


def test_a_tariff_that_caps_itself_needs_no_limit_of_cost() -> None:
    capped = tariff(
        element(energy("0.5")), max_price=PriceLimit(excl_vat=Decimal(5), incl_vat=Decimal(5))
    )
    dear = replace(FRESH, cost=Fraction(5))

    assert plan_tripwires(capped, FRESH, euros(5), BERLIN) == TripwirePlan()
    assert limits_reached(capped, dear, euros(5), now=NOON) == ()


def test_a_free_tariff_never_reaches_a_limit_of_cost() -> None:
    free = tariff(element(energy("0")))

    assert plan_tripwires(free, FRESH, euros(5), BERLIN) == TripwirePlan()


def test_a_limit_that_is_reached_is_crossed_as_it_is_planted() -> None:
    spent = replace(FRESH, energy_mwh=10 * KWH, cost=Fraction(6))

    plan = plan_tripwires(ENERGY_ONLY, spent, euros(6), BERLIN)

    assert plan.energy_threshold_mwh == 10 * KWH
    assert plan.wake_at == NOON
    assert plan.wake_reason is LimitReason.COST
    assert limits_reached(ENERGY_ONLY, spent, euros(6), now=NOON) == (LimitReason.COST,)


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

    assert limits_reached(ENERGY_ONLY, at_limit, limits, now=hour) == (reason,)
    assert limits_reached(ENERGY_ONLY, before, limits, now=hour - MINUTE) == ()


def test_a_begun_block_and_a_fee_to_come_are_set_aside() -> None:
    blocks = tariff(element(energy("1", step_size=2_000)))
    fee = tariff(element(energy("1")), element(flat("2"), when=Restrictions(min_duration=600)))

    assert plan_tripwires(blocks, FRESH, euros(10), BERLIN).energy_threshold_mwh == 8 * KWH
    assert plan_tripwires(fee, FRESH, euros(10), BERLIN).energy_threshold_mwh == 8 * KWH
    charged = replace(FRESH, flat_charged=True)
    assert plan_tripwires(fee, charged, euros(10), BERLIN).energy_threshold_mwh == 10 * KWH


def test_a_dear_window_ahead_is_foreseen_at_its_own_price() -> None:
    """Cheap until 14:00 in Berlin, an hour from now; then ten times and more as dear."""
    cheap = element(energy("0.1"), charging("0.1"), when=Restrictions(end_time=time(14)))
    rising = tariff(cheap, element(energy("0.5"), charging("10")))

    plan = plan_tripwires(rising, FRESH, euros(10), BERLIN)

    assert plan.wake_at is not None
    assert NOON + 59 * MINUTE <= plan.wake_at <= NOON + 120 * MINUTE
    assert plan.energy_threshold_mwh is not None
    worst = Fraction(plan.energy_threshold_mwh, KWH) / 10 + Fraction(1, 10)
    assert worst <= 10


def test_parking_is_foreseen_while_the_car_still_charges() -> None:
    stays = tariff(element(energy("0.5"), parking("6")))

    plan = plan_tripwires(stays, FRESH, euros(6), BERLIN)

    assert plan.wake_at is not None
    assert plan.wake_at <= NOON + 60 * MINUTE


def spend(
    plan_tariff: TariffVersion, limit: Money, power_w: int, guess_w: int | None
) -> tuple[Fraction, Fraction, int]:
    """Charge minute by minute until a tripwire says that the limit is reached.

    Gives the dearest cost seen before any tripwire was crossed, the cost at the stop, and how
    often the workflow was woken.
    """
    limits = SessionLimits(cost=limit)
    state = replace(FRESH, power_w=guess_w)
    plan = plan_tripwires(plan_tariff, state, limits, BERLIN)
    unwoken, woken = Fraction(0), 0
    for minute in range(1, 20 * 60):
        now, mwh = NOON + minute * MINUTE, minute * power_w * 1_000 // 60
        went = course((0, 0), (minute * 60, mwh))
        priced = price(plan_tariff, cut_periods(went, plan_tariff, BERLIN), BERLIN)
        cost = priced.exact_incl
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
            flat_charged=priced.total(DimensionType.FLAT).quantity > 0,
        )
        if limits_reached(plan_tariff, state, limits, now=now):
            return unwoken, cost, woken
        plan = plan_tripwires(plan_tariff, state, limits, BERLIN)
    return unwoken, Fraction(0), woken


@pytest.mark.parametrize("seed", range(25))
def test_the_limit_of_cost_is_never_passed_unseen_and_takes_few_signals(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - cases, not secrets
    anything = replace(random_tariff(chance, NOON), idle_grace_s=0)
    limit = Money(chance.randrange(500, 6_000), EUR)

    power_w = chance.choice((3_600, 10_800, 49_800))
    guess_w = chance.choice((None, 3_600, 150_000))

    unwoken, _, woken = spend(anything, limit, power_w, guess_w)

    assert unwoken * 100 < limit.amount_minor
    assert woken <= SIGNALS_MAX


def test_a_session_is_stopped_near_its_limit() -> None:
    usual = tariff(element(energy("0.5", "19"), charging("1", "19")))

    _, stopped_at, woken = spend(usual, Money(2_000, EUR), 10_800, 10_800)

    assert Fraction(19) < stopped_at < Fraction(21)
    assert 1 <= woken <= 5
