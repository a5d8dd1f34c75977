"""A price in the making: charging periods become lines, and lines get their step sizes."""

from dataclasses import dataclass, field

from holdfast.domain.pricing.allowances import Allowances
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import CompiledTariff, Walks, find_rate
from holdfast.domain.pricing.conditions import Instant
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.oddities import Oddities
from holdfast.domain.pricing.priced_session import LineReason, PricedLine
from holdfast.domain.pricing.rate import Rate
from holdfast.domain.tariff.version import DimensionType, SpotPrice

_ENERGY, _TIME = DimensionType.ENERGY, DimensionType.TIME
_PARKING, _FLAT = DimensionType.PARKING_TIME, DimensionType.FLAT
_USED = LineReason.USED


@dataclass(slots=True)
class Place:
    """A period in its session. Not frozen for the same reason as `Instant`."""

    number: int
    period: ChargingPeriod
    tariff: CompiledTariff
    at: Instant


@dataclass(slots=True)
class Part:
    """One of the two parts of a session that are priced apart: a reservation, or charging.

    FLAT comes once in each; `flat_due` while it did not and the present tariff has one.
    `quantities` and `last` are what step sizes round up: what the present tariff has priced, by
    kind. A change of tariff begins anew and what came before is not rounded: step sizes count at
    the end and do not reach across the change (OCPI mod_cdrs, step_size).
    """

    reservation: bool
    flat_billed: bool = False
    flat_due: bool = False
    tariff: CompiledTariff | None = None
    walks: Walks = field(default_factory=dict)
    quantities: dict[DimensionType, int] = field(default_factory=dict)
    last: dict[DimensionType, PricedLine] = field(default_factory=dict)

    def change(self, tariff: CompiledTariff, walks: Walks) -> None:
        """From here on another tariff counts."""
        self.tariff, self.walks, self.quantities, self.last = tariff, walks, {}, {}
        self.flat_due = bool(walks[_FLAT]) and not self.flat_billed

    def used(self, line: PricedLine) -> None:
        """A line that costs money."""
        kind = line.dimension
        self.quantities[kind] = self.quantities.get(kind, 0) + line.quantity
        self.last[kind] = line

    def surplus(self, kind: DimensionType) -> list[PricedLine]:
        """The rest of the last block, at the last price of the kind."""
        last = self.last.get(kind)
        if last is None or not last.rate.step:
            return []
        rest = -self.quantities[kind] % last.rate.step
        return [last._replace(reason=LineReason.STEP_SIZE, quantity=rest)] if rest else []


@dataclass(slots=True)
class Bill:
    """The lines so far. Periods are added in order, then `add_step_sizes` closes it."""

    context: PriceContext
    odd: Oddities
    lines: list[PricedLine] = field(default_factory=list)
    charging: Part = field(default_factory=lambda: Part(reservation=False))
    reserved: Part = field(default_factory=lambda: Part(reservation=True))
    _allowances: dict[str, Allowances] = field(default_factory=dict)

    def add(self, place: Place) -> None:
        """The lines of a period. One that only reserves has no price of charging, not even FLAT.

        Energy that a car gave back has no price that OCPI defines: it is billed as nothing.
        """
        period, tariff = place.period, place.tariff
        if period.reservation_s:
            self._add_reservation(place)
            if period.reserves_only:
                return
        part = self.charging
        if part.tariff is not tariff:
            part.change(tariff, tariff.walks)
        if part.flat_due:
            self._add_flat(part, place)
        if period.energy_mwh > 0:
            self._add(part, _ENERGY, period.energy_mwh, place)
        elif period.energy_mwh < 0:
            self.odd.gave_back(place.number)
        if period.time_s:
            self._add(part, _TIME, period.time_s, place)
        if period.parking_s:
            self._add(part, _PARKING, period.parking_s, place)

    def add_step_sizes(self) -> None:
        """Up to whole blocks of the last price: once for energy, once for both times together.

        Parking that was billed absorbs the rounding of charging time. Reserved time has its own.
        """
        timed = _PARKING if _PARKING in self.charging.last else _TIME
        self.lines += self.charging.surplus(_ENERGY)
        self.lines += self.charging.surplus(timed)
        self.lines += self.reserved.surplus(_TIME)

    def _add_reservation(self, place: Place) -> None:
        part, tariff = self.reserved, place.tariff
        if part.tariff is not tariff:
            expired = self.context.reservation_expired
            part.change(tariff, tariff.expired if expired else tariff.reserved)
        if part.flat_due:
            self._add_flat(part, place)
        self._add(part, _TIME, place.period.reservation_s, place)

    def _add_flat(self, part: Part, place: Place) -> None:
        """The fee, where it has a price as the period starts."""
        rate = find_rate(part.walks[_FLAT], place.at, place.period)
        if rate is not None:
            part.flat_billed, part.flat_due = True, False
            self._line(part, _FLAT, 1, rate, place)

    def _add(self, part: Part, kind: DimensionType, quantity: int, place: Place) -> None:
        """A quantity at the price that it has as the period starts."""
        walk = part.walks[kind]
        rate = find_rate(walk, place.at, place.period)
        if rate is None:
            # Energy at no price is always worth a word; time where it has a price at other times.
            if walk or kind is _ENERGY:
                self.odd.free(kind, quantity, reservation=part.reservation)
            return
        if rate.component.spot is not None:
            rate = self._at_market(rate, rate.component.spot, place)
        if place.tariff.tariff.allowances and not part.reservation:
            free = self._allowed(kind, quantity, place)
            if free:
                self._line(part, kind, free, rate, place, reason=LineReason.ALLOWANCE)
            quantity -= free
        if quantity:
            self._line(part, kind, quantity, rate, place)

    def _line(
        self,
        part: Part,
        kind: DimensionType,
        quantity: int,
        rate: Rate,
        place: Place,
        *,
        reason: LineReason = _USED,
    ) -> None:
        line = PricedLine(
            kind,
            reason,
            place.number,
            place.period.started_at,
            quantity,
            rate,
            place.tariff.tariff.id,
            part.reservation,
        )
        self.lines.append(line)
        if reason is _USED:
            part.used(line)

    def _at_market(self, rate: Rate, spot: SpotPrice, place: Place) -> Rate:
        market = self.context.market_price(spot.feed, place.period.started_at)
        if market is None:
            self.odd.spot_missing(place.number, spot)
        return rate.at_market(market)

    def _allowed(self, kind: DimensionType, quantity: int, place: Place) -> int:
        """How much of a quantity is free by an allowance of its tariff."""
        version = place.tariff.tariff
        known = self._allowances.get(version.id)
        if known is None:
            known = self._allowances[version.id] = Allowances(version, self.context.earlier)
        return known.take(kind, quantity, place.at.day)
