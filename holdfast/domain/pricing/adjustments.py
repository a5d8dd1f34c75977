"""From the sum of the lines to the total: rounding on the way, caps per day, price limits.

They come in this order, each on what the one before left, and each side of tax by itself (OCPI
mod_tariffs, min_price and max_price): a limit on one side says nothing about the other. Where a
session used several tariffs OCPI leaves open whose limits count: those that all of them state
alike, and none that they do not; that is reported.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from holdfast.domain.currency import Currency
from holdfast.domain.finding import Finding, note, review
from holdfast.domain.pricing.amount_text import Ratio
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.context import PriceContext, RoundedPer, Rounding
from holdfast.domain.pricing.priced_session import (
    Adjustment,
    AdjustmentReason,
    PricedLine,
    RateSum,
    Sum,
    by_rate,
    summed,
)
from holdfast.domain.pricing.rounding import rounded
from holdfast.domain.tariff.version import PriceLimit, TariffVersion, TaxIncluded

_TOTAL = RoundedPer.TOTAL
_NOTHING = Fraction(0)

Days = dict[int, tuple[Fraction, Fraction]]
"""What each local day (an ordinal) costs, before and after tax."""


@dataclass(slots=True)
class Total:
    """The total in the making. `net` is None where the amount before tax is not known."""

    net: Ratio | None
    gross: Ratio
    adjustments: list[Adjustment] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def excl(self) -> Fraction | None:
        """Before tax."""
        return None if self.net is None else Fraction(*self.net)

    @property
    def incl(self) -> Fraction:
        """After tax."""
        return Fraction(*self.gross)

    def change(
        self,
        reason: AdjustmentReason,
        excl: Fraction,
        incl: Fraction,
        day: date | None = None,
    ) -> None:
        """Add to both sides and say why; nothing where there is nothing to add."""
        before = self.excl
        net = None if before is None else excl
        if net or incl:
            self.adjustments.append(Adjustment(reason=reason, excl=net, incl=incl, day=day))
            self.net = None if before is None else (before + excl).as_integer_ratio()
            self.gross = (self.incl + incl).as_integer_ratio()


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """What is adjusted: the lines of a session, and the same as one per rate; the local day of each
    period (an ordinal); the tariffs that its periods were priced by."""

    lines: Sequence[PricedLine]
    sums: tuple[RateSum, ...]
    days: Sequence[int]
    tariffs: Sequence[CompiledTariff]
    currency: Currency


def adjusted(billed: Billed, context: PriceContext) -> Total:
    """The total of a session and how it came about."""
    lines = summed(billed.sums)
    total = Total(lines.net, lines.gross)
    cap = _agreed(total, billed, "daily_cap", lambda version: version.daily_cap)
    rounding = context.rounding
    if rounding.per is not _TOTAL or rounding.tax_on_rounded_net:
        days = _round_parts(total, billed, rounding, by_day=cap is not None)
    else:
        days = {} if cap is None else _exact_days(billed)
    if cap is not None:
        _cap_days(total, billed, cap, days, context)
    if billed.tariffs:
        least = _agreed(total, billed, "min_price", lambda version: version.min_price)
        most = _agreed(total, billed, "max_price", lambda version: version.max_price)
        _limit(total, billed, AdjustmentReason.MIN_PRICE, least)
        _limit(total, billed, AdjustmentReason.MAX_PRICE, most)
    return total


def _exact_days(billed: Billed) -> Days:
    by_day: dict[int, list[PricedLine]] = {}
    for line in billed.lines:
        by_day.setdefault(billed.days[line.period], []).append(line)
    if len(by_day) == 1:  # as most sessions are: all is added up already
        parts = [summed(billed.sums)]
    else:
        parts = [summed(by_rate(lines)) for lines in by_day.values()]
    return {
        day: (part.excl or _NOTHING, part.incl) for day, part in zip(by_day, parts, strict=True)
    }


def _round_parts(total: Total, billed: Billed, rounding: Rounding, *, by_day: bool) -> Days:
    """Round what the policy rounds before it is added up, and add it up by day.

    A part is a dimension or a period; of a local day, where caps count by days; at one rate of
    tax, where tax is worked out from the rounded net amount.
    """
    parts: dict[Hashable, tuple[int, list[PricedLine]]] = {}
    for line in billed.lines:
        day = billed.days[line.period] if by_day else 0
        key = (
            day,
            (line.dimension, line.reservation) if rounding.per is RoundedPer.LINE else None,
            line.period if rounding.per is RoundedPer.PERIOD else None,
            (line.rate.tax, line.rate.form) if rounding.tax_on_rounded_net else None,
        )
        parts.setdefault(key, (day, []))[1].append(line)
    days: Days = {}
    more_excl = more_incl = _NOTHING
    for day, lines in parts.values():
        part = summed(by_rate(lines))
        exact_excl, exact_incl = part.excl or _NOTHING, part.incl
        excl, incl = _stated(part, lines[0], rounding, billed.currency)
        more_excl, more_incl = more_excl + excl - exact_excl, more_incl + incl - exact_incl
        of_day = days.get(day, (_NOTHING, _NOTHING))
        days[day] = of_day[0] + excl, of_day[1] + incl
    total.change(AdjustmentReason.ROUNDING, more_excl, more_incl)
    return days


def _stated(
    part: Sum, line: PricedLine, rounding: Rounding, currency: Currency
) -> tuple[Fraction, Fraction]:
    """A part as it is added up: rounded, unless only the total is. `line` is one of its lines.

    Where prices include tax, what was shown is what is paid: tax never changes the gross amount.
    """
    excl, incl = part.excl or _NOTHING, part.incl
    if rounding.tax_on_rounded_net and line.rate.form is not TaxIncluded.YES:
        excl = rounded(excl, rounding, currency)
        return excl, excl + rounded(excl * line.rate.tax, rounding, currency)
    if rounding.per is RoundedPer.TOTAL:
        return excl, incl
    return rounded(excl, rounding, currency), rounded(incl, rounding, currency)


def _cap_days(
    total: Total,
    billed: Billed,
    cap: PriceLimit,
    days: Days,
    context: PriceContext,
) -> None:
    """No local day costs more than the cap, with what the driver spent on it before."""
    before = len(total.findings)
    most_excl, most_incl = _sides(cap, billed)
    for ordinal, (excl, incl) in sorted(days.items()):
        day = date.fromordinal(ordinal)
        spent_excl, spent_incl = context.earlier.spent.get(day.isoformat(), (_NOTHING, _NOTHING))
        less_excl = _beyond(excl, most_excl, spent_excl)
        less_incl = _beyond(incl, most_incl, spent_incl)
        if less_excl or less_incl:
            total.change(AdjustmentReason.DAILY_CAP, -less_excl, -less_incl, day)
            total.findings.append(note("daily_cap", f"the cap of {day.isoformat()} applied"))
    if len(total.findings) > before and (most_excl is None or most_incl is None):
        total.findings.append(_one_sided(AdjustmentReason.DAILY_CAP))


def _beyond(amount: Fraction, most: Decimal | None, spent: Fraction) -> Fraction:
    """What an amount has too much, after what was spent before; never more than all of it."""
    if most is None:
        return _NOTHING
    return max(_NOTHING, amount - max(_NOTHING, Fraction(most) - spent))


def _limit(
    total: Total, billed: Billed, reason: AdjustmentReason, limit: PriceLimit | None
) -> None:
    """The least or the greatest price, on the session's total."""
    if limit is None:
        return
    pick = max if reason is AdjustmentReason.MIN_PRICE else min
    net_limit, gross_limit = _sides(limit, billed)
    known, gross = total.excl, total.incl
    net = known or _NOTHING
    more_net = _NOTHING if net_limit is None else pick(net, Fraction(net_limit)) - net
    more_gross = _NOTHING if gross_limit is None else pick(gross, Fraction(gross_limit)) - gross
    if not more_gross and (known is None or not more_net):
        return
    total.change(reason, more_net, more_gross)
    total.findings.append(note(reason.value, f"the {reason.value} applied"))
    if net_limit is None or gross_limit is None:
        total.findings.append(_one_sided(reason))


