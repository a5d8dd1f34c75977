"""What a session costs and why: lines, adjustments, totals, tax, all exact to the end.

The exact amounts of the lines and adjustments add up to the exact total. The stated totals are
rounded from it, once each, so rounded subtotals need not add up to the rounded total.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from holdfast.domain.currency import Currency
from holdfast.domain.finding import Finding
from holdfast.domain.money import Money
from holdfast.domain.pricing.amount_text import exact_text as exact_text
from holdfast.domain.pricing.context import OUR_ROUNDING, Rounding
from holdfast.domain.pricing.rate import Rate
from holdfast.domain.pricing.rounding import whole
from holdfast.domain.tariff.version import DimensionType


class LineReason(StrEnum):
    """Why a line is there."""

    USED = "used"
    STEP_SIZE = "step_size"
    """The rest of the last block that was begun."""

    ALLOWANCE = "allowance"
    """Used and free: it costs nothing and counts for nothing else."""


class AdjustmentReason(StrEnum):
    """Why the sum of the lines is not the total. In the order in which they are made."""

    ROUNDING = "rounding"
    """What rounding each line or period added, where a policy wants that."""

    DAILY_CAP = "daily_cap"
    MIN_PRICE = "min_price"
    MAX_PRICE = "max_price"


class PricedLine(NamedTuple):
    """A quantity at a price. Its amounts are worked out when asked for, so pricing stays cheap.

    `quantity` is in mWh, seconds or times; `period` is the number of the charging period.
    `reservation`: of a reservation's time or fee, not of charging.
    """

    dimension: DimensionType
    reason: LineReason
    period: int
    started_at: datetime
    quantity: int
    rate: Rate
    tariff_id: str
    reservation: bool = False

    @property
    def charged(self) -> int:
        """The quantity that costs money."""
        return 0 if self.reason is LineReason.ALLOWANCE else self.quantity

    @property
    def excl(self) -> Fraction | None:
        """Exact, in major units, before tax; None where tax is included at an unknown rate."""
        rate = self.rate
        return Fraction(self.charged * rate.net_n, rate.net_d) if rate.net_d else None

    @property
    def incl(self) -> Fraction:
        """Exact, in major units, after tax."""
        return Fraction(self.charged * self.rate.gross_n, self.rate.gross_d)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """What a limit or a rounding adds (or takes): exact, in major units. `day`: of a cap per day.

    `excl` is None where the amount before tax is not known, or has no limit.
    """

    reason: AdjustmentReason
    excl: Fraction | None
    incl: Fraction
    day: date | None = None


@dataclass(slots=True)
class Sum:
    """Lines added up: whole numbers by denominator, and one division per denominator at the end.

    `quantity` is what is billed, the surplus of step sizes included; `free_quantity` is apart.
    """

    quantity: int = 0
    free_quantity: int = 0
    net_known: bool = True
    _net: dict[int, int] = field(default_factory=dict)
    _gross: dict[int, int] = field(default_factory=dict)

    def add(self, line: PricedLine) -> None:
        quantity, rate = line.quantity, line.rate
        if line.reason is LineReason.ALLOWANCE:
            self.free_quantity += quantity
            return
        self.quantity += quantity
        gross = self._gross
        gross[rate.gross_d] = gross.get(rate.gross_d, 0) + quantity * rate.gross_n
        if rate.net_d:
            net = self._net
            net[rate.net_d] = net.get(rate.net_d, 0) + quantity * rate.net_n
        else:
            self.net_known = False

    @property
    def excl(self) -> Fraction | None:
        """Exact, in major units, before tax; None where it is not known."""
        return _divided(self._net) if self.net_known else None

    @property
    def incl(self) -> Fraction:
        """Exact, in major units, after tax."""
        return _divided(self._gross)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxTotal:
    """All lines at one rate (a percentage as text; None where none is in force), exact.

    `adjusted`: not lines, but what the adjustments take from or add to net and tax. With it, the
    totals of tax add up to the difference between both sides of the total.
    """

    vat: str | None
    net: Fraction | None
    tax: Fraction | None
    adjusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """A session's cost as OCPI splits it (mod_cdrs, CDR object): `total_time_cost` and so on.

    `fixed` is without the fee of a reservation, which is part of `reservation`.
    """

    fixed: Sum
    energy: Sum
    time: Sum
    parking: Sum
    reservation: Sum


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedSession:
    """The price of a session. `exact_excl` is None where the net amount cannot be known.

    `tariff_ids` are those of the tariffs that counted, or could have, in the order given.
    `credit`: it takes a price back, and every quantity and amount is negative.
    """

    tariff_ids: tuple[str, ...]
    currency: Currency
    lines: tuple[PricedLine, ...]
    adjustments: tuple[Adjustment, ...]
    findings: tuple[Finding, ...]
    exact_excl: Fraction | None
    exact_incl: Fraction
    rounding: Rounding = OUR_ROUNDING
    credit: bool = False

    @property
    def tariff_id(self) -> str:
        """Of the tariff that counts where a period names none."""
        return self.tariff_ids[0]

    @property
    def excl(self) -> Money | None:
        """Before tax, rounded once."""
        return None if self.exact_excl is None else self._money(self.exact_excl)

    @property
    def incl(self) -> Money:
        """After tax, rounded once: what the driver pays."""
        return self._money(self.exact_incl)

    def total(self, dimension: DimensionType) -> Sum:
        """The total of one dimension of charging; zero where it was not priced."""
        return added(
            line for line in self.lines if line.dimension is dimension and not line.reservation
        )

    def costs(self) -> Costs:
        """The totals as OCPI names them."""
        return Costs(
            fixed=self.total(DimensionType.FLAT),
            energy=self.total(DimensionType.ENERGY),
            time=self.total(DimensionType.TIME),
            parking=self.total(DimensionType.PARKING_TIME),
            reservation=added(line for line in self.lines if line.reservation),
        )

    def taxes(self) -> tuple[TaxTotal, ...]:
        """Net and tax per rate, in the order in which the rates appear; last the adjustments."""
        sums: dict[str | None, Sum] = {}
        for line in self.lines:
            vat = line.rate.vat
            key = None if vat is None else exact_text(Fraction(vat))
            sums.setdefault(key, Sum()).add(line)
        totals = [
            TaxTotal(vat=vat, net=part.excl, tax=_difference(part.incl, part.excl))
            for vat, part in sums.items()
        ]
        if self.adjustments:
            net = sum_or_unknown(item.excl for item in self.adjustments)
            gross = sum((item.incl for item in self.adjustments), Fraction(0))
            totals.append(TaxTotal(vat=None, net=net, tax=_difference(gross, net), adjusted=True))
        return tuple(totals)

    def credited(self) -> "PricedSession":
        """What takes this price back: its exact negative, line by line, in what is stated too."""
        return replace(
            self,
            lines=tuple(line._replace(quantity=-line.quantity) for line in self.lines),
            adjustments=tuple(
                replace(item, excl=None if item.excl is None else -item.excl, incl=-item.incl)
                for item in self.adjustments
            ),
            exact_excl=None if self.exact_excl is None else -self.exact_excl,
            exact_incl=-self.exact_incl,
            credit=not self.credit,
        )

    def _money(self, exact: Fraction) -> Money:
        """Money has whole minor units, also where a policy states more decimals."""
        per_major = self.currency.minor_per_major
        decimals, exponent = self.rounding.decimals, self.currency.exponent
        coarser = 1 if decimals is None or decimals >= exponent else 10 ** (exponent - decimals)
        steps = whole(exact.numerator * per_major, exact.denominator * coarser, self.rounding.mode)
        return Money(steps * coarser, self.currency)


def added(lines: Iterable[PricedLine]) -> Sum:
    """Lines added up."""
    total = Sum()
    for line in lines:
        total.add(line)
    return total


def sum_or_unknown(amounts: Iterable[Fraction | None]) -> Fraction | None:
    """The sum, or None where one of them is not known."""
    total = Fraction(0)
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def _divided(by_denominator: dict[int, int]) -> Fraction:
    total = Fraction(0)
    for denominator, numerator in by_denominator.items():
        total += Fraction(numerator, denominator)
    return total


def _difference(gross: Fraction, net: Fraction | None) -> Fraction | None:
    return None if net is None else gross - net
