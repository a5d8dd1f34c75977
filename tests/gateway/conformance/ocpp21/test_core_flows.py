"""OCPP 2.1: the flows that it shares with 2.0.1, once each, and what part 4 adds to the frames."""

from typing import Any
from uuid import uuid4

import pytest

from tests.gateway.conformance.conftest import CARD, Central
from tests.gateway.conformance.told import (
    ACCEPTED,
    begun,
    events,
    monitored,
    now,
    transaction_event,
)

PROTOCOL = "ocpp2.1"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
STREAM = {"id": 5, "pending": 0, "basetime": "2026-03-01T11:59:00Z", "data": [{"t": 0, "v": "1"}]}
PLACE = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}


def register(value: float) -> list[dict[str, Any]]:
    """A meter value of the imported energy, in Wh."""
    sample = {"value": value, "measurand": "Energy.Active.Import.Register"}
    return [{"timestamp": now(), "sampledValue": [sample]}]


async def test_b01_a_station_boots_and_its_heartbeats_are_answered(central: Central) -> None:
    async with central.station(PROTOCOL, boot=False) as station:
        answer = await station.boot()
        assert set(await station.call("Heartbeat", {})) == {"currentTime"}

    assert answer["interval"] > 0


async def test_b05_a_variable_is_set(central: Central) -> None:
    answered = {"setVariableResult": [PLACE | {"attributeStatus": "Accepted"}]}
    order = {"variables": {"OCPPCommCtrlr.HeartbeatInterval": 60}}
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(station, "configure", order, answered)

    assert action == "SetVariables"
    assert payload == {"setVariableData": [PLACE | {"attributeValue": "60"}]}
    assert done.state == "accepted"


async def test_b06_a_variable_is_read(central: Central) -> None:
    found = PLACE | {"attributeStatus": "Accepted", "attributeValue": "60"}
    order = {"names": ["OCPPCommCtrlr.HeartbeatInterval"]}
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "read_configuration", order, {"getVariableResult": [found]}
        )

    assert (action, payload) == ("GetVariables", {"getVariableData": [PLACE]})
    assert done.state == "accepted"


async def test_b09_a_network_profile_names_this_version(central: Central) -> None:
    order = {"slot": 1, "profile": {"url": "wss://a.example/ocpp", "security_profile": 2}}
    async with central.station(PROTOCOL) as station:
        action, payload, _ = await central.ordered(station, "network_profile", order, ACCEPTED)

    assert action == "SetNetworkProfile"
    assert payload["connectionData"]["ocppVersion"] == "OCPP21"


@pytest.mark.parametrize(("uid", "status"), [(CARD, "Accepted"), ("NOBODY", "Unknown")])
async def test_c01_a_token_is_authorized(central: Central, uid: str, status: str) -> None:
    async with central.station(PROTOCOL) as station:
        asked = {"idToken": {"idToken": uid, "type": "ISO14443"}}
        answer = await station.call("Authorize", asked)

    assert answer["idTokenInfo"]["status"] == status


async def test_e01_a_transaction_becomes_a_session(central: Central) -> None:
    identifier = f"T{uuid4().hex}"
    async with central.station(PROTOCOL) as station:
        started = transaction_event("Started", identifier, token=CARD, meterValue=register(1_000))
        assert (await station.call("TransactionEvent", started))["idTokenInfo"] == ACCEPTED
        for number, kind in ((1, "Updated"), (2, "Ended")):
            told = transaction_event(kind, identifier, number, meterValue=register(1_000 * number))
            assert await station.call("TransactionEvent", told) == {}

    row = await central.database.row(
        "SELECT evse, ended_at FROM sessions WHERE transaction_id = %s", identifier
    )
    assert row["evse"] == 1
    assert row["ended_at"] is not None


