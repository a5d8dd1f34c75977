"""Reserved time: priced by its own elements, apart from charging (OCPI mod_tariffs)."""

from dataclasses import replace
from datetime import time
from decimal import Decimal
from fractions import Fraction

from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.priced_session import LineReason
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceComponent,
    Reservation,
    Restrictions,
    TariffElement,
)
from tests.domain.pricing.sessions import HOUR, MINUTE, codes, limit, lines, net, period, priced
from tests.domain.tariffs import BERLIN, charging, component, element, energy, flat, parking, tariff

EXPIRED = PriceContext(zone="Europe/Berlin", reservation_expired=True)
TIME = DimensionType.TIME


def reserved(*components: PriceComponent, **more: object) -> TariffElement:
    when = Restrictions(reservation=Reservation.RESERVATION, **more)  # type: ignore[arg-type]
    return element(*components, when=when)


def unused(*components: PriceComponent) -> TariffElement:
    when = Restrictions(reservation=Reservation.RESERVATION_EXPIRES)
    return element(*components, when=when)


def reservation(seconds: int = 3_600) -> ChargingPeriod:
    return period(reservation_s=seconds)


def test_reserved_time_is_priced_by_reservation_elements_and_charging_by_the_others() -> None:
    both = tariff(element(charging("10"), energy("1")), reserved(charging("2")))
    session = [reservation(1_800), period("3", after=30 * MINUTE, time_s=3_600)]

    result = priced(both, *session)

    assert net(result) == 1 + 3 + 10
    assert result.costs().reservation.excl == 1
    assert result.costs().time.excl == 10


def test_a_reservation_element_that_comes_first_prices_no_charging() -> None:
    both = tariff(reserved(charging("2"), flat("5")), element(charging("10"), flat("1")))

    assert net(priced(both, period(time_s=3_600))) == 11


def test_charging_elements_price_no_reservation() -> None:
    assert net(priced(tariff(element(charging("10"), flat("1"))), reservation())) == 0


def test_a_session_that_only_reserves_pays_no_fee_of_charging() -> None:
    both = tariff(element(flat("9"), energy("1")), reserved(charging("2"), flat("4")))

    result = priced(both, reservation())

    assert net(result) == 6
    assert result.costs().fixed.excl == 0
    assert result.costs().reservation.excl == 6


def test_the_fee_comes_once_for_reserving_and_once_for_charging() -> None:
    both = tariff(element(flat("3"), energy("1")), reserved(flat("4")))
    session = [
        reservation(),
        period(after=HOUR, reservation_s=60),
        period("1", after=HOUR + MINUTE),
        period("1", after=2 * HOUR),
    ]

    result = priced(both, *session)

    assert net(result) == 4 + 3 + 2
    assert result.costs().fixed.excl == 3
    assert result.costs().reservation.excl == 4


def test_an_energy_or_parking_price_of_a_reservation_element_prices_nothing() -> None:
    odd = tariff(reserved(energy("9"), parking("9")), element(energy("1")))

    assert net(priced(odd, period("2", reservation_s=60, parking_s=60))) == 2


def test_an_expired_reservation_is_priced_by_what_is_for_expired_ones_first() -> None:
    both = tariff(reserved(charging("3")), unused(charging("6")))

    assert net(priced(both, reservation(), context=EXPIRED)) == 6
    assert net(priced(both, reservation())) == 3


def test_what_is_for_expired_reservations_is_looked_up_per_dimension() -> None:
    fee = tariff(unused(flat("4")), reserved(charging("2"), flat("1")))

    assert net(priced(fee, reservation(), context=EXPIRED)) == 4 + 2
    assert net(priced(fee, reservation())) == 1 + 2


def test_a_used_reservation_never_has_the_price_of_an_expired_one() -> None:
    result = priced(tariff(unused(charging("6"), flat("4")), element(energy("1"))), reservation())

    assert net(result) == 0


def test_a_restriction_of_a_reservation_element_is_matched_as_its_period_starts() -> None:
    evening = tariff(reserved(charging("9"), start_time=time(18)), reserved(charging("2")))

    assert net(priced(evening, reservation())) == 2
    assert net(priced(evening, period(after=5 * HOUR, reservation_s=3_600))) == 9


def test_reserved_time_is_rounded_by_itself() -> None:
    blocks = tariff(
        element(component(TIME, "60", step_size=600)),
        reserved(component(TIME, "6", step_size=3_600)),
    )
    session = [reservation(60), period(after=MINUTE, time_s=540)]

    result = priced(blocks, *session)

    assert net(result) == 6 + 10
    assert (TIME, LineReason.STEP_SIZE, 3_540) in lines(result)
    assert (TIME, LineReason.STEP_SIZE, 60) in lines(result)


def test_parking_absorbs_no_rounding_of_reserved_time() -> None:
    blocks = tariff(element(parking("60")), reserved(component(TIME, "6", step_size=3_600)))
    session = [reservation(60), period(after=MINUTE, parking_s=60)]

    assert net(priced(blocks, *session)) == 6 + 1


def test_reserved_time_at_no_price_is_a_finding_where_reserving_has_one_at_other_times() -> None:
    evening = tariff(reserved(charging("9"), start_time=time(18)), element(energy("1")))

    assert codes(priced(evening, reservation())) == {"free"}
    assert codes(priced(tariff(element(energy("1"))), reservation())) == set()


def test_energy_and_seconds_count_from_where_the_reservation_starts() -> None:
    late = tariff(element(energy("1"), when=Restrictions(min_duration=3_600)))

    assert net(priced(late, reservation(), period("1", after=HOUR))) == 1
    assert net(priced(late, period("1", after=HOUR))) == 0


def test_an_allowance_of_charging_time_covers_no_reserved_time() -> None:
    from holdfast.domain.tariff.version import Allowance

    allowed = replace(
        tariff(element(charging("6")), reserved(charging("2"))),
        allowances=(Allowance(type=TIME, quantity=Decimal(7_200)),),
    )

    assert net(priced(allowed, reservation(), period(after=HOUR, time_s=3_600))) == 2


def test_the_least_price_counts_for_a_reservation_too() -> None:
    least = tariff(reserved(charging("2")), min_price=limit("5", "5"))

    assert net(priced(least, reservation())) == 5


def test_the_breakdown_tells_reserving_from_charging() -> None:
    both = tariff(
        element(charging("10", "19"), flat("1", "19")),
        reserved(charging("2", "7"), flat("3", "7")),
    )
    result = priced(both, reservation(), period(after=HOUR, time_s=3_600), context=BERLIN)

    shown = price_to_json(result)["breakdown"]
    assert isinstance(shown, dict)
    assert [line["dimension"] for line in shown["lines"]] == [
        "RESERVATION_FLAT",
        "RESERVATION_TIME",
        "FLAT",
        "TIME",
    ]
    assert set(shown["totals"]) == {"TIME", "FLAT", "RESERVATION_TIME", "RESERVATION_FLAT"}
    assert shown["totals"]["RESERVATION_TIME"]["quantity"] == "3600"
    assert shown["costs"] == {
        "total_fixed_cost": {"excl_vat": "1.00", "incl_vat": "1.19"},
        "total_energy_cost": {"excl_vat": "0.00", "incl_vat": "0.00"},
        "total_time_cost": {"excl_vat": "10.00", "incl_vat": "11.90"},
        "total_parking_cost": {"excl_vat": "0.00", "incl_vat": "0.00"},
        "total_reservation_cost": {"excl_vat": "5.00", "incl_vat": "5.35"},
    }
    assert net(result) == Fraction(16)
