"""The price of a session: a pure function of a tariff version and charging periods.

The one pricing function (invariant M4): the live price, the bill and the CDR all come from here.
The algorithm is that of OCPI 2.2.1/2.3.0 mod_tariffs and mod_cdrs:

1. Each period is matched as it starts: local wall clock, energy and seconds since session start.
2. Per dimension, the first element that matches and has the dimension gives the price; none is
   free. FLAT counts once per session.
3. Step sizes round up once per kind, on the session's total, at the last price of that kind.
   Priced parking absorbs the rounding of charging time.
4. Least and greatest price apply to the totals before and after tax, each to its own.
5. Half up, once, on each stated total.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from holdfast.domain.finding import Finding, Severity
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import (
    CompiledTariff,
    Instant,
    Rate,
    compile_tariff,
    local_instant,
)
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.priced_session import (
    Adjustment,
    AdjustmentReason,
    LineReason,
    PricedLine,
    PricedSession,
    gross_amount,
    net_amount,
)
from holdfast.domain.tariff.version import DimensionType, PriceLimit, TariffVersion, TaxIncluded

PERIODS_MAX = 10_000

_SECOND = timedelta(seconds=1)


class UnknownZone(ValueError):
    """Not a name of the IANA time zone database."""


class TooManyPeriods(ValueError):
    """More periods than any real session has."""


def price(
    tariff: TariffVersion, periods: Sequence[ChargingPeriod], context: PriceContext
) -> PricedSession:
    """What a session costs under a tariff. The session starts with its first period.

    No period is a price of zero. Raises `UnknownZone`, `TooManyPeriods`.
    """
    return price_compiled(compile_tariff(tariff), periods, context)


def price_compiled(
    tariff: CompiledTariff, periods: Sequence[ChargingPeriod], context: PriceContext
) -> PricedSession:
    """`price` for who prices many sessions under one tariff."""
    if len(periods) > PERIODS_MAX:
        raise TooManyPeriods(f"{len(periods)} periods: at most {PERIODS_MAX} can be priced")
    bill = _Bill(tariff=tariff)
    walked = _walk(bill, periods, time_zone(context.zone))
    _add_step_sizes(bill)
    excl, incl = _sums(bill)
    if periods:
        excl, incl, adjustments = _limited(bill, excl, incl)
    else:
        adjustments = ()
    version = tariff.tariff
    return PricedSession(
        tariff_id=version.id,
        currency=version.currency,
        lines=tuple(bill.lines),
        adjustments=adjustments,
        findings=(*walked, *bill.findings),
        exact_excl=excl,
        exact_incl=incl,
    )


@lru_cache(maxsize=1_024)
def time_zone(name: str) -> ZoneInfo:
    """The zone of that name. Raises `UnknownZone`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZone(
            f"{name[:80]!r} is no time zone: use one such as Europe/Berlin"
        ) from error


def instant_of(
    tariff: CompiledTariff, at: datetime, started_at: datetime, energy_mwh: int, zone: ZoneInfo
) -> Instant:
    """The match context at an instant of a session."""
    elapsed_s = (at - started_at) // _SECOND
    if not tariff.by_clock:
        return Instant(elapsed_s=elapsed_s, energy_mwh=energy_mwh)
    return local_instant(at.astimezone(zone), elapsed_s=elapsed_s, energy_mwh=energy_mwh)


@dataclass(slots=True)
class _Bill:
    """A price in the making."""

    tariff: CompiledTariff
    lines: list[PricedLine] = field(default_factory=list)
    quantities: dict[DimensionType, int] = field(default_factory=dict)
    last: dict[DimensionType, PricedLine] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(
        self, kind: DimensionType, quantity: int, rate: Rate, period: int, started_at: datetime
    ) -> None:
        line = PricedLine(
            dimension=kind,
            reason=LineReason.USED,
            period=period,
            started_at=started_at,
            quantity=quantity,
            rate=rate,
            tariff=self.tariff,
        )
        self.lines.append(line)
        self.quantities[kind] = self.quantities.get(kind, 0) + quantity
        self.last[kind] = line


def _walk(bill: _Bill, periods: Sequence[ChargingPeriod], zone: ZoneInfo) -> list[Finding]:
    """One line per period and priced dimension; what was odd about the periods."""
    tariff, energy_mwh, flat = bill.tariff, 0, DimensionType.FLAT
    free: dict[DimensionType, int] = {}
    findings: list[Finding] = []
    before: ChargingPeriod | None = None
    for number, period in enumerate(periods):
        if before is not None and (odd := _order(number, before, period)):
            findings.append(odd)
        if tariff.by_measurement and not _measured(period):
            findings.append(_unmeasured(number))
        before = period
        at = instant_of(tariff, period.started_at, periods[0].started_at, energy_mwh, zone)
        if flat not in bill.last and (rate := tariff.rate(flat, at, period)):
            bill.add(flat, 1, rate, number, period.started_at)
        for kind, quantity in (
            (DimensionType.ENERGY, period.energy_mwh),
            (DimensionType.TIME, period.time_s),
            (DimensionType.PARKING_TIME, period.parking_s),
        ):
            if quantity:
                if rate := tariff.rate(kind, at, period):
                    bill.add(kind, quantity, rate, number, period.started_at)
                else:
                    free[kind] = free.get(kind, 0) + quantity
        energy_mwh += period.energy_mwh
    # Energy at no price is always worth a word; time only where the tariff prices it elsewhere.
    findings += [
        _free(kind, quantity)
        for kind, quantity in free.items()
        if kind is DimensionType.ENERGY or tariff.walks[kind]
    ]
    return findings


