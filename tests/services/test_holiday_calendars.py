"""Holidays are those of the place, written out for whole years, and nothing is guessed."""

from datetime import date

import pytest

from holdfast.domain.tariff.version import NAME
from holdfast.services.holiday_calendars import calendars, find_calendar, holiday_dates
from holdfast.services.refusal import Invalid


def test_a_part_of_a_country_has_holidays_that_the_country_has_not() -> None:
    bavaria, germany = holiday_dates("DE-BY", [2026]), holiday_dates("DE", [2026])

    assert date(2026, 1, 6) in bavaria
    assert date(2026, 1, 6) not in germany
    assert date(2026, 5, 1) in germany
    assert set(germany) < set(bavaria)


def test_dates_are_ascending_and_of_the_years_asked_for() -> None:
    dates = holiday_dates("US-CA", [2027, 2026])

    assert list(dates) == sorted(dates)
    assert {day.year for day in dates} == {2026, 2027}
    assert date(2026, 7, 3) in dates, "the substitute of Independence Day, which is a Saturday"


def test_every_calendar_can_be_named_in_a_tariff_and_found_again() -> None:
    known = calendars()

    assert len({calendar.key for calendar in known}) == len(known) > 500
    assert all(NAME.fullmatch(calendar.key) for calendar in known)
    assert find_calendar("FR").subdivision is None
    assert find_calendar("DE-BY").country == "DE"


@pytest.mark.parametrize(
    ("calendar", "years", "said"),
    [
        ("XX", [2026], "DE-BY"),
        ("DE-ZZ", [2026], "DE-BW"),
        ("DE-BY", [], "1 to 20"),
        ("DE-BY", list(range(2000, 2030)), "1 to 20"),
        ("DE-BY", [1800], "1990 to 2100"),
        ("DE", [1990], "says nothing about it"),
    ],
    ids=["no such country", "no such part", "no year", "too many years", "too early", "unknown"],
)
def test_what_cannot_be_said_is_refused_with_what_would_be_right(
    calendar: str, years: list[int], said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        holiday_dates(calendar, years)
