"""A price as whole numbers: of one mWh, one second or one time, before and after tax.

Every amount is a whole number over a denominator that the rate knows, so that a session is added
up in integers and divided once. Where a price ends as a decimal, as almost all do, the denominator
is a power of ten, and no division is needed to write an amount down either.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from holdfast.domain.pricing.amount_text import Ratio, exact_text, shortest_ratio
from holdfast.domain.tariff.canonical import decimal_text
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceComponent,
    SpotPrice,
    TaxIncluded,
)

MARKETS_KEPT_MAX = 4_096
"""Market prices per rate whose whole numbers are kept: a quarter-hour market's six weeks."""

PRICED_UNITS = {
    DimensionType.ENERGY: 1_000_000,
    DimensionType.TIME: 3_600,
    DimensionType.PARKING_TIME: 3_600,
    DimensionType.FLAT: 1,
}
"""How many mWh, seconds or times a price is for."""

_MWH_PER_WH = 1_000
_NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True)
class Market:
    """Which market price a rate was made of. `stood_in`: the feed had none, the fallback counts."""

    price: Decimal
    stood_in: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """A price component as whole numbers.

    `net` and `gross` are the price of one mWh, second or time, in major units, before and after
    tax. Net is None where the price includes tax at a rate that nobody gave: it is unknown then,
    and not invented.
    """

    component: PriceComponent
    price: Fraction
    """Per kWh, hour or session, as stated or as the market made it."""

    net: Ratio | None
    gross: Ratio
    tax: Fraction
    """What tax adds to a net amount: 19 % is 0.19; 0 where none applies."""

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

    _by_market: dict[Decimal | None, "Rate"] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def spot(self) -> SpotPrice | None:
        """The market that the price follows. Such a rate prices nothing before `at_market`."""
        return self.component.spot

    @property
    def vat(self) -> Decimal | None:
        """The percentage that is in force; None where no tax applies or its rate is unknown."""
        return None if self.form is TaxIncluded.NOT_APPLICABLE else self.component.vat

    @property
    def excl(self) -> Fraction | None:
        """`net` as a fraction."""
        return None if self.net is None else Fraction(*self.net)

    @property
    def incl(self) -> Fraction:
        """`gross` as a fraction."""
        return Fraction(*self.gross)

    def at_market(self, price: Decimal | None) -> "Rate":
        """The rate at a market price; None is the fallback's. Itself where it follows no market."""
        spot = self.component.spot
        if spot is None:
            return self
        known = self._by_market.get(price)
        if known is None:
            if len(self._by_market) >= MARKETS_KEPT_MAX:
                self._by_market.clear()
            market = Market(spot.fallback if price is None else price, stood_in=price is None)
            exact = Fraction(self.component.price) + Fraction(spot.factor) * Fraction(market.price)
            exact = max(exact, Fraction(spot.floor))
            if spot.ceiling is not None:
                exact = min(exact, Fraction(spot.ceiling))
            known = _rate(self.component, self.element, exact, self.form, market)
            self._by_market[price] = known
        return known


def rate_of(component: PriceComponent, form: TaxIncluded | None, element: int = 0) -> Rate:
    """The rate of a component of an element, in a tariff whose prices have this form of tax."""
    return _rate(component, element, Fraction(component.price), form)


def _rate(
    component: PriceComponent,
    element: int,
    price: Fraction,
    form: TaxIncluded | None,
    market: Market | None = None,
) -> Rate:
    stated = price / PRICED_UNITS[component.type]
    vat = None if form is TaxIncluded.NOT_APPLICABLE else component.vat
    tax = _NOTHING if vat is None else Fraction(vat) / 100
    if form is TaxIncluded.YES:
        # Nothing has no tax in it, whatever its rate.
        net, gross = None if vat is None and stated else stated / (1 + tax), stated
    else:
        net, gross = stated, stated * (1 + tax)
    per_step = _MWH_PER_WH if component.type is DimensionType.ENERGY else 1
    return Rate(
        component=component,
        price=price,
        net=None if net is None else shortest_ratio(net),
        gross=shortest_ratio(gross),
        tax=tax,
        price_text=exact_text(price) if market else decimal_text(component.price),
        tax_text=None if vat is None else exact_text(Fraction(vat)),
        vat_text=None if component.vat is None else decimal_text(component.vat),
        step=0 if component.type is DimensionType.FLAT else component.step_size * per_step,
        form=form,
        market=market,
        element=element,
    )
