"""A tariff made ready for pricing many sessions: whole numbers, and a walk per dimension.

Every amount of a session is a whole number of `1 / AMOUNT_SCALE` of the major unit: prices have at
most six decimals, energy is in mWh and time in seconds, so nothing has to be rounded and no
`Decimal` is touched per line. Compile once and price often; `pricing.price` compiles for you.
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from math import lcm

from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.tariff.version import (
    PRICE_DECIMALS_MAX,
    VAT_DECIMALS_MAX,
    DayOfWeek,
    DimensionType,
    PriceComponent,
    Restrictions,
    TariffVersion,
    TaxIncluded,
)

_MWH_PER_KWH = 1_000_000
_S_PER_HOUR = 3_600
_UNIT = lcm(_MWH_PER_KWH, _S_PER_HOUR)
AMOUNT_SCALE: int = _UNIT * 10**PRICE_DECIMALS_MAX
VAT_SCALE: int = 100 * 10**VAT_DECIMALS_MAX
"""A VAT of 19 % is `19 * 10**4` of this."""

_FACTOR = {
    DimensionType.ENERGY: _UNIT // _MWH_PER_KWH,
    DimensionType.TIME: _UNIT // _S_PER_HOUR,
    DimensionType.PARKING_TIME: _UNIT // _S_PER_HOUR,
    DimensionType.FLAT: _UNIT,
}
_DAY_S = 86_400
_WEEKDAYS = {day: number for number, day in enumerate(DayOfWeek)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """What restrictions are matched against: the state of a session as a period starts."""

    elapsed_s: int
    energy_mwh: int
    second_of_day: int = 0
    day: int = 0
    weekday: int = 0


@dataclass(frozen=True, slots=True)
class Rate:
    """A price component as whole numbers. `numerator` is the price of one mWh, second or flat."""

    component: PriceComponent
    numerator: int
    vat_n: int
    step: int
    """In mWh or seconds; 0 is no step."""

    @property
    def gross_n(self) -> int:
        """`numerator` with VAT on top, in units of `1 / (AMOUNT_SCALE * VAT_SCALE)`."""
        return self.numerator * (VAT_SCALE + self.vat_n)


@dataclass(frozen=True, slots=True)
class Conditions:
    """An element's restrictions as whole numbers; None where one is not set."""

    from_s: int
    until_s: int
    wraps: bool
    any_time: bool
    from_day: int | None
    until_day: int | None
    weekdays: frozenset[int]
    min_mwh: int | None
    max_mwh: int | None
    min_duration: int | None
    max_duration: int | None
    measured: Restrictions | None
    """Set where current or power is restricted."""

    @property
    def by_clock(self) -> bool:
        return not self.any_time or self.by_date

    @property
    def by_date(self) -> bool:
        return bool(self.weekdays) or self.from_day is not None or self.until_day is not None

    def hold(self, at: Instant, period: ChargingPeriod) -> bool:
        """Whether all hold (reference: OCPI mod_tariffs, TariffRestrictions)."""
        return (
            _inside(at.energy_mwh, self.min_mwh, self.max_mwh)
            and _inside(at.elapsed_s, self.min_duration, self.max_duration)
            and self._clock_holds(at)
            and (self.measured is None or _measured_holds(self.measured, period))
        )

    def _clock_holds(self, at: Instant) -> bool:
        if not self.any_time:
            after, before = at.second_of_day >= self.from_s, at.second_of_day < self.until_s
            if not ((after or before) if self.wraps else (after and before)):
                return False
        if self.weekdays and at.weekday not in self.weekdays:
            return False
        return _inside(at.day, self.from_day, self.until_day)


Walk = tuple[tuple[Conditions | None, Rate], ...]


@dataclass(frozen=True, slots=True)
class CompiledTariff:
    """`walks` holds, for each dimension, the rates in element order with their conditions.

    The lookup is per dimension: an element that matches but lacks the dimension does not end it.
    """

    tariff: TariffVersion
    walks: dict[DimensionType, Walk]
    conditions: tuple[Conditions, ...]
    by_clock: bool
    by_measurement: bool
    includes_tax: bool
    taxed: bool
    """False where no tax applies to any price (tax_included N/A)."""

    def rate(self, kind: DimensionType, at: Instant, period: ChargingPeriod) -> Rate | None:
        """The rate of the first element that matches and has the dimension; None is free."""
        for conditions, rate in self.walks[kind]:
            if conditions is None or conditions.hold(at, period):
                return rate
        return None


