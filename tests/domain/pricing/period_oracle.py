"""OCPI's way of pricing periods, read from the specification once more and written the long way.

It shares no code with the engine. `mod_tariffs` and `mod_cdrs` of 2.2.1: per period and dimension
the first element that matches as the period starts; reservation apart from charging; blocks on the
session's totals at the last price of their kind; least and greatest price at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    TariffVersion,
    TaxIncluded,
)
from tests.domain.pricing.second_oracle import Second, Sums, _Meter, _plus, _sides, holds

ENERGY, TIME = DimensionType.ENERGY, DimensionType.TIME
PARKING, FLAT = DimensionType.PARKING_TIME, DimensionType.FLAT


@dataclass(slots=True)
class _Kind:
    """One kind of quantity over the whole session."""

    quantity: int = 0
    last: PriceComponent | None = None


@dataclass(slots=True)
class _Account:
    total: Sums = (Fraction(0), Fraction(0))
    kinds: dict[str, _Kind] = field(default_factory=dict)
    rates: list[PriceComponent] = field(default_factory=list)

    def charge(
        self, tariff: TariffVersion, kind: str, component: PriceComponent, quantity: int, per: int
    ) -> None:
        known = self.kinds.setdefault(kind, _Kind())
        known.quantity += quantity
        known.last = component
        self.rates.append(component)
        amount = Fraction(component.price) * quantity / per
        self.total = _plus(self.total, _sides(tariff, component, amount))


def price_periods(
    tariff: TariffVersion, periods: Sequence[ChargingPeriod], context: PriceContext
) -> Sums:
    """The exact totals before and after tax, of one tariff of OCPI's own means."""
    account, energy_mwh = _Account(), 0
    zone = ZoneInfo(context.zone)
    for period in periods:
        elapsed_s = int((period.started_at - periods[0].started_at).total_seconds())
        meter = _Meter(elapsed_s=elapsed_s, energy_mwh=energy_mwh)
        here = _Here(tariff, context, period, period.started_at.astimezone(zone), meter)
        if period.reservation_s:
            _reserve(account, here)
        if (period.energy_mwh or period.time_s or period.parking_s) or not period.reservation_s:
            _charge(account, here)
        energy_mwh += period.energy_mwh
    _blocks(tariff, account)
    return _limited(tariff, account) if periods else account.total


@dataclass(frozen=True, slots=True)
class _Here:
    tariff: TariffVersion
    context: PriceContext
    period: ChargingPeriod
    local: datetime
    meter: _Meter

    def first(self, kind: DimensionType, wanted: Reservation | None) -> PriceComponent | None:
        """Of the elements with that restriction on reservations."""
        for element in self.tariff.elements:
            rule = element.restrictions
            if (None if rule is None else rule.reservation) is not wanted:
                continue
            if rule is not None and not self._matches(rule):
                continue
            for component in element.price_components:
                if component.type is kind:
                    return component
        return None

    def _matches(self, rule: Restrictions) -> bool:
        plain = Restrictions(
            **{
                name: getattr(rule, name)
                for name in Restrictions.__dataclass_fields__
                if name != "reservation" and "current" not in name and "power" not in name
            }
        )
        second = Second(at=self.period.started_at, energy_mwh=0)
        local = self.local.replace(tzinfo=None)
        if not holds(plain, local, second, self.meter, self.tariff, self.context):
            return False
        period = self.period
        return _measured(
            rule.min_power, rule.max_power, period.min_power_kw, period.max_power_kw
        ) and _measured(
            rule.min_current, rule.max_current, period.min_current_a, period.max_current_a
        )


def _measured(
    least: Decimal | None, end: Decimal | None, low: Decimal | None, high: Decimal | None
) -> bool:
    """The least measured value must reach the minimum, the greatest stay below the maximum."""
    if least is None and end is None:
        return True
    low, high = (high if low is None else low), (low if high is None else high)
    if low is None or high is None:
        return False
    return (least is None or low >= least) and (end is None or high < end)


def _reserve(account: _Account, here: _Here) -> None:
    order = (
        (Reservation.RESERVATION_EXPIRES, Reservation.RESERVATION)
        if here.context.reservation_expired
        else (Reservation.RESERVATION,)
    )
    for kind, name, quantity, per in (
        (FLAT, "reservation flat", 1, 1),
        (TIME, "reservation", here.period.reservation_s, 3_600),
    ):
        if kind is FLAT and name in account.kinds:
            continue
        component = next((found for w in order if (found := here.first(kind, w))), None)
        if component is not None:
            account.charge(here.tariff, name, component, quantity, per)


def _charge(account: _Account, here: _Here) -> None:
    period = here.period
    for kind, quantity, per in (
        (FLAT, 1, 1),
        (ENERGY, period.energy_mwh, 1_000_000),
        (TIME, period.time_s, 3_600),
        (PARKING, period.parking_s, 3_600),
    ):
        if not quantity or (kind is FLAT and kind in account.kinds):
            continue
        component = here.first(kind, None)
        if component is not None:
            account.charge(here.tariff, kind, component, quantity, per)


def _blocks(tariff: TariffVersion, account: _Account) -> None:
    timed = PARKING if PARKING in account.kinds else TIME
    for kind, unit, per in (
        (ENERGY, 1_000, 1_000_000),
        (timed, 1, 3_600),
        ("reservation", 1, 3_600),
    ):
        known = account.kinds.get(kind)
        if known is None or known.last is None or not known.last.step_size:
            continue
        block = known.last.step_size * unit
        whole = -(-known.quantity // block) * block
        account.charge(tariff, kind, known.last, whole - known.quantity, per)


def _limited(tariff: TariffVersion, account: _Account) -> Sums:
    untaxed = tariff.tax_included is TaxIncluded.NOT_APPLICABLE or not any(
        component.vat for component in account.rates
    )
    net, gross = account.total
    for limit, choose in ((tariff.min_price, max), (tariff.max_price, min)):
        if limit is None:
            continue
        net_limit, gross_limit = _limits(limit, untaxed=untaxed)
        if net is not None and net_limit is not None:
            net = choose(net, net_limit)
        if gross_limit is not None:
            gross = choose(gross, gross_limit)
    return net, gross


def _limits(limit: PriceLimit, *, untaxed: bool) -> tuple[Fraction | None, Fraction | None]:
    net = None if limit.excl_vat is None else Fraction(limit.excl_vat)
    gross = None if limit.incl_vat is None else Fraction(limit.incl_vat)
    if untaxed and net is None:
        net = gross
    if untaxed and gross is None:
        gross = net
    return net, gross
