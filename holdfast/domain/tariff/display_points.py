"""The points of time, energy, duration and power at which a tariff's prices are looked at.

Between two neighbouring points no price changes, so what holds at none of them never holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import product
from math import prod
from zoneinfo import ZoneInfo

from holdfast.domain.pricing.boundaries import boundaries_of, clock_instants, spot_instants
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.tariff.display_probe import Point
from holdfast.domain.tariff.version import Restrictions, TariffVersion

POINTS_MAX = 1_500
CANDIDATES_MAX = 400
HORIZON = timedelta(days=7)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Points:
    """`all`: where to ask which price counts; `cut`: there would be too many, and there are none.

    `changes`: the instants of the coming days at which the price of a new session may change.
    """

    all: tuple[Point, ...]
    changes: tuple[datetime, ...]
    cut: bool


def points_of(tariff: TariffVersion, context: PriceContext, at: datetime, zone: ZoneInfo) -> Points:
    """From `at` on: a week, and a week from each date that is still to come."""
    edges = boundaries_of(tariff, context.user_groups)
    restrictions = [
        element.restrictions for element in tariff.elements if element.restrictions is not None
    ]
    today = at.astimezone(zone).date()
    days = _days(tariff, restrictions, today)
    starts = sorted({at, *(_midnight(day, zone) for day in days)})
    axes = (
        (0, *edges.energies_mwh),
        (0, *edges.durations_s),
        _levels(restrictions, "min_power", "max_power"),
        _levels(restrictions, "min_current", "max_current"),
    )
    most = POINTS_MAX // prod(len(axis) for axis in axes)
    instants = _instants(edges.clocks, starts, _by_date(restrictions), zone, most)
    cut = len(instants) > most
    until = at + HORIZON
    changes = {
        *clock_instants(edges.clocks, at, until, zone),
        *spot_instants(edges.feeds, context, at, until),
    }
    return Points(
        all=() if cut else tuple(Point(*each) for each in product(sorted(instants), *axes)),
        changes=tuple(sorted(changes)[:CANDIDATES_MAX]),
        cut=cut,
    )


def _instants(
    clocks: tuple[time, ...],
    starts: Sequence[datetime],
    by_date: bool,
    zone: ZoneInfo,
    most: int,
) -> set[datetime]:
    """All from each start on, which ascend, or some more than `most`: nobody looks at those."""
    span = HORIZON if by_date else _DAY
    instants: set[datetime] = set()
    known_until = starts[0]
    for start in starts:
        # A second early: what is asked for lies strictly inside, and that end did not.
        since = max(start, known_until - _SECOND)
        known_until = start + span
        instants |= {start, *clock_instants(clocks, since, known_until, zone)}
        if len(instants) > most:
            break
    return instants


def _days(tariff: TariffVersion, restrictions: list[Restrictions], today: date) -> list[date]:
    """Local days from which something may differ that no day of the coming week shows."""
    days = {
        day
        for each in restrictions
        for day in (each.start_date, each.end_date)
        if day is not None and day > today
    }
    if any(each.holiday is not None for each in restrictions):
        ahead = sorted(day for day in tariff.holidays if day >= today)
        days |= set(ahead[:1])
        days |= {day + _DAY for day in ahead[:1]}
    return sorted(days)


def _by_date(restrictions: list[Restrictions]) -> bool:
    return any(
        each.day_of_week or each.start_date or each.end_date or each.holiday is not None
        for each in restrictions
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _levels(restrictions: list[Restrictions], least: str, end: str) -> list[Decimal | None]:
    """Every level at which a limit on current or power changes its mind; None where there is none.

    Below the lowest counts too; an unmeasured point is asked only where nothing is restricted,
    since a station that measures nothing is the exception.
    """
    limits: set[Decimal] = set()
    for each in restrictions:
        limits |= {
            limit for limit in (getattr(each, least), getattr(each, end)) if limit is not None
        }
    if not limits:
        return [None]
    return [*sorted({Decimal(0), *limits})]
