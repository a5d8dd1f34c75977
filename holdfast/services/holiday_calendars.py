"""Public holidays of countries and their parts, from the `holidays` package.

Asked when a tariff version is made: its dates are then written into it, so that a later edition of
the package changes no price. Pricing itself never comes here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import holidays
from holidays.utils import list_supported_countries

from holdfast.domain.tariff.version import NAME
from holdfast.services.refusal import Invalid

YEARS_MAX = 20
YEAR_LEAST, YEAR_MOST = 1990, 2100


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayCalendar:
    """`key` is what a tariff names: ISO 3166 country, and its part where there is one ("DE-BY")."""

    key: str
    country: str
    subdivision: str | None


@lru_cache(maxsize=1)
def calendars() -> tuple[HolidayCalendar, ...]:
    """Every calendar that can be named in a tariff, in alphabetical order; some 2,000."""
    found = []
    for country, parts in list_supported_countries(include_aliases=False).items():
        for part in (None, *parts):
            key = country if part is None else f"{country}-{part}"
            if NAME.fullmatch(key):
                found.append(HolidayCalendar(key=key, country=country, subdivision=part))
    return tuple(sorted(found, key=lambda calendar: calendar.key))


def find_calendar(key: str) -> HolidayCalendar:
    """The calendar of this key. Raises Invalid."""
    for calendar in calendars():
        if calendar.key == key:
            return calendar
    country = key.partition("-")[0]
    near = [calendar.key for calendar in calendars() if calendar.country == country]
    if near:
        shown = ", ".join(near[:30])
        raise Invalid("holiday_calendar", key, f"there is no such part of {country}; use {shown}")
    raise Invalid("holiday_calendar", key, "name a country and its part, as in FR, DE-BY or US-CA")


def holiday_dates(calendar: str, years: Sequence[int]) -> tuple[date, ...]:
    """The public holidays of whole years, substitute days included, ascending.

    Raises Invalid: an unknown calendar, too many years, or years that it says nothing about (a
    silent calendar would make every day an ordinary one).
    """
    known = find_calendar(calendar)
    wanted = sorted(set(years))
    if not 1 <= len(wanted) <= YEARS_MAX:
        raise Invalid("years", f"{len(wanted)} years", f"use 1 to {YEARS_MAX}")
    for year in wanted:
        if not YEAR_LEAST <= year <= YEAR_MOST:
            raise Invalid("years", year, f"use {YEAR_LEAST} to {YEAR_MOST}")
    # expand=False: else it grows with whatever year is asked for.
    dates = holidays.country_holidays(
        known.country, subdiv=known.subdivision, years=wanted, expand=False
    )
    missing = set(wanted) - {day.year for day in dates}
    if missing:
        raise Invalid("years", min(missing), f"the calendar {calendar} says nothing about it")
    return tuple(sorted(day for day in dates if day.year in set(wanted)))
