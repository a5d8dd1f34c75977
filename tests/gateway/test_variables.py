"""Variables of stations through a real gateway: reports, answers, events, settings, monitors."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.answers import answer_fact
from gateway.app import GatewayApp
from gateway.dialect import Handler, Reading, empty_answer
from gateway.protocols import DIALECTS
from gateway.writing.entry import Entry, Nobody, Peer
from holdfast.contracts.facts import Fact
from tests.gateway.conftest import Database, Network, connect_station
from tests.gateway.device_model import parts_of, report_data

NUMBERS = itertools.count(1)
Tell = Callable[..., Awaitable[None]]


@pytest.fixture
def tell(gateway: GatewayApp, network: Network) -> Tell:
    """Hands the writer what a station answered to a call of ours, as the sender of orders does."""

    async def tell(
        action: str, request: dict[str, Any], response: dict[str, Any], protocol: str = "ocpp1.6"
    ) -> None:
        now = datetime.now(UTC)
        fact = answer_fact(protocol, action, request, response, now)
        assert fact is not None
        await submit(gateway, network, fact, now, protocol)

    return tell


async def submit(
    gateway: GatewayApp, network: Network, fact: Fact, now: datetime, protocol: str
) -> None:
    written = asyncio.Event()
    await gateway.writer.submit(
        Entry(
            peer=Peer(
                station_id=network.station_id,
                organization_id=network.organization_id,
                identity="CP1",
                registration="accepted",
                dialect=DIALECTS[protocol],
            ),
            owner=Nobody(),
            message_id=f"answer-{next(NUMBERS)}",
            action="answer",
            frame=b"[]",
            received_at=now,
            handler=Handler(lambda _payload, at: Reading(Fact(at=at)), empty_answer),
            fact=fact,
            settled=written.set,
        )
    )
    async with asyncio.timeout(30):
        await written.wait()


async def want(
    database: Database, network: Network, variable: str, wanted: str, **more: Any
) -> None:
    """A setting, as the API writes it."""
    values = {
        "organization_id": network.organization_id,
        "station_id": network.station_id,
        "component": "",
        "variable": variable,
        "wanted": wanted,
        "wanted_by": "test",
    } | more
    marks = ", ".join(["%s"] * len(values))
    await database.rows(
        f"INSERT INTO station_settings ({', '.join(values)}) VALUES ({marks})",  # noqa: S608
        *values.values(),
    )


GONE = "SELECT DISTINCT component FROM station_variables WHERE gone_at IS NOT NULL"


async def test_a_whole_device_model_arrives_in_parts_out_of_order_and_twice(
    gateway: GatewayApp, database: Database
) -> None:
    data = report_data()
    parts = parts_of(data, request_id=7)
    attributes = sum(len(item["variableAttribute"]) for item in data)
    assert len(parts) > 3
    done = "SELECT 1 FROM station_reports WHERE completed_at IS NOT NULL"

    async with await connect_station(gateway.port, "CP1", "ocpp2.0.1") as station:
        for part in [parts[-1], *parts[1:-1], parts[1]]:
            assert await station.call("NotifyReport", part) == {}
        assert await database.rows(done) == []
        assert await station.call("NotifyReport", parts[0]) == {}

    report = await database.row("SELECT * FROM station_reports")
    assert report["completed_at"] is not None
    assert sorted(report["parts"]) == list(range(len(parts)))
    rows = await database.rows("SELECT * FROM station_variables")
    assert len(rows) == attributes
    assert await database.rows("SELECT 1 FROM station_variable_changes") == []
    (items,) = [
        row
        for row in rows
        if (row["component"], row["variable"]) == ("LocalAuthListCtrlr", "ItemsPerMessage")
    ]
    told = (items["value"], items["mutability"], items["data_type"])
    assert told == ("250", "read_only", "integer")
    (password,) = [row for row in rows if row["variable"] == "BasicAuthPassword"]
    assert password["value"] is None


async def test_only_a_complete_full_report_says_that_something_is_gone(
    gateway: GatewayApp, database: Database, network: Network, tell: Tell
) -> None:
    data = report_data()
    async with await connect_station(gateway.port, "CP1", "ocpp2.0.1") as station:
        for part in parts_of(data, request_id=7):
            await station.call("NotifyReport", part)
        # The same again, less one component, and one value another.
        fewer = [item for item in data if item["component"]["name"] != "ReservationCtrlr"]
        for item in fewer:
            if item["variable"]["name"] == "HeartbeatInterval":
                item["variableAttribute"][0]["value"] = "77"
        again = parts_of(fewer, request_id=8, at="2026-11-20T11:00:00Z")
        for part in again:
            await station.call("NotifyReport", part)
            assert await database.rows(GONE) == []
        # The answer to our request, late as it is, says that it was a full one.
        await tell(
            "GetBaseReport",
            {"requestId": 8, "reportBase": "FullInventory"},
            {"status": "Accepted"},
            "ocpp2.0.1",
        )

    assert [row["component"] for row in await database.rows(GONE)] == ["ReservationCtrlr"]
    change = await database.row(
        "SELECT c.*, v.variable FROM station_variable_changes c "
        "JOIN station_variables v ON v.id = c.variable_id"
    )
    told = (change["variable"], change["became"], change["source"])
    assert told == ("HeartbeatInterval", "77", "report")
    inventory = await database.row("SELECT * FROM station_inventories")
    assert inventory["completed_at"] is not None


async def test_an_event_tells_a_value_at_its_own_time_and_is_as_severe_as_its_monitor(
    gateway: GatewayApp, database: Database
) -> None:
    component = {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}
    variable = {"name": "Temperature"}
    monitor = {"id": 3, "transaction": False, "value": 70, "type": "UpperThreshold", "severity": 2}
    now = datetime.now(UTC)

    def event(number: int, value: str, at: datetime) -> dict[str, Any]:
        return {
            "generatedAt": at.isoformat(),
            "seqNo": 0,
            "eventData": [
                {
                    "eventId": number,
                    "timestamp": at.isoformat(),
                    "trigger": "Alerting",
                    "actualValue": value,
                    "eventNotificationType": "CustomMonitor",
                    "variableMonitoringId": 3,
                    "component": component,
                    "variable": variable,
                }
            ],
        }

    async with await connect_station(gateway.port, "CP1", "ocpp2.0.1") as station:
        await station.call(
            "NotifyMonitoringReport",
            {
                "requestId": 1,
                "seqNo": 0,
                "generatedAt": now.isoformat(),
                "monitor": [
                    {"component": component, "variable": variable, "variableMonitoring": [monitor]}
                ],
            },
        )
        newer = event(2, "75", now - timedelta(minutes=1))
        for _ in range(2):
            assert await station.call("NotifyEvent", newer) == {}
        assert await station.call("NotifyEvent", event(1, "71", now - timedelta(hours=1))) == {}

    shown = await database.row("SELECT value, source, evse, connector FROM station_variables")
    assert shown == {"value": "75", "source": "event", "evse": 1, "connector": 1}
    events = await database.rows("SELECT * FROM station_events ORDER BY at")
    assert [(row["kind"], row["severity"], row["details"]["value"]) for row in events] == [
        ("monitor", 2, "71"),
        ("monitor", 2, "75"),
    ]
    stored = await database.row("SELECT * FROM station_monitors")
    assert (stored["number"], stored["value"], stored["type"]) == (3, "70", "upper_threshold")


async def test_a_setting_counts_when_it_is_read_back_and_drift_is_told_once(
    database: Database, network: Network, tell: Tell
) -> None:
    await want(database, network, "HeartbeatInterval", "300")
    request = {"key": "HeartbeatInterval", "value": "300"}

    async def read(value: str) -> str:
        key = {"key": "HeartbeatInterval", "readonly": False, "value": value}
        await tell("GetConfiguration", {"key": ["HeartbeatInterval"]}, {"configurationKey": [key]})
        return str((await database.row("SELECT state FROM station_settings"))["state"])

    # Read before the order was answered: it says nothing about it.
    assert await read("60") == "pending"
    await tell("ChangeConfiguration", request, {"status": "Accepted"})
    order = await database.row("SELECT kind, payload, requested_by FROM orders")
    assert order == {
        "kind": "read_configuration",
        "payload": {"names": ["HeartbeatInterval"]},
        "requested_by": "holdfast",
    }
    assert (await database.row("SELECT name, operation FROM outbox")) == {
        "name": "StationOrder",
        "operation": "start",
    }
    assert await read("300") == "in_force"
    assert await read("60") == "drifted"
    assert await read("60") == "drifted"
    events = await database.rows("SELECT * FROM station_events")
    assert [(row["kind"], row["name"]) for row in events] == [("drift", "HeartbeatInterval")]
    history = await database.rows(
        "SELECT was, became, source FROM station_variable_changes ORDER BY id"
    )
    assert [(row["was"], row["became"]) for row in history] == [("60", "300"), ("300", "60")]


async def test_an_enforced_setting_is_set_again_three_times_and_then_needs_attention(
    database: Database, network: Network, tell: Tell
) -> None:
    await want(database, network, "LocalPreAuthorize", "TRUE", enforce=True, state="in_force")

    for _ in range(5):
        key = {"key": "LocalPreAuthorize", "readonly": False, "value": False}
        await tell("GetConfiguration", {"key": ["LocalPreAuthorize"]}, {"configurationKey": [key]})
        await tell(
            "ChangeConfiguration",
            {"key": "LocalPreAuthorize", "value": "TRUE"},
            {"status": "Accepted"},
        )
        await database.rows("UPDATE orders SET state = 'accepted'")

    setting = await database.row("SELECT state, attempts FROM station_settings")
    assert setting["attempts"] == 3
    placed = await database.rows("SELECT payload FROM orders WHERE kind = 'configure'")
    assert [row["payload"] for row in placed] == [{"variables": {"LocalPreAuthorize": "TRUE"}}] * 3
    severities = await database.rows("SELECT severity FROM station_events ORDER BY id")
    assert [row["severity"] for row in severities][:4] == [6, 6, 6, 4]


async def test_e18_a_refused_list_of_measurands_is_tried_again_without_soc(
    database: Database, network: Network, tell: Tell
) -> None:
    await database.rows("UPDATE stations SET vendor = 'Acme', model = 'AC box'")
    wanted = "Energy.Active.Import.Register,Power.Active.Import,SoC"
    shorter = "Energy.Active.Import.Register,Power.Active.Import"
    await want(database, network, "MeterValuesSampledData", wanted)
    key = "MeterValuesSampledData"

    await tell("ChangeConfiguration", {"key": key, "value": wanted}, {"status": "Rejected"})
    order = await database.row("SELECT kind, payload FROM orders")
    assert order == {"kind": "configure", "payload": {"variables": {key: shorter}}}
    await tell("ChangeConfiguration", {"key": key, "value": shorter}, {"status": "Accepted"})
    shown = {"key": key, "readonly": False, "value": shorter}
    await tell("GetConfiguration", {"key": [key]}, {"configurationKey": [shown]})

    setting = await database.row("SELECT state, offered, reason FROM station_settings")
    assert setting == {
        "state": "in_force",
        "offered": shorter,
        "reason": "Accepted without SoC",
    }
    refusal = await database.row("SELECT vendor, model, variable, value FROM model_refusals")
    assert refusal == {"vendor": "Acme", "model": "AC box", "variable": key, "value": "SoC"}


async def test_a_reboot_is_waited_for_and_then_the_value_is_read_back(
    gateway: GatewayApp, database: Database, network: Network, tell: Tell
) -> None:
    await want(database, network, "WebSocketPingInterval", "30")
    await tell(
        "ChangeConfiguration",
        {"key": "WebSocketPingInterval", "value": "30"},
        {"status": "RebootRequired"},
    )
    assert (await database.row("SELECT state FROM station_settings"))["state"] == "needs_reboot"

    boot = {"chargePointVendor": "Acme", "chargePointModel": "X", "firmwareVersion": "1.0"}
    async with await connect_station(gateway.port, "CP1") as station:
        for _ in range(3):
            await station.call("BootNotification", boot)
        orders = await database.rows("SELECT kind, payload FROM orders ORDER BY kind")
        # quirk 22: everything is asked for once, and not at every boot.
        assert orders == [
            {"kind": "base_report", "payload": {"base": "full"}},
            {"kind": "read_configuration", "payload": {"names": ["WebSocketPingInterval"]}},
        ]
        due = await database.rows("SELECT due_at > now() + interval '1 s' AS later FROM outbox")
        assert [row["later"] for row in due] == [True, True]
        await tell(
            "GetConfiguration",
            {},
            {"configurationKey": [{"key": "WebSocketPingInterval", "value": 30}]},
        )
        assert (await database.row("SELECT state FROM station_settings"))["state"] == "in_force"
        await database.rows("UPDATE orders SET state = 'accepted', sent_at = now()")
        await station.call("BootNotification", boot)
        assert await database.rows("SELECT 1 FROM orders WHERE state = 'waiting'") == []
        await station.call("BootNotification", boot | {"firmwareVersion": "1.1"})
        (order,) = await database.rows("SELECT kind FROM orders WHERE state = 'waiting'")
        assert order["kind"] == "base_report"
