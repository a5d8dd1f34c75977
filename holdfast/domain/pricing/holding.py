"""Which elements of a tariff hold at many points of time and use: for displays and charts.

An element holds where its limits on the time of day, the date, energy, duration, power and current
all hold, and each of these changes with one value alone. So the engine's own conditions are asked
once per limit and value; a point, of which a tariff may have thousands, only puts the answers
together, a bit for each element. A session is priced without it (`compiled_tariff.find_rate`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.conditions import (
    Conditions,
    Instant,
    compile_conditions,
    local_instant,
)
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.rate import Rate
from holdfast.domain.tariff.version import DimensionType, Restrictions, TariffVersion
from holdfast.domain.time_zone import time_zone

LIMITS = (
    ("start_time", "end_time"),
    ("start_date", "end_date", "day_of_week", "holiday"),
    ("min_kwh", "max_kwh"),
    ("min_duration", "max_duration"),
    ("min_power", "max_power"),
    ("min_current", "max_current"),
)
"""The fields of restrictions that look at one value each, in the order of `Holding.at`'s values."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One kind of limit of all elements. `always`: those without one; `parts`: the conditions of
    the others. `known`: the answers so far, by value."""

    always: int
    parts: tuple[tuple[Conditions, int], ...]
    known: dict[object, int] = field(default_factory=dict)

    def let_through(self, value: object, at: Instant, period: ChargingPeriod) -> int:
        """The elements whose limit holds at a value, which is the instant's or the period's."""
        bits = self.known.get(value)
        if bits is None:
            bits = self.always
            for conditions, elements in self.parts:
                if conditions.hold(at, period):
                    bits |= elements
            self.known[value] = bits
        return bits


@dataclass(frozen=True, slots=True)
class Holding:
    """Of a driver's tariff, without what reservations cost. Elements are bits by their number:
    `kinds` are those that have a price of a kind, `rates` these prices."""

    kinds: dict[DimensionType, int]
    rates: dict[tuple[DimensionType, int], Rate]
    limits: tuple[Limit, ...]
    zone: ZoneInfo | None

    @classmethod
    def of(cls, compiled: CompiledTariff, context: PriceContext) -> "Holding":
        """For the groups and in the zone of the context. Raises `UnknownZone`."""
        mine = compiled.for_groups(context.user_groups)
        rates = {
            (kind, rate.element): rate for kind, walk in mine.walks.items() for _, rate in walk
        }
        kinds = dict.fromkeys(mine.walks, 0)
        for kind, number in rates:
            kinds[kind] |= 1 << number
        numbers = sorted({number for _, number in rates})
        return cls(
            kinds=kinds,
            rates=rates,
            limits=tuple(_limit(mine.tariff, numbers, fields) for fields in LIMITS),
            zone=time_zone(context.zone) if mine.by_clock else None,
        )

    def at(
        self,
        instant: datetime,
        *,
        elapsed_s: int = 0,
        energy_mwh: int = 0,
        power_kw: Decimal | None = None,
        current_a: Decimal | None = None,
    ) -> int:
        """The elements that hold in a session that used so much before; None is not measured."""
        at = local_instant(instant, elapsed_s, energy_mwh, self.zone)
        period = ChargingPeriod(
            started_at=instant,
            min_power_kw=power_kw,
            max_power_kw=power_kw,
            min_current_a=current_a,
            max_current_a=current_a,
        )
        bits = -1
        values = (at.second_of_day, at.day, energy_mwh, elapsed_s, power_kw, current_a)
        for limit, value in zip(self.limits, values, strict=True):
            bits &= limit.let_through(value, at, period)
        return bits

    def first(self, kind: DimensionType, elements: int) -> int | None:
        """The number of the first of some elements that has a price of the kind; None is free."""
        priced = self.kinds[kind] & elements
        return (priced & -priced).bit_length() - 1 if priced else None

    def first_rates(self, elements: int) -> Iterator[tuple[DimensionType, Rate]]:
        """What counts where these hold."""
        for kind in self.kinds:
            number = self.first(kind, elements)
            if number is not None:
                yield kind, self.rates[kind, number]


def _limit(tariff: TariffVersion, numbers: Sequence[int], fields: Sequence[str]) -> Limit:
    """The limits of these elements in some fields of their restrictions; alike ones are asked as
    one."""
    always, alike = 0, dict[tuple[Any, ...], int]()
    for number in numbers:
        rules = tariff.elements[number].restrictions
        values = () if rules is None else tuple(getattr(rules, name) for name in fields)
        if all(value is None or value == () for value in values):
            always |= 1 << number
        else:
            alike[values] = alike.get(values, 0) | 1 << number
    holidays = frozenset(day.toordinal() for day in tariff.holidays)
    parts = [
        (Restrictions(**dict(zip(fields, values, strict=True))), bits)
        for values, bits in alike.items()
    ]
    return Limit(
        always, tuple((compile_conditions(rules, holidays), bits) for rules, bits in parts)
    )
