"""Orders in OCPP 1.6's words (section 5: operations initiated by the Central System)."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.dialect import Call, NotInThisVersion, SessionOfOrder
from gateway.reading import whole

Order = Mapping[str, Any]

TRIGGERS = {
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "StatusNotification",
}
# Answers that mean "done" or "will be done"; every other word is a refusal.
ACCEPTED_STATUSES = frozenset({"Accepted", "Scheduled", "Unlocked", "RebootRequired"})


def translate_order(kind: str, order: Order, session: SessionOfOrder | None) -> Call:
    """The call for an order. Raises NotInThisVersion."""
    if kind == "start":
        return _start(session)
    translate = _TRANSLATIONS.get(kind)
    if translate is None:
        raise NotInThisVersion(f"OCPP 1.6 has no order {kind}")
    return translate(order)


def _start(session: SessionOfOrder | None) -> Call:
    if session is None or session.token_uid is None:
        raise NotInThisVersion("a remote start needs a session with a token")
    if len(session.token_uid) > 20:
        raise NotInThisVersion("an OCPP 1.6 idTag has at most 20 characters")
    payload: dict[str, Any] = {"connectorId": session.evse} if session.evse else {}
    return Call("RemoteStartTransaction", payload | {"idTag": session.token_uid})


def _stop(order: Order) -> Call:
    number = whole(order.get("transaction_id"))
    if number is None:
        raise NotInThisVersion("an OCPP 1.6 transaction id is a number")
    return Call("RemoteStopTransaction", {"transactionId": number})


def _reset(order: Order) -> Call:
    return Call("Reset", {"type": "Hard" if order.get("type") == "hard" else "Soft"})


def _unlock(order: Order) -> Call:
    return Call("UnlockConnector", {"connectorId": order["evse"]})


def _availability(order: Order) -> Call:
    kind = "Operative" if order.get("operative") else "Inoperative"
    return Call("ChangeAvailability", {"connectorId": order.get("evse") or 0, "type": kind})


def _trigger(order: Order) -> Call:
    message = order.get("message")
    if message not in TRIGGERS:
        raise NotInThisVersion("OCPP 1.6 cannot trigger this message")
    evse = order.get("evse")
    return Call(
        "TriggerMessage",
        {"requestedMessage": message} | ({"connectorId": evse} if evse else {}),
    )


def _configure(order: Order) -> Call:
    variables = order.get("variables") or {}
    if len(variables) != 1:
        raise NotInThisVersion("OCPP 1.6 changes one configuration key per order")
    ((key, value),) = variables.items()
    return Call("ChangeConfiguration", {"key": key, "value": _word(value)})


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_configuration(order: Order) -> Call:
    names = order.get("names")
    return Call("GetConfiguration", {"key": list(names)} if names else {})


def _data_transfer(order: Order) -> Call:
    payload: dict[str, Any] = {"vendorId": order["vendor_id"]}
    if order.get("message_id") is not None:
        payload["messageId"] = order["message_id"]
    if order.get("data") is not None:
        payload["data"] = order["data"]
    return Call("DataTransfer", payload)


def _any(order: Order) -> Call:
    return Call(order["action"], dict(order.get("payload") or {}))


_TRANSLATIONS: dict[str, Callable[[Order], Call]] = {
    "stop": _stop,
    "reset": _reset,
    "unlock": _unlock,
    "availability": _availability,
    "trigger": _trigger,
    "configure": _configure,
    "read_configuration": _read_configuration,
    "data_transfer": _data_transfer,
    "call": _any,
}
