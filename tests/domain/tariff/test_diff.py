"""How versions differ, in the sentences that who approves one reads."""

from dataclasses import replace
from datetime import date, time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.domain.currency import Currency
from holdfast.domain.tariff.diff import differences
from holdfast.domain.tariff.version import (
    Allowance,
    AllowancePer,
    DayOfWeek,
    DimensionType,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    SpotPrice,
    TariffElement,
    TariffType,
    TariffVersion,
    TaxIncluded,
)
from tests.domain.tariffs import (
    element,
    energy,
    flat,
    parking,
    restrictions,
    tariff,
    tariffs,
)

EVENING = Restrictions(start_time=time(18), end_time=time(22), day_of_week=tuple(DayOfWeek)[:5])
NIGHT = Restrictions(start_time=time(22), end_time=time(6))
OLD = tariff(element(energy("0.45", "19"), when=EVENING), element(energy("0.35", "19")))


def with_elements(*elements: TariffElement) -> TariffVersion:
    return replace(OLD, elements=elements)


def test_a_changed_price_is_said_with_when_it_counts() -> None:
    new = with_elements(element(energy("0.49", "19"), when=EVENING), OLD.elements[1])

    assert differences(OLD, new) == (
        "Energy on weekdays, 18:00 to 22:00: 0.45 becomes 0.49 EUR per kWh.",
    )


def test_an_element_put_in_between_changes_no_other() -> None:
    new = with_elements(element(energy("0.3", "19"), flat("1"), when=NIGHT), *OLD.elements)

    assert differences(OLD, new) == (
        "Added in place 1, 22:00 to 06:00: Energy 0.3 EUR per kWh (19 % VAT) and the fee per"
        " session 1 EUR per session (no VAT).",
    )
    assert differences(new, OLD) == (
        "Removed, 22:00 to 06:00: Energy 0.3 EUR per kWh (19 % VAT) and the fee per session"
        " 1 EUR per session (no VAT).",
    )


def test_an_element_that_moved_is_said_once() -> None:
    first, last = OLD.elements
    night = element(energy("0.3"), when=NIGHT)
    old, new = with_elements(first, night, last), with_elements(night, first, last)

    [said] = differences(old, new)

    assert said.startswith("Moved from place ")


def test_an_element_that_counts_at_other_times_is_the_same_element() -> None:
    late = replace(EVENING, end_time=time(23))
    dearer = replace(OLD.elements[0], restrictions=late)

    assert differences(OLD, with_elements(dearer, OLD.elements[1])) == (
        "Energy 0.45 EUR per kWh (19 % VAT): applies on weekdays, 18:00 to 23:00 instead of"
        " on weekdays, 18:00 to 22:00.",
    )
    both = element(energy("0.5", "19"), when=late)
    assert len(differences(OLD, with_elements(both, OLD.elements[1]))) == 2


@pytest.mark.parametrize(
    ("component", "sentence"),
    [
        (energy("0.35", "7"), "Energy: 19 % VAT becomes 7 % VAT."),
        (energy("0.35"), "Energy: 19 % VAT becomes no VAT."),
        (energy("0.35", "19", 1_000),
         "Energy: whole blocks of 1000 Wh are billed instead of 1 Wh."),
        (PriceComponent(
            type=DimensionType.ENERGY, price=Decimal("0.1"), vat=Decimal(19),
            spot=SpotPrice(feed="DE-LU", fallback=Decimal("0.2"), ceiling=Decimal(1))),
         "Energy: 0.35 EUR per kWh becomes 0.1 EUR per kWh over the market DE-LU times 1, at"
         " least 0 and at most 1, 0.2 where the market has no price."),
    ],
)  # fmt: skip
def test_what_else_changes_of_a_price_is_said(component: PriceComponent, sentence: str) -> None:
    new = with_elements(OLD.elements[0], element(component))

    assert differences(OLD, new) == (sentence,)


