"""What a tariff asks for at an instant, found by pricing: never by a second reading of the rules.

A shown price is a billed price only if the pricing function itself says it. So each question is a
tiny session of one unit: which entry wins is asked of a copy of the tariff whose prices are the
entries' numbers, and what a unit costs of a copy without steps, allowances and limits.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import CompiledTariff, compile_tariff
from holdfast.domain.pricing.context import NOTHING_EARLIER, PriceContext
from holdfast.domain.pricing.price import price_compiled
from holdfast.domain.tariff.shown import UnitPrice
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceComponent,
    TariffElement,
    TariffVersion,
    TaxIncluded,
)

KWH_MWH = 1_000_000
HOUR_S = 3_600


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
    """Asks the pricing function. `numbered` has the number of its element as every price."""

    numbered: CompiledTariff
    plain: CompiledTariff
    context: PriceContext

    @classmethod
    def of(cls, tariff: TariffVersion, context: PriceContext) -> "Probe":
        bare = _bare(tariff)
        return cls(
            numbered=compile_tariff(_numbered(bare)),
            plain=compile_tariff(bare),
            context=replace(context, earlier=NOTHING_EARLIER),
        )

    def elements(self, point: Point) -> dict[DimensionType, int]:
        """By kind, the number of the element whose price counts there; absent is free."""
        found: dict[DimensionType, int] = {}
        priced = price_compiled(self.numbered, _session(point), self.context)
        for line in priced.lines:
            if line.dimension is DimensionType.FLAT or line.period:
                found[line.dimension] = int(line.incl) - 1
        return found

    def unit_prices(self, at: datetime) -> dict[DimensionType, UnitPrice]:
        """By kind, what a session that starts then pays per kWh, hour and session."""
        priced = price_compiled(self.plain, _session(Point(at))[1:], self.context)
        return {line.dimension: UnitPrice(incl=line.incl, excl=line.excl) for line in priced.lines}

    def price_of(self, component: PriceComponent, at: datetime) -> UnitPrice:
        """What one unit of a component costs, wherever it applies; hours for times."""
        alone = replace(
            self.plain.tariff,
            elements=(TariffElement(price_components=(replace(component, step_size=1),)),),
        )
        priced = price_compiled(compile_tariff(alone), _session(Point(at))[1:], self.context)
        line = next(line for line in priced.lines if line.dimension is component.type)
        return UnitPrice(incl=line.incl, excl=line.excl, vat=component.vat)

    def market_known(self, component: PriceComponent, at: datetime) -> bool:
        """Whether the market has a price then; True of a price that follows none."""
        if component.spot is None:
            return True
        curve = self.context.spot.get(component.spot.feed)
        return curve is not None and curve.at(at) is not None


def _bare(tariff: TariffVersion) -> TariffVersion:
    elements = tuple(
        replace(
            element,
            price_components=tuple(
                replace(component, step_size=1) for component in element.price_components
            ),
        )
        for element in tariff.elements
    )
    return replace(
        tariff, elements=elements, allowances=(), min_price=None, max_price=None, daily_cap=None
    )


def _numbered(tariff: TariffVersion) -> TariffVersion:
    elements = tuple(
        replace(
            element,
            price_components=tuple(
                PriceComponent(type=component.type, price=Decimal(number))
                for component in element.price_components
            ),
        )
        for number, element in enumerate(tariff.elements, start=1)
    )
    return replace(tariff, elements=elements, tax_included=TaxIncluded.NOT_APPLICABLE)


def _session(point: Point) -> tuple[ChargingPeriod, ChargingPeriod]:
    """What came before the point, and a unit of everything from there on."""
    before = ChargingPeriod(
        started_at=point.at - timedelta(seconds=point.elapsed_s),
        energy_mwh=point.energy_mwh,
        time_s=point.elapsed_s,
    )
    unit = ChargingPeriod(
        started_at=point.at,
        energy_mwh=KWH_MWH,
        time_s=HOUR_S,
        parking_s=HOUR_S,
        min_power_kw=point.power_kw,
        max_power_kw=point.power_kw,
        min_current_a=point.current_a,
        max_current_a=point.current_a,
    )
    return before, unit
