"""Tariffs at the station in OCPP 2.1's words (block I, use cases I07 to I12).

A tariff of ours is OCPI; what the station shows and prices by itself is OCPP's TariffType, which
the order holds as it is.
"""

from gateway.dialect import Call, Order, OrderContext, Translate
from gateway.limits import without_none


def _default_tariff(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    payload = {"evseId": order.get("evse") or 0, "tariff": order["tariff"]}
    return (Call("SetDefaultTariff", payload),)


def _tariffs(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    return (Call("GetTariffs", {"evseId": order.get("evse") or 0}),)


def _clear_tariffs(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    payload = {"tariffIds": list(order.get("ids") or ()) or None, "evseId": order.get("evse")}
    return (Call("ClearTariffs", without_none(payload)),)


def _transaction_tariff(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    payload = {"transactionId": str(order["transaction_id"]), "tariff": order["tariff"]}
    return (Call("ChangeTransactionTariff", payload),)


TARIFFS: dict[str, Translate] = {
    "default_tariff": _default_tariff,
    "tariffs": _tariffs,
    "clear_tariffs": _clear_tariffs,
    "transaction_tariff": _transaction_tariff,
}
