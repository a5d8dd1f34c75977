"""What OCPP 2.x forbids a central system to say in a charging profile (blocks K and Q).

`ChargingProfile` itself refuses what no version allows; here is what depends on the purpose and on
the operation mode. A station would refuse such a profile, and until it does it is not protected by
the one that was meant.
"""

from gateway.dialect import NotInThisVersion
from holdfast.contracts.charging_profile import ChargingProfile, SchedulePeriod

# 2.1 errata 2025-06, K01.FR.111 and K01.FR.113: what may be controlled by which purpose.
MODES_OF_PURPOSE = {
    "station_max": ("charging_only",),
    "priority": ("charging_only",),
    "local_generation": ("charging_only", "external_limits"),
}
BY_PHASE = ("limit", "discharge_limit", "setpoint")


def check_profile(profile: ChargingProfile) -> None:
    """Raises NotInThisVersion, naming the requirement."""
    if len(profile.schedules) > 1 and profile.purpose != "tx":
        raise NotInThisVersion(
            "only a profile of purpose tx has several schedules, for the car to choose (K01.FR.34)"
        )
    if profile.purpose == "priority" and any(one.duration_s for one in profile.schedules):
        raise NotInThisVersion("a profile of purpose priority has no duration (K01.FR.73)")
    if profile.update_interval_s is not None and profile.kind != "dynamic":
        raise NotInThisVersion("only a dynamic profile has an update interval (K28.FR.04)")
    for schedule in profile.schedules:
        for period in schedule.periods:
            _check_phases(profile, period)
            _check_mode(profile, period)


def _check_phases(profile: ChargingProfile, period: SchedulePeriod) -> None:
    for name in BY_PHASE:
        others = [getattr(period, f"{name}_{phase}") for phase in ("l2", "l3")]
        if all(value is None for value in others):
            continue
        if profile.purpose != "tx":
            raise NotInThisVersion(
                f"only a profile of purpose tx has a {name} of L2 or L3 (K01.FR.143, V2X.09)"
            )
        if getattr(period, name) is None:
            raise NotInThisVersion(
                f"a {name} of L2 or L3 needs the {name} of L1 (K01.FR.145, V2X.07)"
            )


def _check_mode(profile: ChargingProfile, period: SchedulePeriod) -> None:
    mode = period.operation_mode
    allowed = MODES_OF_PURPOSE.get(profile.purpose)
    if mode is not None and allowed is not None and mode not in allowed:
        raise NotInThisVersion(
            f"a profile of purpose {profile.purpose} cannot have the mode {mode} (K01.FR.111, 113)"
        )
    if mode == "charging_only" and (period.discharge_limit, period.setpoint) != (None, None):
        raise NotInThisVersion("charging_only knows no discharge_limit and no setpoint (Q02.FR.02)")
    if mode == "central_frequency":
        if profile.kind != "dynamic":
            raise NotInThisVersion("central_frequency needs a dynamic profile (Q07.FR.02)")
        if (period.limit, period.discharge_limit) != (None, None):
            raise NotInThisVersion(
                "central_frequency is told by setpoints, not by limits (Q07.FR.03)"
            )
