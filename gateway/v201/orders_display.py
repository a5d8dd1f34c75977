"""Display messages, customer data and cost in OCPP 2.x's words (blocks I, N09, O)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from gateway.dialect import Call, NotInThisVersion, Order, OrderContext, Translate
from gateway.limits import without_none
from gateway.stamps import stamp
from gateway.v201.orders_tokens import Token
from holdfast.domain.currency import Currency

PRIORITIES = {
    "always_front": "AlwaysFront",
    "in_front": "InFront",
    "normal": "NormalCycle",
    "normal_cycle": "NormalCycle",
}
STATES = {
    "charging": "Charging",
    "faulted": "Faulted",
    "idle": "Idle",
    "unavailable": "Unavailable",
}
STATES_21 = STATES | {"suspended": "Suspended", "discharging": "Discharging"}
FORMATS = {"ascii": "ASCII", "html": "HTML", "uri": "URI", "utf8": "UTF8"}
FORMATS_21 = FORMATS | {"qrcode": "QRCODE"}


def display(version: str, token: Token) -> Mapping[str, Translate]:
    """What the version does with these kinds."""
    v21 = version == "OCPP 2.1"
    states, formats = (STATES_21, FORMATS_21) if v21 else (STATES, FORMATS)

    def word(name: str, value: object, words: Mapping[str, str]) -> str | None:
        return _word(version, name, value, words)

    def message(order: Order, _context: OrderContext) -> tuple[Call, ...]:
        """O01. {"id", "priority", "state", "from", "to", "transaction_id", "format", "language",
        "content"}"""
        said = order["message"]
        info = {
            "id": said["id"],
            "priority": word("priority", said.get("priority") or "normal", PRIORITIES),
            "state": word("state", said.get("state"), states),
            "startDateTime": stamp(said.get("from")),
            "endDateTime": stamp(said.get("to")),
            "transactionId": said.get("transaction_id"),
            "message": without_none(
                {
                    "format": word("format", said.get("format") or "utf8", formats),
                    "language": said.get("language"),
                    "content": said["content"],
                }
            ),
        }
        return (Call("SetDisplayMessage", {"message": without_none(info)}),)

    def messages(order: Order, context: OrderContext) -> tuple[Call, ...]:
        payload = {
            "requestId": context.request_id or 0,
            "id": order.get("ids") or None,
            "priority": word("priority", order.get("priority"), PRIORITIES),
            "state": word("state", order.get("state"), states),
        }
        return (Call("GetDisplayMessages", without_none(payload)),)

    return {
        "display_message": message,
        "display_messages": messages,
        "clear_display_message": lambda order, _context: (
            Call("ClearDisplayMessage", {"id": order["id"]}),
        ),
        "customer_information": _customer(token),
        "cost": _cost,
    }


def _word(version: str, name: str, value: object, words: Mapping[str, str]) -> str | None:
    if value is None:
        return None
    known = words.get(str(value).lower()) or next(
        (one for one in words.values() if one == value), None
    )
    if known is None:
        raise NotInThisVersion(f"{version} has no {name} {str(value)[:40]}")
    return known


def _customer(token: Token) -> Translate:
    def translate(order: Order, context: OrderContext) -> tuple[Call, ...]:
        """N09, N10: exactly one of token, customer and certificate says whose data it is."""
        named = [name for name in ("token", "customer", "certificate") if order.get(name)]
        if len(named) != 1:
            raise NotInThisVersion("name the token, the customer or the certificate: one of them")
        whose = order.get("token")
        payload: dict[str, Any] = {
            "requestId": context.request_id or 0,
            "report": bool(order.get("report")),
            "clear": bool(order.get("clear")),
            "customerIdentifier": order.get("customer"),
            "customerCertificate": order.get("certificate"),
            "idToken": token(whose.get("uid"), whose.get("type")) if whose else None,
        }
        return (Call("CustomerInformation", without_none(payload)),)

    return translate


def _cost(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    """I02. The message has a JSON number: the amount is written in it exactly as it is billed."""
    digits = Currency.of(order["currency"]).exponent
    total = Decimal(order["total_minor"]).scaleb(-digits)
    payload = {"totalCost": float(total), "transactionId": str(order["transaction_id"])}
    return (Call("CostUpdated", payload),)
