"""Energy over time between the samples of a session: it flows evenly from one to the next."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from holdfast.domain.pricing.context import RoundingMode
from holdfast.domain.pricing.rounding import whole
from holdfast.domain.quality import EnergyPoint, Measurement

_MICROSECOND = timedelta(microseconds=1)
_SECOND_US = 1_000_000
_HALF_UP = RoundingMode.HALF_UP


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """A point of a session: when, and how much had flowed. `interpolated`: by no sample."""

    at: datetime
    energy_mwh: int
    interpolated: bool = False


class EnergyCurve:
    """What a measurement says inside a session. Instants in UTC."""

    def __init__(self, measurement: Measurement, started_at: datetime, ended_at: datetime) -> None:
        self.started_at = started_at
        self.ended_at = ended_at
        self.points = _clipped(measurement.curve, started_at, ended_at)
        self.total_mwh = self.points[-1].energy_mwh
        self._instants = [point.at for point in self.points]
        self._energies = [point.energy_mwh for point in self.points]
        self._rounded_mwh = whole(self.total_mwh, 1_000, _HALF_UP) * 1_000

    def at(self, instant: datetime) -> Cut:
        """How much had flowed by an instant; all of it if the meter moved at that instant."""
        after = bisect_right(self._instants, instant)
        left = self.points[after - 1]
        if left.at == instant or after == len(self.points):
            return Cut(instant, left.energy_mwh)
        right = self.points[after]
        rise = right.energy_mwh - left.energy_mwh
        part = rise * _us(instant - left.at)
        energy = left.energy_mwh + whole(part, _us(right.at - left.at), _HALF_UP)
        return Cut(instant, energy, interpolated=rise > 0)

    def around(self, instant: datetime) -> tuple[int, int]:
        """The energies of the samples at or before an instant and at or after it."""
        after = bisect_right(self._instants, instant)
        left = self.points[after - 1]
        if left.at == instant or after == len(self.points):
            return left.energy_mwh, left.energy_mwh
        return left.energy_mwh, self.points[after].energy_mwh

    def reach(self, energy_mwh: int) -> Cut | None:
        """When so much had flowed; None if it never had, or had from the start."""
        if not self._energies[0] < energy_mwh <= self.total_mwh:
            return None
        number = bisect_left(self._energies, energy_mwh)
        left, right = self.points[number - 1], self.points[number]
        rise = right.energy_mwh - left.energy_mwh
        part = (energy_mwh - left.energy_mwh) * _us(right.at - left.at)
        instant = left.at + -(-part // rise) * _MICROSECOND
        return Cut(instant, energy_mwh, interpolated=energy_mwh != right.energy_mwh)

    def seconds(self, instant: datetime) -> int:
        """Whole seconds since the start."""
        return whole(_us(instant - self.started_at), _SECOND_US, _HALF_UP)

    def billed(self, energy_mwh: int) -> int:
        """The energy so far as it is billed: the end is a whole number of Wh, once for all.

        The fraction of a Wh goes where the last energy flowed, not to the parking after it.
        """
        if energy_mwh >= self.total_mwh:
            return self._rounded_mwh
        return min(energy_mwh, self._rounded_mwh)


def _clipped(
    curve: Sequence[EnergyPoint], started_at: datetime, ended_at: datetime
) -> list[EnergyPoint]:
    """The curve inside the session, never falling. What lies outside counts at its nearest end."""
    last = EnergyPoint(at=started_at, energy_mwh=0)
    points = [last]
    for point in curve:
        at = min(max(point.at.astimezone(UTC), last.at), ended_at)
        energy_mwh = max(point.energy_mwh, last.energy_mwh)
        # Most are as they should be: a point is made anew only where it is not.
        kept = energy_mwh == point.energy_mwh and at == point.at and point.at.tzinfo is UTC
        last = point if kept else EnergyPoint(at=at, energy_mwh=energy_mwh)
        points.append(last)
    return points


def _us(duration: timedelta) -> int:
    return duration // _MICROSECOND
