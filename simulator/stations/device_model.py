"""Reading, writing and reporting the device model. Source: OCPP 2.0.1 part 2 B05 to B08."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simulator.stations.dialect import stamp
from simulator.stations.messages import Answer, Json, Message, PayloadWrong
from simulator.stations.monitoring import observe
from simulator.stations.variables import (
    COMPONENTS,
    VARIABLES,
    Variable,
    is_valid,
    part_lines,
    part_value,
    report_lines,
    value_of,
)

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

REPORT_LINES_MAX = 5_000


def get_variables(station: "SimulatedStation", payload: Json) -> Answer:
    """B06."""
    return Answer(
        {"getVariableResult": [_read(station, one) for one in _bounded(station, payload, "get")]}
    )


def set_variables(station: "SimulatedStation", payload: Json) -> Answer:
    """B05. What the station heeds takes effect once the answer is out."""
    results, changed = [], []
    for wanted in _bounded(station, payload, "set"):
        result, variable = _write(station, wanted)
        results.append(result)
        if variable is not None:
            changed.append(variable.setting)
            observe(station, wanted["component"], wanted["variable"], wanted["attributeValue"])
    return Answer({"setVariableResult": results}, lambda: station.orders.settings_changed(changed))


def base_report(station: "SimulatedStation", payload: Json) -> Answer:
    """B07: configuration, everything, or what is of interest now."""
    base, request_id = payload["reportBase"], payload["requestId"]
    if base == "SummaryInventory":
        lines = [one for one in part_lines(station) if one["variable"]["name"] != "Power"]
    else:
        lines = list(report_lines(station, full=base == "FullInventory"))
    return Answer({"status": "Accepted"}, lambda: send_report(station, request_id, lines))


def custom_report(station: "SimulatedStation", payload: Json) -> Answer:
    """B08: by component and variable, or by criteria."""
    lines = list(report_lines(station, full=True))
    if "componentVariable" in payload:
        lines = [one for one in lines if any(_fits(one, w) for w in payload["componentVariable"])]
    criteria = payload.get("componentCriteria")
    if criteria is not None:
        # Nothing here is ever a problem, and everything is active, available and enabled.
        lines = [] if criteria == ["Problem"] else lines
    if not lines:
        return Answer({"status": "EmptyResultSet"})
    request_id = payload["requestId"]
    return Answer({"status": "Accepted"}, lambda: send_report(station, request_id, lines))


def send_report(station: "SimulatedStation", request_id: int, lines: Sequence[Json]) -> None:
    """In parts, numbered from 0, all but the last to be continued."""
    parts = in_parts(lines[:REPORT_LINES_MAX], station.quirks.report_part_size)
    for seq_no, part in enumerate(parts):
        payload = {
            "requestId": request_id,
            "generatedAt": stamp(station.station_time()),
            "seqNo": seq_no,
            "tbc": seq_no < len(parts) - 1,
            "reportData": part,
        }
        station.tell(Message("NotifyReport", payload))


def in_parts(lines: Sequence[Json], size: int) -> list[list[Json]]:
    """Chunks of at most so many."""
    return [list(lines[at : at + size]) for at in range(0, len(lines), size)]


def _bounded(station: "SimulatedStation", payload: Json, verb: str) -> list[Json]:
    name = f"{verb}VariableData"
    entries: list[Json] = payload[name]
    if len(entries) > station.quirks.variables_per_message:
        raise PayloadWrong(f"{name} is longer than ItemsPerMessage")
    return entries


def _read(station: "SimulatedStation", wanted: Json) -> Json:
    result: Json = {"component": wanted["component"], "variable": wanted["variable"]}
    if "attributeType" in wanted:
        result["attributeType"] = wanted["attributeType"]
    if wanted.get("attributeType", "Actual") != "Actual":
        return result | {"attributeStatus": "NotSupportedAttributeType"}
    value = _part(station, wanted)
    if value is None:
        variable = VARIABLES.get(_pair(wanted))
        if variable is None:
            return result | {"attributeStatus": _unknown(wanted)}
        if variable.mutability == "WriteOnly":
            return result | {"attributeStatus": "Rejected"}
        value = value_of(station, variable)
    return result | {"attributeStatus": "Accepted", "attributeValue": value[:2_500]}


def _write(station: "SimulatedStation", wanted: Json) -> tuple[Json, Variable | None]:
    result: Json = {"component": wanted["component"], "variable": wanted["variable"]}
    if "attributeType" in wanted:
        result["attributeType"] = wanted["attributeType"]
    variable, value = VARIABLES.get(_pair(wanted)), wanted["attributeValue"]
    if wanted.get("attributeType", "Actual") != "Actual":
        return result | {"attributeStatus": "NotSupportedAttributeType"}, None
    if variable is None:
        status = "Rejected" if _part(station, wanted) is not None else _unknown(wanted)
        return result | {"attributeStatus": status}, None
    settings = station.settings
    # A list may be emptied; what the station heeds has limits of its own.
    may_be_empty = variable.data_type == "MemberList"
    is_good = may_be_empty or settings.is_valid(variable.setting, value)
    if variable.mutability == "ReadOnly" or not is_good or not is_valid(variable, value):
        return result | {"attributeStatus": "Rejected"}, None
    settings.change(variable.setting, value)
    needs_reboot = variable.setting == "network_priority"
    return result | {"attributeStatus": "RebootRequired" if needs_reboot else "Accepted"}, variable


def _part(station: "SimulatedStation", wanted: Json) -> str | None:
    evse = wanted["component"].get("evse")
    if evse is None:
        return None
    for connector in station.connectors.values():
        if connector.evse == evse["id"] and evse.get("connectorId") in (None, connector.position):
            word = station.dialect.status_word(connector)
            return part_value(connector, *_pair(wanted), word)
    return None


def _fits(line: Json, wanted: Json) -> bool:
    component, variable = wanted["component"], wanted.get("variable")
    evse = component.get("evse")
    return (
        line["component"]["name"] == component["name"]
        and (evse is None or line["component"].get("evse", {}).get("id") == evse["id"])
        and (variable is None or line["variable"]["name"] == variable["name"])
    )


def _pair(wanted: Json) -> tuple[str, str]:
    return wanted["component"]["name"], wanted["variable"]["name"]


def _unknown(wanted: Json) -> str:
    known: Any = wanted["component"]["name"] in COMPONENTS
    return "UnknownVariable" if known else "UnknownComponent"
