"""OCPP 2.0.1 B05 to B08: variables set and read, and reports."""

from typing import Any

import pytest

from simulator.stations.messages import Json
from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.told import ACCEPTED, now, refused_unsent

V201 = "ocpp2.0.1"
NAMES = [f"SampledDataCtrlr.Variable{number}" for number in range(5)]


def named(data: Json) -> dict[str, Any]:
    """Component and variable of an item, and its attribute where it says one."""
    kept = ("component", "variable", "attributeType")
    return {name: data[name] for name in kept if name in data}


def set_all(payload: Json) -> Json:
    """A station that takes every value."""
    items = [named(item) | {"attributeStatus": "Accepted"} for item in payload["setVariableData"]]
    return {"setVariableResult": items}


def read_all(payload: Json) -> Json:
    """A station whose every variable is 7."""
    items = [
        named(item) | {"attributeStatus": "Accepted", "attributeValue": "7"}
        for item in payload["getVariableData"]
    ]
    return {"getVariableResult": items}


def reported(
    component: str, variable: str, value: str, instance: str | None = None
) -> dict[str, Any]:
    """A ReportDataType."""
    name = {"name": variable} | ({"instance": instance} if instance else {})
    return {
        "component": {"name": component},
        "variable": name,
        "variableAttribute": [{"type": "Actual", "value": value, "mutability": "ReadWrite"}],
    }


async def report(
    station: Witness, request_id: int, *data: dict[str, Any], number: int = 0, more: bool = False
) -> None:
    """A part of a report, which is confirmed."""
    payload = {
        "requestId": request_id,
        "generatedAt": now(),
        "seqNo": number,
        "tbc": more,
        "reportData": list(data),
    }
    assert await station.call("NotifyReport", payload) == {}


async def limit(central: Central, station: Witness, action: str, most: int) -> None:
    """The station reports how many items it takes in one message."""
    _, payload, _ = await central.ordered(station, "base_report", {"base": "full"}, ACCEPTED)
    told = reported("DeviceDataCtrlr", "ItemsPerMessage", str(most), action)
    await report(station, payload["requestId"], told)


async def values(central: Central, station: Witness) -> dict[str, str]:
    """What is known of the station's variables."""
    rows = await central.database.rows(
        "SELECT v.component || '.' || v.variable AS name, v.value FROM station_variables v "
        "JOIN stations s ON s.id = v.station_id WHERE s.identity = %s AND v.gone_at IS NULL",
        station.identity,
    )
    return {row["name"]: row["value"] for row in rows}


def sent(station: Witness, action: str) -> list[Json]:
    """Payloads of our calls of this action, as the station saw them."""
    return [
        frame.envelope[3]
        for frame in station.frames
        if frame.kind == 2 and frame.envelope[2] == action
    ]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Accepted", "accepted"),
        ("RebootRequired", "accepted"),
        ("Rejected", "rejected"),
        ("UnknownComponent", "rejected"),
        ("UnknownVariable", "rejected"),
        ("NotSupportedAttributeType", "rejected"),
    ],
)
async def test_b05_fr_01_the_result_of_each_value_is_understood(
    central: Central, word: str, state: str
) -> None:
    first = {"component": {"name": "AuthCtrlr"}, "variable": {"name": "Enabled"}}
    second = {"component": {"name": "AuthCtrlr"}, "variable": {"name": "OfflineTxForUnknown"}}
    results = [first | {"attributeStatus": "Accepted"}, second | {"attributeStatus": word}]
    async with central.station(V201) as station:
        action, payload, done = await central.ordered(
            station,
            "configure",
            {"variables": {"AuthCtrlr.Enabled": True, "AuthCtrlr.OfflineTxForUnknown": False}},
            {"setVariableResult": results},
        )

    assert action == "SetVariables"
    assert payload["setVariableData"] == [
        {"attributeValue": "true"} | first,
        {"attributeValue": "false"} | second,
    ]
    assert done.state == state


async def test_b05_fr_11_no_more_values_are_set_at_once_than_the_station_takes(
    central: Central,
) -> None:
    async with central.station(V201) as station:
        await limit(central, station, "SetVariables", 2)
        station.answer_always({"SetVariables": set_all})
        order = {"variables": dict.fromkeys(NAMES, "1")}
        done = await central.send(await central.order(station, "configure", order))

    calls = [call["setVariableData"] for call in sent(station, "SetVariables")]
    assert [len(items) for items in calls] == [2, 2, 1]
    assert [item["variable"]["name"] for items in calls for item in items] == [
        name.partition(".")[2] for name in NAMES
    ]
    assert done.state == "accepted"


