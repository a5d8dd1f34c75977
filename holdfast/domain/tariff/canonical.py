"""A tariff version as JSON: the one form in which we keep it. `form` reads it back as an equal.

Decimals are strings, unset fields are left out, the order of fields is fixed.
"""

from datetime import date, time
from decimal import Decimal
from enum import StrEnum

from holdfast.domain.tariff.form import RESTRICTIONS
from holdfast.domain.tariff.version import (
    PriceComponent,
    PriceLimit,
    SpotPrice,
    TariffElement,
    TariffVersion,
)


def tariff_to_json(tariff: TariffVersion) -> dict[str, object]:
    """The canonical form: decimals as strings, unset fields left out. Reads back as an equal."""
    data: dict[str, object] = {
        "id": tariff.id,
        "currency": tariff.currency.code,
        "elements": [_element_json(element) for element in tariff.elements],
    }
    if tariff.min_price is not None:
        data["min_price"] = _limit_json(tariff.min_price)
    if tariff.max_price is not None:
        data["max_price"] = _limit_json(tariff.max_price)
    data["idle_grace_s"] = tariff.idle_grace_s
    if tariff.tax_included is not None:
        data["tax_included"] = tariff.tax_included.value
    if tariff.type is not None:
        data["type"] = tariff.type.value
    if tariff.allowances:
        data["allowances"] = [
            {
                "type": allowance.type.value,
                "quantity": decimal_text(allowance.quantity),
                "per": allowance.per.value,
            }
            for allowance in tariff.allowances
        ]
    if tariff.daily_cap is not None:
        data["daily_cap"] = _limit_json(tariff.daily_cap)
    if tariff.holiday_calendar is not None:
        data["holiday_calendar"] = tariff.holiday_calendar
    if tariff.holidays:
        data["holidays"] = [day.isoformat() for day in tariff.holidays]
    return data


def decimal_text(value: Decimal) -> str:
    """A decimal without exponent: `1E+2` is written `100`."""
    return format(value, "f")


def _element_json(element: TariffElement) -> dict[str, object]:
    data: dict[str, object] = {
        "price_components": [_component_json(item) for item in element.price_components]
    }
    restrictions = element.restrictions
    if restrictions is None:
        return data
    shown: dict[str, object] = {}
    for field in RESTRICTIONS:
        value = getattr(restrictions, field)
        if value is None or value == ():
            continue
        if isinstance(value, Decimal):
            shown[field] = decimal_text(value)
        elif isinstance(value, time):
            shown[field] = value.strftime("%H:%M")
        elif isinstance(value, date):
            shown[field] = value.isoformat()
        elif isinstance(value, tuple):
            shown[field] = [str(item) for item in value]
        else:
            shown[field] = value.value if isinstance(value, StrEnum) else value
    data["restrictions"] = shown
    return data


def _component_json(component: PriceComponent) -> dict[str, object]:
    data: dict[str, object] = {
        "type": component.type.value,
        "price": decimal_text(component.price),
        "step_size": component.step_size,
    }
    if component.vat is not None:
        data["vat"] = decimal_text(component.vat)
    if component.spot is not None:
        data["spot"] = _spot_json(component.spot)
    return data


def _spot_json(spot: SpotPrice) -> dict[str, str]:
    data = {
        "feed": spot.feed,
        "fallback": decimal_text(spot.fallback),
        "factor": decimal_text(spot.factor),
        "floor": decimal_text(spot.floor),
    }
    if spot.ceiling is not None:
        data["ceiling"] = decimal_text(spot.ceiling)
    return data


def _limit_json(limit: PriceLimit) -> dict[str, str]:
    named = (("excl_vat", limit.excl_vat), ("incl_vat", limit.incl_vat))
    return {name: decimal_text(amount) for name, amount in named if amount is not None}
