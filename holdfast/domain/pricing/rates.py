"""What a unit costs from an instant on, for charts and displays: no session, only prices.

The prices are those of a session that starts at the instant, so at no energy and no time; of what
is measured as it flows (current, power) nothing is known, so elements that ask for it do not count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from holdfast.domain.pricing.boundaries import boundaries_of, clock_instants, spot_instants
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.holding import Holding
from holdfast.domain.pricing.rate import PRICED_UNITS, Rate
from holdfast.domain.tariff.version import DimensionType, PriceComponent
from holdfast.domain.time_zone import time_zone

STEPS_MAX = 10_000


class TooManySteps(ValueError):
    """More changes of price than a chart can show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatePrice:
    """Per kWh, hour or session, exact, in major units. `excl` is None where it is not known.

    `market_price` is the market's, where the price follows one; `estimated` where the market's is
    not known and the tariff's stand-in was used.
    """

    excl: Fraction | None
    incl: Fraction
    vat: Decimal | None
    market_price: Decimal | None = None
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RateStep:
    """Prices that hold from `from_at` up to and without `until_at` (UTC). No entry is free."""

    from_at: datetime
    until_at: datetime
    prices: Mapping[DimensionType, RatePrice]


@dataclass(frozen=True, slots=True)
class RatePrices:
    """The prices of a tariff's rates by the markets of a context; each is worked out once."""

    context: PriceContext
    known: dict[tuple[DimensionType, int, Decimal | None], RatePrice] = field(default_factory=dict)

    def of(self, kind: DimensionType, rate: Rate, at: datetime) -> RatePrice:
        """A unit of what an element (`rate.element`) prices, at an instant."""
        market = self.market(rate.component, at)
        key = (kind, rate.element, market)
        price = self.known.get(key)
        if price is None:
            price = self.known[key] = rate_price(rate.at_market(market))
        return price

    def at_market(self, rate: Rate, at: datetime) -> RatePrice:
        """A unit at any rate, of an element or of none."""
        return rate_price(rate.at_market(self.market(rate.component, at)))

    def market(self, component: PriceComponent, at: datetime) -> Decimal | None:
        """The price of the market that a component follows; None: it has none, or follows none."""
        spot = component.spot
        return None if spot is None else self.context.market_price(spot.feed, at)


def rate_steps(
    tariff: CompiledTariff, context: PriceContext, from_at: datetime, until_at: datetime
) -> tuple[RateStep, ...]:
    """The prices between two instants, in order; neighbours differ. Nothing between equal ones.

    Raises `UnknownZone`, `TooManySteps`, `boundaries.SessionTooLong`.
    """
    from_at, until_at = from_at.astimezone(UTC), until_at.astimezone(UTC)
    if until_at <= from_at:
        return ()
    tariff = tariff.for_groups(context.user_groups)
    holding, known = Holding.of(tariff, context), RatePrices(context)
    limits = boundaries_of(tariff.tariff, context.user_groups)
    inside = {
        *clock_instants(limits.clocks, from_at, until_at, time_zone(context.zone)),
        *spot_instants(limits.feeds, context, from_at, until_at),
    }
    if len(inside) >= STEPS_MAX:
        raise TooManySteps(f"{len(inside)} changes of price: at most {STEPS_MAX} can be shown")
    edges = [from_at, *sorted(inside), until_at]
    steps: list[RateStep] = []
    for start, end in pairwise(edges):
        prices = {
            kind: known.of(kind, rate, start)
            for kind, rate in holding.first_rates(holding.at(start))
        }
        if steps and steps[-1].prices == prices:
            start = steps.pop().from_at
        steps.append(RateStep(from_at=start, until_at=end, prices=prices))
    return tuple(steps)


def rate_price(rate: Rate) -> RatePrice:
    """A rate per kWh, hour or session."""
    units, market = PRICED_UNITS[rate.component.type], rate.market
    return RatePrice(
        excl=None if rate.excl is None else rate.excl * units,
        incl=rate.incl * units,
        vat=rate.vat,
        market_price=None if market is None or market.stood_in else market.price,
        estimated=market is not None and market.stood_in,
    )