async def test_b05_fr_13_no_variable_is_set_twice_in_one_message(central: Central) -> None:
    twice = {"variables": {"AuthCtrlr.Enabled": True, "authctrlr.ENABLED": False}}
    async with central.station(V201) as station:
        await refused_unsent(central, station, "configure", twice)


async def test_b06_fr_01_variables_are_asked_for_and_their_values_kept(central: Central) -> None:
    async with central.station(V201) as station:
        station.answer_always({"GetVariables": read_all})
        done = await central.send(
            await central.order(station, "read_configuration", {"names": NAMES[:2]})
        )

    (call,) = sent(station, "GetVariables")
    assert [item["component"] for item in call["getVariableData"]] == [
        {"name": "SampledDataCtrlr"}
    ] * 2
    assert done.state == "accepted"
    assert await values(central, station) == dict.fromkeys(NAMES[:2], "7")


async def test_b06_fr_05_no_more_variables_are_asked_for_at_once_than_the_station_takes(
    central: Central,
) -> None:
    async with central.station(V201) as station:
        await limit(central, station, "GetVariables", 3)
        station.answer_always({"GetVariables": read_all})
        done = await central.send(
            await central.order(station, "read_configuration", {"names": NAMES})
        )

    calls = [call["getVariableData"] for call in sent(station, "GetVariables")]
    assert [len(items) for items in calls] == [3, 2]
    assert done.state == "accepted"


@pytest.mark.parametrize(
    ("status", "state"), [("Accepted", "accepted"), ("NotSupported", "rejected")]
)
async def test_b07_fr_01_a_base_report_is_asked_for(
    central: Central, status: str, state: str
) -> None:
    async with central.station(V201) as station:
        action, payload, done = await central.ordered(
            station, "base_report", {"base": "full"}, {"status": status}
        )

    assert action == "GetBaseReport"
    assert isinstance(payload["requestId"], int)
    assert done.state == state


async def test_b07_fr_03_the_parts_of_a_report_are_confirmed_and_put_together(
    central: Central,
) -> None:
    async with central.station(V201) as station:
        _, payload, _ = await central.ordered(station, "base_report", {"base": "full"}, ACCEPTED)
        request_id = payload["requestId"]
        last = reported("ClockCtrlr", "TimeZone", "CET")
        await report(station, request_id, last, number=1)
        first = reported("AuthCtrlr", "Enabled", "true")
        await report(station, request_id, first, number=0, more=True)

    assert await values(central, station) == {
        "AuthCtrlr.Enabled": "true",
        "ClockCtrlr.TimeZone": "CET",
    }


async def _base(central: Central, base: str) -> str:
    async with central.station(V201) as station:
        _, payload, _ = await central.ordered(station, "base_report", {"base": base}, ACCEPTED)
    return str(payload["reportBase"])


async def test_b07_fr_07_the_configuration_can_be_asked_for(central: Central) -> None:
    assert await _base(central, "configuration") == "ConfigurationInventory"


async def test_b07_fr_08_everything_can_be_asked_for(central: Central) -> None:
    assert await _base(central, "full") == "FullInventory"


async def test_b07_fr_09_a_summary_can_be_asked_for(central: Central) -> None:
    assert await _base(central, "summary") == "SummaryInventory"


async def test_b08_fr_01_a_report_of_components_and_of_criteria_is_asked_for(
    central: Central,
) -> None:
    wanted = {"component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}}
    order = {
        "components": [{"component": "Connector", "evse": 1, "connector": 1}],
        "criteria": ["available", "problem"],
    }
    async with central.station(V201) as station:
        action, payload, done = await central.ordered(station, "report", order, ACCEPTED)
        await report(station, payload["requestId"], reported("Connector", "Problem", "true"))

    assert action == "GetReport"
    assert payload["componentVariable"] == [wanted]
    assert payload["componentCriteria"] == ["Available", "Problem"]
    assert done.state == "accepted"


async def test_b08_fr_06_no_more_is_asked_for_at_once_than_the_station_takes(
    central: Central,
) -> None:
    components = [{"component": f"Component{number}"} for number in range(5)]
    async with central.station(V201) as station:
        await limit(central, station, "GetReport", 2)
        station.answer_always({"GetReport": ACCEPTED})
        done = await central.send(
            await central.order(station, "report", {"components": components})
        )

    calls = sent(station, "GetReport")
    assert [len(call["componentVariable"]) for call in calls] == [2, 2, 1]
    assert done.state == "accepted"


async def test_b08_fr_15_a_report_of_nothing_is_an_answer(central: Central) -> None:
    order = {"components": [{"component": "NoSuchCtrlr"}]}
    async with central.station(V201) as station:
        _, _, done = await central.ordered(station, "report", order, {"status": "EmptyResultSet"})

    assert (done.state, done.status) == ("accepted", "EmptyResultSet")
