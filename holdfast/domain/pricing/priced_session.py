"""What a session costs and why: lines, adjustments, totals, tax, all exact to the end.

The exact amounts of the lines and adjustments add up to the exact total; the only rounding is
`excl` and `incl`, half up, once each. Rounded subtotals need not add up to the rounded total.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

from holdfast.domain.currency import Currency
from holdfast.domain.finding import Finding
from holdfast.domain.money import Money
from holdfast.domain.pricing.compiled_tariff import AMOUNT_SCALE, VAT_SCALE, CompiledTariff, Rate
from holdfast.domain.tariff.version import DimensionType

AMOUNT_DECIMALS_MAX = 40


class LineReason(StrEnum):
    """Why a line is there."""

    USED = "used"
    STEP_SIZE = "step_size"
    """The rest of the last block that was begun."""


class AdjustmentReason(StrEnum):
    """Why the sum of the lines is not the total."""

    MIN_PRICE = "min_price"
    MAX_PRICE = "max_price"


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLine:
    """A quantity at a price. Its amounts are worked out when asked for, so pricing stays cheap.

    `quantity` is in mWh, seconds or times; `period` is the number of the charging period.
    """

    dimension: DimensionType
    reason: LineReason
    period: int
    started_at: datetime
    quantity: int
    rate: Rate
    tariff: CompiledTariff = field(repr=False)

    @property
    def _numerator(self) -> int:
        return self.quantity * self.rate.numerator

    @property
    def excl(self) -> Fraction | None:
        """Exact, in major units, before tax; None where tax is included at an unknown rate."""
        return net_amount(self.tariff, self.rate, self._numerator)

    @property
    def incl(self) -> Fraction:
        """Exact, in major units, after tax."""
        return gross_amount(self.tariff, self.rate, self._numerator)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """What a least or greatest price adds (or takes): exact, in major units."""

    reason: AdjustmentReason
    excl: Fraction | None
    incl: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class DimensionTotal:
    """All lines of a dimension, the surplus of step sizes included. Exact, in major units."""

    quantity: int
    excl: Fraction | None
    incl: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxTotal:
    """All lines at one rate, before any least or greatest price. `vat_n` is of `VAT_SCALE`."""

    vat: str | None
    net: Fraction | None
    tax: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedSession:
    """The price of a session. `exact_excl` is None where the net amount cannot be known."""

    tariff_id: str
    currency: Currency
    lines: Sequence[PricedLine]
    adjustments: tuple[Adjustment, ...]
    findings: tuple[Finding, ...]
    exact_excl: Fraction | None
    exact_incl: Fraction

    @property
    def excl(self) -> Money | None:
        """Before tax, rounded half up once."""
        if self.exact_excl is None:
            return None
        return Money.rounded_major(self.exact_excl, self.currency)

    @property
    def incl(self) -> Money:
        """After tax, rounded half up once: what the driver pays."""
        return Money.rounded_major(self.exact_incl, self.currency)

    def total(self, dimension: DimensionType) -> DimensionTotal:
        """The total of one dimension; zero where it was not priced."""
        quantity, excl, incl = 0, Fraction(0), Fraction(0)
        unknown = False
        for line in self.lines:
            if line.dimension is dimension:
                quantity += line.quantity
                incl += line.incl
                net = line.excl
                unknown = unknown or net is None
                excl += net or 0
        return DimensionTotal(quantity=quantity, excl=None if unknown else excl, incl=incl)

    def taxes(self) -> tuple[TaxTotal, ...]:
        """Net and tax per rate, in the order in which the rates appear."""
        sums: dict[str | None, tuple[Fraction | None, Fraction]] = {}
        for line in self.lines:
            vat = line.rate.component.vat if line.tariff.taxed else None
            key = None if vat is None else exact_text(Fraction(vat))
            net, gross = sums.get(key, (Fraction(0), Fraction(0)))
            more = line.excl
            sums[key] = (None if net is None or more is None else net + more, gross + line.incl)
        return tuple(
            TaxTotal(vat=vat, net=net, tax=None if net is None else gross - net)
            for vat, (net, gross) in sums.items()
        )


def gross_amount(tariff: CompiledTariff, rate: Rate, numerator: int) -> Fraction:
    """After tax, of a sum of quantity times price at one rate of VAT."""
    if tariff.includes_tax or not tariff.taxed:
        return Fraction(numerator, AMOUNT_SCALE)
    return Fraction(numerator * (VAT_SCALE + rate.vat_n), AMOUNT_SCALE * VAT_SCALE)


def net_amount(tariff: CompiledTariff, rate: Rate, numerator: int) -> Fraction | None:
    """Before tax, of a sum of quantity times price at one rate of VAT.

    Net of a gross price is known only where the rate is given: it is not invented.
    """
    if not tariff.includes_tax:
        return Fraction(numerator, AMOUNT_SCALE)
    if rate.component.vat is None:
        return None
    return Fraction(numerator * VAT_SCALE, AMOUNT_SCALE * (VAT_SCALE + rate.vat_n))


def exact_text(value: Fraction) -> str:
    """A decimal string where the value has one, else the fraction: `"0.125"`, `"17/60"`.

    `Fraction(text)` reads both back exactly.
    """
    twos, fives, rest = 0, 0, value.denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    decimals = max(twos, fives)
    if rest != 1 or decimals > AMOUNT_DECIMALS_MAX:
        return f"{value.numerator}/{value.denominator}"
    digits = str(abs(value.numerator) * (10**decimals // value.denominator)).rjust(
        decimals + 1, "0"
    )
    sign = "-" if value < 0 else ""
    return sign + digits if decimals == 0 else f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"
