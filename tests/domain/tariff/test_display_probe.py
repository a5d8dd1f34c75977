"""What a display shows is what pricing bills: asked of both, by chance and at its worst."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from random import Random

from holdfast.domain.currency import EUR
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.price import price_compiled
from holdfast.domain.tariff.display import shown_price
from holdfast.domain.tariff.display_points import POINTS_MAX, points_of
from holdfast.domain.tariff.display_probe import Point, Probe
from holdfast.domain.tariff.version import (
    DayOfWeek,
    DimensionType,
    PriceComponent,
    Restrictions,
    TariffElement,
    TariffVersion,
    TaxIncluded,
)
from holdfast.domain.time_zone import time_zone
from tests.domain.pricing.chance import case
from tests.domain.tariffs import BERLIN, NOON, charging, element, energy, flat, parking

TARIFFS = 30
POINTS_EACH = 6
HOUR_S = 3_600


def a_unit(at: datetime) -> ChargingPeriod:
    """Of everything."""
    return ChargingPeriod(started_at=at, energy_mwh=1_000_000, time_s=HOUR_S, parking_s=HOUR_S)


def numbered(tariff: TariffVersion) -> TariffVersion:
    """Every price is the number of its element, from 1 on: a bill says which one counted."""
    return replace(
        tariff,
        tax_included=TaxIncluded.NOT_APPLICABLE,
        allowances=(),
        daily_cap=None,
        elements=tuple(
            replace(
                one,
                price_components=tuple(
                    PriceComponent(type=component.type, price=Decimal(number))
                    for component in one.price_components
                ),
            )
            for number, one in enumerate(tariff.elements, start=1)
        ),
    )


def billed_elements(
    tariff: TariffVersion, point: Point, context: PriceContext
) -> dict[DimensionType, int]:
    before = ChargingPeriod(
        started_at=point.at - timedelta(seconds=point.elapsed_s),
        energy_mwh=point.energy_mwh,
        time_s=point.elapsed_s,
    )
    unit = replace(
        a_unit(point.at),
        min_power_kw=point.power_kw,
        max_power_kw=point.power_kw,
        min_current_a=point.current_a,
        max_current_a=point.current_a,
    )
    priced = price_compiled(compile_tariff(numbered(tariff)), [before, unit], context)
    return {
        line.dimension: int(line.incl) - 1
        for line in priced.lines
        if line.dimension is DimensionType.FLAT or line.period
    }


def test_at_every_point_the_price_that_is_shown_is_the_one_that_is_billed() -> None:
    chance = Random(28)  # noqa: S311 - tariffs by chance, not a secret
    for number in range(TARIFFS):
        some = case(chance, powered=number % 2 == 1)
        started_at = some.course.started_at - timedelta(seconds=chance.choice((0, 0, 90)))
        context = replace(some.context, session_started_at=chance.choice((None, started_at)))
        at, compiled = some.course.started_at, compile_tariff(some.tariff)
        probe = Probe.of(compiled, context)

        points = points_of(some.tariff, context, at, time_zone(context.zone)).all
        for point in chance.sample(points, min(POINTS_EACH, len(points))):
            assert probe.elements(point) == billed_elements(some.tariff, point, context)
            bare = replace(some.tariff, allowances=(), daily_cap=None)
            bill = price_compiled(compile_tariff(bare), [a_unit(point.at)], context)
            assert {
                kind: (price.incl, price.excl)
                for kind, price in probe.unit_prices(point.at).items()
            } == {line.dimension: (line.incl, line.excl) for line in bill.lines}


def in_pieces(at: datetime) -> TariffVersion:
    """As many elements as people may write, of all four kinds, each at its own time and use."""
    return TariffVersion(
        id="w",
        currency=EUR,
        elements=tuple(
            TariffElement(
                price_components=(energy("0.5"), charging(f"{number}"), flat("1"), parking("2")),
                restrictions=Restrictions(
                    start_time=time(number * 14 // 60, number * 14 % 60),
                    end_time=time((number * 14 + 13) // 60, (number * 14 + 13) % 60),
                    day_of_week=(list(DayOfWeek)[number % 7],),
                    start_date=at.date() + timedelta(days=3 * number - 2),
                    max_kwh=Decimal(number % 3 + 1),
                ),
            )
            for number in range(100)
        ),
    )


def test_the_worst_tariff_is_asked_little_and_says_that_it_was_not_listed_whole() -> None:
    tariff = in_pieces(NOON)
    compiled, points = compile_tariff(tariff), points_of(tariff, BERLIN, NOON, time_zone("UTC"))
    probe = Probe.of(compiled, BERLIN)
    for instant in points.changes:
        probe.unit_prices(instant)
    asked = sum(len(limit.known) * len(limit.parts) for limit in probe.holding.limits)

    assert points.cut
    assert asked < 40_000  # of 400 instants, 100 elements, 4 kinds: 160,000 and more one by one
    found = shown_price(compiled, BERLIN, NOON).findings
    assert "the prices depend on too much to list it all" in [one.detail for one in found]


def test_a_tariff_is_looked_at_whole_up_to_the_very_last_point_and_not_beyond() -> None:
    def stepwise(steps: int) -> TariffVersion:
        return TariffVersion(
            id="s",
            currency=EUR,
            elements=tuple(
                element(
                    energy("0.5"),
                    when=Restrictions(min_kwh=Decimal(step), min_duration=step * 60),
                )
                for step in range(1, steps)
            ),
        )

    zone, at = time_zone("UTC"), datetime(2026, 3, 4, 12, tzinfo=UTC)
    whole = points_of(stepwise(38), BERLIN, at, zone)
    beyond = points_of(stepwise(39), BERLIN, at, zone)

    assert (len(whole.all), whole.cut) == (38 * 38, False)
    assert len(whole.all) <= POINTS_MAX < 39 * 39
    assert (beyond.all, beyond.cut) == ((), True)
