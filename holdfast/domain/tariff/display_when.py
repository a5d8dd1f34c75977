"""Restrictions as a reader needs them: without what holds anyway, and whether two can meet."""

from dataclasses import replace
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
    left = replace(restrictions, user_groups=(), reservation=None)
    if left.start_date is not None and left.start_date <= today:
        left = replace(left, start_date=None)
    if set(left.day_of_week) == set(DayOfWeek):
        left = replace(left, day_of_week=())
    if _whole_day(left):
        left = replace(left, start_time=None, end_time=None)
    zero = {
        field: None
        for field in ("min_kwh", "min_duration", "min_current", "min_power")
        if getattr(left, field) == 0
    }
    changes: dict[str, Any] = dict(zero)
    left = replace(left, **changes) if changes else left
    return None if left == _NONE else left


def overlap(one: Restrictions | None, other: Restrictions | None) -> bool:
    """Whether both can hold at once: of such two the first counts, which is hard to read."""
    if one is None or other is None:
        return True
    if one.holiday is not None and other.holiday is not None and one.holiday != other.holiday:
        return False
    if one.day_of_week and other.day_of_week and not set(one.day_of_week) & set(other.day_of_week):
        return False
    if not _minutes(one) & _minutes(other):
        return False
    return all(_meet(one, other, least, end) for least, end in RANGES)


def _meet(one: Restrictions, other: Restrictions, least: str, end: str) -> bool:
    pairs: tuple[tuple[Restrictions, Restrictions], ...] = ((one, other), (other, one))
    for low, high in pairs:
        starts, ends = getattr(low, least), getattr(high, end)
        if starts is not None and ends is not None and starts >= ends:
            return False
    return True


def _minutes(restrictions: Restrictions) -> frozenset[int]:
    return frozenset().union(*restrictions.minutes())


def _whole_day(restrictions: Restrictions) -> bool:
    return len(_minutes(restrictions)) == DAY_MINUTES