async def test_f01_a_transaction_is_started_from_afar(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        row = await central.database.row(
            "INSERT INTO sessions (organization_id, station_id, evse, token_uid, token_type, "
            "remote_start_number) SELECT organization_id, id, 1, %s, 'ISO14443', 77 "
            "FROM stations WHERE identity = %s RETURNING id",
            CARD,
            station.identity,
        )
        order_id = await central.order(station, "start", {})
        await central.database.rows(
            "UPDATE orders SET session_id = %s WHERE id = %s", row["id"], order_id
        )
        sending = central.send(order_id)
        message_id, payload = await station.expect_call("RequestStartTransaction")
        await station.answer(message_id, ACCEPTED)
        assert (await sending).state == "accepted"

    assert payload == {
        "evseId": 1,
        "remoteStartId": 77,
        "idToken": {"idToken": CARD, "type": "ISO14443"},
    }


async def test_f03_a_transaction_is_stopped_from_afar(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        identifier = await begun(station)
        action, payload, done = await central.ordered(
            station, "stop", {"transaction_id": identifier}, ACCEPTED
        )

    assert (action, payload) == ("RequestStopTransaction", {"transactionId": identifier})
    assert done.state == "accepted"


async def test_f06_fr_20_a_trigger_of_the_maker_s_own_can_be_sent(central: Central) -> None:
    wanted = {"requestedMessage": "CustomTrigger", "customTrigger": "Selfie"}
    order = {"action": "TriggerMessage", "payload": wanted}
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(station, "call", order, ACCEPTED)

    assert (action, payload, done.state) == ("TriggerMessage", wanted, "accepted")


async def test_g01_a_status_is_confirmed_and_kept(central: Central) -> None:
    told = {"timestamp": now(), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    async with central.station(PROTOCOL) as station:
        assert await station.call("StatusNotification", told) == {}
        row = await central.database.row(
            "SELECT c.status FROM connectors c JOIN stations s ON s.id = c.station_id "
            "WHERE s.identity = %s AND c.evse = 1",
            station.identity,
        )

    assert row["status"] == "available"


async def test_j01_meter_values_are_confirmed(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        told = {"evseId": 1, "meterValue": register(7)}
        assert await station.call("MeterValues", told) == {}


async def test_n07_an_event_is_confirmed_and_kept(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        told = {"generatedAt": now(), "seqNo": 0, "eventData": [monitored(severity=3)]}
        assert await station.call("NotifyEvent", told) == {}
        (kept,) = await events(central, station, "monitor")

    assert kept["name"] == "EVSE.Temperature"


@pytest.mark.parametrize(
    ("order", "payload"),
    [
        ({}, {"certificateType": "ChargingStationCertificate"}),
        (
            {"use": "v2g20", "request_id": 9},
            {"certificateType": "V2G20Certificate", "requestId": 9},
        ),
    ],
    ids=["of the station", "of ISO 15118-20, for a numbered request"],
)
async def test_a02_a_signed_certificate_carries_the_number_of_its_request(
    central: Central, order: dict[str, Any], payload: dict[str, Any]
) -> None:
    async with central.station(PROTOCOL) as station:
        action, sent, done = await central.ordered(
            station, "certificate_signed", order | {"chain": PEM}, ACCEPTED
        )

    assert (action, sent) == ("CertificateSigned", payload | {"certificateChain": PEM})
    assert done.state == "accepted"


async def test_m05_a_root_of_a_car_s_maker_is_installed(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        _, payload, _ = await central.ordered(
            station, "install_certificate", {"use": "oem", "certificate": PEM}, ACCEPTED
        )

    assert payload["certificateType"] == "OEMRootCertificate"


async def test_j_send_what_is_sent_unconfirmed_is_kept_and_never_answered(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        await station.send("NotifyPeriodicEventStream", STREAM)
        await station.send_raw('[6,"s2","NotifyPeriodicEventStream",{"id":"x"}]')
        await station.send_raw('[6,"s3","NoSuchAction",{}]')
        assert await station.call("Heartbeat", {})
        await station.expect_silence(0.05)
        (kept,) = await events(central, station, "event_stream")

    assert (kept["name"], kept["details"]["data"]) == ("Values", STREAM["data"])


async def test_j_callresulterror_a_station_that_cannot_read_an_answer_stays_connected(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        await station.send_raw('[5,"gone","FormatViolation","what is this",{}]')
        assert await station.call("Heartbeat", {})
        await station.expect_silence(0.05)
