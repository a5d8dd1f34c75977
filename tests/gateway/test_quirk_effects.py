"""What rules of quirks do on the wire, beside a station without the rule: quirks 5 and 22; that an
accepted station is one also after the gateway was started anew (quirk 1); and that measurands which
a station refuses are asked for again without SoC (edge case E18)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb
from temporalio.testing import ActivityEnvironment
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode
from websockets.protocol import Event

from gateway.app import GatewayApp
from holdfast.contracts.orders import OrderAnswer, SendOrder
from holdfast.settings import Settings
from tests.gateway.conftest import (
    CARD,
    Database,
    Network,
    Start,
    StationClient,
    connect_station,
)
from tests.gateway.field import stamp

PING_S = 0.1


class CountingPings(ClientConnection):
    """A station's socket that knows how often it was pinged."""

    pings = 0

    def process_event(self, event: Event) -> None:
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.pings += 1
        super().process_event(event)


@asynccontextmanager
async def socket_of(port: int, identity: str) -> AsyncIterator[CountingPings]:
    async with connect(
        f"ws://127.0.0.1:{port}/ocpp/{identity}",
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        create_connection=CountingPings,
        ping_interval=None,
    ) as socket:
        assert isinstance(socket, CountingPings)
        yield socket


async def pinged(socket: CountingPings, more: int) -> None:
    """Wait until it was pinged so many times more."""
    least = socket.pings + more
    async with asyncio.timeout(30):
        while socket.pings < least:  # noqa: ASYNC110 - a plain counter
            await asyncio.sleep(PING_S / 2)


async def station(database: Database, network: Network, identity: str, vendor: str) -> None:
    await database.rows(
        "INSERT INTO stations (organization_id, identity, registration, vendor, model)"
        " VALUES (%s, %s, 'accepted', %s, 'X')",
        network.organization_id,
        identity,
        vendor,
    )


async def rule(database: Database, network: Network, quirk: str) -> None:
    await database.rows(
        "INSERT INTO quirk_rules (organization_id, vendor, quirk, value)"
        " VALUES (%s, 'Odd', %s, 'true')",
        network.organization_id,
        quirk,
    )


@pytest.fixture
async def with_rules(
    start_gateway: Start, gateway_settings: Settings, network: Network, database: Database
) -> GatewayApp:
    """A gateway that pings often, and rules for what the vendor Odd makes."""
    await rule(database, network, "no_pings")
    await rule(database, network, "no_configuration_probe")
    for identity, vendor in (("ODD", "Odd"), ("USUAL", "Usual")):
        await station(database, network, identity, vendor)
    return await start_gateway(
        gateway_settings.model_copy(update={"gateway_ping_interval_s": PING_S})
    )


async def test_quirk_05_a_station_with_the_rule_gets_no_ping_and_another_does(
    with_rules: GatewayApp,
) -> None:
    port = with_rules.port
    async with socket_of(port, "ODD") as odd, socket_of(port, "USUAL") as usual:
        await pinged(usual, 3)

        assert odd.pings == 0
        await odd.send('[2,"1","Heartbeat",{}]')
        assert str(await odd.recv()).startswith('[3,"1",')


async def test_quirk_05_nobody_is_pinged_before_its_rules_are_known(
    with_rules: GatewayApp, database: Database
) -> None:
    async with await psycopg.AsyncConnection.connect(database.url) as held_up:
        await held_up.execute("LOCK TABLE station_connections IN SHARE MODE")
        async with socket_of(with_rules.port, "ODD") as odd:
            async with socket_of(with_rules.port, "USUAL") as usual:
                await asyncio.sleep(2 * PING_S)
                assert (odd.pings, usual.pings) == (0, 0)
                await held_up.commit()
                await pinged(usual, 2)

            assert odd.pings == 0


async def test_quirk_05_a_station_that_says_what_it_is_gets_no_ping_from_then_on(
    with_rules: GatewayApp,
) -> None:
    async with (
        socket_of(with_rules.port, "CP1") as new,
        socket_of(with_rules.port, "USUAL") as other,
    ):
        await pinged(new, 1)
        await new.send(
            '[2,"1","BootNotification",{"chargePointVendor":"Odd","chargePointModel":"X"}]'
        )
        assert '"Accepted"' in str(await new.recv())
        until_then = new.pings
        await pinged(other, 3)

        assert new.pings == until_then


async def test_quirk_22_a_station_with_the_rule_is_not_probed_at_its_boot_and_another_is(
    with_rules: GatewayApp, database: Database
) -> None:
    for identity, vendor in (("ODD", "Odd"), ("USUAL", "Usual")):
        async with await connect_station(with_rules.port, identity) as wire:
            boot = {"chargePointVendor": vendor, "chargePointModel": "X", "firmwareVersion": "2"}
            assert (await wire.call("BootNotification", boot))["status"] == "Accepted"

    asked = await database.rows(
        "SELECT s.identity, o.kind FROM orders o JOIN stations s ON s.id = o.station_id"
    )
    assert asked == [{"identity": "USUAL", "kind": "base_report"}]
    told = await database.rows(
        "SELECT s.identity FROM station_inventories i JOIN stations s ON s.id = i.station_id"
    )
    assert told == [{"identity": "USUAL"}]


