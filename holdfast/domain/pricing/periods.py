"""Cut a session into charging periods, so that no price changes inside one.

The cuts are where the tariff may change its price: edges of windows, local midnight, edges of a
market's intervals, thresholds of energy and duration, and where power or current come to lie on the
other side of a limit (`boundaries`, `flow`); and where the car stops or starts taking power, and
where the grace after that is over. Energy between two meter samples is taken as flowing evenly, and
a period with such an edge is marked as interpolated. Where prices may change on signed readings
only, they do (`signed_quarters`), and a period that kept its price past a boundary says so.

Nothing is lost: the periods' energy adds up to the session's energy in whole Wh, their seconds to
its duration. Nothing is patched: a session is cut from all of its samples, in whatever order they
came.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from holdfast.domain.finding import Finding, note, review
from holdfast.domain.pricing.boundaries import (
    Boundaries,
    boundaries_of,
    clock_instants,
    spot_instants,
)
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.energy_curve import Cut, EnergyCurve
from holdfast.domain.pricing.flow import FlowSample, Steps, current_steps, power_steps, unit
from holdfast.domain.pricing.signed_quarters import SignedPoint, next_cuts, quarter_cuts
from holdfast.domain.quality import Measurement
from holdfast.domain.tariff.version import TariffVersion
from holdfast.domain.time_zone import time_zone

NO_REGISTER = "no_register"  # of `quality`: the curve stands for no reading at all

_SECOND = timedelta(seconds=1)


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
    on, if known, the car only stood there. `flow`: measured power and current, in any order.
    `signed`: the signed readings, in any order, where prices may change on such only; None where
    they may change at any instant.
    """

    started_at: datetime
    ended_at: datetime
    measurement: Measurement
    suspended: tuple[Interval, ...] = ()
    charging_ended_at: datetime | None = None
    flow: tuple[FlowSample, ...] = ()
    signed: tuple[SignedPoint, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CutSession:
    """A session in periods (one at least), and what a reader of its price has to know of them."""

    periods: tuple[ChargingPeriod, ...]
    findings: tuple[Finding, ...]


def cut_periods(
    course: SessionCourse, tariff: TariffVersion, context: PriceContext
) -> list[ChargingPeriod]:
    """The periods of `cut_session`, for who needs no findings."""
    return list(cut_session(course, tariff, context).periods)


def cut_session(course: SessionCourse, tariff: TariffVersion, context: PriceContext) -> CutSession:
    """The charging periods of a session under a tariff: what `pricing.price` takes.

    Time in which the car takes no power is parking time, except the first `idle_grace_s` of each
    such stretch, which is neither charging nor parking. A tariff with prices by power or current
    gets the measured ones on each period: the least and the greatest, which lie on the same side of
    every limit, so that it does not matter which of the two a limit is compared with. Raises
    `UnknownZone`, `SessionTooLong`.
    """
    started_at = course.started_at.astimezone(UTC)
    ended_at = max(started_at, course.ended_at.astimezone(UTC))
    curve = EnergyCurve(course.measurement, started_at, ended_at)
    limits = boundaries_of(tariff, context.user_groups)
    flow = _Flow(course, limits, curve)
    rest = _Rest(course, timedelta(seconds=tariff.idle_grace_s), curve)
    boundaries = _clock_edges(limits, context, curve) | flow.crossings
    reached = [cut for cut in map(curve.reach, limits.energies_mwh) if cut is not None]
    if course.signed is None:
        cuts = [curve.at(instant) for instant in rest.edges | boundaries]
        fine = _between(sorted([*cuts, *reached, *_ends(curve)]), curve, rest)
        periods = [flow.measured(spell.period, spell.right.at) for spell in fine]
        return CutSession(periods=tuple(periods), findings=_findings(periods))
    boundaries |= {cut.at for cut in reached}
    quarters = quarter_cuts(course.signed, curve)
    signed = {cut.at: cut for cut in next_cuts(boundaries, quarters)}
    cuts = [curve.at(instant) for instant in rest.edges if instant not in signed]
    fine = _between(sorted([*cuts, *signed.values(), *_ends(curve)]), curve, rest)
    periods = [flow.as_it_starts(period) for period in _joined(fine, signed, boundaries)]
    findings = _findings(periods)
    if boundaries and not quarters:
        detail = "no quarter hour of it was signed: the price of its start held to the end"
        unsigned = review("no_signed_quarter", detail)
        findings = (unsigned, *findings)
    return CutSession(periods=tuple(periods), findings=findings)


class _Flow:
    """Power and current, where the tariff has a limit of them."""

    def __init__(self, course: SessionCourse, limits: Boundaries, curve: EnergyCurve) -> None:
        self.power: Steps | None = None
        self.current: Steps | None = None
        self.crossings: set[datetime] = set()
        if limits.powers_mw:
            registers = all(found.code != NO_REGISTER for found in course.measurement.findings)
            self.power = power_steps(course.flow, curve, registers=registers)
            self.crossings.update(self.power.crossings(limits.powers_mw))
        if limits.currents_ua:
            self.current = current_steps(course.flow, curve)
            self.crossings.update(self.current.crossings(limits.currents_ua))

    def measured(self, period: ChargingPeriod, until: datetime) -> ChargingPeriod:
        """With the least and the greatest of what was measured in it."""
        if self.power is not None:
            least, most = self.power.between(period.started_at, until)
            period = replace(period, min_power_kw=unit(least), max_power_kw=unit(most))
        if self.current is not None:
            least, most = self.current.between(period.started_at, until)
            period = replace(period, min_current_a=unit(least), max_current_a=unit(most))
        return period

    def as_it_starts(self, period: ChargingPeriod) -> ChargingPeriod:
        """With what was measured as it starts, where only that decides its price."""
        return self.measured(period, period.started_at)


class _Rest:
    """The stretches in which the car took no power, in order and apart from each other."""

    def __init__(self, course: SessionCourse, grace: timedelta, curve: EnergyCurve) -> None:
        self._grace = grace
        self._stretches = _stretches(course, curve.started_at, curve.ended_at)
        self._starts = [stretch.started_at for stretch in self._stretches]
        self.edges = {
            edge
            for stretch in self._stretches
            for edge in (stretch.started_at, stretch.started_at + grace, stretch.ended_at)
            if curve.started_at <= edge <= curve.ended_at
        }

    def period(self, at: datetime, seconds: int) -> ChargingPeriod:
        """A period of so many seconds, without any energy."""
        number = bisect_right(self._starts, at) - 1
        if number < 0 or at >= self._stretches[number].ended_at:
            return ChargingPeriod(started_at=at, time_s=seconds)
        if at >= self._stretches[number].started_at + self._grace:
            return ChargingPeriod(started_at=at, parking_s=seconds)
        return ChargingPeriod(started_at=at, grace_s=seconds)


def _stretches(course: SessionCourse, started_at: datetime, ended_at: datetime) -> list[Interval]:
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


def _clock_edges(limits: Boundaries, context: PriceContext, curve: EnergyCurve) -> set[datetime]:
    """All that changes with the time alone, strictly inside the session."""
    started_at, ended_at = curve.started_at, curve.ended_at
    edges = set(clock_instants(limits.clocks, started_at, ended_at, time_zone(context.zone)))
    edges.update(spot_instants(limits.feeds, context, started_at, ended_at))
    edges.update(started_at + limit * _SECOND for limit in limits.durations_s)
    return {edge for edge in edges if started_at < edge < ended_at}


def _ends(curve: EnergyCurve) -> list[Cut]:
    """Both ends, also where the meter moved in no time there."""
    first, last = curve.started_at, curve.ended_at
    return [Cut(first, 0), curve.at(first), curve.at(last), Cut(last, curve.total_mwh)]


@dataclass(frozen=True, slots=True)
class _Spell:
    """What passed and flowed between two neighbouring cuts."""

    left: Cut
    right: Cut
    period: ChargingPeriod


def _between(cuts: Sequence[Cut], curve: EnergyCurve, rest: _Rest) -> list[_Spell]:
    """The spells between neighbouring cuts that differ in time or energy; one at least."""
    spells: list[_Spell] = []
    for left, right in pairwise(cuts):
        if (left.at, left.energy_mwh) == (right.at, right.energy_mwh):
            continue
        # Rounded against the session's start, so that the seconds add up to its duration.
        period = rest.period(left.at, curve.seconds(right.at) - curve.seconds(left.at))
        period = replace(
            period,
            energy_mwh=curve.billed(right.energy_mwh) - curve.billed(left.energy_mwh),
            interpolated=left.interpolated or right.interpolated,
        )
        spells.append(_Spell(left, right, period))
    if not spells:
        nothing = Cut(curve.started_at, 0)
        return [_Spell(nothing, nothing, ChargingPeriod(started_at=curve.started_at))]
    return spells


def _joined(
    spells: Sequence[_Spell], signed: Mapping[datetime, Cut], boundaries: Iterable[datetime]
) -> list[ChargingPeriod]:
    """One period from each signed cut to the next, whatever the car did meanwhile.

    Energies cancel out between the signed cuts, also where a reading was taken a little off its
    quarter hour and so shows less than had flowed by a cut before it.
    """
    passed = sorted(boundaries)
    joined: list[ChargingPeriod] = []
    for spell in spells:
        more, at = spell.period, spell.left.at
        if joined and not (at in signed and at > joined[-1].started_at):
            before = joined.pop()
            joined.append(
                replace(
                    before,
                    energy_mwh=before.energy_mwh + more.energy_mwh,
                    time_s=before.time_s + more.time_s,
                    parking_s=before.parking_s + more.parking_s,
                    grace_s=before.grace_s + more.grace_s,
                )
            )
        else:
            joined.append(replace(more, interpolated=False))
    ends = [*(period.started_at for period in joined[1:]), spells[-1].right.at]
    return [
        replace(
            period,
            interpolated=_calculated(signed, period.started_at) or _calculated(signed, end),
            boundary_moved=bisect_right(passed, period.started_at) < bisect_left(passed, end),
        )
        for period, end in zip(joined, ends, strict=True)
    ]


def _calculated(signed: Mapping[datetime, Cut], at: datetime) -> bool:
    return at in signed and signed[at].interpolated


def _findings(periods: Sequence[ChargingPeriod]) -> tuple[Finding, ...]:
    """One of each kind, however many periods it is about. What was not measured, pricing says."""
    findings: list[Finding] = []

    def add(code: str, count: int, words: str) -> None:
        if count:
            detail = f"{count} of {len(periods)} periods {words}"
            findings.append(note(code, detail))

    add(
        "interpolated",
        sum(period.interpolated for period in periods),
        "begin or end between two readings: their energy is calculated from both",
    )
    add(
        "boundary_moved",
        sum(period.boundary_moved for period in periods),
        "kept their price past a boundary, up to the next signed quarter hour",
    )
    return tuple(findings)
