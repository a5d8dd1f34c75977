"""What drivers used earlier in a simulation, where what is simulated has caps or allowances by day.

In the past these rules were not there, or others were: so each driver's days are counted again,
under what is simulated, from the first session of the simulation on.
"""

from collections.abc import Mapping
from typing import Any, Self

from holdfast.domain.pricing.context import Earlier
from holdfast.domain.pricing.day_totals import (
    DayTotal,
    earlier_of,
    totals_from_json,
    totals_to_json,
)

DAYS_MAX = 20_000
"""Days of drivers that are kept; beyond, what was used earlier is not counted, and said so."""

NOT_COUNTED = "earlier_not_counted"


class EarlierDays:
    """By driver and local day. Sessions come in the order in which they began, or nearly."""

    def __init__(self, days: Mapping[str, Mapping[str, DayTotal]] | None = None) -> None:
        self._days: dict[str, dict[str, DayTotal]] = {
            driver: dict(known) for driver, known in (days or {}).items()
        }
        self._kept = sum(len(known) for known in self._days.values())

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Self:
        """As `to_json` wrote it."""
        return cls({driver: totals_from_json(days) for driver, days in form.items()})

    def to_json(self) -> dict[str, Any]:
        """Bounded by `DAYS_MAX`."""
        return {driver: totals_to_json(days) for driver, days in self._days.items()}

    def of(self, driver: str | None) -> Earlier:
        """What a driver had so far; nothing where nobody knows who it is."""
        known = None if driver is None else self._days.get(driver)
        return Earlier() if known is None else earlier_of([known])

    def add(self, driver: str | None, totals: Mapping[str, DayTotal]) -> bool:
        """What a session used. False where there is no room for it."""
        if driver is None:
            return True
        known = self._days.get(driver, {})
        new = sum(day not in known for day in totals)
        if self._kept + new > DAYS_MAX:
            return False
        self._days[driver] = known
        self._kept += new
        for day, more in totals.items():
            total = known.setdefault(day, DayTotal())
            for kind, quantity in more.used.items():
                total.used[kind] = total.used.get(kind, 0) + quantity
            total.excl += more.excl
            total.incl += more.incl
        return True

    def forget(self, before: str) -> None:
        """Drop the days before a local day, which count for no session to come."""
        for driver in list(self._days):
            kept = {day: total for day, total in self._days[driver].items() if day >= before}
            self._kept -= len(self._days[driver]) - len(kept)
            if kept:
                self._days[driver] = kept
            else:
                del self._days[driver]
