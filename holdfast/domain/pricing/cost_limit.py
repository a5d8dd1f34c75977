"""The tripwires of a limit of cost: the energy and the instant before which it cannot be reached.

Cost grows with energy and with time at once. From here on, the tariff's prices are constant inside
bands of time (up to the next edge of a window) and bands of energy (up to the next threshold). For
every rectangle of bands that begins here, its dearest prices say how far energy and time can go
together; the rectangle that reaches furthest at the present power is planted. Whatever path the
session takes inside it, the limit is not reached.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from holdfast.domain.money import Money
from holdfast.domain.pricing.boundaries import (
    clock_boundaries,
    duration_thresholds_s,
    energy_thresholds_mwh,
)
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import AMOUNT_SCALE, VAT_SCALE, CompiledTariff, Rate
from holdfast.domain.pricing.price import instant_of
from holdfast.domain.running_state import RunningState
from holdfast.domain.tariff.version import DimensionType

NEAR = Fraction(1, 100)
"""A cost within 1 % of its limit has reached it: else ever smaller steps would lead up to it."""

HORIZON = timedelta(days=7)
BANDS_MAX = 64

_MICROSECOND = timedelta(microseconds=1)
_US = 1_000_000
_TIMED = (DimensionType.TIME, DimensionType.PARKING_TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTripwires:
    """The cost cannot reach its limit below this energy and before this instant; None is never."""

    energy_mwh: int | None = None
    wake_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far a session may go: seconds and mWh from here; None is without end."""

    seconds: Fraction | None
    mwh: Fraction | None

    def lasts(self, mwh_per_s: Fraction) -> Fraction | None:
        """Seconds until the first of the two, at a power; None is never."""
        by_energy = None if self.mwh is None else self.mwh / mwh_per_s
        return _least(self.seconds, by_energy)


def cost_reached(tariff: CompiledTariff, state: RunningState, limit: Money) -> bool:
    """Whether a session has to stop for its cost. Blocks and fees to come are set aside."""
    return not _capped(tariff, limit) and _room(tariff, state, limit) <= NEAR * _major(limit)


def cost_tripwires(
    tariff: CompiledTariff, state: RunningState, limit: Money, zone: ZoneInfo
) -> CostTripwires:
    """The tripwires for a limit of cost after tax. Crossed already if the limit is reached."""
    if _capped(tariff, limit):
        return CostTripwires()
    if cost_reached(tariff, state, limit):
        return CostTripwires(energy_mwh=state.energy_mwh, wake_at=state.as_of)
    reach = _furthest(tariff, state, _room(tariff, state, limit), zone)
    wait_us = None if reach.seconds is None else int(reach.seconds * _US)
    return CostTripwires(
        energy_mwh=None if reach.mwh is None else state.energy_mwh + int(reach.mwh),
        wake_at=None if wait_us is None else state.as_of + wait_us * _MICROSECOND,
    )


def _furthest(
    tariff: CompiledTariff, state: RunningState, room: Fraction, zone: ZoneInfo
) -> _Reach:
    """The rectangle of bands that lasts longest at the present power."""
    starts, ends = _time_bands(tariff, state, zone)
    lows, highs = _energy_bands(tariff, state)
    dearest = [[(Fraction(0), Fraction(0))] * len(lows) for _ in starts]
    best: _Reach | None = None
    for row, start in enumerate(starts):
        for column, low in enumerate(lows):
            rates = _prices(tariff, state, start, low, zone)
            for near in (
                dearest[row - 1][column] if row else rates,
                dearest[row][column - 1] if column else rates,
            ):
                rates = max(rates[0], near[0]), max(rates[1], near[1])
            dearest[row][column] = rates
            reach = _reach(rates, room, ends[row], highs[column], state.mwh_per_s)
            if best is None or _lasts_longer(reach, best, state.mwh_per_s):
                best = reach
    return best or _Reach(None, None)


def _reach(
    rates: tuple[Fraction, Fraction],
    room: Fraction,
    seconds_max: Fraction | None,
    mwh_max: Fraction | None,
    mwh_per_s: Fraction,
) -> _Reach:
    """How far energy and time go together in a rectangle of those sides, at its prices.

    The room is shared as the present power would use it; where a side of the rectangle is reached
    before its share is used up, the other gets the rest.
    """
    per_mwh, per_s = rates
    together = per_s + mwh_per_s * per_mwh
    if not together:
        return _Reach(seconds_max, mwh_max)
    seconds: Fraction | None = room / together
    mwh: Fraction | None = room / together * mwh_per_s
    if not per_s:
        seconds, mwh = seconds_max, _least(mwh_max, room / per_mwh)
    elif not per_mwh:
        seconds, mwh = _least(seconds_max, room / per_s), mwh_max
    elif seconds_max is not None and seconds is not None and seconds > seconds_max:
        seconds, mwh = seconds_max, _least(mwh_max, (room - seconds_max * per_s) / per_mwh)
    elif mwh_max is not None and mwh is not None and mwh > mwh_max:
        seconds, mwh = _least(seconds_max, (room - mwh_max * per_mwh) / per_s), mwh_max
    return _Reach(seconds, mwh)


