"""Restrictions as a reader needs them: without what holds anyway, and whether two can meet."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from holdfast.domain.tariff.version import DAY_MINUTES, DayOfWeek, Restrictions

_NONE = Restrictions()

RANGES = (
    ("min_kwh", "max_kwh"),
    ("min_duration", "max_duration"),
    ("min_current", "max_current"),
    ("min_power", "max_power"),
    ("start_date", "end_date"),
)
"""Fields that bound from below (inclusive) and from above (exclusive)."""


def left_to_say(restrictions: Restrictions | None, today: date) -> Restrictions | None:
    """What of them a driver must still be told on that local day; None where nothing is left.

    The driver's groups hold (others' elements are not shown), a start in the past has come, all
    seven days are every day, and a minimum of nothing is none.
    """
    if restrictions is None:
        return None
    said: dict[str, Any] = {"user_groups": (), "reservation": None}
    if restrictions.start_date is not None and restrictions.start_date <= today:
        said["start_date"] = None
    if set(restrictions.day_of_week) == set(DayOfWeek):
        said["day_of_week"] = ()
    if sum(len(stretch) for stretch in restrictions.minutes()) == DAY_MINUTES:
        said |= {"start_time": None, "end_time": None}
    for name in ("min_kwh", "min_duration", "min_current", "min_power"):
        if getattr(restrictions, name) == 0:
            said[name] = None
    left = replace(restrictions, **said)
    return None if left == _NONE else left


@dataclass(frozen=True, slots=True)
class Reach:
    """Where restrictions hold, made ready to be compared with many others. `minutes` of the day and
    `days` of the week as bits; `starts` and `ends` in the order of `RANGES`."""

    minutes: int
    days: int
    holiday: bool | None
    starts: tuple[Any, ...]
    ends: tuple[Any, ...]

    @classmethod
    def of(cls, restrictions: Restrictions) -> "Reach":
        """All that is compared of them."""
        minutes = sum(((1 << len(open)) - 1) << open.start for open in restrictions.minutes())
        days = sum(1 << day for day in restrictions.weekdays())
        return cls(
            minutes=minutes,
            days=days,
            holiday=restrictions.holiday,
            starts=tuple(getattr(restrictions, least) for least, _ in RANGES),
            ends=tuple(getattr(restrictions, end) for _, end in RANGES),
        )

    def overlaps(self, other: "Reach") -> bool:
        """Whether both can hold at once: of such two the first counts, which is hard to read."""
        if not self.minutes & other.minutes or not self.days & other.days:
            return False
        if self.holiday is not None and other.holiday is (not self.holiday):
            return False
        return _meet(self.starts, other.ends) and _meet(other.starts, self.ends)


def _meet(starts: tuple[Any, ...], ends: tuple[Any, ...]) -> bool:
    for start, end in zip(starts, ends, strict=True):
        if start is not None and end is not None and start >= end:
            return False
    return True
