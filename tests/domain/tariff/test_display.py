"""What a driver is shown: AFIR's order, the price now, what comes next, what is not simple."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.domain.currency import EUR
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.context import PriceContext, SpotCurve
from holdfast.domain.pricing.price import price
from holdfast.domain.tariff.display import shown_price
from holdfast.domain.tariff.shown import ShownKind, ShownPer, ShownPrice
from holdfast.domain.tariff.version import (
    DayOfWeek,
    DimensionType,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    SpotPrice,
    TariffElement,
    TariffVersion,
    TaxIncluded,
)
from tests.domain.tariffs import (
    BERLIN,
    KWH,
    NOON,
    charging,
    component,
    element,
    energy,
    flat,
    parking,
    restrictions,
    tariffs,
)

WEEKEND = (DayOfWeek.SATURDAY, DayOfWeek.SUNDAY)
DAY = Restrictions(start_time=time(8), end_time=time(20))
NIGHT = Restrictions(start_time=time(20), end_time=time(8))


def shown(*elements: TariffElement, context: PriceContext = BERLIN, **fields: object) -> ShownPrice:
    version = TariffVersion(id="t", currency=EUR, elements=elements, **fields)  # type: ignore[arg-type]
    return shown_price(compile_tariff(version), context, NOON)


def listed(price_: ShownPrice, kind: ShownKind = ShownKind.ENERGY) -> list[tuple[str, bool, bool]]:
    """Price with tax, whether it is the rest, whether it holds now."""
    return [
        (str(float(line.price.incl)), line.otherwise, line.holds)
        for line in price_.lines
        if line.kind is kind
    ]


def test_components_are_in_the_order_of_afir_whatever_the_order_of_the_tariff() -> None:
    found = shown(
        element(flat("1"), parking("6"), charging("3"), energy("0.49")),
        element(
            component(DimensionType.TIME, "1.2"),
            flat("2"),
            when=Restrictions(reservation=Reservation.RESERVATION),
        ),
        idle_grace_s=900,
    )

    assert [(line.kind, line.per, line.price.incl) for line in found.lines] == [
        (ShownKind.ENERGY, ShownPer.KWH, Fraction(49, 100)),
        (ShownKind.CHARGING, ShownPer.MINUTE, Fraction(5, 100)),
        (ShownKind.OCCUPANCY, ShownPer.MINUTE, Fraction(1, 10)),
        (ShownKind.SESSION, ShownPer.SESSION, Fraction(1)),
        (ShownKind.RESERVATION, ShownPer.MINUTE, Fraction(2, 100)),
        (ShownKind.RESERVATION_FEE, ShownPer.SESSION, Fraction(2)),
    ]
    assert [line.grace_s for line in found.lines] == [0, 0, 900, 0, 0, 0]
    assert found.simple
    assert not found.free


def test_a_price_per_minute_is_derived_exactly_from_the_hour() -> None:
    found = shown(element(charging("2")))

    assert found.lines[0].price.incl == Fraction(2, 60)
    assert found.lines[0].per_hour == 2


@pytest.mark.parametrize(
    ("tax", "vat", "incl", "excl"),
    [
        (None, "19", Fraction("0.5831"), Fraction("0.49")),
        (TaxIncluded.NO, "19", Fraction("0.5831"), Fraction("0.49")),
        (TaxIncluded.YES, "19", Fraction("0.49"), Fraction(49, 119)),
        (TaxIncluded.YES, None, Fraction("0.49"), None),
        (TaxIncluded.NOT_APPLICABLE, "19", Fraction("0.49"), Fraction("0.49")),
        (None, "0", Fraction("0.49"), Fraction("0.49")),
    ],
)
def test_the_public_sees_the_price_with_tax(
    tax: TaxIncluded | None, vat: str | None, incl: Fraction, excl: Fraction | None
) -> None:
    line = shown(element(energy("0.49", vat)), tax_included=tax).lines[0]

    assert (line.price.incl, line.price.excl) == (incl, excl)


def test_a_price_before_tax_at_an_unknown_rate_cannot_be_shown_to_the_public() -> None:
    found = shown(element(energy("0.49")), tax_included=TaxIncluded.NO)

    assert [finding.code for finding in found.findings] == ["display_tax_unknown"]


def test_windows_are_listed_with_what_holds_now_and_what_comes_next() -> None:
    found = shown(
        element(energy("0.49"), parking("6"), when=DAY), element(energy("0.39"), when=NIGHT)
    )

    assert listed(found) == [("0.49", False, True), ("0.39", False, False)]
    first, second, third = found.changes[:3]
    assert (first.at, first.kind) == (datetime(2026, 3, 4, 19, tzinfo=UTC), ShownKind.ENERGY)
    assert first.price is not None
    assert first.price.incl == Fraction("0.39")
    assert (second.at, second.kind, second.price) == (first.at, ShownKind.OCCUPANCY, None)
    assert third.at == datetime(2026, 3, 5, 7, tzinfo=UTC)
    assert found.simple


def test_energy_that_no_element_prices_is_shown_as_free_and_only_where_there_is_such_a_time() -> (
    None
):
    gap = shown(element(energy("0.49"), when=DAY))
    whole = shown(element(energy("0.49"), when=DAY), element(energy("0.49"), when=NIGHT))

    assert listed(gap) == [("0.49", False, True), ("0.0", True, False)]
    assert listed(whole) == [("0.49", False, True)]
    assert whole.lines[0].when is None


def test_thresholds_of_energy_and_duration_are_conditions_not_the_price_now() -> None:
    found = shown(
        element(energy("0.39"), when=Restrictions(min_kwh=Decimal(30))),
        element(charging("6"), when=Restrictions(min_duration=14_400)),
        element(energy("0.49")),
    )

    assert listed(found) == [("0.39", False, False), ("0.49", True, True)]
    assert listed(found, ShownKind.CHARGING) == [("0.1", False, False)]
    assert found.now(ShownKind.CHARGING) is None
    assert found.simple


def test_what_can_never_hold_is_not_shown() -> None:
    found = shown(
        element(energy("0.10"), when=Restrictions(end_date=date(2026, 1, 1))),
        element(energy("0.20"), when=Restrictions(user_groups=("staff",))),
        element(energy("0.49")),
        element(energy("0.30"), when=DAY),
    )

    assert listed(found) == [("0.49", False, True)]


def test_a_member_of_a_group_sees_the_price_of_the_group() -> None:
    staff = PriceContext(zone="Europe/Berlin", user_groups=frozenset({"staff"}))
    found = shown(
        element(energy("0.20"), when=Restrictions(user_groups=("staff",))),
        element(energy("0.49")),
        context=staff,
    )

    assert listed(found) == [("0.2", False, True)]
    assert found.lines[0].when is None


def test_a_date_a_weekday_and_a_holiday_to_come_are_shown_though_they_do_not_hold_now() -> None:
    found = shown(
        element(energy("0.10"), when=Restrictions(holiday=True)),
        element(energy("0.20"), when=Restrictions(day_of_week=WEEKEND)),
        element(energy("0.30"), when=Restrictions(start_date=date(2026, 6, 1))),
        element(energy("0.49")),
        holidays=(date(2026, 5, 1),),
    )

    assert [price_ for price_, _, _ in listed(found)] == ["0.1", "0.2", "0.3", "0.49"]
    assert listed(found)[-1] == ("0.49", True, True)
    assert [finding.code for finding in found.findings] == ["display_overlap"]


def test_a_spot_price_shows_the_markets_price_now_and_the_next_ones() -> None:
    follows = PriceComponent(
        type=DimensionType.ENERGY,
        price=Decimal("0.10"),
        vat=Decimal(19),
        spot=SpotPrice(feed="DE-LU", fallback=Decimal("0.30"), ceiling=Decimal(1)),
    )
    hour = timedelta(hours=1)
    curve = SpotCurve(
        starts=(NOON, NOON + hour),
        prices=(Decimal("0.08"), Decimal("0.12")),
        ends_at=NOON + 2 * hour,
    )
    known = shown(
        element(follows), context=PriceContext(zone="Europe/Berlin", spot={"DE-LU": curve})
    )
    unknown = shown(element(follows))

    line = known.lines[0]
    assert (line.price.excl, line.market, line.market_known) == (Fraction("0.18"), True, True)
    assert line.ceiling is not None
    assert (line.floor, line.ceiling.incl) == (None, Fraction("1.19"))
    assert [(change.at, change.price and change.price.excl) for change in known.changes] == [
        (NOON + hour, Fraction("0.22")),
        (NOON + 2 * hour, Fraction("0.40")),
    ]
    assert unknown.lines[0].price.excl == Fraction("0.40")
    assert not unknown.lines[0].market_known


@pytest.mark.parametrize(
    ("elements", "code"),
    [
        (
            (
                element(energy("0.3"), when=DAY),
                element(energy("0.4"), when=Restrictions(min_kwh=Decimal(20))),
                element(energy("0.5")),
            ),
            "display_overlap",
        ),
        (
            (
                element(energy("0.3"), when=Restrictions(max_power=Decimal(11))),
                element(energy("0.5")),
            ),
            "display_measured",
        ),
        ((element(energy("0.5", step_size=1_000)),), "display_step"),
        (
            tuple(
                element(energy(f"0.3{hour}"), when=Restrictions(
                    start_time=time(hour), end_time=time(hour + 1)))
                for hour in range(5)
            ),
            "display_many",
        ),
    ],
)  # fmt: skip
def test_a_tariff_that_is_no_simple_list_says_so(
    elements: tuple[TariffElement, ...], code: str
) -> None:
    assert code in {finding.code for finding in shown(*elements).findings}


def test_limits_and_a_cap_come_with_the_side_of_tax_that_the_tariff_states() -> None:
    found = shown(
        element(energy("0")),
        min_price=PriceLimit(excl_vat=Decimal(2)),
        daily_cap=PriceLimit(incl_vat=Decimal(20)),
    )

    assert [(limit.kind.value, limit.excl, limit.incl) for limit in found.limits] == [
        ("min_price", Decimal(2), None),
        ("daily_cap", None, Decimal(20)),
    ]
    assert not found.free
    assert shown(element(energy("0"))).free


# What is measured is not known before the session; how that is shown has tests of its own.
unmeasured = restrictions.map(lambda rule: replace(rule, min_current=None, max_power=None))


@settings(max_examples=25, deadline=None)
@given(
    tariffs(st.none() | unmeasured, st.just(1)),
    st.integers(0, 14 * 96).map(lambda quarters: NOON + quarters * timedelta(minutes=15)),
)
def test_the_price_shown_now_is_the_price_that_is_billed(
    tariff: TariffVersion, at: datetime
) -> None:
    found = shown_price(compile_tariff(tariff), BERLIN, at)
    billed = price(tariff, [ChargingPeriod(started_at=at, energy_mwh=KWH, time_s=60)], BERLIN)

    used = {line.dimension: line.incl for line in billed.lines if line.reason.value == "used"}
    for kind, dimension in (
        (ShownKind.ENERGY, DimensionType.ENERGY),
        (ShownKind.CHARGING, DimensionType.TIME),
        (ShownKind.SESSION, DimensionType.FLAT),
    ):
        line = found.now(kind)
        assert (line.price.incl if line else 0) == used.get(dimension, 0)
