"""Prices and costs for OCPP 1.6 displays, in the words of the Open Charge Alliance's application
note "OCPP & California Pricing Requirements" (version 3.1).

OCPP 1.6 has no price of its own: a default price is a configuration key with JSON in it, everything
else a DataTransfer whose data is JSON text. All amounts include tax, in the display's currency.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from holdfast.domain.money import Money, round_half_up
from holdfast.domain.tariff.shown import ShownKind, ShownPrice

Json = dict[str, Any]

VENDOR = "org.openchargealliance.costmsg"
SUPPORTED_KEY = "CustomDisplayCostAndPrice"
DEFAULT_PRICE_KEY = "DefaultPrice"
TEXT_LENGTH_MAX = 512
VALUE_LENGTH_MAX = 500
"""Of a configuration key's value in ChangeConfiguration (OCPP 1.6 section 6.5)."""

UNIT_PLACES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrices:
    """What the display may reckon with between two messages; None is not priced now."""

    kwh: Fraction | None = None
    hour: Fraction | None = None
    fee: Fraction | None = None
    idle_hour: Fraction | None = None
    idle_grace_s: int = 0


def unit_prices(shown: ShownPrice) -> UnitPrices:
    """The prices that hold at the instant of `shown`."""
    energy = shown.now(ShownKind.ENERGY)
    charging = shown.now(ShownKind.CHARGING)
    session = shown.now(ShownKind.SESSION)
    idle = shown.now(ShownKind.OCCUPANCY)
    return UnitPrices(
        kwh=None if energy is None else energy.price.incl,
        hour=None if charging is None else charging.per_hour,
        fee=None if session is None else session.price.incl,
        idle_hour=None if idle is None else idle.per_hour,
        idle_grace_s=0 if idle is None else idle.grace_s,
    )


def default_price(text: str, offline: str, units: UnitPrices | None) -> str:
    """The value of the key `DefaultPrice` (table 1), in at most 500 characters: without the offline
    text where there is no room for both, and with less of the other where there is none for it.

    `units` None: the station may not reckon while it is offline.
    """
    said: Json = {"priceText": text}
    if offline:
        said["priceTextOffline"] = offline
    if units is not None:
        said["chargingPrice"] = _charging(units)
    if len(_text(said)) > VALUE_LENGTH_MAX:
        said.pop("priceTextOffline", None)
    while said["priceText"] and (over := len(_text(said)) - VALUE_LENGTH_MAX) > 0:
        said["priceText"] = said["priceText"][: -max(1, over // 2)]
    return _text(said)


def user_price(token_uid: str, text: str) -> Json:
    """SetUserPrice (table 2): what this driver pays, to be displayed only."""
    return transfer("SetUserPrice", {"idToken": token_uid, "priceText": text[:TEXT_LENGTH_MAX]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Until when a cost counts: the register in Wh, and whether the car takes power."""

    at: datetime
    register_wh: int
    idle: bool = False


def running_cost(transaction: int, meter: Meter, cost: Money, units: UnitPrices) -> Json:
    """RunningCost (table 4)."""
    said: Json = {
        "transactionId": transaction,
        "timestamp": meter.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "meterValue": meter.register_wh,
        "cost": _amount(cost),
        "state": "Idle" if meter.idle else "Charging",
        "chargingPrice": _charging(units),
    }
    if units.idle_hour is not None:
        said["idlePrice"] = {
            "graceMinutes": units.idle_grace_s // 60,
            "hourPrice": _unit(units.idle_hour),
        }
    return transfer("RunningCost", said)


def final_cost(transaction: int, cost: Money, text: str) -> Json:
    """FinalCost (table 3)."""
    said = {
        "transactionId": transaction,
        "cost": _amount(cost),
        "priceText": text[:TEXT_LENGTH_MAX],
    }
    return transfer("FinalCost", said)


def transfer(message_id: str, data: Json) -> Json:
    """The payload of an order `data_transfer`."""
    return {"vendor_id": VENDOR, "message_id": message_id, "data": _text(data)}


def _charging(units: UnitPrices) -> Json:
    said = {"kWhPrice": units.kwh, "hourPrice": units.hour, "flatFee": units.fee}
    return {name: _unit(price) for name, price in said.items() if price is not None}


def _unit(price: Fraction) -> int | float:
    return _number(Decimal(round_half_up(price * 10**UNIT_PLACES)).scaleb(-UNIT_PLACES))


def _amount(cost: Money) -> int | float:
    return _number(Decimal(cost.decimal_text()))


def _number(value: Decimal) -> int | float:
    """A JSON number of the same digits: it is only written, nobody reckons with it."""
    return int(value) if value == value.to_integral_value() else float(value)


def _text(data: Json) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
