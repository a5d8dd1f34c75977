"""What a tariff asks for at an instant, found by the pricing engine: never by a second reading of
the rules.

A shown price is a billed price only if pricing itself says it: its conditions say which entry wins
(`pricing.holding`), its rates what a unit costs, without steps, allowances and limits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.holding import Holding
from holdfast.domain.pricing.rate import rate_of
from holdfast.domain.pricing.rates import RatePrice, RatePrices
from holdfast.domain.tariff.shown import UnitPrice
from holdfast.domain.tariff.version import DimensionType, PriceComponent, TariffVersion

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a session: the instant, and what was used before it."""

    at: datetime
    energy_mwh: int = 0
    elapsed_s: int = 0
    power_kw: Decimal | None = None
    current_a: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """Asks the pricing engine, for a driver in a context."""

    tariff: TariffVersion
    context: PriceContext
    holding: Holding
    prices: RatePrices

    @classmethod
    def of(cls, compiled: CompiledTariff, context: PriceContext) -> "Probe":
        """Raises `UnknownZone`."""
        return cls(
            tariff=compiled.tariff,
            context=context,
            holding=Holding.of(compiled, context),
            prices=RatePrices(context),
        )

    def elements(self, point: Point) -> dict[DimensionType, int]:
        """By kind, the number of the element whose price counts there; absent is free.

        A session's fee counts once: where there was one as it started, that one.
        """
        started_at = point.at - timedelta(seconds=point.elapsed_s)
        begun = self._holding(Point(started_at), started_at)
        now = self._holding(point, started_at)
        found: dict[DimensionType, int] = {}
        for kind in self.holding.kinds:
            number = self.holding.first(kind, begun) if kind is DimensionType.FLAT else None
            if number is None:
                number = self.holding.first(kind, now)
            if number is not None:
                found[kind] = number
        return found

    def unit_prices(self, at: datetime) -> dict[DimensionType, UnitPrice]:
        """By kind, what a session that starts then pays per kWh, hour and session."""
        return {
            kind: _shown(self.prices.of(kind, rate, at))
            for kind, rate in self.holding.first_rates(self._holding(Point(at), at))
        }

    def price_of(self, component: PriceComponent, at: datetime) -> UnitPrice:
        """What one unit of a component costs, wherever it applies; hours for times."""
        price = self.prices.at_market(rate_of(component, self.tariff.tax_included), at)
        return _shown(price, vat=component.vat)

    def market_known(self, component: PriceComponent, at: datetime) -> bool:
        """Whether the market has a price then; True of a price that follows none."""
        return component.spot is None or self.prices.market(component, at) is not None

    def _holding(self, point: Point, started_at: datetime) -> int:
        """Seconds count from where the context says that the session started, if that is earlier
        (`pricing.session_walk`)."""
        origin = min(started_at, self.context.session_started_at or started_at)
        return self.holding.at(
            point.at,
            elapsed_s=(point.at - origin) // _SECOND,
            energy_mwh=point.energy_mwh,
            power_kw=point.power_kw,
            current_a=point.current_a,
        )


def _shown(price: RatePrice, vat: Decimal | None = None) -> UnitPrice:
    return UnitPrice(incl=price.incl, excl=price.excl, vat=vat)
