"""The tariff of the small network."""

from decimal import Decimal

from holdfast.domain.currency import EUR
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceComponent,
    TariffElement,
    TariffVersion,
)

KWH_PRICE = Decimal("0.49")
VAT = Decimal(19)
TARIFF = TariffVersion(
    id="everyday",
    currency=EUR,
    elements=(
        TariffElement(
            price_components=(
                PriceComponent(type=DimensionType.FLAT, price=Decimal(1), vat=VAT),
                PriceComponent(type=DimensionType.ENERGY, price=KWH_PRICE, vat=VAT),
                PriceComponent(type=DimensionType.PARKING_TIME, price=Decimal(6), vat=VAT),
            )
        ),
    ),
    idle_grace_s=900,
)
