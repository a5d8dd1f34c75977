"""OCPP 2.0.1 block N: monitors of variables, their reports and their events."""

from typing import Any

import pytest

from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.told import (
    ACCEPTED,
    COMPONENT,
    VARIABLE,
    events,
    monitored,
    now,
)

PROTOCOL = "ocpp2.0.1"
NAMED = {"component": "EVSE", "evse": 1, "variable": "Temperature"}
ABOUT = {"component": COMPONENT, "variable": VARIABLE}


async def limited(station: Witness, component: str, instance: str, value: int) -> None:
    """The station tells that it takes so many items in one message."""
    told = {
        "component": {"name": component},
        "variable": {"name": "ItemsPerMessage", "instance": instance},
        "variableAttribute": [{"value": str(value)}],
    }
    report = {"requestId": 1, "generatedAt": now(), "seqNo": 0, "reportData": [told]}
    assert await station.call("NotifyReport", report) == {}


async def monitors(central: Central, station: Witness) -> list[dict[str, Any]]:
    """The monitors that are known of a station."""
    return await central.database.rows(
        "SELECT m.number, m.variable, m.type, m.value, m.severity, m.gone_at FROM "
        "station_monitors m JOIN stations s ON s.id = m.station_id WHERE s.identity = %s "
        "ORDER BY m.number",
        station.identity,
    )


async def asked(central: Central, order: dict[str, Any], status: str = "Accepted") -> Any:
    """What GetMonitoringReport says, and how the order ends."""
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "monitoring_report", order, {"status": status}
        )
    assert action == "GetMonitoringReport"
    assert payload.pop("requestId") > 0
    return payload, done


async def test_n02_fr_02_criteria_that_a_station_does_not_know_are_understood(
    central: Central,
) -> None:
    _, done = await asked(central, {"criteria": ["delta_monitoring"]}, "NotSupported")
    assert (done.state, done.status) == ("rejected", "NotSupported")


