"""Variable monitors: set, cleared, reported, and NotifyEvent when one of them has something to say.

2.1 adds periodic event streams: a periodic monitor may be sent as SEND instead of as events.
Source: OCPP 2.0.1 part 2 block N, OCPP 2.1 part 2 N11 to N15.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from simulator.stations.dialect import stamp
from simulator.stations.messages import Answer, Json, Message
from simulator.stations.variables import COMPONENTS, VARIABLES, part_lines, value_of

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

MONITORS_MAX = 200
PERIOD_S_MIN = 1.0
LEVEL_MAX = 9
_PERIODIC = frozenset({"Periodic", "PeriodicClockAligned"})


def set_monitors(station: "SimulatedStation", payload: Json) -> Answer:
    """N04: a monitor without an id gets the next; with one it is replaced."""
    monitors = dict(station.memory.read("monitors", {}))
    results, started = [], []
    for wanted in payload["setMonitoringData"]:
        result = {name: wanted[name] for name in ("type", "severity", "component", "variable")}
        status = _verdict(station, monitors, wanted)
        if status == "Accepted":
            number = wanted.get("id", 1 + max((int(one) for one in monitors), default=0))
            monitors[str(number)] = wanted | {"id": number, "last": None}
            result["id"] = number
            started.append(number)
        results.append(result | {"status": status})
    station.memory.write("monitors", monitors)

    def begin() -> None:
        for number in started:
            start(station, number)

    return Answer({"setMonitoringResult": results}, begin)


def clear_monitors(station: "SimulatedStation", payload: Json) -> Answer:
    """N06."""
    monitors = dict(station.memory.read("monitors", {}))
    results = []
    for number in payload["id"]:
        known = monitors.pop(str(number), None) is not None
        station.end_job(f"monitor.{number}")
        results.append({"id": number, "status": "Accepted" if known else "NotFound"})
    station.memory.write("monitors", monitors)
    return Answer({"clearMonitoringResult": results})


def set_base(station: "SimulatedStation", payload: Json) -> Answer:
    """N05: anything but `All` forgets the monitors that were set: none is wired in here."""
    station.memory.write("monitoring_base", payload["monitoringBase"])
    if payload["monitoringBase"] != "All":
        for number in station.memory.read("monitors", {}):
            station.end_job(f"monitor.{number}")
        station.memory.write("monitors", {})
    return Answer({"status": "Accepted"})


def set_level(station: "SimulatedStation", payload: Json) -> Answer:
    """N03: severities above the level are not told."""
    if not 0 <= payload["severity"] <= LEVEL_MAX:
        return Answer({"status": "Rejected"})
    station.memory.write("monitoring_level", payload["severity"])
    return Answer({"status": "Accepted"})


def report(station: "SimulatedStation", payload: Json) -> Answer:
    """N02."""
    kinds = {"ThresholdMonitoring": "Threshold", "DeltaMonitoring": "Delta"}
    criteria = [kinds.get(one, "Periodic") for one in payload.get("monitoringCriteria", [])]
    wanted = payload.get("componentVariable")
    lines = []
    for one in station.memory.read("monitors", {}).values():
        if criteria and not any(word in one["type"] for word in criteria):
            continue
        if wanted is not None and not any(_is_about(one, about) for about in wanted):
            continue
        monitor = {name: one[name] for name in ("id", "value", "type", "severity")}
        monitor["transaction"] = one.get("transaction", False)
        if station.config.protocol == "ocpp2.1":
            monitor["eventNotificationType"] = "CustomMonitor"
        about = {"component": one["component"], "variable": one["variable"]}
        lines.append(about | {"variableMonitoring": [monitor]})
    if not lines:
        return Answer({"status": "EmptyResultSet"})

    def send() -> None:
        size = station.quirks.report_part_size
        for seq_no, at in enumerate(range(0, len(lines), size)):
            told = {
                "monitor": lines[at : at + size],
                "requestId": payload["requestId"],
                "seqNo": seq_no,
                "tbc": at + size < len(lines),
                "generatedAt": stamp(station.station_time()),
            }
            station.tell(Message("NotifyMonitoringReport", told))

    return Answer({"status": "Accepted"}, send)


def observe(station: "SimulatedStation", component: Json, variable: Json, value: str) -> None:
    """A variable has this value now: thresholds and deltas may have something to say."""
    monitors = station.memory.read("monitors", {})
    if not monitors:
        return
    for one in monitors.values():
        if one["component"] != component or one["variable"] != variable:
            continue
        is_crossed = _is_crossed(one, value)
        was_crossed, one["crossed"] = one.get("crossed", False), is_crossed
        if one["type"] in ("UpperThreshold", "LowerThreshold") and is_crossed != was_crossed:
            tell(station, one, value, "Alerting", cleared=not is_crossed)
        elif "Delta" in one["type"] and is_crossed:
            one["last"] = value
            tell(station, one, value, "Delta")


def start(station: "SimulatedStation", number: int) -> None:
    """A periodic monitor begins to tick; a delta remembers where it starts."""
    one = station.memory.read("monitors", {}).get(str(number))
    if one is None:
        return
    if one["type"] in _PERIODIC:
        station.job(f"monitor.{number}", _tick(station, number))
    else:
        one["last"] = current_value(station, one)


def tell(
    station: "SimulatedStation", monitor: Json, value: str, trigger: str, *, cleared: bool = False
) -> None:
    """NotifyEvent with one event."""
    if monitor["severity"] > station.memory.read("monitoring_level", LEVEL_MAX):
        return
    now = stamp(station.station_time())
    station.event_id += 1
    event: Json = {
        "eventId": station.event_id,
        "timestamp": now,
        "trigger": trigger,
        "actualValue": value[:2_500],
        "component": monitor["component"],
        "variable": monitor["variable"],
        "eventNotificationType": "CustomMonitor",
        "variableMonitoringId": monitor["id"],
    }
    if cleared:
        event["cleared"] = True
    told = {"generatedAt": now, "seqNo": 0, "tbc": False, "eventData": [event]}
    station.tell(Message("NotifyEvent", told))


def current_value(station: "SimulatedStation", monitor: Json) -> str:
    """What the monitored variable shows now."""
    pair = monitor["component"]["name"], monitor["variable"]["name"]
    if pair in VARIABLES:
        return value_of(station, VARIABLES[pair])
    for line in part_lines(station):
        if line["component"] == monitor["component"] and line["variable"]["name"] == pair[1]:
            return str(line["variableAttribute"][0]["value"])
    return ""


async def _tick(station: "SimulatedStation", number: int) -> None:
    while True:
        one = station.memory.read("monitors", {}).get(str(number))
        if one is None:
            return
        await asyncio.sleep(max(one["value"] * station.timing.second_s, 0.01))
        if f"stream.{number}" not in station.jobs:
            tell(station, one, current_value(station, one), "Periodic")


def _verdict(station: "SimulatedStation", monitors: dict[str, Any], wanted: Json) -> str:
    component, name = wanted["component"]["name"], wanted["variable"]["name"]
    if component not in COMPONENTS:
        return "UnknownComponent"
    is_part = component in ("EVSE", "Connector")
    if not is_part and (component, name) not in VARIABLES:
        return "UnknownVariable"
    if wanted["type"] in _PERIODIC and wanted["value"] < PERIOD_S_MIN:
        return "Rejected"
    if not 0 <= wanted["severity"] <= LEVEL_MAX or len(monitors) >= MONITORS_MAX:
        return "Rejected"
    if "id" in wanted and str(wanted["id"]) not in monitors:
        return "Rejected"
    spot = (wanted["type"], wanted["severity"], wanted["component"], wanted["variable"])
    for one in monitors.values():
        is_same = spot == (one["type"], one["severity"], one["component"], one["variable"])
        if is_same and "id" not in wanted:
            return "Duplicate"
    return "Accepted"


def _is_crossed(monitor: Json, value: str) -> bool:
    if "Delta" in monitor["type"]:
        last = monitor.get("last")
        if last is None:
            return False
        try:
            return bool(abs(float(value) - float(last)) >= monitor["value"])
        except ValueError:
            return bool(value != last)
    try:
        number = float(value)
    except ValueError:
        return False
    is_upper = monitor["type"] == "UpperThreshold"
    return bool(number > monitor["value"] if is_upper else number < monitor["value"])


def _is_about(monitor: Json, wanted: Json) -> bool:
    variable = wanted.get("variable")
    is_component = monitor["component"]["name"] == wanted["component"]["name"]
    return bool(is_component) and variable in (None, monitor["variable"])
