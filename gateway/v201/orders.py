"""Orders in OCPP 2.0.1's words."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.dialect import Call, NotInThisVersion, SessionOfOrder

Order = Mapping[str, Any]

TRIGGERS = {
    "BootNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "StatusNotification",
    "TransactionEvent",
}
VARIABLES_MAX = 100
# Answers that mean "done" or "will be done"; every other word is a refusal.
ACCEPTED_STATUSES = frozenset({"Accepted", "Scheduled", "Unlocked", "RebootRequired"})


def translate_order(kind: str, order: Order, session: SessionOfOrder | None) -> Call:
    """The call for an order. Raises NotInThisVersion."""
    if kind == "start":
        return _start(session)
    translate = _TRANSLATIONS.get(kind)
    if translate is None:
        raise NotInThisVersion(f"OCPP 2.0.1 has no order {kind}")
    return translate(order)


def _start(session: SessionOfOrder | None) -> Call:
    if session is None or session.token_uid is None or session.remote_start_number is None:
        raise NotInThisVersion("a remote start needs a session with a token and a number")
    payload: dict[str, Any] = {"evseId": session.evse} if session.evse else {}
    return Call(
        "RequestStartTransaction",
        payload
        | {
            "remoteStartId": session.remote_start_number,
            "idToken": {"idToken": session.token_uid, "type": _token_type(session.token_type)},
        },
    )


def _token_type(kind: str | None) -> str:
    """IdTokenEnumType: what is not one of its words was made by us."""
    known = {
        "Central",
        "eMAID",
        "ISO14443",
        "ISO15693",
        "KeyCode",
        "Local",
        "MacAddress",
        "NoAuthorization",
    }
    words = {word.casefold(): word for word in known} | {"rfid": "ISO14443"}
    return words.get((kind or "").casefold(), "Central")


def _stop(order: Order) -> Call:
    return Call("RequestStopTransaction", {"transactionId": str(order["transaction_id"])})


def _reset(order: Order) -> Call:
    return Call("Reset", {"type": "Immediate" if order.get("type") == "hard" else "OnIdle"})


def _unlock(order: Order) -> Call:
    return Call(
        "UnlockConnector", {"evseId": order["evse"], "connectorId": order.get("connector") or 1}
    )


def _place(evse: int | None, connector: int | None = None) -> dict[str, Any]:
    if not evse:
        return {}
    return {"evse": {"id": evse} | ({"connectorId": connector} if connector else {})}


def _availability(order: Order) -> Call:
    kind = "Operative" if order.get("operative") else "Inoperative"
    place = _place(order.get("evse"), order.get("connector"))
    return Call("ChangeAvailability", {"operationalStatus": kind} | place)


def _trigger(order: Order) -> Call:
    message = order.get("message")
    if message not in TRIGGERS:
        raise NotInThisVersion("OCPP 2.0.1 cannot trigger this message")
    # A status is of a connector: 2.0.1 F06.FR.13 wants its number too.
    connector = 1 if message == "StatusNotification" else None
    return Call(
        "TriggerMessage", {"requestedMessage": message} | _place(order.get("evse"), connector)
    )


def _variable(name: str) -> dict[str, Any]:
    component, dot, variable = name.partition(".")
    if not dot or not component or not variable:
        raise NotInThisVersion("an OCPP 2.0.1 variable is written Component.Variable")
    return {"component": {"name": component}, "variable": {"name": variable}}


def _configure(order: Order) -> Call:
    variables = order.get("variables") or {}
    if not 1 <= len(variables) <= VARIABLES_MAX:
        raise NotInThisVersion(f"set 1 to {VARIABLES_MAX} variables per order")
    return Call(
        "SetVariables",
        {
            "setVariableData": [
                {"attributeValue": str(value).lower() if isinstance(value, bool) else str(value)}
                | _variable(name)
                for name, value in variables.items()
            ]
        },
    )


def _read_configuration(order: Order) -> Call:
    names = order.get("names") or []
    if not 1 <= len(names) <= VARIABLES_MAX:
        raise NotInThisVersion(f"OCPP 2.0.1 reads 1 to {VARIABLES_MAX} named variables per order")
    return Call("GetVariables", {"getVariableData": [_variable(name) for name in names]})


def _data_transfer(order: Order) -> Call:
    payload: dict[str, Any] = {}
    if order.get("message_id") is not None:
        payload["messageId"] = order["message_id"]
    if order.get("data") is not None:
        payload["data"] = order["data"]
    return Call("DataTransfer", payload | {"vendorId": order["vendor_id"]})


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
