"""Charging profiles on a station: kept, reported, cleared, and put into force at once."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from simulator.stations.connector import Connector
from simulator.stations.dialect import stamp
from simulator.stations.messages import Answer, Json, Message
from simulator.stations.power import (
    PROFILES_MAX,
    PURPOSES,
    Profile,
    Situation,
    composite,
    in_unit,
    profile_from,
)

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

COMPOSITE_S_MAX = 7 * 24 * 3600
STACK_LEVEL_MAX = 20


class Profiles:
    """The profiles of one station, parsed once."""

    def __init__(self, station: "SimulatedStation") -> None:
        self._station = station
        self._parsed: list[Profile] | None = None

    @property
    def all(self) -> list[Profile]:
        if self._parsed is None:
            kept = self._station.memory.read("profiles", [])
            self._parsed = [profile_from(one["raw"], one["evse"]) for one in kept]
        return self._parsed

    def keep(self, profiles: list[Profile]) -> None:
        """Replace the list; power follows at once."""
        now = datetime.now(UTC)
        for connector in self._station.connectors.values():
            connector.advance(now)
        self._parsed = profiles
        kept = [{"raw": one.raw, "evse": one.evse} for one in profiles]
        self._station.memory.write("profiles", kept)
        for connector in self._station.connectors.values():
            connector.poke()

    def add(self, profile: Profile) -> bool:
        """In place of one with the same id, or of the same purpose, stack and EVSE."""
        spot = (profile.purpose, profile.stack, profile.evse, profile.transaction_id)
        others = [
            one
            for one in self.all
            if one.id != profile.id
            and (one.purpose, one.stack, one.evse, one.transaction_id) != spot
        ]
        if len(others) >= PROFILES_MAX:
            return False
        self.keep([*others, profile])
        return True

    def remove(self, concerned: Callable[[Profile], bool]) -> bool:
        """Whether there were any."""
        left = [one for one in self.all if not concerned(one)]
        is_change = len(left) < len(self.all)
        if is_change:
            self.keep(left)
        return is_change


def set_profile(station: "SimulatedStation", payload: Json) -> Answer:
    """Both versions. A TxProfile needs a transaction that runs; an EVSE must exist."""
    is_16 = "csChargingProfiles" in payload
    raw = payload["csChargingProfiles"] if is_16 else payload["chargingProfile"]
    evse = payload["connectorId"] if is_16 else payload["evseId"]
    profile = profile_from(raw, evse)
    if evse and not _on(station, evse):
        return Answer({"status": "Rejected"})
    if profile.purpose == "external" or profile.stack > STACK_LEVEL_MAX:
        return Answer({"status": "Rejected"})
    if profile.purpose == "station" and evse:
        return Answer({"status": "Rejected"})
    if profile.purpose == "tx" and not _has_transaction(station, profile, evse):
        return Answer({"status": "Rejected"})
    accepted = station.profiles.add(profile)
    return Answer({"status": "Accepted" if accepted else "Rejected"})


def clear_profile(station: "SimulatedStation", payload: Json) -> Answer:
    """By id, or by what the criteria say; without any, all."""
    criteria = payload.get("chargingProfileCriteria", payload)
    wanted_id = payload.get("id", payload.get("chargingProfileId"))
    evse = criteria.get("connectorId", criteria.get("evseId"))
    purpose = PURPOSES.get(criteria.get("chargingProfilePurpose", ""))

    def concerned(one: Profile) -> bool:
        if wanted_id is not None:
            return bool(one.id == wanted_id)
        is_there = evse in (None, one.evse) and purpose in (None, one.purpose)
        return is_there and criteria.get("stackLevel") in (None, one.stack)

    return Answer({"status": "Accepted" if station.profiles.remove(concerned) else "Unknown"})


def get_profiles(station: "SimulatedStation", payload: Json) -> Answer:
    """2.x: reported in one ReportChargingProfiles per EVSE."""
    criteria, request_id = payload["chargingProfile"], payload["requestId"]
    purpose = PURPOSES.get(criteria.get("chargingProfilePurpose", ""))
    found = [
        one
        for one in station.profiles.all
        if payload.get("evseId") in (None, one.evse)
        and purpose in (None, one.purpose)
        and criteria.get("stackLevel") in (None, one.stack)
        and one.id in criteria.get("chargingProfileId", [one.id])
        and "CSO" in criteria.get("chargingLimitSource", ["CSO"])
    ]
    if not found:
        return Answer({"status": "NoProfiles"})

    def report() -> None:
        evses = sorted({one.evse for one in found})
        for evse in evses:
            message: Json = {
                "requestId": request_id,
                "chargingLimitSource": "CSO",
                "chargingProfile": [one.raw for one in found if one.evse == evse],
                "evseId": evse,
                "tbc": evse != evses[-1],
            }
            station.tell(Message("ReportChargingProfiles", message))

    return Answer({"status": "Accepted"}, report)


def get_composite(station: "SimulatedStation", payload: Json) -> Answer:
    """Both versions, in the unit that was asked for; watts by default."""
    is_16 = "connectorId" in payload
    evse = payload["connectorId"] if is_16 else payload["evseId"]
    duration_s = payload["duration"]
    concerned = _on(station, evse) if evse else list(station.connectors.values())
    if not concerned or not 0 < duration_s <= COMPOSITE_S_MAX:
        return Answer({"status": "Rejected"})
    # Limits are those of now, told by the station's own clock.
    start = datetime.now(UTC)
    shown = stamp(station.faults.station_time(start))
    unit = payload.get("chargingRateUnit", "W")
    situation = concerned[0].situation(evse or 0)
    if not evse:
        situation = _whole(station)
    schedule = composite(station.profiles.all, start, duration_s, situation)
    periods = [
        {"startPeriod": offset, "limit": in_unit(watts, unit, situation.phases)}
        for offset, watts in schedule
    ]
    if is_16:
        whole: Json = {"connectorId": evse, "scheduleStart": shown}
        inner: Json = {
            "duration": duration_s,
            "startSchedule": shown,
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": periods,
        }
        return Answer({"status": "Accepted", **whole, "chargingSchedule": inner})
    inner = {
        "evseId": evse,
        "duration": duration_s,
        "scheduleStart": shown,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods,
    }
    return Answer({"status": "Accepted", "schedule": inner})


def update_dynamic(station: "SimulatedStation", payload: Json) -> Answer:
    """2.1 K28: new limits for the only period of a dynamic profile."""
    for one in station.profiles.all:
        if one.id == payload["chargingProfileId"] and one.kind == "Dynamic":
            raw = dict(one.raw)
            schedule = dict(raw["chargingSchedule"][0])
            period = schedule["chargingSchedulePeriod"][0] | payload["scheduleUpdate"]
            raw["chargingSchedule"] = [schedule | {"chargingSchedulePeriod": [period]}]
            station.profiles.add(profile_from(raw, one.evse))
            return Answer({"status": "Accepted"})
    return Answer({"status": "Rejected"})


def use_priority(station: "SimulatedStation", payload: Json) -> Answer:
    """2.1 K22: a session may use its priority profile; the station tells when that has begun."""
    transaction_id, activate = payload["transactionId"], payload["activate"]
    connector = station.charging_as(transaction_id)
    if connector is None:
        return Answer({"status": "Rejected"})
    if not any(one.purpose == "priority" for one in station.profiles.all):
        return Answer({"status": "NoProfile"})
    told = {"transactionId": transaction_id, "activated": activate}

    def switch() -> None:
        connector.advance(datetime.now(UTC))
        connector.has_priority = activate
        connector.poke()
        station.tell(Message("NotifyPriorityCharging", told))

    return Answer({"status": "Accepted"}, switch)


def _whole(station: "SimulatedStation") -> Situation:
    total_w = sum(one.max_power_w for one in station.config.evses)
    return Situation(evse=0, transaction_id=None, started_at=None, max_power_w=total_w)


def _on(station: "SimulatedStation", evse: int) -> list[Connector]:
    """1.6 counts connectors, 2.x EVSEs; a profile's number is in the station's own words."""
    is_16 = station.config.protocol == "ocpp1.6"
    return [
        one for one in station.connectors.values() if (one.number if is_16 else one.evse) == evse
    ]


def _has_transaction(station: "SimulatedStation", profile: Profile, evse: int) -> bool:
    running = [one.transaction for one in _on(station, evse) if one.transaction is not None]
    if profile.transaction_id is None:
        # 1.6 may leave it out: then it is for the transaction on that connector.
        return bool(running)
    return any(one.transaction_id == profile.transaction_id for one in running)
