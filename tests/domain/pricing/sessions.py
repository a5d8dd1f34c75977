"""Sessions for the tests of prices, in few words."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.price import price
from holdfast.domain.pricing.priced_session import AdjustmentReason, LineReason, PricedSession
from holdfast.domain.tariff.version import DimensionType, PriceLimit, TariffVersion
from tests.domain.tariffs import BERLIN, KWH, NOON

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def period(
    kwh: str = "0",
    *,
    after: timedelta = timedelta(0),
    at: datetime = NOON,
    tariff_id: str | None = None,
    time_s: int = 0,
    parking_s: int = 0,
    grace_s: int = 0,
    reservation_s: int = 0,
) -> ChargingPeriod:
    return ChargingPeriod(
        started_at=at + after,
        energy_mwh=int(Decimal(kwh) * KWH),
        time_s=time_s,
        parking_s=parking_s,
        grace_s=grace_s,
        reservation_s=reservation_s,
        tariff_id=tariff_id,
    )


def limit(excl: str | None, incl: str | None = None) -> PriceLimit:
    return PriceLimit(
        excl_vat=None if excl is None else Decimal(excl),
        incl_vat=None if incl is None else Decimal(incl),
    )


def priced(
    tariffs: TariffVersion | Sequence[TariffVersion],
    *periods: ChargingPeriod,
    context: PriceContext = BERLIN,
) -> PricedSession:
    return price(tariffs, periods, context)


def net(result: PricedSession) -> Fraction:
    assert result.exact_excl is not None
    return result.exact_excl


def codes(result: PricedSession) -> set[str]:
    return {finding.code for finding in result.findings}


def lines(result: PricedSession) -> list[tuple[DimensionType, LineReason, int]]:
    """What each line is, and how much."""
    return [(line.dimension, line.reason, line.quantity) for line in result.lines]


def adjustments(result: PricedSession) -> list[tuple[AdjustmentReason, object, object]]:
    return [(item.reason, item.excl, item.incl) for item in result.adjustments]


def sides(result: PricedSession) -> tuple[object, object]:
    """The exact totals before and after tax."""
    return result.exact_excl, result.exact_incl
