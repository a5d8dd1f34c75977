"""The plainest price there is: walk a session second by second, and look every price up anew.

It shares no code with the engine: it reads the tariff's values, the wall clock of the zone, and
the rules of OCPI's restrictions as they are written. Step sizes are 1, since a second and a
milliwatt-hour have no blocks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.tariff.version import (
    AllowancePer,
    DayOfWeek,
    DimensionType,
    PriceComponent,
    PriceLimit,
    Restrictions,
    TariffVersion,
    TaxIncluded,
)

SECOND = timedelta(seconds=1)
KINDS = (DimensionType.ENERGY, DimensionType.TIME, DimensionType.PARKING_TIME)
PER_UNIT = {
    DimensionType.ENERGY: 1_000_000,
    DimensionType.TIME: 3_600,
    DimensionType.PARKING_TIME: 3_600,
    DimensionType.FLAT: 1,
}

Sums = tuple[Fraction | None, Fraction]
"""Before tax, where it can be known, and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """One second of a session: what flowed in it, and what the car was doing."""

    at: datetime
    energy_mwh: int
    resting: bool = False
    parked: bool = False
    power_kw: Decimal | None = None
    current_a: Decimal | None = None


@dataclass(slots=True)
class _Meter:
    """What was counted up to a second."""

    elapsed_s: int = 0
    energy_mwh: int = 0
    flat_due: bool = True
    free: dict[tuple[DimensionType, str], Fraction] = field(default_factory=dict)
    days: dict[str, list[Sums]] = field(default_factory=dict)


def price_by_the_second(
    tariff: TariffVersion, seconds: Sequence[Second], context: PriceContext
) -> Sums:
    """The exact totals before and after tax."""
    zone, meter = ZoneInfo(context.zone), _Meter()
    for second in seconds:
        local = second.at.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
        day = local.date().isoformat()
        amounts = meter.days.setdefault(day, [])
        for kind, quantity in _used(second, meter):
            component = _component(tariff, kind, local, second, meter, context)
            if component is None or not quantity:
                continue
            if kind is DimensionType.FLAT:
                meter.flat_due = False
            paid = _beyond_allowance(tariff, kind, quantity, local, meter, context)
            amount = _unit_price(component, second.at, context) * paid / PER_UNIT[kind]
            amounts.append(_sides(tariff, component, amount))
        meter.elapsed_s += 1
        meter.energy_mwh += second.energy_mwh
    included = tariff.tax_included is TaxIncluded.YES
    taxed = tariff.tax_included is not TaxIncluded.NOT_APPLICABLE and any(
        component.vat or (included and component.vat is None)
        for element in tariff.elements
        for component in element.price_components
    )
    total: Sums = (Fraction(0), Fraction(0))
    for day, parts in meter.days.items():
        total = _plus(total, _capped(tariff, day, _sum(parts), context, taxed=taxed))
    return total


def _used(second: Second, meter: _Meter) -> Iterator[tuple[DimensionType, int]]:
    if meter.flat_due:
        yield DimensionType.FLAT, 1
    yield DimensionType.ENERGY, second.energy_mwh
    if not second.resting:
        yield DimensionType.TIME, 1
    elif second.parked:
        yield DimensionType.PARKING_TIME, 1


def _component(
    tariff: TariffVersion,
    kind: DimensionType,
    local: datetime,
    second: Second,
    meter: _Meter,
    context: PriceContext,
) -> PriceComponent | None:
    for element in tariff.elements:
        if not holds(element.restrictions, local, second, meter, tariff, context):
            continue
        for component in element.price_components:
            if component.type is kind:
                return component
    return None


def holds(
    rule: Restrictions | None,
    local: datetime,
    second: Second,
    meter: _Meter,
    tariff: TariffVersion,
    context: PriceContext,
) -> bool:
    """OCPI mod_tariffs, TariffRestrictions, word by word, and our own."""
    if rule is None:
        return True
    if rule.reservation is not None:
        return False
    kwh = Decimal(meter.energy_mwh) / 1_000_000
    return (
        _clock_holds(rule, local.time())
        and (rule.start_date is None or local.date() >= rule.start_date)
        and (rule.end_date is None or local.date() < rule.end_date)
        and (not rule.day_of_week or DayOfWeek(local.strftime("%A").upper()) in rule.day_of_week)
        and (rule.holiday is None or rule.holiday == (local.date() in tariff.holidays))
        and (not rule.user_groups or bool(set(rule.user_groups) & context.user_groups))
        and _between(kwh, rule.min_kwh, rule.max_kwh)
        and _between(meter.elapsed_s, rule.min_duration, rule.max_duration)
        and _between(second.power_kw, rule.min_power, rule.max_power)
        and _between(second.current_a, rule.min_current, rule.max_current)
    )


