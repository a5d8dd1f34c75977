"""Limits of cost under all that OCPI cannot say, and where prices change on signed readings."""

import random
from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal

import pytest

from holdfast.domain.currency import EUR
from holdfast.domain.money import Money
from holdfast.domain.pricing.context import SpotCurve
from holdfast.domain.pricing.flow import FlowSample
from holdfast.domain.pricing.signed_quarters import SignedPoint
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
from tests.domain.limit_drive import FRESH, MINUTE, Drive, euros, planned, spend
from tests.domain.pricing.test_price_by_the_second import random_tariff
from tests.domain.tariffs import BERLIN, KWH, NOON, element, energy, flat, tariff


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
