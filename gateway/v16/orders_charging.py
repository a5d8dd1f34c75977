"""Smart charging in OCPP 1.6's words (sections 5.5, 5.7, 5.16, 7.8 ChargingProfile)."""

from typing import Any

from gateway.dialect import Call, NotInThisVersion, Order, OrderContext, Translate
from gateway.limits import without_none
from gateway.reading import whole
from gateway.stamps import stamp
from holdfast.contracts.charging_profile import ChargingProfile, ChargingSchedule, SchedulePeriod

PURPOSES = {
    "station_max": "ChargePointMaxProfile",
    "tx_default": "TxDefaultProfile",
    "tx": "TxProfile",
}
KINDS = {"absolute": "Absolute", "recurring": "Recurring", "relative": "Relative"}
ONLY_IN_21 = (
    "limit_l2",
    "limit_l3",
    "discharge_limit",
    "discharge_limit_l2",
    "discharge_limit_l3",
    "setpoint",
    "setpoint_l2",
    "setpoint_l3",
    "operation_mode",
)


def _purpose(purpose: str) -> str:
    if purpose not in PURPOSES:
        raise NotInThisVersion(f"OCPP 1.6 has no charging profile of purpose {purpose}")
    return PURPOSES[purpose]


def profile_16(profile: ChargingProfile, periods_max: int | None) -> dict[str, Any]:
    """csChargingProfiles. Raises NotInThisVersion."""
    if profile.kind not in KINDS:
        raise NotInThisVersion(f"OCPP 1.6 has no charging profile of kind {profile.kind}")
    if len(profile.schedules) != 1:
        raise NotInThisVersion("an OCPP 1.6 charging profile has one schedule")
    number = None
    if profile.transaction_id is not None:
        number = whole(profile.transaction_id)
        if number is None:
            raise NotInThisVersion("an OCPP 1.6 transaction id is a number")
    return without_none(
        {
            "chargingProfileId": profile.id,
            "transactionId": number,
            "stackLevel": profile.stack_level,
            "chargingProfilePurpose": _purpose(profile.purpose),
            "chargingProfileKind": KINDS[profile.kind],
            "recurrencyKind": None if profile.recurrency is None else profile.recurrency.title(),
            "validFrom": stamp(profile.valid_from),
            "validTo": stamp(profile.valid_to),
            "chargingSchedule": _schedule(profile.schedules[0], periods_max),
        }
    )


def _schedule(schedule: ChargingSchedule, periods_max: int | None) -> dict[str, Any]:
    check_periods(schedule, periods_max)
    return without_none(
        {
            "duration": schedule.duration_s,
            "startSchedule": stamp(schedule.start_at),
            "chargingRateUnit": schedule.unit,
            "chargingSchedulePeriod": [_period(period) for period in schedule.periods],
            "minChargingRate": tenths(schedule.min_rate),
        }
    )


def _period(period: SchedulePeriod) -> dict[str, Any]:
    only_later(period, "OCPP 1.6")
    if period.phase_to_use is not None:
        raise NotInThisVersion("OCPP 1.6 cannot say which phase to use")
    return without_none(
        {
            "startPeriod": period.start_s,
            "limit": tenths(period.limit),
            "numberPhases": period.phases,
        }
    )


def check_periods(schedule: ChargingSchedule, periods_max: int | None) -> None:
    """Raises NotInThisVersion where the station takes fewer periods."""
    if periods_max is not None and len(schedule.periods) > periods_max:
        raise NotInThisVersion(
            f"the station takes schedules of at most {periods_max} periods; "
            f"this one has {len(schedule.periods)}"
        )


def only_later(period: SchedulePeriod, version: str) -> None:
    """Raises NotInThisVersion for what OCPP 2.1 brought, and for a period without a limit."""
    used = next((name for name in ONLY_IN_21 if getattr(period, name) is not None), None)
    if used is not None:
        raise NotInThisVersion(f"{version} has no {used} in a charging profile")
    if period.limit is None:
        raise NotInThisVersion(f"{version} needs a limit in each period")


def tenths(value: float | None) -> float | None:
    """One digit after the point, as the schemas ask; 1.6 section 7.14."""
    return None if value is None else round(value, 1)


def profile_of(order: Order) -> ChargingProfile:
    """The profile of an order. Raises NotInThisVersion for one that no version allows."""
    try:
        return ChargingProfile.model_validate(order.get("profile"))
    except ValueError as error:
        raise NotInThisVersion(f"the charging profile is not whole: {_first(error)}") from error


def _first(error: ValueError) -> str:
    details = getattr(error, "errors", None)
    return str(details()[0]["msg"])[:200] if details else str(error)[:200]


def _set_profile(order: Order, context: OrderContext) -> tuple[Call, ...]:
    profile = profile_of(order)
    evse = order.get("evse") or 0
    if profile.purpose == "station_max" and evse:
        raise NotInThisVersion("a profile of purpose station_max is for EVSE 0, the whole station")
    if profile.purpose == "tx" and not evse:
        raise NotInThisVersion("a profile of purpose tx needs the EVSE of its transaction")
    payload = {
        "connectorId": evse,
        "csChargingProfiles": profile_16(profile, context.limits.schedule_periods),
    }
    return (Call("SetChargingProfile", payload),)


def _clear_profile(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    purpose = order.get("purpose")
    payload = {
        "id": order.get("id"),
        "connectorId": order.get("evse"),
        "chargingProfilePurpose": None if purpose is None else _purpose(purpose),
        "stackLevel": order.get("stack_level"),
    }
    return (Call("ClearChargingProfile", without_none(payload)),)


def _composite(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    payload = {
        "connectorId": order["evse"],
        "duration": order["duration_s"],
        "chargingRateUnit": order.get("unit"),
    }
    return (Call("GetCompositeSchedule", without_none(payload)),)


CHARGING: dict[str, Translate] = {
    "charging_profile": _set_profile,
    "clear_charging_profile": _clear_profile,
    "composite_schedule": _composite,
}
