"""What OCPP 2.1 added to the control of energy: dynamic schedules (K28), priority charging (K21),
allowed transfers (Q02), and controls of distributed energy resources (block R)."""

from typing import Any

from gateway.dialect import Call, NotInThisVersion, Order, OrderContext, Payload, Translate
from gateway.limits import without_none
from gateway.v16.orders_charging import tenths

_SCHEDULE_FIELDS = {
    "limit": "limit",
    "limit_l2": "limit_L2",
    "limit_l3": "limit_L3",
    "discharge_limit": "dischargeLimit",
    "discharge_limit_l2": "dischargeLimit_L2",
    "discharge_limit_l3": "dischargeLimit_L3",
    "setpoint": "setpoint",
    "setpoint_l2": "setpoint_L2",
    "setpoint_l3": "setpoint_L3",
}

# Which field of SetDERControlRequest says a type; every other type is a curve.
CONTROL_FIELDS = {
    "EnterService": "enterService",
    "FixedPFAbsorb": "fixedPFAbsorb",
    "FixedPFInject": "fixedPFInject",
    "FixedVar": "fixedVar",
    "FreqDroop": "freqDroop",
    "Gradients": "gradient",
    "LimitMaxDischarge": "limitMaxDischarge",
}
ONLY_DEFAULT = frozenset({"EnterService", "Gradients"})


VALUE_FIELDS = tuple(_SCHEDULE_FIELDS.values())


def schedule_update(values: Order) -> Payload:
    """ChargingScheduleUpdateType of an order, or of the period of a dynamic profile."""
    return {
        field: tenths(values[name])
        for name, field in _SCHEDULE_FIELDS.items()
        if values.get(name) is not None
    }


def _dynamic_schedule(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    update = schedule_update(order)
    if not update:
        raise NotInThisVersion("say at least one of limit, discharge_limit and setpoint")
    payload = {"chargingProfileId": order["id"], "scheduleUpdate": update}
    return (Call("UpdateDynamicSchedule", payload),)


def _priority_charging(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    payload = {
        "transactionId": str(order["transaction_id"]),
        "activate": bool(order.get("activate")),
    }
    return (Call("UsePriorityCharging", payload),)


def _energy_transfer(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    payload = {
        "transactionId": str(order["transaction_id"]),
        "allowedEnergyTransfer": list(order["modes"]),
    }
    return (Call("NotifyAllowedEnergyTransfer", payload),)


def _der_control(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    """`settings` is the one field of SetDERControlRequest that belongs to the type, as OCPP has it:
    a curve, a droop, a limit."""
    is_default, kind = bool(order.get("default")), str(order["type"])
    settings = dict(order.get("settings") or {})
    _check_control(kind, settings, is_default=is_default)
    payload = {"isDefault": is_default, "controlId": order["id"], "controlType": kind}
    return (Call("SetDERControl", payload | settings),)


def _check_control(kind: str, settings: dict[str, Any], *, is_default: bool) -> None:
    """2.1 errata 2025-09, R04.FR.12, 14 and 16. Raises NotInThisVersion."""
    field = CONTROL_FIELDS.get(kind, "curve")
    if set(settings) != {field}:
        raise NotInThisVersion(f"a control of type {kind[:40]} is said in {field}, and there only")
    if not is_default and kind in ONLY_DEFAULT:
        raise NotInThisVersion(f"a control of type {kind} is always a default")
    timed = settings[field] if isinstance(settings[field], dict) else {}
    if is_default and ("startTime" in timed or "duration" in timed):
        raise NotInThisVersion("a default control has no start and no duration")


def _der_controls(order: Order, context: OrderContext) -> tuple[Call, ...]:
    payload = {
        "requestId": context.request_id or 0,
        "isDefault": order.get("default"),
        "controlType": order.get("type"),
        "controlId": order.get("id"),
    }
    return (Call("GetDERControl", without_none(payload)),)


def _clear_der_control(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    payload = {
        "isDefault": bool(order.get("default")),
        "controlType": order.get("type"),
        "controlId": order.get("id"),
    }
    return (Call("ClearDERControl", without_none(payload)),)


ENERGY: dict[str, Translate] = {
    "dynamic_schedule": _dynamic_schedule,
    "priority_charging": _priority_charging,
    "energy_transfer": _energy_transfer,
    "der_control": _der_control,
    "der_controls": _der_controls,
    "clear_der_control": _clear_der_control,
}
