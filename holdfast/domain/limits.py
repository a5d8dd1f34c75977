"""Limits of a running session, as two tripwires that a row can carry.

Meter values never reach a workflow. It plants an energy and an instant instead, and is woken when
the first of them is crossed (DESIGN 2, step 7); then it looks (`limits_reached`), and stops the
session or plants again (`plan_tripwires`). A plan is conservative for cost: as long as neither
tripwire is crossed, the cost cannot have reached the limit, whatever the price does meanwhile.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from holdfast.domain.compiled_tariff import (
    AMOUNT_SCALE,
    VAT_SCALE,
    CompiledTariff,
    Conditions,
    Rate,
    compile_tariff,
)
from holdfast.domain.money import Money
from holdfast.domain.tariff import DimensionType, TariffVersion

NEAR = Fraction(1, 100)
"""A cost within 1 % of its limit has reached it: else ever smaller steps would lead up to it."""

POWER_W_DEFAULT = 11_000

_MICROSECOND = timedelta(microseconds=1)
_MWH_PER_WH = 1_000


class LimitReason(StrEnum):
    """What a tripwire was planted for."""

    COST = "cost"
    ENERGY = "energy"
    DURATION = "duration"
    SILENCE = "silence"
    IDLE_GRACE = "idle_grace"
    """Nothing to stop: from here on parking time counts, and the driver may be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """What a session may not exceed; None is no limit.

    `cost` is after tax: the held amount less the margin for the seconds that a stop takes.
    """

    cost: Money | None = None
    energy_wh: int | None = None
    duration_s: int | None = None
    silence_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningState:
    """A session at `as_of`, its newest event time. Energy since its start, in mWh.

    `cost` is exact, after tax, in major units: `PricedSession.exact_incl` of the session so far.
    `power_w` is what it draws, if known; it decides how well a plan fits, not whether it is safe.
    """

    started_at: datetime
    as_of: datetime
    last_seen_at: datetime
    energy_mwh: int = 0
    cost: Fraction = Fraction(0)
    idle_since: datetime | None = None
    power_w: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TripwirePlan:
    """Wake the workflow when the session's energy or the clock reaches this, whichever is first."""

    energy_threshold_mwh: int | None = None
    wake_at: datetime | None = None
    energy_reason: LimitReason | None = None
    wake_reason: LimitReason | None = None


def plan_tripwires(
    tariff: TariffVersion, state: RunningState, limits: SessionLimits
) -> TripwirePlan:
    """The next tripwires. A limit that is reached already gives one that is crossed already."""
    energies: list[tuple[int, LimitReason]] = []
    wakes: list[tuple[datetime, LimitReason]] = []
    if limits.energy_wh is not None:
        energies.append((limits.energy_wh * _MWH_PER_WH, LimitReason.ENERGY))
    if limits.duration_s is not None:
        end = state.started_at + timedelta(seconds=limits.duration_s)
        wakes.append((end, LimitReason.DURATION))
    if limits.silence_s is not None:
        silent = state.last_seen_at + timedelta(seconds=limits.silence_s)
        wakes.append((silent, LimitReason.SILENCE))
    if state.idle_since is not None:
        paid_from = state.idle_since + timedelta(seconds=tariff.idle_grace_s)
        if paid_from > state.as_of:
            wakes.append((paid_from, LimitReason.IDLE_GRACE))
    energy_mwh, at = _cost_tripwires(compile_tariff(tariff), state, limits)
    if energy_mwh is not None:
        energies.append((energy_mwh, LimitReason.COST))
    if at is not None:
        wakes.append((at, LimitReason.COST))
    energy = min(energies, default=None)
    wake = min(wakes, default=None)
    return TripwirePlan(
        energy_threshold_mwh=energy[0] if energy else None,
        energy_reason=energy[1] if energy else None,
        wake_at=wake[0] if wake else None,
        wake_reason=wake[1] if wake else None,
    )


def limits_reached(
    tariff: TariffVersion, state: RunningState, limits: SessionLimits, *, now: datetime
) -> tuple[LimitReason, ...]:
    """Which limits a session has reached, so that it has to be stopped or looked after."""
    reached: list[LimitReason] = []
    if limits.cost is not None:
        compiled = compile_tariff(tariff)
        room = _room(compiled, state, limits.cost)
        if not _capped(compiled, limits.cost) and room <= 0:
            reached.append(LimitReason.COST)
    if limits.energy_wh is not None and state.energy_mwh >= limits.energy_wh * _MWH_PER_WH:
        reached.append(LimitReason.ENERGY)
    if limits.duration_s is not None and now >= state.started_at + timedelta(
        seconds=limits.duration_s
    ):
        reached.append(LimitReason.DURATION)
    if limits.silence_s is not None and now >= state.last_seen_at + timedelta(
        seconds=limits.silence_s
    ):
        reached.append(LimitReason.SILENCE)
    return tuple(reached)