async def test_n02_fr_03_each_part_of_a_report_is_confirmed_and_its_monitors_kept(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        _, payload, _ = await central.ordered(station, "monitoring_report", {}, ACCEPTED)
        for part, tbc in ((0, True), (1, False)):
            found = {
                "id": part + 1,
                "transaction": False,
                "value": 80.5,
                "type": "UpperThreshold",
                "severity": 4 + part,
            }
            report = {
                "requestId": payload["requestId"],
                "seqNo": part,
                "tbc": tbc,
                "generatedAt": now(),
                "monitor": [ABOUT | {"variableMonitoring": [found]}],
            }
            assert await station.call("NotifyMonitoringReport", report) == {}
        kept = await monitors(central, station)

    assert [(one["number"], one["variable"], one["severity"]) for one in kept] == [
        (1, "Temperature", 4),
        (2, "Temperature", 5),
    ]
    assert {(one["type"], one["value"]) for one in kept} == {("upper_threshold", "80.5")}


async def test_n02_fr_05_monitors_are_asked_for_by_kind_and_by_variable(central: Central) -> None:
    order = {"criteria": ["threshold_monitoring"], "components": [NAMED]}
    payload, done = await asked(central, order)

    assert payload == {
        "monitoringCriteria": ["ThresholdMonitoring"],
        "componentVariable": [ABOUT],
    }
    assert done.state == "accepted"


async def test_n02_fr_06_monitors_are_asked_for_by_kind_alone(central: Central) -> None:
    kinds = ["threshold_monitoring", "delta_monitoring", "periodic_monitoring"]
    payload, _ = await asked(central, {"criteria": kinds})

    words = ["ThresholdMonitoring", "DeltaMonitoring", "PeriodicMonitoring"]
    assert payload == {"monitoringCriteria": words}


async def test_n02_fr_07_no_message_asks_for_more_variables_than_the_station_takes(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        await limited(station, "DeviceDataCtrlr", "GetReport", 2)
        order = {"components": [NAMED | {"evse": number} for number in range(1, 6)]}
        sending = central.send(await central.order(station, "monitoring_report", order))
        counts, numbers = [], set()
        for _ in range(3):
            message_id, payload = await station.expect_call("GetMonitoringReport")
            counts.append(len(payload["componentVariable"]))
            numbers.add(payload["requestId"])
            await station.answer(message_id, ACCEPTED)
        assert (await sending).state == "accepted"

    assert counts == [2, 2, 1]
    assert len(numbers) == 1


async def test_n02_fr_08_monitors_are_asked_for_by_variable_alone(central: Central) -> None:
    payload, _ = await asked(central, {"components": [NAMED, {"component": "OCPPCommCtrlr"}]})

    assert payload == {"componentVariable": [ABOUT, {"component": {"name": "OCPPCommCtrlr"}}]}


async def test_n02_fr_10_a_report_that_would_be_empty_is_understood(central: Central) -> None:
    _, done = await asked(central, {"components": [NAMED]}, "EmptyResultSet")
    assert (done.state, done.status) == ("accepted", "EmptyResultSet")


async def test_n02_fr_11_all_monitors_are_asked_for_by_naming_nothing(central: Central) -> None:
    payload, _ = await asked(central, {})
    assert payload == {}


async def _base(central: Central, base: str, word: str) -> None:
    async with central.station(PROTOCOL) as station:
        for status, state in (("Accepted", "accepted"), ("NotSupported", "rejected")):
            action, payload, done = await central.ordered(
                station, "monitoring_base", {"base": base}, {"status": status}
            )
            assert (action, payload) == ("SetMonitoringBase", {"monitoringBase": word})
            assert done.state == state


async def test_n03_fr_03_all_monitors_of_the_maker_are_switched_on(central: Central) -> None:
    await _base(central, "all", "All")


async def test_n03_fr_04_the_maker_s_own_choice_of_monitors_is_restored(central: Central) -> None:
    await _base(central, "factory_default", "FactoryDefault")


async def test_n03_fr_05_only_hard_wired_monitors_are_left(central: Central) -> None:
    await _base(central, "hard_wired_only", "HardWiredOnly")


def result(number: int, status: str = "Accepted", severity: int = 4) -> dict[str, Any]:
    """SetMonitoringResultType."""
    return ABOUT | {"id": number, "status": status, "type": "UpperThreshold", "severity": severity}


@pytest.mark.parametrize(
    ("kind", "word", "value"),
    [
        ("upper_threshold", "UpperThreshold", 80),
        ("lower_threshold", "LowerThreshold", -20.5),
        ("delta", "Delta", 1),
        ("periodic", "Periodic", 60),
        ("periodic_clock_aligned", "PeriodicClockAligned", 900),
    ],
)
async def test_n04_fr_01_a_monitor_of_each_kind_is_set(
    central: Central, kind: str, word: str, value: float
) -> None:
    monitor = NAMED | {"type": kind, "value": value, "severity": 4}
    answered = {"setMonitoringResult": [result(9) | {"type": word}]}
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "monitor", {"monitors": [monitor]}, answered
        )
        kept = await monitors(central, station)

    assert action == "SetVariableMonitoring"
    assert payload["setMonitoringData"] == [
        ABOUT | {"type": word, "value": value, "severity": 4},
    ]
    assert done.state == "accepted"
    assert [(one["number"], one["type"]) for one in kept] == [(9, kind)]


@pytest.mark.parametrize(
    "status",
    ["UnknownComponent", "UnknownVariable", "UnsupportedMonitorType", "Rejected", "Duplicate"],
)
async def test_n04_fr_03_each_refusal_of_a_monitor_is_understood(
    central: Central, status: str
) -> None:
    monitor = NAMED | {"type": "upper_threshold", "value": 80, "severity": 4}
    refused = {name: item for name, item in result(0, status).items() if name != "id"}
    async with central.station(PROTOCOL) as station:
        _, _, done = await central.ordered(
            station, "monitor", {"monitors": [monitor]}, {"setMonitoringResult": [refused]}
        )
        kept = await monitors(central, station)

    assert (done.state, done.status) == ("rejected", status)
    assert kept == []


async def test_n04_fr_09_no_message_sets_more_monitors_than_the_station_takes(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        await limited(station, "MonitoringCtrlr", "SetVariableMonitoring", 1)
        several = [
            NAMED | {"type": "upper_threshold", "value": 80, "severity": severity}
            for severity in (3, 4)
        ]
        sending = central.send(await central.order(station, "monitor", {"monitors": several}))
        for severity in (3, 4):
            message_id, payload = await station.expect_call("SetVariableMonitoring")
            (data,) = payload["setMonitoringData"]
            assert data["severity"] == severity
            found = {"setMonitoringResult": [result(severity, severity=severity)]}
            await station.answer(message_id, found)
        assert (await sending).state == "accepted"
        assert [one["number"] for one in await monitors(central, station)] == [3, 4]


async def test_n04_fr_12_a_monitor_is_replaced_under_its_number(central: Central) -> None:
    monitor = NAMED | {"type": "upper_threshold", "value": 80, "severity": 4}
    async with central.station(PROTOCOL) as station:
        for value, number in ((80, None), (70, 9)):
            one = monitor | {"value": value, "id": number}
            _, payload, _ = await central.ordered(
                station, "monitor", {"monitors": [one]}, {"setMonitoringResult": [result(9)]}
            )
            assert payload["setMonitoringData"][0].get("id") == number
        kept = await monitors(central, station)

    assert [(one["number"], float(one["value"])) for one in kept] == [(9, 70.0)]


@pytest.mark.parametrize("severity", [0, 4, 9])
async def test_n05_fr_01_the_level_of_what_is_told_is_set(central: Central, severity: int) -> None:
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "monitoring_level", {"severity": severity}, ACCEPTED
        )

    assert (action, payload) == ("SetMonitoringLevel", {"severity": severity})
    assert done.state == "accepted"


async def test_n05_fr_02_a_level_that_is_refused_is_understood(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        _, _, done = await central.ordered(
            station, "monitoring_level", {"severity": 9}, {"status": "Rejected"}
        )

    assert (done.state, done.status) == ("rejected", "Rejected")


def cleared(number: int, status: str = "Accepted") -> dict[str, Any]:
    """ClearMonitoringResultType."""
    return {"id": number, "status": status}


async def test_n06_fr_01_monitors_are_cleared_by_their_numbers(central: Central) -> None:
    monitor = NAMED | {"type": "upper_threshold", "value": 80, "severity": 4}
    async with central.station(PROTOCOL) as station:
        await central.ordered(
            station, "monitor", {"monitors": [monitor]}, {"setMonitoringResult": [result(9)]}
        )
        action, payload, done = await central.ordered(
            station, "clear_monitors", {"ids": [9]}, {"clearMonitoringResult": [cleared(9)]}
        )
        (kept,) = await monitors(central, station)

    assert (action, payload, done.state) == ("ClearVariableMonitoring", {"id": [9]}, "accepted")
    assert kept["gone_at"] is not None


@pytest.mark.parametrize("status", ["NotFound", "Rejected"])
async def test_n06_fr_02_monitors_that_are_not_cleared_are_understood(
    central: Central, status: str
) -> None:
    async with central.station(PROTOCOL) as station:
        answered = {"clearMonitoringResult": [cleared(8), cleared(9, status)]}
        _, _, done = await central.ordered(station, "clear_monitors", {"ids": [8, 9]}, answered)

    assert (done.state, done.status) == ("rejected", status)


async def test_n06_fr_04_no_message_clears_more_monitors_than_the_station_takes(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        await limited(station, "MonitoringCtrlr", "ClearVariableMonitoring", 2)
        order = await central.order(station, "clear_monitors", {"ids": [1, 2, 3]})
        sending = central.send(order)
        for ids in ([1, 2], [3]):
            message_id, payload = await station.expect_call("ClearVariableMonitoring")
            assert payload == {"id": ids}
            found = {"clearMonitoringResult": [cleared(number) for number in ids]}
            await station.answer(message_id, found)
        assert (await sending).state == "accepted"


@pytest.mark.parametrize("kind", ["HardWiredNotification", "HardWiredMonitor", "CustomMonitor"])
async def test_n07_fr_03_an_event_is_confirmed_by_an_empty_answer_and_kept(
    central: Central, kind: str
) -> None:
    told = [
        monitored(1, eventNotificationType=kind),
        monitored(2, eventNotificationType=kind, cleared=True, actualValue="70", cause=1),
    ]
    async with central.station(PROTOCOL) as station:
        payload = {"generatedAt": now(), "seqNo": 0, "tbc": False, "eventData": told}
        assert await station.call("NotifyEvent", payload) == {}
        kept = await events(central, station, "monitor")

    assert [(row["name"], row["evse"]) for row in kept] == [("EVSE.Temperature", 1)] * 2


async def test_n08_fr_02_a_periodic_event_is_confirmed_by_an_empty_answer_and_kept(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        for number in range(2):
            told = [monitored(number, trigger="Periodic", actualValue=str(20 + number))]
            payload = {"generatedAt": now(), "seqNo": 0, "eventData": told}
            assert await station.call("NotifyEvent", payload) == {}
        kept = await events(central, station, "monitor")
        value = await central.database.row(
            "SELECT v.value FROM station_variables v JOIN stations s ON s.id = v.station_id "
            "WHERE s.identity = %s AND v.variable = 'Temperature'",
            station.identity,
        )

    assert len(kept) == 2
    assert value["value"] == "21"
