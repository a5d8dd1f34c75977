"""OCPP 2.1 over a real socket: its own message types, its events, and a whole transaction."""

from typing import Any

import orjson

from gateway.app import GatewayApp
from holdfast.domain.personal_details import HIDDEN
from tests.gateway.conftest import CARD, Database, Network, StationClient, connect_station
from tests.gateway.samples import payload_of

BOOT = {"chargingStation": {"model": "X", "vendorName": "Acme"}, "reason": "PowerUp"}
STREAM = {
    "id": 5,
    "pending": 0,
    "basetime": "2026-03-01T11:59:00Z",
    "data": [{"t": 0, "v": "230.1"}],
}


def transaction_event(kind: str, number: int, **more: Any) -> dict[str, Any]:
    info = {"transactionId": "T21", "operationMode": "ChargingOnly"}
    return {
        "eventType": kind,
        "timestamp": f"2026-03-01T11:5{number}:00Z",
        "triggerReason": "Authorized",
        "seqNo": number,
        "transactionInfo": info,
        "evse": {"id": 1, "connectorId": 1},
    } | more


async def alive(station: StationClient) -> None:
    """The next thing it hears is the answer to this heartbeat: nothing else was answered."""
    await station.post("Heartbeat", {}, "still-there")
    answer = await station.receive()
    assert answer[:2] == [3, "still-there"], answer


async def test_a_2_1_station_is_served_in_its_own_version(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1", "ocpp2.1") as station:
        assert station.socket.subprotocol == "ocpp2.1"
        assert (await station.call("BootNotification", BOOT))["status"] == "Accepted"
        token = {"idToken": CARD, "type": "ISO14443"}
        started = await station.call(
            "TransactionEvent", transaction_event("Started", 0, idToken=token)
        )
        assert started["idTokenInfo"]["status"] == "Accepted"
        cost = {"totalCost": {"currency": "EUR", "typeOfCost": "NormalCost", "total": {}}}
        await station.call("TransactionEvent", transaction_event("Updated", 1, costDetails=cost))
        await station.call("TransactionEvent", transaction_event("Ended", 2))

    session = await database.row("SELECT transaction_id, evse, ended_at FROM sessions")
    assert (session["transaction_id"], session["evse"]) == ("T21", 1)
    assert session["ended_at"] is not None
    told = await database.rows(
        "SELECT transaction_id, evse, details FROM station_events WHERE kind = 'transaction' "
        "ORDER BY at"
    )
    assert [row["details"].get("cost_details") for row in told] == [None, cost, None]
    assert {row["transaction_id"] for row in told} == {"T21"}
    assert {row["details"]["operation_mode"] for row in told} == {"ChargingOnly"}


async def test_every_event_of_2_1_is_a_row_before_it_is_answered(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    events = (
        "BatterySwap",
        "NotifyDERAlarm",
        "NotifyDERStartStop",
        "NotifyPriorityCharging",
        "NotifySettlement",
        "OpenPeriodicEventStream",
        "PullDynamicScheduleUpdate",
        "ReportDERControl",
        "VatNumberValidation",
    )
    async with await connect_station(gateway.port, "CP1", "ocpp2.1") as station:
        for number, action in enumerate(events, 1):
            await station.call(action, payload_of("ocpp2.1", action, full=True))
            rows = await database.rows("SELECT organization_id, station_id FROM station_events")
            assert len(rows) == number, action
            assert {(row["organization_id"], row["station_id"]) for row in rows} == {
                (network.organization_id, network.station_id)
            }
        # The same alarm again: its stamp says that it is the same.
        again = payload_of("ocpp2.1", "NotifyDERAlarm", full=True)
        await station.call("NotifyDERAlarm", again)

    rows = await database.rows("SELECT kind, details FROM station_events")
    assert len(rows) == len(events)
    kept = {row["kind"]: row["details"] for row in rows}
    assert kept["vat_number"]["vatNumber"] == HIDDEN
    assert (kept["settlement"]["vatCompany"], kept["settlement"]["vatNumber"]) == (HIDDEN, HIDDEN)
    assert kept["battery_swap"]["idToken"]["idToken"].startswith("****")


async def test_what_is_sent_unconfirmed_is_kept_and_never_answered(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1", "ocpp2.1") as station:
        send = orjson.dumps([6, "s1", "NotifyPeriodicEventStream", STREAM]).decode()
        await station.send(send)
        await station.send(send)
        for bad in (
            '[6,"s2","NotifyPeriodicEventStream",{"id":"x"}]',
            '[6,"s3","NotifyPeriodicEventStream",null]',
            '[6,"s4","NoSuchAction",{}]',
            '[6,"s5","Heartbeat",{}]',
            '[6,"s6","NotifyPeriodicEventStream",{',
            '[5,"s7","FormatViolation","what is this",{}]',
        ):
            await station.send(bad)
        await alive(station)
        await station.send('[9,"x","Heartbeat",{}]')
        assert (await station.receive())[:3] == [4, "x", "MessageTypeNotSupported"]

    row = await database.until("SELECT kind, name, details FROM station_events")
    assert [(item["kind"], item["name"]) for item in row] == [("event_stream", "Values")]
    assert row[0]["details"]["data"] == STREAM["data"]
    refused = await database.until(
        "SELECT finding FROM frames WHERE message_id = 's7' AND NOT outbound"
    )
    assert refused == [{"finding": "the station refuses our answer: FormatViolation"}]


async def test_other_versions_have_no_such_message_types(
    gateway: GatewayApp, network: Network
) -> None:
    async with await connect_station(gateway.port, "CP1", "ocpp1.6") as station:
        # OCPP-J 1.6 section 4.1.3: ignored.
        await station.send('[6,"a","NotifyPeriodicEventStream",{}]')
        await station.send('[5,"b","GenericError","",{}]')
        await alive(station)
    async with await connect_station(gateway.port, "CP1", "ocpp2.0.1") as station:
        await station.send('[6,"a","NotifyPeriodicEventStream",{}]')
        assert (await station.receive())[:3] == [4, "a", "MessageTypeNotSupported"]
        await alive(station)
