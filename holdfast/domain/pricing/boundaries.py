"""Where a tariff may change its prices: the instants, energies and durations to cut at.

A boundary too many costs nothing (two periods at one price); a boundary too few costs money.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from holdfast.domain.pricing.compiled_tariff import CompiledTariff

DAYS_MAX = 400

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class SessionTooLong(ValueError):
    """A session over more days than can be cut."""


def clock_boundaries(
    tariff: CompiledTariff, started_at: datetime, ended_at: datetime, zone: ZoneInfo
) -> list[datetime]:
    """The instants strictly inside the session at which a clock restriction may change, in UTC.

    They are the edges of the time windows on every local day, local midnight where weekdays or
    dates matter, both passes through an hour that happens twice, and the clock change itself:
    an edge in the missing hour takes effect there.
    """
    if ended_at - started_at > DAYS_MAX * _DAY:
        raise SessionTooLong(f"a session of {(ended_at - started_at).days} days cannot be cut")
    edges = _edges(tariff)
    if not edges:
        return []
    found: set[datetime] = set()
    day = started_at.astimezone(zone).date()
    last_day = ended_at.astimezone(zone).date()
    while day <= last_day:
        for clock in edges:
            for fold in (0, 1):
                local = datetime.combine(day, clock, tzinfo=zone).replace(fold=fold)
                found.add(local.astimezone(UTC))
        found.update(_clock_change(day, zone))
        day += _DAY
    return sorted(instant for instant in found if started_at < instant < ended_at)


def energy_thresholds_mwh(tariff: CompiledTariff) -> list[int]:
    """The energies since session start at which an energy restriction changes."""
    limits = (
        limit
        for conditions in tariff.conditions
        for limit in (conditions.min_mwh, conditions.max_mwh)
    )
    return sorted({limit for limit in limits if limit})


def duration_thresholds_s(tariff: CompiledTariff) -> list[int]:
    """The seconds since session start at which a duration restriction changes."""
    limits = (
        limit
        for conditions in tariff.conditions
        for limit in (conditions.min_duration, conditions.max_duration)
    )
    return sorted({limit for limit in limits if limit})


def _edges(tariff: CompiledTariff) -> list[time]:
    seconds: set[int] = set()
    for conditions in tariff.conditions:
        if not conditions.any_time:
            seconds |= {conditions.from_s, conditions.until_s % 86_400}
        if conditions.by_date:
            seconds.add(0)
    return [time(second // 3_600, second // 60 % 60) for second in sorted(seconds)]


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
