"""Variables out of payloads, without a socket: lenient with what stations send, and no secrets."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.answers import READERS, answer_fact
from gateway.protocols import DIALECTS
from gateway.v201.device_model import notify_event, notify_report
from holdfast.contracts.facts import (
    EventReported,
    FactsReported,
    MonitorsCleared,
    MonitorsReported,
    ReportExpected,
    SettingsAnswered,
    VariablesReported,
)

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "ocpp" / "captures"


def test_quirk_12_scame_configuration_values_come_as_numbers_booleans_and_with_blanks() -> None:
    keys = [
        {"key": " HeartbeatInterval ", "readonly": False, "value": 300},
        {"key": "LocalPreAuthorize", "readonly": "true", "value": True},
        {"key": "Empty", "readonly": True, "value": ""},
        {"key": "Silent", "readonly": True},
        {"key": "AuthorizationKey", "readonly": False, "value": "hunter2"},
        {"value": "no key"},
        "not an object",
    ]

    fact = answer_fact(
        "ocpp1.6", "GetConfiguration", {}, {"configurationKey": keys, "unknownKey": ["X", 7]}, NOW
    )

    assert isinstance(fact, VariablesReported)
    assert fact.whole
    assert [(one.variable, one.value, one.mutability) for one in fact.variables] == [
        ("HeartbeatInterval", "300", "read_write"),
        ("LocalPreAuthorize", "true", "read_only"),
        ("Empty", "", "read_only"),
        ("Silent", None, "read_only"),
        ("AuthorizationKey", None, "read_write"),
    ]
    assert [one.variable for one in fact.missing] == ["X", "7"]
    assert "hunter2" not in repr(fact)


def test_thousands_of_keys_are_read_and_a_part_of_the_configuration_is_not_the_whole() -> None:
    keys = [{"key": f"K{n}", "readonly": True, "value": "x" * 9_000} for n in range(9_000)]

    fact = answer_fact(
        "ocpp1.6", "GetConfiguration", {"key": ["K1"]}, {"configurationKey": keys}, NOW
    )

    assert isinstance(fact, VariablesReported)
    assert not fact.whole
    assert len(fact.variables) == 9_000
    assert len(fact.variables[0].value or "") == 2_500


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Accepted", "accepted"),
        ("RebootRequired", "needs_reboot"),
        ("Rejected", "rejected"),
        ("NotSupported", "not_known"),
    ],
)
def test_an_answer_to_a_changed_key_says_what_came_of_it(status: str, expected: str) -> None:
    request = {"key": "AuthorizationKey", "value": "hunter2"}
    fact = answer_fact("ocpp1.6", "ChangeConfiguration", request, {"status": status}, NOW)

    assert isinstance(fact, SettingsAnswered)
    (result,) = fact.results
    assert (result.status, result.value) == (expected, None)


def test_variables_that_are_set_and_read_are_judged_one_by_one() -> None:
    heartbeat = {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "HeartbeatInterval"},
    }
    port = {
        "component": {"name": "Connector", "instance": "a", "evse": {"id": 2, "connectorId": 1}},
        "variable": {"name": "Available", "instance": "b"},
    }
    request = {
        "setVariableData": [
            heartbeat | {"attributeValue": "60"},
            port | {"attributeValue": "true", "attributeType": "Target"},
        ]
    }
    response = {
        "setVariableResult": [
            heartbeat | {"attributeStatus": "Accepted"},
            port | {"attributeStatus": "UnknownVariable", "attributeType": "Target"},
            {"attributeStatus": "Accepted"},
        ]
    }
    fact = answer_fact("ocpp2.1", "SetVariables", request, response, NOW)
    assert isinstance(fact, SettingsAnswered)
    assert [(one.variable, one.value, one.status, one.attribute) for one in fact.results] == [
        ("HeartbeatInterval", "60", "accepted", "actual"),
        ("Available", "true", "not_known", "target"),
    ]

    got = {
        "getVariableResult": [
            heartbeat | {"attributeStatus": "Accepted", "attributeValue": 60},
            port | {"attributeStatus": "UnknownComponent"},
        ]
    }
    fact = answer_fact("ocpp2.0.1", "GetVariables", {}, got, NOW)
    assert isinstance(fact, VariablesReported)
    assert [one.value for one in fact.variables] == ["60"]
    (missing,) = fact.missing
    assert (missing.evse, missing.connector, missing.component_instance) == (2, 1, "a")


def test_monitors_that_were_set_and_cleared_keep_the_numbers_of_the_station() -> None:
    place = {"component": {"name": "C"}, "variable": {"name": "V"}}
    asked = place | {"type": "UpperThreshold", "severity": 3, "value": 70.5}
    said = place | {"type": "UpperThreshold", "severity": 3, "id": 9, "status": "Accepted"}

    fact = answer_fact(
        "ocpp2.0.1",
        "SetVariableMonitoring",
        {"setMonitoringData": [asked]},
        {"setMonitoringResult": [said, place | {"status": "Rejected", "severity": 3}]},
        NOW,
    )
    assert isinstance(fact, MonitorsReported)
    (monitor,) = fact.monitors
    assert (monitor.number, monitor.value, monitor.origin) == (9, "70.5", "custom")

    results = [{"id": 9, "status": "Accepted"}, {"id": 4, "status": "NotFound"}]
    results.append({"id": 5, "status": "Rejected"})
    fact = answer_fact(
        "ocpp2.0.1", "ClearVariableMonitoring", {}, {"clearMonitoringResult": results}, NOW
    )
    assert isinstance(fact, MonitorsCleared)
    assert fact.numbers == (9, 4)


def test_a_promised_report_says_how_much_it_covers() -> None:
    for action, request, subject, scope in (
        ("GetBaseReport", {"reportBase": "FullInventory"}, "variables", "full"),
        ("GetBaseReport", {"reportBase": "SummaryInventory"}, "variables", "summary"),
        ("GetReport", {}, "variables", "custom"),
        ("GetMonitoringReport", {}, "monitors", "full"),
        ("GetMonitoringReport", {"monitoringCriteria": ["Periodic"]}, "monitors", "custom"),
    ):
        fact = answer_fact(
            "ocpp2.0.1", action, {"requestId": 4, **request}, {"status": "Accepted"}, NOW
        )
        assert isinstance(fact, ReportExpected)
        assert (fact.request_id, fact.subject, fact.scope) == (4, subject, scope)
        assert answer_fact("ocpp2.0.1", action, request, {"status": "Rejected"}, NOW) is None


def test_one_entry_that_cannot_be_read_does_not_cost_the_others_of_its_part() -> None:
    report = {
        "requestId": "3",
        "seqNo": 0.0,
        "generatedAt": "yesterday",
        "reportData": [
            {"component": {}, "variable": {"name": "V"}},
            {"component": {"name": "C"}, "variable": None},
            {
                "component": {"name": "C", "evse": {"id": -1}},
                "variable": {"name": "V"},
                "variableAttribute": {"value": 5, "type": "MAXSET", "mutability": "Whatever"},
                "variableCharacteristics": "none",
            },
            {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "Pin"},
                "variableAttribute": [{"value": "1234", "mutability": "WriteOnly"}],
            },
        ],
    }

    fact = notify_report(report, NOW).fact

    assert isinstance(fact, VariablesReported)
    assert (fact.request_id, fact.sequence, fact.continued, fact.key) == (3, 0, False, None)
    assert [(one.variable, one.value, one.attribute) for one in fact.variables] == [
        ("V", "5", "max_set"),
        ("Pin", None, "actual"),
    ]
    assert "1234" not in repr(fact)


def test_an_event_of_ocpp_21_carries_its_severity_and_never_a_secret() -> None:
    item = {
        "eventId": 1,
        "timestamp": "2026-11-20T09:00:00Z",
        "trigger": "Delta",
        "actualValue": "hunter2",
        "severity": 2,
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
    }

    fact = notify_event({"generatedAt": "2026-11-20T09:00:01Z", "eventData": [item]}, NOW).fact

    assert isinstance(fact, FactsReported)
    event, reported = fact.facts
    assert isinstance(event, EventReported)
    assert (event.severity, event.name) == (2, "SecurityCtrlr.BasicAuthPassword")
    assert isinstance(reported, VariablesReported)
    assert reported.at == datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    assert "hunter2" not in repr(fact)


@pytest.mark.parametrize("protocol", READERS)
@pytest.mark.parametrize("shape", [[], {}, "x", 7, None, [{}], [[]], [None], {"status": []}])
def test_no_shape_of_an_answer_breaks_its_reader(protocol: str, shape: Any) -> None:
    names = {
        "configurationKey", "unknownKey", "getVariableResult", "setVariableResult", "status",
        "setMonitoringResult", "clearMonitoringResult",
    }  # fmt: skip
    for read in READERS[protocol].values():
        read({}, dict.fromkeys(names, shape), NOW)
        read(dict.fromkeys(names | {"key", "requestId", "setVariableData"}, shape), {}, NOW)


def test_a_recorded_report_of_an_independent_station_is_read() -> None:
    if not CAPTURES.is_dir():
        pytest.skip("the shared test material is not beside the repository")
    read = DIALECTS["ocpp2.0.1"].handlers["NotifyReport"].read
    values = []
    for path in sorted(CAPTURES.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if record["dir"] == "<<" and '"NotifyReport"' in record["raw"]:
                fact = read(json.loads(record["raw"])[3], NOW).fact
                assert isinstance(fact, VariablesReported)
                values += [(one.component, one.variable, one.value) for one in fact.variables]
    assert ("OCPPCommCtrlr", "HeartbeatInterval") in {value[:2] for value in values}
    assert len(values) >= 4