def _add_step_sizes(bill: _Bill) -> None:
    """Up to whole blocks of the last price: once for energy, once for both times together."""
    timed = DimensionType.PARKING_TIME
    if timed not in bill.last:
        timed = DimensionType.TIME
    for kind in (DimensionType.ENERGY, timed):
        last = bill.last.get(kind)
        if last is None or last.rate.step == 0:
            continue
        surplus = -bill.quantities[kind] % last.rate.step
        if surplus:
            bill.lines.append(
                PricedLine(
                    dimension=kind,
                    reason=LineReason.STEP_SIZE,
                    period=last.period,
                    started_at=last.started_at,
                    quantity=surplus,
                    rate=last.rate,
                    tariff=bill.tariff,
                )
            )


def _sums(bill: _Bill) -> tuple[Fraction | None, Fraction]:
    """Exact totals before and after tax. Whole numbers are added, one fraction per rate of VAT."""
    tariff = bill.tariff
    by_vat: dict[tuple[int, bool], tuple[Rate, int]] = {}
    for line in bill.lines:
        rate = line.rate
        key = (rate.vat_n, rate.component.vat is None)
        known, numerator = by_vat.get(key, (rate, 0))
        by_vat[key] = (known, numerator + line.quantity * rate.numerator)
    excl: Fraction | None = Fraction(0)
    incl = Fraction(0)
    for rate, numerator in by_vat.values():
        incl += gross_amount(tariff, rate, numerator)
        net = net_amount(tariff, rate, numerator)
        excl = None if excl is None or net is None else excl + net
    stated = tariff.tariff.tax_included
    if stated in (TaxIncluded.YES, TaxIncluded.NO) and any(untaxed for _, untaxed in by_vat):
        bill.findings.append(
            Finding(code="tax_unknown", detail="a price has no rate of tax: no tax was added")
        )
    return excl, incl


def _limited(
    bill: _Bill, excl: Fraction | None, incl: Fraction
) -> tuple[Fraction | None, Fraction, tuple[Adjustment, ...]]:
    """The totals within the least and the greatest price, each side of tax on its own."""
    adjustments: list[Adjustment] = []
    tariff = bill.tariff.tariff
    untaxed = not bill.tariff.taxed or not any(line.rate.vat_n for line in bill.lines)
    for reason, limit, pick in (
        (AdjustmentReason.MIN_PRICE, tariff.min_price, max),
        (AdjustmentReason.MAX_PRICE, tariff.max_price, min),
    ):
        if limit is None:
            continue
        net_limit, gross_limit = _sides(limit, untaxed=untaxed)
        net, gross = excl, incl
        if net is not None and net_limit is not None:
            net = pick(net, Fraction(net_limit))
        if gross_limit is not None:
            gross = pick(gross, Fraction(gross_limit))
        if (net, gross) == (excl, incl):
            continue
        change = None if net is None or excl is None else net - excl
        adjustments.append(Adjustment(reason=reason, excl=change, incl=gross - incl))
        bill.findings.append(Finding(code=reason.value, detail=f"the {reason.value} applied"))
        if net_limit is None or gross_limit is None:
            bill.findings.append(
                Finding(
                    code="price_limit_one_sided",
                    detail=f"{reason.value} is stated on one side of tax only",
                    severity=Severity.REVIEW,
                )
            )
        excl, incl = net, gross
    return excl, incl, tuple(adjustments)


def _sides(limit: PriceLimit, *, untaxed: bool) -> tuple[Decimal | None, Decimal | None]:
    """The limits before and after tax. Without tax the two sums are one, so one limit is both."""
    net, gross = limit.excl_vat, limit.incl_vat
    if untaxed:
        net, gross = (gross if net is None else net), (net if gross is None else gross)
    return net, gross


def _measured(period: ChargingPeriod) -> bool:
    return any(
        value is not None
        for value in (
            period.min_current_a,
            period.max_current_a,
            period.min_power_kw,
            period.max_power_kw,
        )
    )


def _order(number: int, before: ChargingPeriod, period: ChargingPeriod) -> Finding | None:
    """What is wrong between two periods; a second of slack, since seconds are rounded."""
    started_at = period.started_at.astimezone(UTC)
    if started_at < before.started_at:
        detail = f"period {number} starts before the one ahead of it"
        return Finding(code="period_out_of_order", detail=detail, severity=Severity.REVIEW)
    used_s = before.time_s + before.parking_s + before.grace_s
    gap = started_at - before.started_at - used_s * _SECOND
    if gap < -_SECOND:
        detail = f"period {number} starts {-gap // _SECOND} s before the one ahead of it is over"
        return Finding(code="periods_overlap", detail=detail, severity=Severity.REVIEW)
    if used_s and gap > _SECOND:
        detail = f"{gap // _SECOND} s before period {number} belong to no period"
        return Finding(code="periods_gap", detail=detail)
    return None


def _free(kind: DimensionType, quantity: int) -> Finding:
    unit = "mWh" if kind is DimensionType.ENERGY else "s"
    return Finding(code="free", detail=f"{quantity} {unit} of {kind} matched no price")


def _unmeasured(number: int) -> Finding:
    detail = f"period {number} has no measured current or power, so no limit on them matched"
    return Finding(code="not_measured", detail=detail, severity=Severity.REVIEW)
