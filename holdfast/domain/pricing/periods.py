"""Cut a session into charging periods, so that no price changes inside one.

The cuts are where the tariff may change its price (`boundaries`), where the car stops or starts
taking power, and where the grace after that is over. Energy between two meter samples is taken as
flowing evenly, and a period with such an edge is marked as interpolated. Nothing is lost: the
periods' energy adds up to the session's energy in whole Wh, their seconds to its duration.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

from holdfast.domain.money import round_half_up
from holdfast.domain.pricing.boundaries import (
    clock_boundaries,
    duration_thresholds_s,
    energy_thresholds_mwh,
)
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import CompiledTariff, compile_tariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.price import time_zone
from holdfast.domain.quality import EnergyPoint, Measurement
from holdfast.domain.tariff.version import TariffVersion

_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)


class TariffUnsupported(ValueError):
    """The tariff has prices by current or power, which sessions of ours are not cut at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """From `started_at` on, up to and without `ended_at`."""

    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCourse:
    """How a session went. `ended_at` is now for one that is open.

    `suspended` are the times in which the car took no power by its own will (SuspendedEV); a
    station that held the power back (SuspendedEVSE) is charging time. From `charging_ended_at`
    on, if known, the car only stood there.
    """

    started_at: datetime
    ended_at: datetime
    measurement: Measurement
    suspended: tuple[Interval, ...] = ()
    charging_ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, order=True)
class _Cut:
    """A point of the session: when, and how much had flowed."""

    at: datetime
    energy_mwh: int
    interpolated: bool = False


def cut_periods(
    course: SessionCourse, tariff: TariffVersion, context: PriceContext
) -> list[ChargingPeriod]:
    """The charging periods of a session under a tariff: what `pricing.price` takes.

    Time in which the car takes no power is parking time, except the first `idle_grace_s` of each
    such stretch, which is neither charging nor parking. There is always one period at least.
    Raises `TariffUnsupported`, `UnknownZone`, `SessionTooLong`.
    """
    compiled = compile_tariff(tariff)
    if compiled.by_measurement:
        raise TariffUnsupported(f"tariff {tariff.id} has prices by current or power")
    started_at = course.started_at.astimezone(UTC)
    ended_at = max(started_at, course.ended_at.astimezone(UTC))
    line = _Curve(course.measurement, started_at, ended_at)
    idle = _idle(course, started_at, ended_at)
    grace = timedelta(seconds=tariff.idle_grace_s)
    instants = {started_at, ended_at}
    for stretch in idle:
        instants |= {stretch.started_at, stretch.started_at + grace, stretch.ended_at}
    instants.update(clock_boundaries(compiled, started_at, ended_at, time_zone(context.zone)))
    instants.update(started_at + limit * _SECOND for limit in duration_thresholds_s(compiled))
    cuts = [line.at(instant) for instant in instants if started_at <= instant <= ended_at]
    cuts += _threshold_cuts(compiled, line)
    # Also where the meter moved in no time at the very start or end.
    cuts += [_Cut(started_at, 0), _Cut(ended_at, line.total_mwh)]
    return _between(sorted(cuts), line, idle, grace)