def _one_sided(reason: AdjustmentReason) -> Finding:
    return review("price_limit_one_sided", f"{reason.value} is stated on one side of tax only")


def _sides(limit: PriceLimit, billed: Billed) -> tuple[Decimal | None, Decimal | None]:
    """The limits before and after tax. Without tax the two sums are one, so one limit is both."""
    net, gross = limit.excl_vat, limit.incl_vat
    if not _is_taxed(billed):
        net, gross = (gross if net is None else net), (net if gross is None else gross)
    return net, gross


def _is_taxed(billed: Billed) -> bool:
    """Whether the lines may differ before and after tax. Included at a rate that nobody gave, tax
    is there and unknown: no limit of the one side says anything of the other."""
    rates = [one.rate for one in billed.sums if one.quantity]
    if not rates:
        rates = [
            rate
            for tariff in billed.tariffs
            for walks in (tariff.walks, tariff.expired)
            for walk in walks.values()
            for _, rate in walk
        ]
    return any(rate.tax or rate.net is None for rate in rates)


def _agreed(
    total: Total, billed: Billed, name: str, pick: Callable[[TariffVersion], PriceLimit | None]
) -> PriceLimit | None:
    """The limit that all tariffs of the session state alike; None where they do not."""
    if not billed.tariffs:
        return None
    first = pick(billed.tariffs[0].tariff)
    if len(billed.tariffs) > 1 and any(pick(other.tariff) != first for other in billed.tariffs[1:]):
        detail = f"the tariffs of this session differ in their {name}: none of them was applied"
        total.findings.append(review("limits_differ", detail))
        return None
    return first
