"""Power and current over time, as far as they were measured: a value holds until the next one.

Before the first measured power, or where a station never measures it, the power is the average
between two readings of the register. A current is never calculated: where none was measured,
nothing is known. Power is in mW and current in µA, summed over phases, so that every limit of a
tariff (at most six decimals of a kW or an A) is a whole number and a comparison is exact.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from holdfast.domain.pricing.energy_curve import EnergyCurve

_MICROSECOND = timedelta(microseconds=1)
_MW_PER_MWH_AND_US = 3_600 * 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSample:
    """What was measured at an instant (aware): power in mW, current in µA, over all phases."""

    at: datetime
    power_mw: int | None = None
    current_ua: int | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """A function of time: `values[n]` holds from `starts[n]` to the next; None is not measured.

    `starts` are ascending, in UTC, none twice; the first is the start of the session.
    """

    starts: Sequence[datetime]
    values: Sequence[int | None]

    def at(self, instant: datetime) -> int | None:
        """The value that holds then."""
        return self.values[max(0, bisect_right(self.starts, instant) - 1)]

    def crossings(self, limits: Sequence[int]) -> list[datetime]:
        """Where the value comes to lie on the other side of a limit, or is measured no more."""
        bands = [None if value is None else bisect_right(limits, value) for value in self.values]
        return [
            start
            for start, (before, band) in zip(self.starts[1:], pairwise(bands), strict=True)
            if band != before
        ]

    def between(self, from_at: datetime, until_at: datetime) -> tuple[int | None, int | None]:
        """The least and the greatest value from an instant up to another; None: not measured."""
        first = max(0, bisect_right(self.starts, from_at) - 1)
        last = max(first + 1, bisect_left(self.starts, until_at))
        measured = [value for value in self.values[first:last] if value is not None]
        return min(measured, default=None), max(measured, default=None)


def power_steps(samples: Iterable[FlowSample], curve: EnergyCurve, *, registers: bool) -> Steps:
    """The power over a session. `registers`: the curve is of readings, not of none at all."""
    measured = _of(curve, ((sample.at, sample.power_mw) for sample in samples))
    until = min(measured, default=curve.ended_at)
    found: dict[datetime, int | None] = {curve.started_at: None}
    if registers:
        points = curve.points
        for left, right in pairwise(points):
            if left.at < right.at and left.at < until:
                rise = right.energy_mwh - left.energy_mwh
                took_us = (right.at - left.at) // _MICROSECOND
                # Rounded down: a limit has six decimals too, so no limit is passed by rounding.
                found[left.at] = rise * _MW_PER_MWH_AND_US // took_us
    found.update(measured)
    return _steps(found)


def current_steps(samples: Iterable[FlowSample], curve: EnergyCurve) -> Steps:
    """The current over a session."""
    found: dict[datetime, int | None] = {curve.started_at: None}
    found.update(_of(curve, ((sample.at, sample.current_ua) for sample in samples)))
    return _steps(found)


def unit(millionths: int | None) -> Decimal | None:
    """kW of mW, A of µA, exactly."""
    return None if millionths is None else Decimal(millionths).scaleb(-6)


def _of(
    curve: EnergyCurve, samples: Iterable[tuple[datetime, int | None]]
) -> dict[datetime, int | None]:
    """The measured values by instant. The last from before the start holds as the session begins;
    of two at one instant the greater counts, so that the order of arrival does not matter."""
    kept: dict[datetime, int | None] = {}
    measured = ((at.astimezone(UTC), value) for at, value in samples if value is not None)
    for at, value in sorted(measured):
        if value >= 0 and at < curve.ended_at:
            kept[max(at, curve.started_at)] = value
    return kept


def _steps(found: dict[datetime, int | None]) -> Steps:
    ordered = sorted(found.items())
    return Steps([at for at, _ in ordered], [value for _, value in ordered])
