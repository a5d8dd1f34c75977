"""What a session costs and why: lines, adjustments, totals, tax, all exact to the end.

The exact amounts of the lines and adjustments add up to the exact total. The stated totals are
rounded from it, once each, so rounded subtotals need not add up to the rounded total. Of a rate, a
sum and a session alike, `net` and `gross` are the amounts before and after tax as whole numbers
over a denominator; `excl` and `incl` are those to reckon with or to pay.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from holdfast.domain.currency import Currency
from holdfast.domain.finding import Finding
from holdfast.domain.money import Money
from holdfast.domain.pricing.amount_text import Ratio
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


_ALLOWANCE = LineReason.ALLOWANCE


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
        return 0 if self.reason is _ALLOWANCE else self.quantity

    @property
    def excl(self) -> Fraction | None:
        """Exact, in major units, before tax; None where tax is included at an unknown rate."""
        net = self.rate.net
        return None if net is None else Fraction(self.charged * net[0], net[1])

    @property
    def incl(self) -> Fraction:
        """Exact, in major units, after tax."""
        gross = self.rate.gross
        return Fraction(self.charged * gross[0], gross[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """What a limit or a rounding adds (or takes): exact, in major units. `day`: of a cap per day.

    `excl` is None where the amount before tax is not known, or has no limit.
    """

    reason: AdjustmentReason
    excl: Fraction | None
    incl: Fraction
    day: date | None = None


class RateSum(NamedTuple):
    """All lines at one rate. What is free is apart from what costs money."""

    rate: Rate
    dimension: DimensionType
    reservation: bool
    quantity: int
    free_quantity: int


class Sum(NamedTuple):
    """Rates added up, exact, in major units. `quantity` is what is billed, the surplus of step
    sizes included; `net` is None where the amount before tax is not known.
    """

    quantity: int
    free_quantity: int
    net: Ratio | None
    gross: Ratio

    @property
    def excl(self) -> Fraction | None:
        """Before tax."""
        return None if self.net is None else Fraction(*self.net)

    @property
    def incl(self) -> Fraction:
        """After tax."""
        return Fraction(*self.gross)

    @property
    def tax(self) -> Ratio | None:
        """What is after tax and not before."""
        return None if self.net is None else ratio_sum(self.gross, -1, self.net)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxTotal:
    """All lines at one rate (a percentage as text; None where none is in force), exact.

    `adjusted`: not lines, but what the adjustments take from or add to net and tax. With it, the
    totals of tax add up to the difference between both sides of the total.
    """

    vat: str | None
    net: Ratio | None
    tax: Ratio | None
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
    """The price of a session. `net` is None where the amount before tax cannot be known.

    `tariff_ids` are those of the tariffs that counted, or could have, in the order given.
    `credit`: it takes a price back, and every quantity and amount is negative.
    """

    tariff_ids: tuple[str, ...]
    currency: Currency
    lines: tuple[PricedLine, ...]
    sums: tuple[RateSum, ...]
    """The lines by rate, in the order in which the rates appear."""

    adjustments: tuple[Adjustment, ...]
    findings: tuple[Finding, ...]
    net: Ratio | None
    gross: Ratio
    """The exact total, in major units, before and after tax."""

    rounding: Rounding = OUR_ROUNDING
    credit: bool = False

    @property
    def tariff_id(self) -> str:
        """Of the tariff that counts where a period names none."""
        return self.tariff_ids[0]

    @property
    def exact_excl(self) -> Fraction | None:
        """Before tax; None where it cannot be known."""
        return None if self.net is None else Fraction(*self.net)

    @property
    def exact_incl(self) -> Fraction:
        """After tax."""
        return Fraction(*self.gross)

    @property
    def excl(self) -> Money | None:
        """Before tax, rounded once."""
        return None if self.net is None else self._money(self.net)

    @property
    def incl(self) -> Money:
        """After tax, rounded once: what the driver pays."""
        return self._money(self.gross)

    def total(self, dimension: DimensionType) -> Sum:
        """The total of one dimension of charging; zero where it was not priced."""
        return summed(
            one for one in self.sums if one.dimension is dimension and not one.reservation
        )

    def costs(self) -> Costs:
        """The totals as OCPI names them."""
        return Costs(
            fixed=self.total(DimensionType.FLAT),
            energy=self.total(DimensionType.ENERGY),
            time=self.total(DimensionType.TIME),
            parking=self.total(DimensionType.PARKING_TIME),
            reservation=summed(one for one in self.sums if one.reservation),
        )

    def taxes(self) -> tuple[TaxTotal, ...]:
        """Net and tax per rate, in the order in which the rates appear; last the adjustments."""
        by_vat: dict[str | None, list[RateSum]] = {}
        for one in self.sums:
            by_vat.setdefault(one.rate.tax_text, []).append(one)
        totals = []
        for vat, rates in by_vat.items():
            part = summed(rates)
            totals.append(TaxTotal(vat=vat, net=part.net, tax=part.tax))
        if self.adjustments:
            totals.append(_adjusted_tax(self.adjustments))
        return tuple(totals)

    def credited(self) -> "PricedSession":
        """What takes this price back: its exact negative, line by line, in what is stated too."""
        return replace(
            self,
            lines=tuple(line._replace(quantity=-line.quantity) for line in self.lines),
            sums=tuple(
                one._replace(quantity=-one.quantity, free_quantity=-one.free_quantity)
                for one in self.sums
            ),
            adjustments=tuple(
                replace(item, excl=None if item.excl is None else -item.excl, incl=-item.incl)
                for item in self.adjustments
            ),
            net=None if self.net is None else (-self.net[0], self.net[1]),
            gross=(-self.gross[0], self.gross[1]),
            credit=not self.credit,
        )

    def _money(self, exact: Ratio) -> Money:
        """Money has whole minor units, also where a policy states more decimals."""
        per_major = self.currency.minor_per_major
        decimals, exponent = self.rounding.decimals, self.currency.exponent
        coarser = 1 if decimals is None or decimals >= exponent else 10 ** (exponent - decimals)
        steps = whole(exact[0] * per_major, exact[1] * coarser, self.rounding.mode)
        return Money(steps * coarser, self.currency)


def by_rate(lines: Iterable[PricedLine]) -> tuple[RateSum, ...]:
    """The lines of each rate as one."""
    # By identity: a rate is one component of one element, and made once per market's price.
    first: dict[int, PricedLine] = {}
    used: dict[int, int] = {}
    free: dict[int, int] = {}
    for line in lines:
        key = id(line.rate)
        if key not in first:
            first[key], used[key], free[key] = line, 0, 0
        quantities = free if line.reason is _ALLOWANCE else used
        quantities[key] += line.quantity
    return tuple(
        RateSum(line.rate, line.dimension, line.reservation, used[key], free[key])
        for key, line in first.items()
    )


def summed(rates: Iterable[RateSum]) -> Sum:
    """Rates added up; nothing is zero."""
    quantity = free = 0
    net: Ratio | None = (0, 1)
    gross: Ratio = (0, 1)
    for rate, _, _, used, covered in rates:
        quantity += used
        free += covered
        if used:
            gross = ratio_sum(gross, used, rate.gross)
            net = None if net is None or rate.net is None else ratio_sum(net, used, rate.net)
    return Sum(quantity, free, net, gross)


def ratio_sum(amount: Ratio, times: int, more: Ratio) -> Ratio:
    """An amount and so many times another, over the least denominator that does for both."""
    numerator, denominator = amount
    if not numerator:
        return times * more[0], more[1]
    if denominator != more[1]:
        denominator = lcm(denominator, more[1])
        numerator *= denominator // amount[1]
        times *= denominator // more[1]
    return numerator + times * more[0], denominator


def _adjusted_tax(adjustments: Iterable[Adjustment]) -> TaxTotal:
    net: Fraction | None = Fraction(0)
    gross = Fraction(0)
    for item in adjustments:
        net = None if net is None or item.excl is None else net + item.excl
        gross += item.incl
    tax = None if net is None else gross - net
    return TaxTotal(
        vat=None,
        net=None if net is None else net.as_integer_ratio(),
        tax=None if tax is None else tax.as_integer_ratio(),
        adjusted=True,
    )