class _Curve:
    """Energy over time between samples, in mWh."""

    def __init__(self, measurement: Measurement, started_at: datetime, ended_at: datetime) -> None:
        self.started_at = started_at
        self.points = _clipped(measurement.curve, started_at, ended_at)
        self.instants = [point.at for point in self.points]
        self.total_mwh = self.points[-1].energy_mwh
        self.rounded_mwh = round_half_up(Fraction(self.total_mwh, 1_000)) * 1_000

    def at(self, instant: datetime) -> _Cut:
        """How much had flowed by an instant; all of it if the meter moved at that instant."""
        after = bisect_right(self.instants, instant)
        left = self.points[after - 1]
        if left.at == instant or after == len(self.points):
            return _Cut(instant, left.energy_mwh)
        right = self.points[after]
        rise = right.energy_mwh - left.energy_mwh
        share = Fraction(_us(instant - left.at), _us(right.at - left.at))
        energy = left.energy_mwh + round_half_up(share * rise)
        return _Cut(instant, energy, interpolated=rise > 0)

    def reach(self, energy_mwh: int) -> _Cut | None:
        """When so much had flowed; None if it never had, or had from the start."""
        if not self.points[0].energy_mwh < energy_mwh <= self.total_mwh:
            return None
        number = next(n for n, point in enumerate(self.points) if point.energy_mwh >= energy_mwh)
        left, right = self.points[number - 1], self.points[number]
        rise = right.energy_mwh - left.energy_mwh
        part = (energy_mwh - left.energy_mwh) * _us(right.at - left.at)
        instant = left.at + -(-part // rise) * _MICROSECOND
        return _Cut(instant, energy_mwh, interpolated=energy_mwh != right.energy_mwh)

    def seconds(self, instant: datetime) -> int:
        """Whole seconds since the start."""
        return round_half_up(Fraction(_us(instant - self.started_at), 1_000_000))

    def billed(self, energy_mwh: int) -> int:
        """The energy so far as it is billed: the end is a whole number of Wh, once for all.

        The fraction of a Wh goes where the last energy flowed, not to the parking after it.
        """
        if energy_mwh >= self.total_mwh:
            return self.rounded_mwh
        return min(energy_mwh, self.rounded_mwh)


def _clipped(
    curve: Sequence[EnergyPoint], started_at: datetime, ended_at: datetime
) -> list[EnergyPoint]:
    """The curve inside the session, never falling. What lies outside counts at its nearest end."""
    points = [EnergyPoint(at=started_at, energy_mwh=0)]
    for point in curve:
        at = min(max(point.at.astimezone(UTC), points[-1].at), ended_at)
        points.append(EnergyPoint(at=at, energy_mwh=max(point.energy_mwh, points[-1].energy_mwh)))
    return points


def _idle(course: SessionCourse, started_at: datetime, ended_at: datetime) -> list[Interval]:
    """The stretches in which the car took no power, in order and apart from each other."""
    stretches = list(course.suspended)
    if course.charging_ended_at is not None:
        stretches.append(Interval(started_at=course.charging_ended_at, ended_at=ended_at))
    joined: list[Interval] = []
    for stretch in sorted(stretches, key=lambda stretch: stretch.started_at):
        begin = max(stretch.started_at.astimezone(UTC), started_at)
        end = min(stretch.ended_at.astimezone(UTC), ended_at)
        if begin >= end:
            continue
        if joined and begin <= joined[-1].ended_at:
            begin, end = joined[-1].started_at, max(end, joined.pop().ended_at)
        joined.append(Interval(started_at=begin, ended_at=end))
    return joined


def _threshold_cuts(tariff: CompiledTariff, line: _Curve) -> list[_Cut]:
    reached = (line.reach(threshold) for threshold in energy_thresholds_mwh(tariff))
    return [cut for cut in reached if cut is not None]


def _between(
    cuts: Sequence[_Cut], line: _Curve, idle: Sequence[Interval], grace: timedelta
) -> list[ChargingPeriod]:
    """The periods between neighbouring cuts that differ in time or energy."""
    periods: list[ChargingPeriod] = []
    idle_starts = [stretch.started_at for stretch in idle]
    for left, right in pairwise(cuts):
        if (left.at, left.energy_mwh) == (right.at, right.energy_mwh):
            continue
        # Rounded against the session's start, so that the seconds add up to its duration.
        seconds = line.seconds(right.at) - line.seconds(left.at)
        number = bisect_right(idle_starts, left.at) - 1
        resting = number >= 0 and left.at < idle[number].ended_at
        parking = resting and left.at >= idle[number].started_at + grace
        periods.append(
            ChargingPeriod(
                started_at=left.at,
                energy_mwh=line.billed(right.energy_mwh) - line.billed(left.energy_mwh),
                time_s=0 if resting else seconds,
                parking_s=seconds if parking else 0,
                grace_s=seconds if resting and not parking else 0,
                interpolated=left.interpolated or right.interpolated,
            )
        )
    return periods or [ChargingPeriod(started_at=line.started_at)]


def _us(duration: timedelta) -> int:
    return duration // _MICROSECOND