def test_a_price_that_comes_or_goes_is_said() -> None:
    new = with_elements(OLD.elements[0], element(energy("0.35", "19"), parking("6")))

    assert differences(OLD, new) == ("Parking time: is priced now, 6 EUR per hour.",)
    assert differences(new, OLD) == (
        "Parking time: is no longer priced here, it was 6 EUR per hour.",
    )


def limit(excl: int | None, incl: int | None = None) -> PriceLimit:
    return PriceLimit(
        excl_vat=None if excl is None else Decimal(excl),
        incl_vat=None if incl is None else Decimal(incl),
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"currency": Currency.of("SEK")}, "The currency becomes SEK instead of EUR."),
        ({"type": TariffType.REGULAR}, "The type becomes REGULAR instead of none."),
        ({"tax_included": TaxIncluded.YES},
         "Whether prices include tax becomes YES instead of not stated."),
        ({"max_price": limit(10, 12)},
         "The greatest price of a session: none becomes 10 EUR before tax and 12 EUR after tax."),
        ({"min_price": limit(None, 1)},
         "The least price of a session: none becomes 1 EUR after tax."),
        ({"daily_cap": limit(20)}, "The greatest price of a day: none becomes 20 EUR before tax."),
        ({"idle_grace_s": 5_400}, "The grace before parking counts: 0 s becomes 1 h 30 min."),
        ({"allowances": (Allowance(
            type=DimensionType.ENERGY, quantity=Decimal(5), per=AllowancePer.MONTH),)},
         "Free energy per month: nothing becomes 5 kWh."),
        ({"allowances": (Allowance(type=DimensionType.TIME, quantity=Decimal(600)),)},
         "Free charging time per session: nothing becomes 10 min."),
        ({"holiday_calendar": "DE-BY"}, "The calendar of holidays becomes DE-BY instead of none."),
        ({"holidays": (date(2026, 12, 25),)}, "Days that become holidays: 2026-12-25."),
    ],
)  # fmt: skip
def test_every_part_of_a_version_has_its_sentence(change: dict[str, object], sentence: str) -> None:
    new = replace(OLD, **change)  # type: ignore[arg-type]

    assert differences(OLD, new) == (sentence,)
    assert len(differences(new, OLD)) == 1


def test_each_restriction_has_its_words() -> None:
    rule = Restrictions(
        reservation=Reservation.RESERVATION,
        user_groups=("staff", "guests"),
        day_of_week=(DayOfWeek.SUNDAY, DayOfWeek.MONDAY, DayOfWeek.TUESDAY, DayOfWeek.WEDNESDAY),
        holiday=False,
        end_time=time(7),
        start_date=date(2026, 1, 1),
        end_date=date(2026, 7, 1),
        min_kwh=Decimal("2.50"),
        max_current=Decimal(16),
        min_power=Decimal(11),
        max_power=Decimal(22),
        min_duration=60,
        max_duration=3_600,
    )

    [said] = differences(OLD, with_elements(*OLD.elements, element(flat("1"), when=rule)))

    assert said == (
        "Added in place 3, for a reservation, for guests and staff, on Monday to Wednesday and"
        " Sunday, not on public holidays, 00:00 to 07:00, from 2026-01-01 to before 2026-07-01,"
        " from 2.5 kWh on, up to 16 A, from 11 kW to 22 kW, from 1 min to 1 h after the start:"
        " The fee per session 1 EUR per session (no VAT)."
    )


any_tariffs = tariffs(st.none() | restrictions, st.integers(0, 100))


@settings(max_examples=40)
@given(any_tariffs, any_tariffs)
def test_versions_that_differ_have_a_sentence_and_the_same_have_none(
    old: TariffVersion, new: TariffVersion
) -> None:
    assert differences(old, replace(old, id="another")) == ()
    assert bool(differences(old, new)) == (replace(old, id="x") != replace(new, id="x"))
    assert all(sentence.endswith(".") for sentence in differences(old, new))
