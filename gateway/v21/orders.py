"""Orders in OCPP 2.1's words: those of 2.0.1 with its longer texts, and what 2.1 added."""

from gateway.dialect import Call, NotInThisVersion, Order, OrderContext, Translate
from gateway.v21.orders_energy import ENERGY
from gateway.v21.orders_tariffs import TARIFFS
from gateway.v201.orders import ACCEPTED_STATUSES as STATUSES_201
from gateway.v201.orders import TRIGGERS as TRIGGERS_201
from gateway.v201.orders_charging import charging
from gateway.v201.orders_control import control
from gateway.v201.orders_display import display
from gateway.v201.orders_local import local
from gateway.v201.orders_security import security
from gateway.v201.orders_tokens import token_21
from gateway.v201.orders_variables import VARIABLES

# NoTransaction: the tariff or the list of transfers comes too late, not that it was taken.
ACCEPTED_STATUSES = STATUSES_201
TRIGGERS = TRIGGERS_201 | {"SignV2G20Certificate"}


def _battery_swap(order: Order, context: OrderContext) -> tuple[Call, ...]:
    """S: the driver may take a battery; the station's BatterySwap repeats the number."""
    token = order["token"]
    payload = {
        "idToken": token_21(token.get("uid"), token.get("type")),
        "requestId": context.request_id or 0,
    }
    return (Call("RequestBatterySwap", payload),)


_TRANSLATIONS: dict[str, Translate] = {
    **control("OCPP 2.1", token_21, TRIGGERS),
    **VARIABLES,
    **charging(v21=True),
    **local(token_21),
    **display("OCPP 2.1", token_21),
    **security(v21=True),
    **ENERGY,
    **TARIFFS,
    "battery_swap": _battery_swap,
}


def translate_order(kind: str, order: Order, context: OrderContext) -> tuple[Call, ...]:
    """The calls for an order, sent one after another. Raises NotInThisVersion."""
    translate = _TRANSLATIONS.get(kind)
    if translate is None:
        raise NotInThisVersion(f"OCPP 2.1 has no order {kind}")
    return translate(order, context)