async def test_quirk_01_an_accepted_station_needs_no_boot_after_the_gateway_was_started_anew(
    start_gateway: Start, gateway_settings: Settings, network: Network, database: Database
) -> None:
    await database.rows("UPDATE stations SET registration = 'pending' WHERE identity = 'CP1'")
    first = await start_gateway(gateway_settings)
    async with await connect_station(first.port, "CP1", "ocpp2.0.1") as wire:
        await database.rows("UPDATE stations SET registration = 'accepted' WHERE identity = 'CP1'")
        booted = {"reason": "PowerUp", "chargingStation": {"model": "X", "vendorName": "Acme"}}
        assert (await wire.call("BootNotification", booted))["status"] == "Accepted"
    await first.drain()

    second = await start_gateway(gateway_settings)
    async with await connect_station(second.port, "CP1", "ocpp2.0.1") as wire:
        # Before it is accepted, a 2.x station would get SecurityError.
        event = {
            "eventType": "Started",
            "timestamp": stamp(),
            "triggerReason": "Authorized",
            "seqNo": 0,
            "transactionInfo": {"transactionId": "T1"},
            "idToken": {"idToken": CARD, "type": "ISO14443"},
        }
        answer = await wire.call("TransactionEvent", event)
    async with await connect_station(second.port, "CP1") as wire:
        assert (await wire.call("Authorize", {"idTag": CARD}))["idTagInfo"]["status"] == "Accepted"

    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert len(await database.rows("SELECT id FROM sessions")) == 1
    boots = await database.rows(
        "SELECT 1 FROM frames WHERE action = 'BootNotification' AND NOT outbound"
    )
    assert len(boots) == 1


async def ordered(
    app: GatewayApp, database: Database, wire: StationClient, variables: dict[str, str]
) -> "asyncio.Task[OrderAnswer]":
    """Settings ordered of CP1, on its way as the order's workflow would send it."""
    await wire.call("Heartbeat", {})
    order_id = uuid4()
    await database.rows(
        "INSERT INTO orders (id, organization_id, station_id, kind, payload, requested_by,"
        " not_after) SELECT %s, organization_id, id, 'configure', %s, 'test',"
        " now() + interval '1 minute' FROM stations WHERE identity = 'CP1'",
        order_id,
        Jsonb({"variables": variables}),
    )
    row = await database.row(
        "SELECT generation FROM station_connections c JOIN orders o USING (station_id)"
        " WHERE o.id = %s",
        order_id,
    )
    sending = SendOrder(order_id=order_id, generation=row["generation"], timeout_s=5.0)
    return asyncio.create_task(ActivityEnvironment().run(app.orders.send, sending))


async def test_edge_e18_measurands_that_are_refused_are_asked_for_again_without_soc(
    gateway: GatewayApp, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1") as wire:
        key = "MeterValuesSampledData"
        for listed, answers in (
            ("Power.Active.Import, SoC", ["Rejected", "Accepted"]),
            ("SoC,Voltage", ["Rejected", "Rejected"]),
            ("SoC", ["Rejected"]),
            ("Voltage", ["Rejected"]),
            ("Voltage,SoC", ["Accepted"]),
        ):
            sending = await ordered(gateway, database, wire, {key: listed})
            asked = []
            for status in answers:
                _, message_id, action, payload = await wire.receive()
                asked.append((action, payload["key"], payload["value"]))
                await wire.send(json.dumps([3, message_id, {"status": status}]))
            answer = await sending

            fewer = listed.replace(", SoC", "").replace("SoC,", "")
            told = [("ChangeConfiguration", key, value) for value in (listed, fewer)]
            assert asked == told[: len(answers)]
            assert answer.status == answers[-1]
        # Nothing more is asked.
        await wire.call("Heartbeat", {})


async def test_edge_e18_in_2_0_1_only_the_refused_list_is_shortened(
    gateway: GatewayApp, database: Database
) -> None:
    lists = {
        "SampledDataCtrlr.TxUpdatedMeasurands": "Voltage,SoC",
        "AlignedDataCtrlr.Measurands": "Current.Import,SoC",
    }
    async with await connect_station(gateway.port, "CP1", "ocpp2.0.1") as wire:
        sending = await ordered(gateway, database, wire, lists)
        asked = []
        for refuses in (True, False):
            _, message_id, _, payload = await wire.receive()
            items = payload["setVariableData"]
            asked.append({item["component"]["name"]: item["attributeValue"] for item in items})
            results = [
                {
                    "component": item["component"],
                    "variable": item["variable"],
                    "attributeStatus": "Rejected"
                    if refuses and item["component"]["name"] == "AlignedDataCtrlr"
                    else "Accepted",
                }
                for item in items
            ]
            await wire.send(json.dumps([3, message_id, {"setVariableResult": results}]))
        answer = await sending

    assert asked == [
        {"SampledDataCtrlr": "Voltage,SoC", "AlignedDataCtrlr": "Current.Import,SoC"},
        {"SampledDataCtrlr": "Voltage,SoC", "AlignedDataCtrlr": "Current.Import"},
    ]
    assert (answer.state, answer.status) == ("accepted", "Accepted")
