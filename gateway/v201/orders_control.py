"""Remote control and availability in OCPP 2.x's words (blocks E, F, G, H, P; B for Reset)."""

from collections.abc import Mapping
from typing import Any

from gateway.dialect import Call, NotInThisVersion, Order, OrderContext, Translate
from gateway.limits import without_none
from gateway.stamps import stamp
from gateway.v201.orders_tokens import Token


def place(evse: int | None, connector: int | None = None) -> dict[str, Any]:
    """EVSEType as a field, where it is not the whole station."""
    if not evse:
        return {}
    return {"evse": {"id": evse} | ({"connectorId": connector} if connector else {})}


def control(version: str, token: Token, triggers: frozenset[str]) -> Mapping[str, Translate]:
    """What the version does with these kinds."""

    def start(_order: Order, context: OrderContext) -> tuple[Call, ...]:
        session = context.session
        if session is None or session.token_uid is None or session.remote_start_number is None:
            raise NotInThisVersion("a remote start needs a session with a token and a number")
        payload: dict[str, Any] = {"evseId": session.evse} if session.evse else {}
        named = token(session.token_uid, session.token_type)
        started = {"remoteStartId": session.remote_start_number, "idToken": named}
        return (Call("RequestStartTransaction", payload | started),)

    def trigger(order: Order, _context: OrderContext) -> tuple[Call, ...]:
        message = str(order.get("message"))
        if message == "SignCertificate":
            message = "SignChargingStationCertificate"
        if message not in triggers:
            raise NotInThisVersion(f"{version} cannot trigger {message[:50]}")
        # A status is of a connector: 2.0.1 F06.FR.13 wants its number too.
        is_status = message == "StatusNotification"
        if is_status and not order.get("evse"):
            raise NotInThisVersion(f"{version} tells a status of one connector: name its EVSE")
        connector = order.get("connector") or (1 if is_status else None)
        wanted = {"requestedMessage": message}
        return (Call("TriggerMessage", wanted | place(order.get("evse"), connector)),)

    return {
        "start": start,
        "stop": _stop,
        "reset": _reset,
        "unlock": _unlock,
        "availability": _availability,
        "trigger": trigger,
        "reserve": _reserve(token),
        "cancel_reservation": _cancel_reservation,
        "transaction_status": _transaction_status,
        "data_transfer": _data_transfer,
        "call": _any,
    }


def _stop(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    return (Call("RequestStopTransaction", {"transactionId": str(order["transaction_id"])}),)


def _reset(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    kind = "Immediate" if order.get("type") == "hard" else "OnIdle"
    return (Call("Reset", without_none({"type": kind, "evseId": order.get("evse") or None})),)


def _unlock(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    named = {"evseId": order["evse"], "connectorId": order.get("connector") or 1}
    return (Call("UnlockConnector", named),)


def _availability(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    kind = "Operative" if order.get("operative") else "Inoperative"
    where = place(order.get("evse"), order.get("connector"))
    return (Call("ChangeAvailability", {"operationalStatus": kind} | where),)


def _reserve(token: Token) -> Translate:
    """H01: an EVSE, one with a connector of a type, or any; for a token, or for its group too."""

    def translate(order: Order, _context: OrderContext) -> tuple[Call, ...]:
        group = order.get("group_id")
        payload = {
            "id": order["reservation"],
            "expiryDateTime": stamp(order["expires_at"]),
            "idToken": token(order["token"].get("uid"), order["token"].get("type")),
            "evseId": order.get("evse") or None,
            "connectorType": order.get("connector_type"),
            "groupIdToken": token(group, "Central") if group else None,
        }
        return (Call("ReserveNow", without_none(payload)),)

    return translate


def _cancel_reservation(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    return (Call("CancelReservation", {"reservationId": order["reservation"]}),)


def _transaction_status(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    """E14: without an id it asks whether messages wait in the station's queue."""
    return (
        Call("GetTransactionStatus", without_none({"transactionId": order.get("transaction_id")})),
    )


def _data_transfer(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    payload = {
        "vendorId": order["vendor_id"],
        "messageId": order.get("message_id"),
        "data": order.get("data"),
    }
    return (Call("DataTransfer", without_none(payload)),)


def _any(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    return (Call(order["action"], dict(order.get("payload") or {})),)
