"""Smart charging in OCPP 2.x's words (block K; 2.1 adds dynamic profiles, setpoints and V2X)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.dialect import Call, NotInThisVersion, Order, OrderContext, Translate
from gateway.limits import without_none
from gateway.stamps import stamp
from gateway.v16.orders_charging import check_periods, only_later, profile_of, tenths
from gateway.v201.charging_rules import check_profile
from holdfast.contracts.charging_profile import ChargingProfile, ChargingSchedule, SchedulePeriod

PURPOSES = {
    "station_max": "ChargingStationMaxProfile",
    "tx_default": "TxDefaultProfile",
    "tx": "TxProfile",
}
PURPOSES_21 = PURPOSES | {"priority": "PriorityCharging", "local_generation": "LocalGeneration"}
LIMIT_SOURCES = ("CSO", "EMS", "SO", "Other")
KINDS = {"absolute": "Absolute", "recurring": "Recurring", "relative": "Relative"}
KINDS_21 = KINDS | {"dynamic": "Dynamic"}
MODES = {
    "idle": "Idle",
    "charging_only": "ChargingOnly",
    "central_setpoint": "CentralSetpoint",
    "external_setpoint": "ExternalSetpoint",
    "external_limits": "ExternalLimits",
    "central_frequency": "CentralFrequency",
    "local_frequency": "LocalFrequency",
    "local_load_balancing": "LocalLoadBalancing",
}


@dataclass(frozen=True, slots=True)
class Charging:
    """The words of one version."""

    v21: bool

    @property
    def purposes(self) -> Mapping[str, str]:
        """Of this version, by ours."""
        return PURPOSES_21 if self.v21 else PURPOSES

    def purpose(self, word: str | None) -> str | None:
        """Raises NotInThisVersion."""
        if word is None:
            return None
        if word not in self.purposes:
            version = "OCPP 2.1" if self.v21 else "OCPP 2.0.1"
            raise NotInThisVersion(f"{version} has no charging profile of purpose {word[:40]}")
        return self.purposes[word]

    def set_profile(self, order: Order, context: OrderContext) -> tuple[Call, ...]:
        """K01."""
        profile = profile_of(order)
        evse = order.get("evse") or 0
        if profile.purpose == "station_max" and evse:
            raise NotInThisVersion("a profile of purpose station_max is for EVSE 0")
        if profile.purpose == "tx" and not evse:
            raise NotInThisVersion("a profile of purpose tx needs the EVSE of its transaction")
        check_profile(profile)
        written = profile_2x(profile, context.limits.schedule_periods, v21=self.v21)
        written["chargingProfilePurpose"] = self.purpose(profile.purpose)
        return (Call("SetChargingProfile", {"evseId": evse, "chargingProfile": written}),)

    def clear_profile(self, order: Order, _context: OrderContext) -> tuple[Call, ...]:
        """Where nothing is named, all go, purpose by purpose: K10.FR.02 wants something named."""
        criteria = without_none(
            {
                "evseId": order.get("evse"),
                "chargingProfilePurpose": self.purpose(order.get("purpose")),
                "stackLevel": order.get("stack_level"),
            }
        )
        if order.get("id") is None and not criteria:
            each = [{"chargingProfilePurpose": one} for one in self.purposes.values()]
            return tuple(Call("ClearChargingProfile", {"chargingProfileCriteria": c}) for c in each)
        payload = {
            "chargingProfileId": order.get("id"),
            "chargingProfileCriteria": criteria or None,
        }
        return (Call("ClearChargingProfile", without_none(payload)),)

    def profiles(self, order: Order, context: OrderContext) -> tuple[Call, ...]:
        """Where nothing is named, whatever its source: K09.FR.03 wants something named."""
        wanted = without_none(
            {
                "chargingProfilePurpose": self.purpose(order.get("purpose")),
                "stackLevel": order.get("stack_level"),
                "chargingProfileId": order.get("ids") or None,
            }
        )
        payload = {
            "requestId": context.request_id or 0,
            "evseId": order.get("evse"),
            "chargingProfile": wanted or {"chargingLimitSource": list(LIMIT_SOURCES)},
        }
        return (Call("GetChargingProfiles", without_none(payload)),)


def charging(*, v21: bool) -> Mapping[str, Translate]:
    """What the version does with these kinds."""
    words = Charging(v21)
    return {
        "charging_profile": words.set_profile,
        "clear_charging_profile": words.clear_profile,
        "charging_profiles": words.profiles,
        "composite_schedule": _composite,
    }


def profile_2x(profile: ChargingProfile, periods_max: int | None, *, v21: bool) -> dict[str, Any]:
    """ChargingProfileType, the purpose left to the caller. Raises NotInThisVersion."""
    kinds = KINDS_21 if v21 else KINDS
    if profile.kind not in kinds:
        raise NotInThisVersion(f"OCPP 2.0.1 has no charging profile of kind {profile.kind}")
    if not v21 and (profile.update_interval_s or profile.offline_max_s):
        raise NotInThisVersion("OCPP 2.0.1 has no update interval and no limit of time offline")
    return without_none(
        {
            "id": profile.id,
            "stackLevel": profile.stack_level,
            "chargingProfilePurpose": profile.purpose,
            "chargingProfileKind": kinds[profile.kind],
            "recurrencyKind": None if profile.recurrency is None else profile.recurrency.title(),
            "validFrom": stamp(profile.valid_from),
            "validTo": stamp(profile.valid_to),
            "transactionId": profile.transaction_id,
            "dynUpdateInterval": profile.update_interval_s,
            "maxOfflineDuration": profile.offline_max_s,
            "chargingSchedule": [_schedule(one, periods_max, v21=v21) for one in profile.schedules],
        }
    )


def _schedule(schedule: ChargingSchedule, periods_max: int | None, *, v21: bool) -> dict[str, Any]:
    check_periods(schedule, periods_max)
    return without_none(
        {
            "id": schedule.id,
            "startSchedule": stamp(schedule.start_at),
            "duration": schedule.duration_s,
            "chargingRateUnit": schedule.unit,
            "minChargingRate": tenths(schedule.min_rate),
            "chargingSchedulePeriod": [_period(one, v21=v21) for one in schedule.periods],
        }
    )


def _period(period: SchedulePeriod, *, v21: bool) -> dict[str, Any]:
    if period.phase_to_use is not None and period.phases not in (None, 1):
        raise NotInThisVersion("a phase to use is named for charging on one phase (K01.FR.19)")
    written = {
        "startPeriod": period.start_s,
        "limit": tenths(period.limit),
        "numberPhases": period.phases,
        "phaseToUse": period.phase_to_use,
    }
    if not v21:
        only_later(period, "OCPP 2.0.1")
        return without_none(written)
    return without_none(written | limits_21(period) | {"operationMode": _mode(period)})


def limits_21(period: SchedulePeriod) -> dict[str, Any]:
    """What OCPP 2.1 added to a period (2.1 part 2, ChargingSchedulePeriodType)."""
    return {
        "limit_L2": tenths(period.limit_l2),
        "limit_L3": tenths(period.limit_l3),
        "dischargeLimit": tenths(period.discharge_limit),
        "dischargeLimit_L2": tenths(period.discharge_limit_l2),
        "dischargeLimit_L3": tenths(period.discharge_limit_l3),
        "setpoint": tenths(period.setpoint),
        "setpoint_L2": tenths(period.setpoint_l2),
        "setpoint_L3": tenths(period.setpoint_l3),
    }


def _mode(period: SchedulePeriod) -> str | None:
    return None if period.operation_mode is None else MODES[period.operation_mode]


def _composite(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    payload = {
        "evseId": order["evse"],
        "duration": order["duration_s"],
        "chargingRateUnit": order.get("unit"),
    }
    return (Call("GetCompositeSchedule", without_none(payload)),)
