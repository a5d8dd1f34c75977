"""Orders in OCPP 1.6's words (section 5: operations initiated by the Central System)."""

from typing import Any

from gateway.dialect import Call, NotInThisVersion, Order, OrderContext, Translate
from gateway.limits import split, without_none
from gateway.reading import whole
from gateway.v16.orders_charging import CHARGING
from gateway.v16.orders_security import SECURITY

TRIGGERS = {
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "StatusNotification",
}
# Only the security extension (section 4.1 of the whitepaper) can trigger these.
EXTENDED_TRIGGERS = {
    "LogStatusNotification": "LogStatusNotification",
    "SignCertificate": "SignChargePointCertificate",
    "SignChargePointCertificate": "SignChargePointCertificate",
    "SignChargingStationCertificate": "SignChargePointCertificate",
}
# Answers that mean "done" or "will be done"; every other word is a refusal.
ACCEPTED_STATUSES = frozenset(
    {"Accepted", "AcceptedCanceled", "Scheduled", "Unlocked", "RebootRequired"}
)
ID_TAG_LENGTH_MAX = 20
LIST_STATUSES = {
    "accepted": "Accepted",
    "blocked": "Blocked",
    "expired": "Expired",
    "invalid": "Invalid",
}


def translate_order(kind: str, order: Order, context: OrderContext) -> tuple[Call, ...]:
    """The calls for an order, sent one after another. Raises NotInThisVersion."""
    translate = _TRANSLATIONS.get(kind)
    if translate is None:
        raise NotInThisVersion(f"OCPP 1.6 has no order {kind}")
    return translate(order, context)


def id_tag(uid: str | None) -> str:
    """Section 7.28: at most 20 characters."""
    if not uid:
        raise NotInThisVersion("OCPP 1.6 needs a token's uid here")
    if len(uid) > ID_TAG_LENGTH_MAX:
        raise NotInThisVersion("an OCPP 1.6 idTag has at most 20 characters")
    return uid


def _start(_order: Order, context: OrderContext) -> tuple[Call, ...]:
    session = context.session
    if session is None or session.token_uid is None:
        raise NotInThisVersion("a remote start needs a session with a token")
    payload: dict[str, Any] = {"connectorId": session.evse} if session.evse else {}
    return (Call("RemoteStartTransaction", payload | {"idTag": id_tag(session.token_uid)}),)


def _stop(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    number = whole(order.get("transaction_id"))
    if number is None:
        raise NotInThisVersion("an OCPP 1.6 transaction id is a number")
    return (Call("RemoteStopTransaction", {"transactionId": number}),)


def _reset(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    if order.get("evse"):
        raise NotInThisVersion("OCPP 1.6 resets the whole station, not one EVSE")
    return (Call("Reset", {"type": "Hard" if order.get("type") == "hard" else "Soft"}),)


def _unlock(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    return (Call("UnlockConnector", {"connectorId": order["evse"]}),)


def _availability(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    kind = "Operative" if order.get("operative") else "Inoperative"
    return (Call("ChangeAvailability", {"connectorId": order.get("evse") or 0, "type": kind}),)


def _trigger(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    message = str(order.get("message"))
    place = {"connectorId": order["evse"]} if order.get("evse") else {}
    if message in EXTENDED_TRIGGERS:
        wanted = {"requestedMessage": EXTENDED_TRIGGERS[message]}
        return (Call("ExtendedTriggerMessage", wanted | place),)
    if message not in TRIGGERS:
        raise NotInThisVersion(f"OCPP 1.6 cannot trigger {message[:50]}")
    return (Call("TriggerMessage", {"requestedMessage": message} | place),)


def _configure(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    variables = order.get("variables") or {}
    if not variables:
        raise NotInThisVersion("name at least one configuration key")
    return tuple(
        Call("ChangeConfiguration", {"key": key, "value": _word(value)})
        for key, value in variables.items()
    )


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_configuration(order: Order, context: OrderContext) -> tuple[Call, ...]:
    names = list(order.get("names") or ())
    if not names:
        return (Call("GetConfiguration", {}),)
    parts = split(names, context.limits.configuration_keys)
    return tuple(Call("GetConfiguration", {"key": part}) for part in parts)


def _base_report(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    if order.get("base") == "summary":
        raise NotInThisVersion("OCPP 1.6 has no summary of its configuration")
    return (Call("GetConfiguration", {}),)


def _data_transfer(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    data = order.get("data")
    payload = {
        "vendorId": order["vendor_id"],
        "messageId": order.get("message_id"),
        # Section 7: a text. What is none is sent as it is; vendors agree on that between them.
        "data": data,
    }
    return (Call("DataTransfer", without_none(payload)),)


def _clear_cache(_order: Order, _context: OrderContext) -> tuple[Call, ...]:
    return (Call("ClearCache", {}),)


def _local_list_version(_order: Order, _context: OrderContext) -> tuple[Call, ...]:
    return (Call("GetLocalListVersion", {}),)


def _local_list(order: Order, context: OrderContext) -> tuple[Call, ...]:
    """Section 5.15. The first part replaces the list or begins the difference, the others add."""
    parts = split([_list_entry(one) for one in order["entries"]], context.limits.local_list)
    first = int(order["version"]) - len(parts) + 1
    if first < 1:
        raise NotInThisVersion(
            f"the list takes {len(parts)} messages, each with a version of its own: "
            f"use a version of at least {len(parts)}"
        )
    full = order.get("update") == "full"
    return tuple(
        Call(
            "SendLocalList",
            {
                "listVersion": first + index,
                "updateType": "Full" if full and index == 0 else "Differential",
                "localAuthorizationList": part,
            },
        )
        for index, part in enumerate(parts)
    )


def _list_entry(entry: Order) -> dict[str, Any]:
    tag = {"idTag": id_tag(entry.get("uid"))}
    if entry.get("status") is None:
        return tag
    info = without_none(
        {
            "status": LIST_STATUSES.get(str(entry["status"]).lower(), "Invalid"),
            "expiryDate": entry.get("expires_at"),
            "parentIdTag": id_tag(entry["group_id"]) if entry.get("group_id") else None,
        }
    )
    return tag | {"idTagInfo": info}


def _reserve(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    """Section 5.13."""
    if order.get("connector_type"):
        raise NotInThisVersion("OCPP 1.6 reserves a connector by its number, not by its type")
    group = order.get("group_id")
    payload = {
        "connectorId": order.get("evse") or 0,
        "expiryDate": order["expires_at"],
        "idTag": id_tag(order["token"].get("uid")),
        "reservationId": order["reservation"],
    }
    if group:
        payload["parentIdTag"] = id_tag(group)
    return (Call("ReserveNow", payload),)


def _cancel_reservation(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    return (Call("CancelReservation", {"reservationId": order["reservation"]}),)


def _any(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    return (Call(order["action"], dict(order.get("payload") or {})),)


_TRANSLATIONS: dict[str, Translate] = {
    "start": _start,
    "stop": _stop,
    "reset": _reset,
    "unlock": _unlock,
    "availability": _availability,
    "trigger": _trigger,
    "configure": _configure,
    "read_configuration": _read_configuration,
    "base_report": _base_report,
    "data_transfer": _data_transfer,
    "clear_cache": _clear_cache,
    "local_list_version": _local_list_version,
    "local_list": _local_list,
    "reserve": _reserve,
    "cancel_reservation": _cancel_reservation,
    "call": _any,
    **CHARGING,
    **SECURITY,
}
