"""Blocks: rounded up once per kind, at the end, at the last price (OCPI mod_cdrs, step_size)."""

from datetime import time
from fractions import Fraction

from holdfast.domain.pricing.priced_session import LineReason
from holdfast.domain.tariff.version import DimensionType, PriceComponent, Restrictions
from tests.domain.pricing.sessions import HOUR, MINUTE, lines, net, period, priced
from tests.domain.tariffs import component, element, energy, flat, tariff

ENERGY, TIME, PARKING = DimensionType.ENERGY, DimensionType.TIME, DimensionType.PARKING_TIME
STEP = LineReason.STEP_SIZE
TWO_PM = Restrictions(start_time=time(14))
"""In Berlin: an hour after noon in UTC."""


def kwh(price: str, step: int) -> PriceComponent:
    return component(ENERGY, price, step_size=step)


def hours(price: str, step: int) -> PriceComponent:
    return component(TIME, price, step_size=step)


def stood(price: str, step: int) -> PriceComponent:
    return component(PARKING, price, step_size=step)


def surplus(result: object) -> list[object]:
    return [line for line in lines(result) if line[1] is STEP]  # type: ignore[arg-type]


def test_energy_is_rounded_up_to_the_block_on_the_sum_of_all_periods() -> None:
    result = priced(tariff(element(kwh("1", 500))), period("4.3"), period("1.1", after=HOUR))

    assert surplus(result) == [(ENERGY, STEP, 100_000)]
    assert net(result) == Fraction("5.5")


def test_the_surplus_has_the_price_and_the_step_of_the_last_period() -> None:
    both = tariff(element(kwh("3", 2_000), when=TWO_PM), element(kwh("1", 500)))
    session = [period("4.3"), period("1.1", after=HOUR)]

    assert net(priced(both, *session)) == Fraction("4.3") + 3 * Fraction("1.7")


def test_a_last_period_at_no_price_leaves_the_last_price_what_it_was() -> None:
    morning = tariff(element(kwh("1", 1_000), when=Restrictions(end_time=time(14))))

    assert net(priced(morning, period("0.5"), period("9", after=HOUR))) == 1


def test_a_price_of_zero_is_a_price() -> None:
    both = tariff(element(kwh("0", 1_000), when=TWO_PM), element(kwh("1", 1_000)))

    assert net(priced(both, period("0.5"), period("0.2", after=HOUR))) == Fraction("0.5")


def test_no_step_and_whole_blocks_round_nothing() -> None:
    assert surplus(priced(tariff(element(kwh("1", 0))), period("0.0005"))) == []
    assert surplus(priced(tariff(element(kwh("1", 500))), period("1.5"))) == []
    assert surplus(priced(tariff(element(kwh("1", 1))), period("0.0005"))) == [(ENERGY, STEP, 500)]


def test_charging_time_is_rounded_where_no_parking_was_billed() -> None:
    both = tariff(element(hours("60", 300), stood("60", 300), kwh("0", 0)))

    assert net(priced(both, period(time_s=60))) == 5
    assert net(priced(both, period(parking_s=60))) == 5


def test_priced_parking_absorbs_the_rounding_of_charging_time_in_any_order() -> None:
    both = tariff(element(hours("60", 300), stood("120", 600)))
    charge_first = [period(time_s=60), period(after=MINUTE, parking_s=60)]
    park_first = [period(parking_s=60), period(after=MINUTE, time_s=60)]

    assert net(priced(both, *charge_first)) == 1 + 20
    assert net(priced(both, *park_first)) == 1 + 20


def test_parking_without_a_price_absorbs_nothing() -> None:
    timed = tariff(element(hours("60", 300)))

    assert net(priced(timed, period(time_s=60), period(after=MINUTE, parking_s=60))) == 5


def test_energy_and_time_are_rounded_apart() -> None:
    both = tariff(element(hours("60", 300), kwh("1", 1_000)))

    result = priced(both, period("0.1", time_s=60))

    assert surplus(result) == [(ENERGY, STEP, 900_000), (TIME, STEP, 240)]
    assert [line.period for line in result.lines] == [0, 0, 0, 0]


def test_a_fee_has_no_blocks() -> None:
    fee = component(DimensionType.FLAT, "1", step_size=100)

    assert net(priced(tariff(element(fee, energy("1"))), period("1"))) == 2
    assert net(priced(tariff(element(flat("1"))), period("1"))) == 1


def test_of_two_components_of_one_kind_in_an_element_the_first_counts() -> None:
    assert net(priced(tariff(element(kwh("1", 1), kwh("9", 5_000))), period("1"))) == 1


def test_grace_is_neither_charging_nor_parking() -> None:
    both = tariff(element(hours("60", 60), stood("60", 60)))
    session = [
        period(time_s=60),
        period(after=MINUTE, grace_s=60),
        period(after=2 * MINUTE, parking_s=60),
    ]

    result = priced(both, *session)

    assert net(result) == 2
    assert not result.findings