def _clock_holds(rule: Restrictions, clock: time) -> bool:
    start, end = rule.start_time or time(0), rule.end_time or time(0)
    if start == end:
        return True
    if end == time(0):
        return clock >= start
    if end < start:
        return clock >= start or clock < end
    return start <= clock < end


def _between(
    value: Decimal | int | None, least: Decimal | int | None, end: Decimal | int | None
) -> bool:
    if least is None and end is None:
        return True
    if value is None:
        return False
    return (least is None or value >= least) and (end is None or value < end)


def _beyond_allowance(
    tariff: TariffVersion,
    kind: DimensionType,
    quantity: int,
    local: datetime,
    meter: _Meter,
    context: PriceContext,
) -> Fraction:
    """How much of it is not free. One allowance per kind is looked at."""
    paid = Fraction(quantity)
    for allowance in tariff.allowances:
        if allowance.type is not kind:
            continue
        span = {
            AllowancePer.SESSION: "",
            AllowancePer.DAY: local.strftime("%Y-%m-%d"),
            AllowancePer.MONTH: local.strftime("%Y-%m"),
        }[allowance.per]
        left = meter.free.get((kind, span))
        if left is None:
            unit = 1_000_000 if kind is DimensionType.ENERGY else 1
            before = context.earlier.used.get((kind, allowance.per, span), 0)
            left = max(Fraction(0), Fraction(allowance.quantity) * unit - before)
        free = min(left, paid)
        meter.free[kind, span] = left - free
        paid -= free
    return paid


def _unit_price(component: PriceComponent, at: datetime, context: PriceContext) -> Fraction:
    spot = component.spot
    if spot is None:
        return Fraction(component.price)
    curve = context.spot.get(spot.feed)
    market = None if curve is None else curve.at(at)
    if market is None:
        market = spot.fallback
    whole = Fraction(component.price) + Fraction(spot.factor) * Fraction(market)
    whole = max(whole, Fraction(spot.floor))
    return whole if spot.ceiling is None else min(whole, Fraction(spot.ceiling))


def _sides(tariff: TariffVersion, component: PriceComponent, amount: Fraction) -> Sums:
    if not amount:
        return amount, amount
    rate = None if component.vat is None else 1 + Fraction(component.vat) / 100
    if tariff.tax_included is TaxIncluded.NOT_APPLICABLE:
        return amount, amount
    if tariff.tax_included is TaxIncluded.YES:
        return (None if rate is None else amount / rate), amount
    return amount, amount * (rate or 1)


def _capped(
    tariff: TariffVersion, day: str, total: Sums, context: PriceContext, *, taxed: bool
) -> Sums:
    cap = tariff.daily_cap
    if cap is None:
        return total
    net_cap, gross_cap = _limit_sides(cap, taxed=taxed)
    net_spent, gross_spent = context.earlier.spent.get(day, (Fraction(0), Fraction(0)))
    net, gross = total
    if net is not None and net_cap is not None:
        net = min(net, max(Fraction(0), net_cap - net_spent))
    if gross_cap is not None:
        gross = min(gross, max(Fraction(0), gross_cap - gross_spent))
    return net, gross


def _limit_sides(limit: PriceLimit, *, taxed: bool) -> tuple[Fraction | None, Fraction | None]:
    net = None if limit.excl_vat is None else Fraction(limit.excl_vat)
    gross = None if limit.incl_vat is None else Fraction(limit.incl_vat)
    if not taxed:
        net, gross = (gross if net is None else net), (net if gross is None else gross)
    return net, gross


def _plus(one: Sums, other: Sums) -> Sums:
    net = None if one[0] is None or other[0] is None else one[0] + other[0]
    return net, one[1] + other[1]


def _sum(parts: Sequence[Sums]) -> Sums:
    total: Sums = (Fraction(0), Fraction(0))
    for part in parts:
        total = _plus(total, part)
    return total