def compile_tariff(tariff: TariffVersion) -> CompiledTariff:
    """Elements for reservations are left out: they price no charging."""
    walks: dict[DimensionType, list[tuple[Conditions | None, Rate]]] = {
        kind: [] for kind in DimensionType
    }
    seen: list[Conditions] = []
    for element in tariff.elements:
        restrictions = element.restrictions
        if restrictions is not None and restrictions.reservation is not None:
            continue
        conditions = None if restrictions is None else compile_restrictions(restrictions)
        if conditions is not None:
            seen.append(conditions)
        priced: set[DimensionType] = set()
        for component in element.price_components:
            if component.type not in priced:  # of two of one type the first counts
                priced.add(component.type)
                walks[component.type].append((conditions, _rate(component)))
    return CompiledTariff(
        tariff=tariff,
        walks={kind: tuple(walk) for kind, walk in walks.items()},
        conditions=tuple(seen),
        by_clock=any(conditions.by_clock for conditions in seen),
        by_measurement=any(conditions.measured is not None for conditions in seen),
        includes_tax=tariff.tax_included is TaxIncluded.YES,
        taxed=tariff.tax_included is not TaxIncluded.NOT_APPLICABLE,
    )


def compile_restrictions(restrictions: Restrictions) -> Conditions:
    """A missing start is 00:00, a missing end or one of 00:00 the end of the day.

    Equal times are undefined in OCPI and taken as the whole day.
    """
    from_s = _seconds(restrictions.start_time) or 0
    until_s = _seconds(restrictions.end_time) or _DAY_S
    measured = (
        restrictions.min_current,
        restrictions.max_current,
        restrictions.min_power,
        restrictions.max_power,
    )
    return Conditions(
        from_s=from_s,
        until_s=until_s,
        wraps=until_s < from_s,
        any_time=from_s == until_s or (from_s == 0 and until_s == _DAY_S),
        from_day=_day(restrictions.start_date),
        until_day=_day(restrictions.end_date),
        weekdays=frozenset(_WEEKDAYS[day] for day in restrictions.day_of_week),
        min_mwh=_mwh(restrictions.min_kwh),
        max_mwh=_mwh(restrictions.max_kwh),
        min_duration=restrictions.min_duration,
        max_duration=restrictions.max_duration,
        measured=None if all(limit is None for limit in measured) else restrictions,
    )


def local_instant(local: datetime, *, elapsed_s: int, energy_mwh: int) -> Instant:
    """`local` is the wall clock of the site."""
    day = local.toordinal()
    return Instant(
        elapsed_s=elapsed_s,
        energy_mwh=energy_mwh,
        second_of_day=local.hour * 3_600 + local.minute * 60 + local.second,
        day=day,
        weekday=(day + 6) % 7,
    )


def _rate(component: PriceComponent) -> Rate:
    per_step = 1_000 if component.type is DimensionType.ENERGY else 1
    return Rate(
        component=component,
        numerator=int(component.price.scaleb(PRICE_DECIMALS_MAX)) * _FACTOR[component.type],
        vat_n=0 if component.vat is None else int(component.vat.scaleb(VAT_DECIMALS_MAX)),
        step=0 if component.type is DimensionType.FLAT else component.step_size * per_step,
    )


def _inside(value: int, least: int | None, end: int | None) -> bool:
    return (least is None or value >= least) and (end is None or value < end)


def _seconds(clock: time | None) -> int | None:
    return None if clock is None else clock.hour * 3_600 + clock.minute * 60


def _day(date_: date | None) -> int | None:
    return None if date_ is None else date_.toordinal()


def _mwh(kwh: Decimal | None) -> int | None:
    return None if kwh is None else int(kwh.scaleb(PRICE_DECIMALS_MAX))


def _measured_holds(limits: Restrictions, period: ChargingPeriod) -> bool:
    """A minimum is compared with the least measured value, a maximum with the greatest.

    Where only one of the two was measured it stands for both; where none was, nothing matches.
    Which dimension is meant is unsettled in OCPI; we emit both alike, so the readings agree.
    """
    for least, most, low, high in (
        (limits.min_current, limits.max_current, period.min_current_a, period.max_current_a),
        (limits.min_power, limits.max_power, period.min_power_kw, period.max_power_kw),
    ):
        if least is None and most is None:
            continue
        low, high = (high if low is None else low), (low if high is None else high)
        if low is None or high is None:
            return False
        if (least is not None and low < least) or (most is not None and high >= most):
            return False
    return True