def _cost_tripwires(
    tariff: CompiledTariff, state: RunningState, limits: SessionLimits
) -> tuple[int | None, datetime | None]:
    """The room for cost, shared out between energy and time as they use it at the present power.

    Both at their dearest rate: until one of the two is used up, the room cannot be. Where only
    energy (or only time) costs, it has all of the room.
    """
    if limits.cost is None or _capped(tariff, limits.cost):
        return None, None
    per_mwh, per_s = _dearest(tariff, state)
    if not per_mwh and not per_s:
        return None, None
    room = _room(tariff, state, limits.cost)
    if room <= 0:
        return (state.energy_mwh if per_mwh else None), state.as_of
    power_w = state.power_w or POWER_W_DEFAULT
    mwh_per_s = Fraction(power_w * _MWH_PER_WH, 3_600)
    room += NEAR * _major(limits.cost)
    seconds = room / (per_s + mwh_per_s * per_mwh)
    energy = state.energy_mwh + int(seconds * mwh_per_s) if per_mwh else None
    if not per_s:
        return energy, None
    wait = min(int(seconds * 1_000_000), 10 * 365 * 86_400 * 1_000_000)
    return energy, state.as_of + wait * _MICROSECOND


def _room(tariff: CompiledTariff, state: RunningState, limit: Money) -> Fraction:
    """What the session may still cost before it counts as having reached the limit.

    A begun block (step size) is billed whole and a conditional flat fee may still come, so both
    are set aside.
    """
    per_mwh, per_s = _dearest(tariff, state)
    timed = (DimensionType.TIME, DimensionType.PARKING_TIME)
    aside = _block(tariff, (DimensionType.ENERGY,), 1_000) * per_mwh
    aside += _block(tariff, timed, 1) * per_s
    flats = tariff.walks[DimensionType.FLAT]
    if flats and all(conditions is not None for conditions, _ in flats):
        aside += max(_gross(tariff, rate) for _, rate in flats)
    return _major(limit) * (1 - NEAR) - state.cost - aside


def _block(tariff: CompiledTariff, kinds: tuple[DimensionType, ...], unit: int) -> int:
    """The largest step size of these kinds that is more than the unit they are counted in."""
    steps = (rate.step for kind in kinds for _, rate in tariff.walks[kind])
    return max((step for step in steps if step > unit), default=0)


def _dearest(tariff: CompiledTariff, state: RunningState) -> tuple[Fraction, Fraction]:
    """The dearest prices of a mWh and a second, after tax, that can still apply."""
    best = {kind: Fraction(0) for kind in DimensionType}
    for kind in best:
        for conditions, rate in tariff.walks[kind]:
            if conditions is None or not _is_over(conditions, state):
                best[kind] = max(best[kind], _gross(tariff, rate))
            if conditions is None:
                break  # elements behind an unconditional one never apply
    timed = max(best[DimensionType.TIME], best[DimensionType.PARKING_TIME])
    return best[DimensionType.ENERGY], timed


def _is_over(conditions: Conditions, state: RunningState) -> bool:
    """Whether the session is past an element for good. Clock windows come again."""
    elapsed = state.as_of - state.started_at
    if conditions.max_duration is not None and elapsed >= timedelta(
        seconds=conditions.max_duration
    ):
        return True
    return conditions.max_mwh is not None and state.energy_mwh >= conditions.max_mwh


def _capped(tariff: CompiledTariff, limit: Money) -> bool:
    """Whether the tariff's own greatest price keeps the cost below the limit."""
    most = tariff.tariff.max_price
    return most is not None and most.incl_vat is not None and most.incl_vat <= _major(limit)


def _gross(tariff: CompiledTariff, rate: Rate) -> Fraction:
    if tariff.includes_tax or not tariff.taxed:
        return Fraction(rate.numerator, AMOUNT_SCALE)
    return Fraction(rate.gross_n, AMOUNT_SCALE * VAT_SCALE)


def _major(money: Money) -> Fraction:
    return Fraction(money.amount_minor, money.currency.minor_per_major)
