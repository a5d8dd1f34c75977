"""The tripwires of a limit of cost: the energy and the instant before which it cannot be reached.

Cost grows with energy and with time at once. From here on, the tariff's prices are constant inside
bands of time (up to the next edge of a window or of a market's interval) and bands of energy (up to
the next threshold). For every rectangle of bands that begins here, its dearest prices say how far
energy and time can go together; the rectangle that reaches furthest at the present power is
planted. Whatever path the session takes inside it, the limit is not reached.

What cannot be foreseen is taken at its dearest. Power and current may change at any moment: of the
elements with such a limit each may apply at any time, and so may what stands behind them. A market
price that is not known yet is the component's ceiling or, without one, the dearest of its fallback
and all that the market has said for the time ahead. What makes a session cheaper (allowances, caps
per day, and a greatest price above the limit) is left out. Where prices change on signed readings
only, the price that is held (`RunningState.held_since`) may last as long as the session does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from holdfast.domain.money import Money
from holdfast.domain.pricing.boundaries import (
    Boundaries,
    boundaries_of,
    clock_instants,
    spot_instants,
)
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.conditions import local_instant
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.rate import Rate
from holdfast.domain.running_state import RunningState
from holdfast.domain.tariff.version import DimensionType
from holdfast.domain.time_zone import time_zone

NEAR = Fraction(1, 100)
"""A cost within 1 % of its limit has reached it: else ever smaller steps would lead up to it."""

HORIZON = timedelta(days=7)
BANDS_MAX = 64

_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)
_US = 1_000_000
_TIMED = (DimensionType.TIME, DimensionType.PARKING_TIME)
_BEYOND_ANY_CEILING = Decimal(10**9)
_UNMEASURED = ChargingPeriod(started_at=datetime(1970, 1, 1, tzinfo=UTC))


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


def cost_reached(
    tariff: CompiledTariff, state: RunningState, limit: Money, context: PriceContext
) -> bool:
    """Whether a session has to stop for its cost. Blocks and fees to come are set aside."""
    outlook = _Outlook(tariff, state, context)
    return not _capped(tariff, limit) and _room(outlook, limit) <= NEAR * _major(limit)


def cost_tripwires(
    tariff: CompiledTariff, state: RunningState, limit: Money, context: PriceContext
) -> CostTripwires:
    """The tripwires for a limit of cost after tax. Crossed already if the limit is reached.

    Raises `UnknownZone`.
    """
    if _capped(tariff, limit):
        return CostTripwires()
    if cost_reached(tariff, state, limit, context):
        return CostTripwires(energy_mwh=state.energy_mwh, wake_at=state.as_of)
    outlook = _Outlook(tariff, state, context)
    reach = _furthest(outlook, _room(outlook, limit))
    wait_us = None if reach.seconds is None else int(reach.seconds * _US)
    return CostTripwires(
        energy_mwh=None if reach.mwh is None else state.energy_mwh + int(reach.mwh),
        wake_at=None if wait_us is None else state.as_of + wait_us * _MICROSECOND,
    )


class _Outlook:
    """A session's tariff as far as its driver is concerned, and its prices from here on."""

    def __init__(self, tariff: CompiledTariff, state: RunningState, context: PriceContext) -> None:
        self.tariff = tariff.for_groups(context.user_groups)
        self.state = state
        self.context = context
        self.zone = time_zone(context.zone)
        self.limits: Boundaries = boundaries_of(tariff.tariff, context.user_groups)
        self.started_at = state.started_at.astimezone(UTC)
        self.now = state.as_of.astimezone(UTC)

    def prices(self, at: datetime, energy_mwh: int) -> tuple[Fraction, Fraction]:
        """Of a mWh and of a second, after tax, in the band that begins there: the dearest."""
        return (
            self._dearest(DimensionType.ENERGY, at, energy_mwh),
            max(self._dearest(kind, at, energy_mwh) for kind in _TIMED),
        )

    def incl(self, rate: Rate, at: datetime | None = None) -> Fraction:
        """After tax, of one mWh, second or time; at any time ahead where none is named."""
        spot = rate.spot
        if spot is None:
            return rate.incl
        known = None if at is None else self.context.market_price(spot.feed, at)
        if known is not None:
            return rate.at_market(known).incl
        if spot.ceiling is not None:
            return rate.at_market(_BEYOND_ANY_CEILING).incl
        curve = self.context.spot.get(spot.feed)
        said = () if curve is None else curve.prices
        ahead = [price for price in said if price is not None]
        return rate.at_market(max([spot.fallback, *ahead])).incl

    def _dearest(self, kind: DimensionType, at: datetime, energy_mwh: int) -> Fraction:
        zone = self.zone if self.tariff.by_clock else None
        instant = local_instant(at, (at - self.started_at) // _SECOND, energy_mwh, zone)
        dearest = Fraction(0)
        for conditions, rate in self.tariff.walks[kind]:
            measured = conditions is not None and conditions.measured is not None
            if conditions is not None:
                apart = replace(conditions, measured=None) if measured else conditions
                if not apart.hold(instant, _UNMEASURED):
                    continue
            dearest = max(dearest, self.incl(rate, at))
            if not measured:
                break
        return dearest


def _furthest(outlook: _Outlook, room: Fraction) -> _Reach:
    """The rectangle of bands that lasts longest at the present power."""
    state = outlook.state
    starts, ends = _time_bands(outlook)
    lows, highs = _energy_bands(outlook)
    held = (Fraction(0), Fraction(0))
    if state.held_since is not None:
        held = outlook.prices(state.held_since.astimezone(UTC), state.held_from_mwh)
    dearest = [[held] * len(lows) for _ in starts]
    best: _Reach | None = None
    for row, start in enumerate(starts):
        for column, low in enumerate(lows):
            rates = outlook.prices(start, low)
            for near in (
                held,
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


def _time_bands(outlook: _Outlook) -> tuple[Sequence[datetime], Sequence[Fraction | None]]:
    """The instants at which bands start, and the seconds from here to their ends."""
    now, limits = outlook.now, outlook.limits
    edges = {outlook.started_at + timedelta(seconds=limit) for limit in limits.durations_s}
    clock = clock_instants(limits.clocks, now, now + HORIZON, outlook.zone)
    clock += spot_instants(limits.feeds, outlook.context, now, now + HORIZON)
    edges.update(clock)
    ordered = sorted(edge for edge in edges if edge > now)[: BANDS_MAX - 1]
    ends = [Fraction((edge - now) // _MICROSECOND, _US) for edge in ordered]
    if clock or len(ordered) == BANDS_MAX - 1:
        # Windows come again for ever, and a market goes on: beyond the last edge looked at,
        # nothing is known.
        return [now, *ordered[:-1]], ends
    return [now, *ordered], [*ends, None]


def _energy_bands(outlook: _Outlook) -> tuple[Sequence[int], Sequence[Fraction | None]]:
    """The energies at which bands start, and the mWh from here to their ends."""
    energy_mwh = outlook.state.energy_mwh
    above = [edge for edge in outlook.limits.energies_mwh if edge > energy_mwh]
    above = above[: BANDS_MAX - 1]
    ends: list[Fraction | None] = [Fraction(edge - energy_mwh) for edge in above]
    return [energy_mwh, *above], [*ends, None]


def _room(outlook: _Outlook, limit: Money) -> Fraction:
    """What may still be spent. A begun block (step size) is billed whole, a flat fee may come."""
    aside = _block(outlook, (DimensionType.ENERGY,), 1_000) + _block(outlook, _TIMED, 1)
    if not outlook.state.flat_charged:
        fees = (outlook.incl(rate) for _, rate in outlook.tariff.walks[DimensionType.FLAT])
        aside += max(fees, default=Fraction(0))
    return _major(limit) - outlook.state.cost - aside


def _block(outlook: _Outlook, kinds: tuple[DimensionType, ...], unit: int) -> Fraction:
    """The dearest block of these kinds whose step is more than the unit they are counted in."""
    blocks = (
        rate.step * outlook.incl(rate)
        for kind in kinds
        for _, rate in outlook.tariff.walks[kind]
        if rate.step > unit
    )
    return max(blocks, default=Fraction(0))


def _capped(tariff: CompiledTariff, limit: Money) -> bool:
    """Whether the tariff's own greatest price keeps the cost within the limit."""
    most = tariff.tariff.max_price
    return most is not None and most.incl_vat is not None and most.incl_vat <= _major(limit)


def _major(money: Money) -> Fraction:
    return Fraction(money.amount_minor, money.currency.minor_per_major)


def _least(one: Fraction | None, other: Fraction | None) -> Fraction | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
