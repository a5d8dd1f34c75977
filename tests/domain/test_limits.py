import random
from dataclasses import replace
from datetime import time
from decimal import Decimal
from fractions import Fraction

import pytest

from holdfast.domain.currency import EUR
from holdfast.domain.limits import LimitReason, SessionLimits, TripwirePlan
from holdfast.domain.money import Money
from holdfast.domain.tariff.version import PriceLimit, Restrictions
from tests.domain.limit_drive import FRESH, MINUTE, Drive, euros, planned, reached, spend
from tests.domain.pricing.test_price_by_the_second import random_tariff
from tests.domain.tariffs import (
    BERLIN,
    KWH,
    NOON,
    charging,
    element,
    energy,
    flat,
    parking,
    tariff,
)

SIGNALS_MAX = 20
ENERGY_ONLY = tariff(element(energy("0.5", "20")))


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


def test_a_session_is_stopped_near_its_limit() -> None:
    usual = tariff(element(energy("0.5", "19"), charging("1", "19")))

    _, stopped_at, woken = spend(usual, Money(2_000, EUR), Drive(power_w=10_800, guess_w=10_800))

    assert Fraction(19) < stopped_at < Fraction(21)
    assert 1 <= woken <= 5
