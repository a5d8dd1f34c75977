"""What holds for every price, whatever the tariff and the session."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest

from holdfast.domain.finding import Severity
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.periods import cut_periods
from holdfast.domain.pricing.price import price
from holdfast.domain.tariff.foreign import foreign_tariff
from holdfast.domain.tariff.ocpi import OcpiReader, json_text, render
from holdfast.domain.tariff.version import TariffVersion
from tests.domain.pricing.chance import case, random_periods, random_tariff, with_blocks

SESSIONS = 150
SECOND = timedelta(seconds=1)


def halved(chance: Random, period: ChargingPeriod) -> list[ChargingPeriod]:
    """The same in two periods, split at any second and with any share of the energy before it."""
    length_s = period.time_s + period.parking_s + period.grace_s
    if length_s < 2:
        return [period]
    first_s = chance.randrange(1, length_s)
    first_mwh = chance.randrange(0, period.energy_mwh + 1)

    def part(seconds: int, mwh: int, later_s: int) -> ChargingPeriod:
        return replace(
            period,
            started_at=period.started_at + later_s * SECOND,
            energy_mwh=mwh,
            time_s=seconds if period.time_s else 0,
            parking_s=seconds if period.parking_s else 0,
            grace_s=seconds if period.grace_s else 0,
        )

    return [
        part(first_s, first_mwh, 0),
        part(length_s - first_s, period.energy_mwh - first_mwh, first_s),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_session_that_is_cut_at_more_points_costs_the_same(seed: int) -> None:
    chance, more = Random(seed), 0  # noqa: S311 - cases, not secrets
    for number in range(SESSIONS):
        now = case(chance, powered=number % 3 == 0)
        periods = cut_periods(now.course, now.tariff, now.context)

        finer = [part for period in periods for part in halved(chance, period)]

        more += len(finer) - len(periods)
        coarse, fine = (price(now.tariff, each, now.context) for each in (periods, finer))
        assert (coarse.exact_excl, coarse.exact_incl) == (fine.exact_excl, fine.exact_incl)
    assert more > SESSIONS


def test_no_price_is_below_zero_even_where_the_market_is() -> None:
    chance, below = Random(7), 0  # noqa: S311 - cases, not secrets
    for _ in range(2 * SESSIONS):
        now = case(chance)
        periods = cut_periods(now.course, now.tariff, now.context)

        priced = price(now.tariff, periods, now.context)

        below += any(
            market and market < 0 for c in now.context.spot.values() for market in c.prices
        )
        assert priced.exact_incl >= 0
        assert priced.exact_excl is None or priced.exact_excl >= 0
        assert all(line.incl >= 0 for line in priced.lines)
    assert below > SESSIONS


def test_more_energy_costs_no_less_under_a_tariff_without_restrictions() -> None:
    chance = Random(8)  # noqa: S311 - cases, not secrets
    for _ in range(SESSIONS):
        now = case(chance)
        elements = tuple(replace(item, restrictions=None) for item in now.tariff.elements)
        plain = with_blocks(chance, replace(now.tariff, elements=elements))
        period = ChargingPeriod(started_at=now.course.started_at, energy_mwh=0, time_s=600)
        costs = [
            price(plain, [replace(period, energy_mwh=mwh)], now.context).exact_incl
            for mwh in sorted(chance.randrange(1, 90_000_000) for _ in range(5))
        ]
        assert costs == sorted(costs)


def test_lines_and_adjustments_add_up_to_the_exact_total() -> None:
    chance = Random(9)  # noqa: S311 - cases, not secrets
    for number in range(SESSIONS):
        now = case(chance)
        tariff, periods = now.tariff, cut_periods(now.course, now.tariff, now.context)
        if number % 2:
            tariff = with_blocks(
                chance, random_tariff(chance, now.course.started_at, ocpi_only=True)
            )
            periods = list(random_periods(chance, now.course.started_at))

        priced = price(tariff, periods, now.context)

        grosses = [line.incl for line in priced.lines] + [a.incl for a in priced.adjustments]
        nets = [line.excl for line in priced.lines] + [a.excl for a in priced.adjustments]
        assert sum(grosses) == priced.exact_incl
        if priced.exact_excl is not None:
            assert None not in nets
            assert sum(net for net in nets if net is not None) == priced.exact_excl


def sides(
    tariff: TariffVersion, periods: Sequence[ChargingPeriod], context: PriceContext
) -> tuple[Fraction | None, Fraction]:
    priced = price(tariff, periods, context)
    return priced.exact_excl, priced.exact_incl


def said_to_partners(tariff: TariffVersion, form: str, reader: OcpiReader) -> TariffVersion | None:
    """As a partner reads it from the wire; None where something of it could not be said."""
    rendering = render(tariff, form, reader=reader)
    if any(loss.severity is not Severity.NOTE for loss in rendering.losses):
        return None
    told = json.loads(json_text(rendering.tariff), parse_float=Decimal)
    return foreign_tariff(told).version


@pytest.mark.parametrize("form", ["2.2.1", "2.3.0"])
def test_a_tariff_costs_the_same_after_a_round_trip_through_ocpi(form: str) -> None:
    chance, compared = Random(10), 0  # noqa: S311 - cases, not secrets
    for _ in range(SESSIONS):
        now = case(chance, powered=True)
        ours = random_tariff(chance, now.course.started_at, ocpi_only=True, powered=True)
        tariff = with_blocks(chance, ours)
        periods = random_periods(chance, now.course.started_at)
        context = PriceContext(zone=now.context.zone, reservation_expired=chance.random() < 0.5)

        read = said_to_partners(tariff, form, OcpiReader(zone=context.zone))

        if read is not None:
            compared += 1
            told, kept = sides(read, periods, context), sides(tariff, periods, context)
            # 2.2.1 has no word for "prices include tax": what is net is all that it says.
            assert told[0] == kept[0] or kept[0] is None
            assert told[1] == kept[1]
    assert compared > SESSIONS // 10


@pytest.mark.parametrize("form", ["2.2.1", "2.3.0"])
def test_what_ocpi_can_say_of_our_own_extensions_costs_the_same(form: str) -> None:
    chance, compared = Random(11), 0  # noqa: S311 - cases, not secrets
    for _ in range(SESSIONS):
        now = case(chance, powered=True)
        context = replace(now.context, earlier=PriceContext(zone="UTC").earlier)
        reader = OcpiReader(user_groups=context.user_groups, zone=context.zone, spot=context.spot)
        periods = cut_periods(now.course, now.tariff, context)

        read = said_to_partners(now.tariff, form, reader)

        if read is not None:
            compared += 1
            told = sides(read, periods, PriceContext(zone=context.zone))
            assert told[1] == sides(now.tariff, periods, context)[1]
    assert compared > SESSIONS // 10
