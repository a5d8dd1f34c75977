"""A price as whole numbers: of one mWh, one second or one time, before and after tax.

Every amount is a whole number over a denominator that the rate knows, so that a session is added
up in integers and divided once. Rates without a market's price that are not tax-included share
their denominators: `AMOUNT_SCALE` before tax, `AMOUNT_SCALE * VAT_SCALE` after tax.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from math import lcm

from holdfast.domain.pricing.amount_text import exact_text
from holdfast.domain.tariff.canonical import decimal_text
from holdfast.domain.tariff.version import (
    PRICE_DECIMALS_MAX,
    VAT_DECIMALS_MAX,
    DimensionType,
    PriceComponent,
    SpotPrice,
    TaxIncluded,
)

_MWH_PER_KWH = 1_000_000
_S_PER_HOUR = 3_600
_UNIT = lcm(_MWH_PER_KWH, _S_PER_HOUR)
AMOUNT_SCALE: int = _UNIT * 10**PRICE_DECIMALS_MAX
VAT_SCALE: int = 100 * 10**VAT_DECIMALS_MAX
"""A VAT of 19 % is `19 * 10**4` of this."""

DECIMALS_MAX = 30

MARKETS_KEPT_MAX = 4_096
"""Market prices per rate whose whole numbers are kept: a quarter-hour market's six weeks."""

_FACTOR = {
    DimensionType.ENERGY: _UNIT // _MWH_PER_KWH,
    DimensionType.TIME: _UNIT // _S_PER_HOUR,
    DimensionType.PARKING_TIME: _UNIT // _S_PER_HOUR,
    DimensionType.FLAT: _UNIT,
}
_MWH_PER_WH = 1_000


@dataclass(frozen=True, slots=True)
class Market:
    """Which market price a rate was made of. `stood_in`: the feed had none, the fallback counts."""

    price: Decimal
    stood_in: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """A price component as whole numbers.

    The price of one mWh, second or time is `numerator / scale` as stated, `net_n / net_d` before
    and `gross_n / gross_d` after tax, in major units. `net_d` is 0 where the price includes tax at
    a rate that nobody gave: the net amount is unknown then, and not invented.
    """

    component: PriceComponent
    price: Fraction
    """Per kWh, hour or session, as stated or as the market made it."""

    numerator: int
    scale: int
    vat_n: int
    """Of `VAT_SCALE`; 0 where no tax applies."""

    net_n: int
    net_d: int
    gross_n: int
    gross_d: int
    net_decimal: tuple[int, int] | None
    gross_decimal: tuple[int, int] | None
    """The same two as a whole number of the last of so many decimals, where they have an end."""

    price_text: str
    vat_text: str | None
    """As it is written in the component."""

    tax_text: str | None
    """The percentage that is in force, without zeros at its end; as `vat`."""

    step: int
    """In mWh or seconds; 0 is no step."""

    form: TaxIncluded | None
    market: Market | None = None
    element: int = field(default=0, compare=False)
    """The number of its element in the tariff: which one decided."""

    _by_market: dict[Market, "Rate"] = field(default_factory=dict, compare=False, repr=False)

    @property
    def spot(self) -> SpotPrice | None:
        """The market that the price follows. Such a rate prices nothing before `at_market`."""
        return self.component.spot

    @property
    def vat(self) -> Decimal | None:
        """The percentage that is in force; None where no tax applies or its rate is unknown."""
        return None if self.form is TaxIncluded.NOT_APPLICABLE else self.component.vat

    @property
    def net(self) -> Fraction | None:
        """Of one mWh, second or time, before tax, in major units."""
        return Fraction(self.net_n, self.net_d) if self.net_d else None

    @property
    def gross(self) -> Fraction:
        """Of one mWh, second or time, after tax, in major units."""
        return Fraction(self.gross_n, self.gross_d)

    def at_market(self, price: Decimal | None) -> "Rate":
        """The rate at a market price; None is the fallback's. Itself where it follows no market."""
        spot = self.component.spot
        if spot is None:
            return self
        market = Market(spot.fallback if price is None else price, stood_in=price is None)
        known = self._by_market.get(market)
        if known is None:
            exact = Fraction(self.component.price) + Fraction(spot.factor) * Fraction(market.price)
            exact = max(exact, Fraction(spot.floor))
            if spot.ceiling is not None:
                exact = min(exact, Fraction(spot.ceiling))
            if len(self._by_market) >= MARKETS_KEPT_MAX:
                self._by_market.clear()
            known = _whole(self.component, exact, self.form, market)
            known = self._by_market[market] = replace(known, element=self.element)
        return known


def rate_of(component: PriceComponent, form: TaxIncluded | None, element: int = 0) -> Rate:
    """The rate of a component of an element, in a tariff whose prices have this form of tax."""
    return replace(_whole(component, Fraction(component.price), form, None), element=element)


def _whole(
    component: PriceComponent, price: Fraction, form: TaxIncluded | None, market: Market | None
) -> Rate:
    stated = price * _FACTOR[component.type] / _UNIT
    # The common scale where the price has no more decimals than a tariff may have, else its own.
    scale = lcm(AMOUNT_SCALE, stated.denominator)
    numerator = stated.numerator * (scale // stated.denominator)
    vat = None if form is TaxIncluded.NOT_APPLICABLE else component.vat
    vat_n = 0 if vat is None else int(vat.scaleb(VAT_DECIMALS_MAX))
    net_n, net_d, with_tax = numerator, scale, VAT_SCALE + vat_n
    if form is TaxIncluded.YES:
        net_n, net_d = numerator * VAT_SCALE, scale * with_tax
        if component.vat is None:
            net_n, net_d = 0, 0
        with_tax = VAT_SCALE
    per_step = _MWH_PER_WH if component.type is DimensionType.ENERGY else 1
    return Rate(
        component=component,
        price=price,
        numerator=numerator,
        scale=scale,
        vat_n=vat_n,
        net_n=net_n,
        net_d=net_d,
        gross_n=numerator * with_tax,
        gross_d=scale * VAT_SCALE,
        net_decimal=_decimal(net_n, net_d) if net_d else None,
        gross_decimal=_decimal(numerator * with_tax, scale * VAT_SCALE),
        price_text=exact_text(price) if market else decimal_text(component.price),
        tax_text=None if vat is None else exact_text(Fraction(vat)),
        vat_text=None if component.vat is None else decimal_text(component.vat),
        step=0 if component.type is DimensionType.FLAT else component.step_size * per_step,
        form=form,
        market=market,
    )


def _decimal(numerator: int, denominator: int) -> tuple[int, int] | None:
    """As few decimals as it takes."""
    exact, decimals = Fraction(numerator, denominator), 0
    while decimals < DECIMALS_MAX and 10**decimals % exact.denominator:
        decimals += 1
    power = 10**decimals
    if power % exact.denominator:
        return None
    return exact.numerator * (power // exact.denominator), decimals
