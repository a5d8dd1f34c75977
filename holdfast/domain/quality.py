"""From meter registers to the energy of a session, and whether it may be believed.

Registers are integer mWh; energy is a difference, rounded half up once to Wh. Real registers fall
(a reset, a swapped meter, one odd zero, noise in the last digit), start at zero with each
transaction or count a lifetime, and come late or not at all. The energy of a session never falls,
none of it is lost, and whatever was odd is a finding.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

from holdfast.domain.finding import Finding, Severity
from holdfast.domain.money import round_half_up

READINGS_MAX = 500_000
POWER_W_MAX = 1_000_000
"""Where the station's power is not known: above any charger of a car."""

NOISE_MWH = 20_000
"""A register that falls by no more than this (20 Wh) has noise in its digits: nothing happened."""

POWER_MARGIN = Fraction(6, 5)
SLACK_MWH = 1_000_000
"""Registers that count in whole kWh move by a kWh at once."""

AGE_MAX = timedelta(days=90)
AHEAD_MAX = timedelta(minutes=5)
WITHOUT_ENERGY_MAX = timedelta(hours=1)

_MICROSECOND = timedelta(microseconds=1)
_MWH_PER_WH = 1_000


class TooManyReadings(ValueError):
    """More readings than any real session has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterReading:
    """What an import register showed, in mWh, at an instant."""

    at: datetime
    register_mwh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPoint:
    """Energy since the start of the session, in mWh."""

    at: datetime
    energy_mwh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """A fall of the register: what it showed and what was counted before, and the low readings
    since. One low reading alone decides nothing."""

    register_mwh: int
    energy_mwh: int
    last: RegisterReading
    charged_mwh: int
    low_readings: int = 1

    @property
    def undecided(self) -> bool:
        """Whether it may still be a slip of one reading."""
        return self.low_readings == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A fold over readings in order of time: `energy_mwh` never falls. `last` is the last reading
    that is believed: after a first low one, still the one before it."""

    opened_at: datetime
    last: RegisterReading
    energy_mwh: int = 0
    drop: Drop | None = None

    @classmethod
    def opened(cls, first: RegisterReading) -> "Register":
        return cls(opened_at=first.at, last=first)

    def take(
        self, reading: RegisterReading, power_w_max: int | None = None
    ) -> tuple["Register", str | None]:
        """The register after one more reading, and the code of what was odd about it.

        One lower reading is not believed: if the next is up again, it was a slip and nothing
        happened. A second one makes it a reset or a swapped meter: what was counted is kept, and
        what the new register shows is counted too, if that much can have flowed since the last
        reading (it began at zero), and else only its growth from there. If the old register comes
        back after all, by a rise that cannot be, the energy is what the old register says.
        """
        if self.drop is not None and self.drop.undecided:
            return self._after_a_fall(self.drop, reading, power_w_max)
        value, since = reading.register_mwh, reading.at - self.last.at
        if value < self.last.register_mwh:
            if self.last.register_mwh - value <= NOISE_MWH:
                return replace(self, last=replace(self.last, at=reading.at)), "register_noise"
            began_at_zero = value <= energy_max_mwh(since, power_w_max)
            drop = Drop(
                register_mwh=self.last.register_mwh,
                energy_mwh=self.energy_mwh,
                last=reading,
                charged_mwh=value if began_at_zero else 0,
            )
            return replace(self, drop=drop), None
        growth = value - self.last.register_mwh
        possible = growth <= energy_max_mwh(since, power_w_max)
        if not possible and self.drop is not None and value >= self.drop.register_mwh:
            came_back = self.drop.energy_mwh + value - self.drop.register_mwh
            energy = max(self.energy_mwh, came_back)
            return replace(self, last=reading, energy_mwh=energy, drop=None), "register_slip"
        # Made anew, not by `replace`: almost every reading of every session comes here.
        after = Register(
            opened_at=self.opened_at,
            last=reading,
            energy_mwh=self.energy_mwh + growth,
            drop=self.drop,
        )
        return after, None if possible else "register_jump"

    def _after_a_fall(
        self, drop: Drop, reading: RegisterReading, power_w_max: int | None
    ) -> tuple["Register", str | None]:
        value = reading.register_mwh
        if value >= drop.register_mwh - NOISE_MWH:
            growth = max(0, value - drop.register_mwh)
            highest = replace(reading, register_mwh=max(value, drop.register_mwh))
            after = replace(self, last=highest, energy_mwh=drop.energy_mwh + growth, drop=None)
            possible = growth <= energy_max_mwh(reading.at - self.last.at, power_w_max)
            return after, "register_slip" if possible else "register_jump"
        growth = value - drop.last.register_mwh
        if growth < -NOISE_MWH:
            # It fell again: the first fall was no slip, and this one is undecided.
            reset = replace(
                self, last=drop.last, energy_mwh=drop.energy_mwh + drop.charged_mwh, drop=None
            )
            return reset.take(reading, power_w_max)[0], "register_reset"
        highest = reading if growth >= 0 else replace(drop.last, at=reading.at)
        charged = drop.charged_mwh + max(0, growth)
        decided = replace(
            drop, last=highest, charged_mwh=charged, low_readings=drop.low_readings + 1
        )
        energy = drop.energy_mwh + charged
        return replace(self, last=highest, energy_mwh=energy, drop=decided), "register_reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """`curve` is the energy over time: it starts at 0, never falls and ends at `energy_mwh`.

    `first` and `last` are the readings between which it was counted, the named ends aside; `last`
    is the last one that was believed.
    """

    energy_mwh: int
    curve: tuple[EnergyPoint, ...]
    findings: tuple[Finding, ...]
    first: RegisterReading | None = None
    last: RegisterReading | None = None

    @property
    def energy_wh(self) -> int:
        return round_half_up(Fraction(self.energy_mwh, _MWH_PER_WH))


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterEnds:
    """The registers that a station named as the first and the last, in mWh, where it did."""

    start_mwh: int | None = None
    stop_mwh: int | None = None


def measure(
    readings: Iterable[RegisterReading],
    ends: MeterEnds,
    *,
    started_at: datetime,
    ended_at: datetime,
    power_w_max: int | None = None,
) -> Measurement:
    """The energy of a session, from samples in any order and the ends that the station named.

    The difference of the two ends wins over the samples, which are only its shape and its
    fallback (E9). `ended_at` is now for a session that is open. Instants outside the session
    (a wrong clock) are moved to its nearest end.
    """
    odd: dict[str, int] = {}
    ended_at = max(started_at, ended_at)
    ordered = _cleaned(readings, odd, started_at, ended_at)
    start = _named(ends.start_mwh, odd)
    stop = _named(ends.stop_mwh, odd)
    if start is not None:
        ordered.insert(0, RegisterReading(at=started_at, register_mwh=start))
    if not ordered:
        _note(odd, "no_register" if stop is None else "no_start_register")
        curve = (
            EnergyPoint(at=started_at, energy_mwh=0),
            EnergyPoint(at=ended_at, energy_mwh=0),
        )
        return Measurement(energy_mwh=0, curve=curve, findings=_findings(odd))
    if start is None:
        _note(odd, "no_start_register")
    register, points = _folded(ordered, odd, power_w_max)
    total = register.energy_mwh
    if stop is None:
        if len(ordered) == 1:
            _note(odd, "no_final_register")
        if register.drop is not None and register.drop.undecided:
            _note(odd, "register_fell")
    else:
        final = RegisterReading(at=ended_at, register_mwh=stop)
        total = _concluded(register, final, start, odd, power_w_max)
    return Measurement(
        energy_mwh=total,
        curve=_curve(points, total, started_at, ended_at),
        findings=_findings(odd),
        first=ordered[0],
        last=register.last,
    )


def energy_max_mwh(duration: timedelta, power_w_max: int | None) -> int:
    """The most that can have flowed in a time, with margin."""
    power_w = POWER_W_MAX if power_w_max is None else power_w_max
    microseconds = max(0, duration // _MICROSECOND)
    margin, of = POWER_MARGIN.numerator, POWER_MARGIN.denominator
    return power_w * _MWH_PER_WH * microseconds * margin // (3_600 * 10**6 * of) + SLACK_MWH


def session_findings(
    *,
    energy_wh: int,
    started_at: datetime,
    ended_at: datetime,
    now: datetime,
    power_w_max: int | None = None,
) -> tuple[Finding, ...]:
    """The quality gate: what speaks against settling an ended session as it is."""
    findings: list[Finding] = []
    duration = ended_at - started_at

    def add(code: str, detail: str, severity: Severity = Severity.BLOCK) -> None:
        findings.append(Finding(code=code, detail=detail, severity=severity))

    if duration < timedelta(0):
        add("negative_duration", f"it ended {-duration} before it started")
    if max(started_at, ended_at) > now + AHEAD_MAX:
        add("in_the_future", "it started or ended after the present")
    if min(started_at, ended_at) < now - AGE_MAX:
        add("too_old", f"it is older than {AGE_MAX.days} days")
    if energy_wh < 0:
        add("negative_energy", f"{energy_wh} Wh were given back")
    most_wh = energy_max_mwh(duration, power_w_max) // _MWH_PER_WH
    if energy_wh > most_wh:
        add("energy_above_power", f"{energy_wh} Wh cannot flow in {duration}: at most {most_wh} Wh")
    if energy_wh == 0 and duration > WITHOUT_ENERGY_MAX:
        add("no_energy", f"no energy in {duration}", Severity.REVIEW)
    return tuple(findings)


def _cleaned(
    readings: Iterable[RegisterReading],
    odd: dict[str, int],
    started_at: datetime,
    ended_at: datetime,
) -> list[RegisterReading]:
    kept: list[RegisterReading] = []
    for number, reading in enumerate(readings):
        if number >= READINGS_MAX:
            raise TooManyReadings(f"more than {READINGS_MAX} readings")
        if reading.register_mwh < 0:
            _note(odd, "negative_register")
            continue
        at = min(max(reading.at, started_at), ended_at)
        kept.append(reading if at == reading.at else replace(reading, at=at))
    # By the register within an instant, so that the order of arrival does not matter.
    kept.sort(key=lambda reading: (reading.at, reading.register_mwh))
    return kept


def _named(register_mwh: int | None, odd: dict[str, int]) -> int | None:
    if register_mwh is not None and register_mwh < 0:
        _note(odd, "negative_register")
        return None
    return register_mwh


def _folded(
    ordered: Sequence[RegisterReading], odd: dict[str, int], power_w_max: int | None
) -> tuple[Register, list[EnergyPoint]]:
    register = Register.opened(ordered[0])
    points = [EnergyPoint(at=ordered[0].at, energy_mwh=0)]
    for reading in ordered[1:]:
        register, code = register.take(reading, power_w_max)
        if code is not None:
            _note(odd, code)
        if register.last.at >= reading.at:  # else it is not believed, and shapes nothing
            points.append(EnergyPoint(at=reading.at, energy_mwh=register.energy_mwh))
    return register, points


def _concluded(
    register: Register,
    final: RegisterReading,
    start: int | None,
    odd: dict[str, int],
    power_w_max: int | None,
) -> int:
    """The total, given the register that the station named as the last."""
    stop, energy = final.register_mwh, register.energy_mwh
    if start == stop == 0 and energy > NOISE_MWH and "register_jump" not in odd:
        _note(odd, "stop_missing")
        return energy
    if start is not None and stop >= start and _stands_alone(register, final, power_w_max):
        total = stop - start
        if total < energy:
            _note(odd, "stop_below_samples")
        elif total - energy > energy_max_mwh(final.at - register.last.at, power_w_max):
            _note(odd, "register_jump")
        return total
    if register.drop is None and start is not None and _is_noise(stop, start, register):
        # The same as where each reading was counted as it came: nothing flowed.
        _note(odd, "register_noise")
        return 0
    if register.drop is not None or stop >= register.last.register_mwh:
        after, code = register.take(final, power_w_max)
        if code is not None:
            _note(odd, code)
        return after.energy_mwh
    # Below the start, and no sample fell: the station names the last register relative to the
    # transaction, or has none and says 0. Both say nothing against what the samples showed.
    _note(odd, "stop_below_start")
    possible = start is not None and stop <= energy_max_mwh(
        final.at - register.opened_at, power_w_max
    )
    return max(energy, stop) if possible else energy


def _is_noise(stop: int, start: int, register: Register) -> bool:
    """Whether the last register is below the first, and below every sample, by noise only."""
    return stop < start and stop >= max(start, register.last.register_mwh) - NOISE_MWH


def _stands_alone(register: Register, final: RegisterReading, power_w_max: int | None) -> bool:
    """Whether the two named ends tell the energy by themselves: no sample fell, or the last end is
    above what fell and cannot have grown there from what was read since."""
    drop = register.drop
    if drop is None:
        return True
    if final.register_mwh < drop.register_mwh:
        return False
    growth = final.register_mwh - register.last.register_mwh
    most = energy_max_mwh(final.at - register.last.at, power_w_max)
    return drop.undecided or growth > most


def _curve(
    points: Sequence[EnergyPoint], total: int, started_at: datetime, ended_at: datetime
) -> tuple[EnergyPoint, ...]:
    curve = [EnergyPoint(at=started_at, energy_mwh=0)]
    curve += [one if one.energy_mwh <= total else replace(one, energy_mwh=total) for one in points]
    return *curve, EnergyPoint(at=ended_at, energy_mwh=total)


def _note(odd: dict[str, int], code: str) -> None:
    odd[code] = odd.get(code, 0) + 1


_SENTENCES = {
    "no_register": (Severity.REVIEW, "the station named no register"),
    "no_start_register": (Severity.REVIEW, "the station named no register at the start"),
    "no_final_register": (Severity.REVIEW, "the station named no register after the start"),
    "negative_register": (Severity.REVIEW, "a register was negative and was left out"),
    "register_noise": (Severity.NOTE, "the register fell by a few Wh"),
    "register_reset": (Severity.REVIEW, "the register fell: a reset or another meter"),
    "register_fell": (Severity.REVIEW, "the last reading was low and was left out"),
    "register_slip": (Severity.NOTE, "a low reading was a slip: the register came back"),
    "register_jump": (Severity.BLOCK, "the register rose faster than the station can charge"),
    "stop_below_samples": (Severity.REVIEW, "the last register is below a sample"),
    "stop_missing": (Severity.REVIEW, "the last register is 0; the last sample counts"),
    "stop_below_start": (Severity.REVIEW, "the last register is below the first"),
}


def _findings(odd: dict[str, int]) -> tuple[Finding, ...]:
    """One per code, however often it happened."""
    findings: list[Finding] = []
    for code, count in odd.items():
        severity, sentence = _SENTENCES[code]
        detail = sentence if count == 1 else f"{sentence} ({count} times)"
        findings.append(Finding(code=code, detail=detail, severity=severity))
    return tuple(findings)
