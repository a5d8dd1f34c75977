"""OCPP 2.0.1 B01 to B03: boot, pending, rejected."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from simulator.stations.messages import CallRefused
from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.told import ACCEPTED

V201 = "ocpp2.0.1"
STATUS = {
    "timestamp": "2026-03-01T11:59:00Z",
    "connectorStatus": "Available",
    "evseId": 1,
    "connectorId": 1,
}
VARIABLE = {"component": {"name": "AuthCtrlr"}, "variable": {"name": "Enabled"}}
MESSAGES: dict[str, dict[str, Any]] = {
    "Heartbeat": {},
    "StatusNotification": STATUS,
    "Authorize": {"idToken": {"idToken": "CARD0001", "type": "ISO14443"}},
    "NotifyReport": {"requestId": 1, "generatedAt": "2026-03-01T11:59:00Z", "seqNo": 0},
}


async def refusal(station: Witness, action: str) -> str:
    """The error code that a message gets."""
    with pytest.raises(CallRefused) as refused:
        await station.call(action, MESSAGES[action])
    return refused.value.code


async def unsent(central: Central, station: Witness, kind: str, payload: dict[str, Any]) -> None:
    """An order that must not leave: it goes on waiting."""
    order_id = await central.order(station, kind, payload)
    with pytest.raises(ApplicationError) as kept:
        await central.send(order_id)
    assert kept.value.type == "NotAccepted"
    row = await central.database.row("SELECT state FROM orders WHERE id = %s", order_id)
    assert row["state"] == "waiting"


@pytest.mark.parametrize(
    ("registration", "word"),
    [("accepted", "Accepted"), ("pending", "Pending"), ("rejected", "Rejected")],
)
async def test_b01_fr_02_a_boot_is_answered_with_the_registration_the_time_and_an_interval(
    central: Central, registration: str, word: str
) -> None:
    async with central.station(V201, boot=False, registration=registration) as station:
        answer = await station.boot(accepted=registration == "accepted")

    assert answer["status"] == word
    assert answer["interval"] > 0
    told = datetime.fromisoformat(answer["currentTime"])
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize("registration", ["pending", "rejected"])
@pytest.mark.parametrize("action", MESSAGES)
async def test_b01_fr_10_before_it_is_accepted_a_station_says_nothing_but_its_boot(
    central: Central, action: str, registration: str
) -> None:
    async with central.station(V201, boot=False, registration=registration) as station:
        assert await refusal(station, action) == "SecurityError"


async def test_b02_fr_01_a_pending_station_is_asked_and_configured(central: Central) -> None:
    async with central.station(V201, boot=False, registration="pending") as station:
        await station.boot(accepted=False)
        read, _, got = await central.ordered(
            station,
            "read_configuration",
            {"names": ["AuthCtrlr.Enabled"]},
            {
                "getVariableResult": [
                    VARIABLE | {"attributeStatus": "Accepted", "attributeValue": "true"}
                ]
            },
        )
        written, _, set_ = await central.ordered(
            station,
            "configure",
            {"variables": {"AuthCtrlr.Enabled": True}},
            {"setVariableResult": [VARIABLE | {"attributeStatus": "Accepted"}]},
        )

    assert (read, got.state) == ("GetVariables", "accepted")
    assert (written, set_.state) == ("SetVariables", "accepted")


@pytest.mark.parametrize("kind", ["start", "stop"])
async def test_b02_fr_05_nothing_is_started_or_stopped_on_a_pending_station(
    central: Central, kind: str
) -> None:
    async with central.station(V201, boot=False, registration="pending") as station:
        await station.boot(accepted=False)
        await unsent(central, station, kind, {"transaction_id": "T1"})
        await station.expect_silence(0.02)


async def test_b02_fr_06_the_connection_of_a_pending_station_stays(central: Central) -> None:
    async with central.station(V201, boot=False, registration="pending") as station:
        await station.boot(accepted=False)
        assert await refusal(station, "Heartbeat") == "SecurityError"
        await station.ping()
        assert (await station.boot(accepted=False))["status"] == "Pending"


async def test_b02_fr_09_a_pending_station_may_say_what_it_was_asked_for(
    central: Central,
) -> None:
    async with central.station(V201, boot=False, registration="pending") as station:
        await station.boot(accepted=False)
        assert await refusal(station, "StatusNotification") == "SecurityError"
        await central.ordered(
            station, "trigger", {"message": "StatusNotification", "evse": 1}, ACCEPTED
        )
        assert await station.call("StatusNotification", STATUS) == {}
        assert await refusal(station, "NotifyReport") == "SecurityError"
        await central.ordered(station, "base_report", {"base": "full"}, ACCEPTED)
        assert await station.call("NotifyReport", MESSAGES["NotifyReport"]) == {}
        assert await refusal(station, "Authorize") == "SecurityError"


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("trigger", {"message": "BootNotification"}),
        ("base_report", {"base": "full"}),
        ("reset", {"type": "soft"}),
        ("configure", {"variables": {"AuthCtrlr.Enabled": True}}),
        ("call", {"action": "GetLocalListVersion", "payload": {}}),
    ],
    ids=["trigger", "report", "reset", "configure", "raw call"],
)
async def test_b03_fr_03_a_rejected_station_is_sent_nothing(
    central: Central, kind: str, payload: dict[str, Any]
) -> None:
    async with central.station(V201, boot=False, registration="rejected") as station:
        await station.boot(accepted=False)
        await unsent(central, station, kind, payload)
        await station.expect_silence(0.02)


async def test_b03_fr_07_what_a_rejected_station_says_is_refused(central: Central) -> None:
    async with central.station(V201, boot=False, registration="rejected") as station:
        assert (await station.boot(accepted=False))["status"] == "Rejected"
        for action in MESSAGES:
            assert await refusal(station, action) == "SecurityError"
        assert (await station.boot(accepted=False))["status"] == "Rejected"
