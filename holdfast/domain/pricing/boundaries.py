"""Where a tariff may change its prices: the instants, energies, durations and flows to cut at.

A boundary too many costs nothing (two periods at one price); a boundary too few costs money. So
everything counts that an element, an allowance or a cap of the tariff may depend on. Left out are
elements that can never apply: those for reservations, which price no charging, and those for
groups of which the driver is none.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.tariff.version import (
    AllowancePer,
    Restrictions,
    TariffElement,
    TariffVersion,
)

DAYS_MAX = 400

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_MILLIONTHS = 6


class SessionTooLong(ValueError):
    """A session over more days than can be cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundaries:
    """What prices depend on, as the values at which they may change, ascending.

    `clocks` are local; energies in mWh and durations in s count from the session's start; powers
    are in mW and currents in µA. `feeds`: the markets that are followed.
    """

    clocks: tuple[time, ...]
    energies_mwh: tuple[int, ...]
    durations_s: tuple[int, ...]
    powers_mw: tuple[int, ...]
    currents_ua: tuple[int, ...]
    feeds: tuple[str, ...]


def boundaries_of(tariff: TariffVersion, user_groups: frozenset[str] | None = None) -> Boundaries:
    """The boundaries for a driver of these groups; of every driver, where they are not named."""
    elements = list(_applicable(tariff, user_groups))
    rules = [element.restrictions for element in elements if element.restrictions is not None]
    return Boundaries(
        clocks=_clocks(tariff, rules),
        energies_mwh=_whole(value for rule in rules for value in (rule.min_kwh, rule.max_kwh)),
        durations_s=tuple(
            sorted({s for rule in rules for s in (rule.min_duration, rule.max_duration) if s})
        ),
        powers_mw=_whole(value for rule in rules for value in (rule.min_power, rule.max_power)),
        currents_ua=_whole(
            value for rule in rules for value in (rule.min_current, rule.max_current)
        ),
        feeds=tuple(
            sorted(
                {
                    component.spot.feed
                    for element in elements
                    for component in element.price_components
                    if component.spot is not None
                }
            )
        ),
    )


def clock_instants(
    clocks: tuple[time, ...], started_at: datetime, ended_at: datetime, zone: ZoneInfo
) -> list[datetime]:
    """When it is that late, strictly inside a session, in UTC and ascending.

    They are the clocks on every local day, both passes through an hour that happens twice, and
    the clock change itself: an edge in the missing hour takes effect there. Raises
    `SessionTooLong`.
    """
    if ended_at - started_at > DAYS_MAX * _DAY:
        raise SessionTooLong(f"a session of {(ended_at - started_at).days} days cannot be cut")
    if not clocks:
        return []
    found: set[datetime] = set()
    day = started_at.astimezone(zone).date()
    last_day = ended_at.astimezone(zone).date()
    while day <= last_day:
        for clock in clocks:
            for fold in (0, 1):
                local = datetime.combine(day, clock, tzinfo=zone).replace(fold=fold)
                found.add(local.astimezone(UTC))
        found.update(_clock_change(day, zone))
        day += _DAY
    return sorted(instant for instant in found if started_at < instant < ended_at)


def spot_instants(
    feeds: Iterable[str], context: PriceContext, started_at: datetime, ended_at: datetime
) -> list[datetime]:
    """The instants strictly inside at which a market's price may change, in UTC: the starts of its
    intervals, and where what is known of it ends."""
    found: set[datetime] = set()
    for feed in feeds:
        curve = context.spot.get(feed)
        if curve is None:
            continue
        first = bisect_right(curve.starts, started_at)
        last = bisect_left(curve.starts, ended_at)
        found.update(start.astimezone(UTC) for start in curve.starts[first:last])
        if started_at < curve.ends_at < ended_at:
            found.add(curve.ends_at.astimezone(UTC))
    return sorted(found)


def _applicable(
    tariff: TariffVersion, user_groups: frozenset[str] | None
) -> Iterator[TariffElement]:
    for element in tariff.elements:
        rule = element.restrictions
        if rule is not None:
            if rule.reservation is not None:
                continue
            strange = user_groups is not None and user_groups.isdisjoint(rule.user_groups)
            if rule.user_groups and strange:
                continue
        yield element


def _clocks(tariff: TariffVersion, rules: Iterable[Restrictions]) -> tuple[time, ...]:
    """The edges of all windows, and midnight where a day matters."""
    edges: set[time] = set()
    if tariff.daily_cap is not None or any(
        allowance.per is not AllowancePer.SESSION for allowance in tariff.allowances
    ):
        edges.add(time())
    for rule in rules:
        # A missing start is 00:00, and so is a missing end; equal times are the whole day.
        start, end = rule.start_time or time(), rule.end_time or time()
        if start != end:
            edges |= {start, end}
        if rule.day_of_week or rule.holiday is not None or rule.start_date or rule.end_date:
            edges.add(time())
    return tuple(sorted(edges))


def _whole(limits: Iterable[Decimal | None]) -> tuple[int, ...]:
    """In millionths: tariffs have no finer limits. From 0 on everything is at or above 0."""
    found = {int(limit.scaleb(_MILLIONTHS)) for limit in limits if limit is not None}
    return tuple(sorted(found - {0}))


def _clock_change(day: date, zone: ZoneInfo) -> list[datetime]:
    """The instant at which the clock is changed on that local day, found by halving."""
    low = datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    high = datetime.combine(day + _DAY, time(), tzinfo=zone).astimezone(UTC)
    before = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() == before:
        return []
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return [high]