def _lasts_longer(one: _Reach, other: _Reach, mwh_per_s: Fraction) -> bool:
    mine, theirs = one.lasts(mwh_per_s), other.lasts(mwh_per_s)
    return theirs is not None and (mine is None or mine > theirs)


def _time_bands(
    tariff: CompiledTariff, state: RunningState, zone: ZoneInfo
) -> tuple[Sequence[datetime], Sequence[Fraction | None]]:
    """The instants at which bands start, and the seconds from here to their ends."""
    now = state.as_of.astimezone(UTC)
    edges = {
        state.started_at.astimezone(UTC) + timedelta(seconds=limit)
        for limit in duration_thresholds_s(tariff)
    }
    clock = clock_boundaries(tariff, now, now + HORIZON, zone)
    edges.update(clock)
    ordered = sorted(edge for edge in edges if edge > now)[: BANDS_MAX - 1]
    ends = [Fraction((edge - now) // _MICROSECOND, _US) for edge in ordered]
    if clock or len(ordered) == BANDS_MAX - 1:
        # Windows come again for ever: beyond the last edge looked at, nothing is known.
        return [now, *ordered[:-1]], ends
    return [now, *ordered], [*ends, None]


def _energy_bands(
    tariff: CompiledTariff, state: RunningState
) -> tuple[Sequence[int], Sequence[Fraction | None]]:
    """The energies at which bands start, and the mWh from here to their ends."""
    above = [edge for edge in energy_thresholds_mwh(tariff) if edge > state.energy_mwh]
    above = above[: BANDS_MAX - 1]
    ends: list[Fraction | None] = [Fraction(edge - state.energy_mwh) for edge in above]
    return [state.energy_mwh, *above], [*ends, None]


def _prices(
    tariff: CompiledTariff, state: RunningState, at: datetime, energy_mwh: int, zone: ZoneInfo
) -> tuple[Fraction, Fraction]:
    """Of a mWh and of a second, after tax, in the band that begins there."""
    started_at = state.started_at.astimezone(UTC)
    instant = instant_of(tariff, at, started_at, energy_mwh, zone)
    period = ChargingPeriod(started_at=at)
    return (
        _gross(tariff, tariff.rate(DimensionType.ENERGY, instant, period)),
        max(_gross(tariff, tariff.rate(kind, instant, period)) for kind in _TIMED),
    )


def _room(tariff: CompiledTariff, state: RunningState, limit: Money) -> Fraction:
    """What may still be spent. A begun block (step size) is billed whole, a flat fee may come."""
    aside = _block(tariff, (DimensionType.ENERGY,), 1_000) + _block(tariff, _TIMED, 1)
    if not state.flat_charged:
        fees = (_gross(tariff, rate) for _, rate in tariff.walks[DimensionType.FLAT])
        aside += max(fees, default=Fraction(0))
    return _major(limit) - state.cost - aside


def _block(tariff: CompiledTariff, kinds: tuple[DimensionType, ...], unit: int) -> Fraction:
    """The dearest block of these kinds whose step is more than the unit they are counted in."""
    blocks = (
        rate.step * _gross(tariff, rate)
        for kind in kinds
        for _, rate in tariff.walks[kind]
        if rate.step > unit
    )
    return max(blocks, default=Fraction(0))


def _capped(tariff: CompiledTariff, limit: Money) -> bool:
    """Whether the tariff's own greatest price keeps the cost within the limit."""
    most = tariff.tariff.max_price
    return most is not None and most.incl_vat is not None and most.incl_vat <= _major(limit)


def _gross(tariff: CompiledTariff, rate: Rate | None) -> Fraction:
    if rate is None:
        return Fraction(0)
    if tariff.includes_tax or not tariff.taxed:
        return Fraction(rate.numerator, AMOUNT_SCALE)
    return Fraction(rate.gross_n, AMOUNT_SCALE * VAT_SCALE)


def _major(money: Money) -> Fraction:
    return Fraction(money.amount_minor, money.currency.minor_per_major)


def _least(one: Fraction | None, other: Fraction | None) -> Fraction | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
