"""What an order that a person placed tells a station of prices: shown, cleared, or said once. Pure.

The commands of ours and raw OCPP calls say the same in other words; both are read here. What names
no price is nobody's business here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from holdfast.domain.tariff import california
from holdfast.services.station_tariffs import MESSAGE_ID

Json = Mapping[str, Any]

EVSES_MAX = 1_000
_PRICE = re.compile(
    r"\d[^\n]{0,20}(?:[$€£¥₣₤₺₴₽₹]|\b[A-Z]{3}\b|/\s*kWh)|[$€£¥₣₤₺₴₽₹]\s*\d", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandShown:
    """A price on a channel. `evse` None: the whole station."""

    channel: str
    evse: int | None = None
    content: Json = field(default_factory=dict)
    text: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandCleared:
    """What is taken down of a channel: all of it, or what has one of these ids (`id_field` of the
    content). `evse` None: everywhere."""

    channel: str
    evse: int | None = None
    id_field: str = ""
    ids: tuple[str, ...] = ()


def told_by_hand(kind: str, payload: Json) -> HandShown | HandCleared | None:
    """None: the order names no price. What is malformed names none either: no station takes it."""
    match kind:
        case "call":
            said = payload.get("payload")
            return _of_call(payload.get("action"), said if isinstance(said, Mapping) else {})
        case "default_tariff":
            return _tariff(payload.get("tariff"), payload.get("evse"))
        case "clear_tariffs":
            return _tariffs_cleared(payload.get("ids"), payload.get("evse"))
        case "display_message":
            message = payload.get("message")
            return _message(message, message)
        case "clear_display_message":
            return _message_cleared(payload.get("id"))
        case "configure":
            return _default_price(payload.get("variables"))
        case "data_transfer":
            return _said_once(
                payload.get("vendor_id"), payload.get("message_id"), payload.get("data")
            )
    return None


def _of_call(action: object, said: Json) -> HandShown | HandCleared | None:
    """In OCPP's own words."""
    match action:
        case "SetDefaultTariff":
            return _tariff(said.get("tariff"), said.get("evseId"))
        case "ClearTariffs":
            return _tariffs_cleared(said.get("tariffIds"), said.get("evseId"))
        case "SetDisplayMessage":
            message = said.get("message")
            words = message.get("message") if isinstance(message, Mapping) else None
            return _message(message, words)
        case "ClearDisplayMessage":
            return _message_cleared(said.get("id"))
        case "ChangeConfiguration":
            return _default_price({str(said.get("key")): said.get("value")})
        case "DataTransfer":
            return _said_once(said.get("vendorId"), said.get("messageId"), said.get("data"))
    return None


def _tariff(tariff: object, evse: object) -> HandShown | None:
    if not isinstance(tariff, Mapping) or not _may_be_evse(evse):
        return None
    described = tariff.get("description")
    words = described[0] if isinstance(described, list) and described else {}
    words = words if isinstance(words, Mapping) else {}
    return HandShown(
        channel="station_tariff",
        evse=_evse(evse),
        content=tariff,
        text=_text(words.get("content")),
        language=_text(words.get("language")),
    )


def _tariffs_cleared(ids: object, evse: object) -> HandCleared | None:
    if not _may_be_evse(evse):
        return None
    named = tuple(str(one) for one in ids) if isinstance(ids, list) else ()
    return HandCleared(channel="station_tariff", evse=_evse(evse), id_field="tariffId", ids=named)


def _message(message: object, words: object) -> HandShown | None:
    """One of ours, replaced; or another that names a price."""
    if not isinstance(message, Mapping) or not isinstance(words, Mapping):
        return None
    number, text = message.get("id"), _text(words.get("content"))
    if not isinstance(number, int) or text is None:
        return None
    ours = MESSAGE_ID <= number <= MESSAGE_ID + EVSES_MAX
    if not ours and _PRICE.search(text) is None:
        return None
    return HandShown(
        channel="display_message",
        evse=_evse(number - MESSAGE_ID) if ours else None,
        content={"id": number, "content": text},
        text=text,
        language=_text(words.get("language")),
    )


def _message_cleared(number: object) -> HandCleared:
    return HandCleared(channel="display_message", id_field="id", ids=(str(number),))


def _default_price(variables: object) -> HandShown | HandCleared | None:
    if not isinstance(variables, Mapping):
        return None
    wanted = california.DEFAULT_PRICE_KEY
    value = next((v for k, v in variables.items() if str(k).casefold() == wanted.casefold()), None)
    if value is None:
        return None
    text = _text(_data(value).get("priceText"))
    if text is None and "priceText" in _data(value):
        return HandCleared(channel="data_transfer")
    return HandShown(channel="data_transfer", content={wanted: str(value)}, text=text)


def _said_once(vendor: object, message: object, data: object) -> HandShown | None:
    """Words for one driver, under their `messageId`: nothing tells how long they stand there, and
    what names the driver stays out of the ledger."""
    if vendor != california.VENDOR:
        return None
    said = _data(data)
    text = _text(said.get("priceText"))
    cost = said.get("cost") if isinstance(said.get("cost"), int | float) else None
    if text is None and cost is None:
        return None
    return HandShown(
        channel="data_transfer",
        content={"messageId": str(message), **({} if cost is None else {"cost": cost})},
        text=text,
    )


def _data(value: object) -> Json:
    if isinstance(value, str):
        try:
            # Not `json`: that reads NaN, half a surrogate pair, and fails below a depth.
            value = orjson.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}


def _may_be_evse(number: object) -> bool:
    """No number, or 0: the whole station."""
    return number is None or (type(number) is int and 0 <= number <= EVSES_MAX)


def _evse(number: object) -> int | None:
    return number if isinstance(number, int) and number > 0 else None


def _text(value: object) -> str | None:
    """JSON in a text may spell a NUL, which no display shows and Postgres keeps in no text."""
    text = value.replace("\0", "") if isinstance(value, str) else ""
    return text if text.strip() else None
