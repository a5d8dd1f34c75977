"""Pending and rejected stations get what the specification says, and no more."""

import asyncio
from typing import Any

import pytest

from gateway.app import GatewayApp
from gateway.calls import NotAccepted, asked_by
from gateway.connection import Connection
from tests.gateway.conftest import Database, Network, StationClient, connect_station
from tests.gateway.samples import payload_of

BOOT = {"chargingStation": {"model": "X", "vendorName": "Acme"}, "reason": "PowerUp"}
STATUS = {
    "timestamp": "2026-03-01T11:59:00Z",
    "connectorStatus": "Available",
    "evseId": 1,
    "connectorId": 1,
}


async def register(database: Database, network: Network, registration: str) -> None:
    await database.rows(
        "UPDATE stations SET registration = %s WHERE id = %s", registration, network.station_id
    )


async def refused(station: StationClient, action: str, payload: dict[str, Any]) -> bool:
    """Whether it gets SecurityError."""
    sent = await station.post(action, payload)
    answer = await station.receive()
    assert answer[1] == sent
    assert answer[0] == 3 or answer[2] == "SecurityError", answer
    return bool(answer[0] == 4)


def connection_of(app: GatewayApp) -> Connection:
    (found,) = list(app.registry)
    return found


async def ordered(app: GatewayApp, station: StationClient, action: str, payload: Any) -> None:
    """A call of ours, which the station accepts."""
    calls = connection_of(app).calls

    async def send() -> None:
        async with calls.turn(1):
            calls.check_registration(action)
            await calls.call(action, payload, 5)

    sending = asyncio.create_task(send())
    call = await station.receive()
    assert call[2] == action
    await station.send(f'[3,"{call[1]}",{{"status":"Accepted"}}]')
    await sending


@pytest.mark.parametrize("protocol", ["ocpp2.0.1", "ocpp2.1"])
async def test_a_pending_2_x_station_may_say_only_what_it_was_asked_for(
    gateway: GatewayApp, network: Network, database: Database, protocol: str
) -> None:
    await register(database, network, "pending")
    report = payload_of(protocol, "NotifyReport", full=False)
    async with await connect_station(gateway.port, "CP1", protocol) as station:
        # B01.FR.10, B02.FR.09
        assert await refused(station, "StatusNotification", STATUS)
        assert (await station.call("BootNotification", BOOT))["status"] == "Pending"
        assert await refused(station, "Heartbeat", {})
        assert await refused(station, "NotifyReport", report)

        base = {"requestId": 1, "reportBase": "FullInventory"}
        await ordered(gateway, station, "GetBaseReport", base)

        assert not await refused(station, "NotifyReport", report)
        assert await refused(station, "StatusNotification", STATUS)
        trigger = {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}
        await ordered(gateway, station, "TriggerMessage", trigger)
        assert not await refused(station, "StatusNotification", STATUS)
        # B02.FR.05
        with pytest.raises(NotAccepted):
            connection_of(gateway).calls.check_registration("RequestStartTransaction")

    (row,) = await database.rows("SELECT registration FROM stations")
    assert row["registration"] == "pending"


async def test_a_rejected_station_is_told_so_and_left_alone(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    await register(database, network, "rejected")
    async with await connect_station(gateway.port, "CP1", "ocpp2.0.1") as station:
        answer = await station.call("BootNotification", BOOT)
        assert answer["status"] == "Rejected"
        assert answer["interval"] > 0
        assert await refused(station, "Heartbeat", {})
        assert await refused(station, "StatusNotification", STATUS)
        for action in ("TriggerMessage", "GetBaseReport", "RequestStartTransaction"):
            with pytest.raises(NotAccepted):
                connection_of(gateway).calls.check_registration(action)


async def test_a_pending_1_6_station_is_heard_and_no_token_is_accepted(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    await register(database, network, "pending")
    boot = {"chargePointVendor": "Acme", "chargePointModel": "X"}
    async with await connect_station(gateway.port, "CP1") as station:
        assert (await station.call("BootNotification", boot))["status"] == "Pending"
        token = await station.call("Authorize", {"idTag": "CARD0001"})
        assert token["idTagInfo"]["status"] == "Invalid"
        # Section 4.2: these two are not allowed, the others are.
        calls = connection_of(gateway).calls
        for action in ("RemoteStartTransaction", "RemoteStopTransaction"):
            with pytest.raises(NotAccepted):
                calls.check_registration(action)
        calls.check_registration("ChangeConfiguration")


def test_what_a_call_asks_for_is_known_by_the_name_of_the_message() -> None:
    assert asked_by("GetReport", {}) == {"NotifyReport"}
    trigger = {"requestedMessage": "SignV2GCertificate"}
    assert asked_by("TriggerMessage", trigger) == {"SignCertificate"}
    assert asked_by("SetVariables", {}) == set()
