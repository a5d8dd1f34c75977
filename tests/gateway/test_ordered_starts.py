"""Which transaction answers which order: by number in 2.0.1; in 1.6 by connector, card and time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.app import GatewayApp
from tests.gateway.conftest import CARD, Database, Network, connect_station


def stamp(seconds: float) -> str:
    # Of this moment, not of the import: an order waits minutes only, a run of all tests is longer.
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def start(
    connector: int, *, card: str = CARD, seconds: float = 0, meter: int = 500
) -> dict[str, Any]:
    return {
        "connectorId": connector,
        "idTag": card,
        "timestamp": stamp(seconds),
        "meterStart": meter,
    }


async def order(
    database: Database,
    network: Network,
    evse: int,
    *,
    card: str = CARD,
    number: int | None = None,
    ago: timedelta = timedelta(0),
) -> UUID:
    """A session that a remote start made, as the API does."""
    row = await database.row(
        'INSERT INTO sessions (organization_id, station_id, evse, token_uid, "authorization", '
        "remote_start_number, created_at) VALUES (%s, %s, %s, %s, 'accepted', %s, %s) "
        "RETURNING id",
        network.organization_id,
        network.station_id,
        evse,
        card,
        number,
        datetime.now(UTC) - ago,
    )
    found: UUID = row["id"]
    return found


async def transaction_of(database: Database, session_id: UUID) -> str | None:
    found: str | None = (
        await database.row("SELECT transaction_id FROM sessions WHERE id = %s", session_id)
    )["transaction_id"]
    return found


async def test_two_connectors_that_start_at_once_get_their_own_orders(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    first = await order(database, network, 1)
    second = await order(database, network, 2)
    async with await connect_station(gateway.port, "CP1") as station:
        # In the other order than they were asked for.
        same = start(2)
        right = await station.call("StartTransaction", same)
        left = await station.call("StartTransaction", start(1))
        again = await station.call("StartTransaction", same)

    assert right["idTagInfo"]["status"] == left["idTagInfo"]["status"] == "Accepted"
    assert again == right
    assert await transaction_of(database, first) == str(left["transactionId"])
    assert await transaction_of(database, second) == str(right["transactionId"])
    assert len(await database.rows("SELECT 1 FROM sessions")) == 2
    told = await database.rows("SELECT operation, name, workflow_id FROM outbox ORDER BY id")
    assert [(row["operation"], row["name"]) for row in told] == [
        ("signal", "transaction_started")
    ] * 2
    assert {row["workflow_id"] for row in told} == {f"session-{first}", f"session-{second}"}


async def test_an_order_for_this_very_connector_comes_before_one_for_any(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    anywhere = await order(database, network, 0)
    here = await order(database, network, 1)
    async with await connect_station(gateway.port, "CP1") as station:
        one = await station.call("StartTransaction", start(1))
        two = await station.call("StartTransaction", start(2))

    assert await transaction_of(database, here) == str(one["transactionId"])
    assert await transaction_of(database, anywhere) == str(two["transactionId"])
    placed = await database.row("SELECT evse FROM sessions WHERE id = %s", anywhere)
    assert placed == {"evse": 2}


@pytest.mark.parametrize(
    ("ordered", "started"),
    [
        ({"evse": 1, "card": "OTHERCARD"}, {"connector": 1}),
        ({"evse": 2}, {"connector": 1}),
        ({"evse": 1, "ago": timedelta(hours=2)}, {"connector": 1}),
        ({"evse": 1}, {"connector": 1, "seconds": -3600}),
    ],
    ids=["another card", "another connector", "window passed", "began before the order"],
)
async def test_a_start_that_was_not_ordered_is_a_session_of_its_own(
    gateway: GatewayApp,
    network: Network,
    database: Database,
    ordered: dict[str, Any],
    started: dict[str, Any],
) -> None:
    asked = await order(database, network, **ordered)
    async with await connect_station(gateway.port, "CP1") as station:
        await station.call("StartTransaction", start(**started))

    assert await transaction_of(database, asked) is None
    other = await database.row("SELECT token_uid FROM sessions WHERE id <> %s", asked)
    assert other == {"token_uid": CARD}
    assert (await database.row("SELECT operation, name FROM outbox"))["operation"] == "start"


async def test_an_order_has_one_transaction(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    asked = await order(database, network, 1)
    async with await connect_station(gateway.port, "CP1") as station:
        one = await station.call("StartTransaction", start(1))
        two = await station.call("StartTransaction", start(1, seconds=5, meter=600))

    assert one["transactionId"] != two["transactionId"]
    assert await transaction_of(database, asked) == str(one["transactionId"])
    assert len(await database.rows("SELECT 1 FROM sessions")) == 2


async def test_a_card_of_an_order_is_accepted_before_its_transaction_though_unknown(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    """Drivers without a card pay ad hoc: the token is made for the order, and nobody's."""
    await order(database, network, 1, card="ADHOC1")
    async with await connect_station(gateway.port, "CP1") as station:
        asked = await station.call("Authorize", {"idTag": "adhoc1"})
        answer = await station.call("StartTransaction", start(1, card="adhoc1"))
        later = await station.call("Authorize", {"idTag": "adhoc1"})

    assert asked["idTagInfo"]["status"] == answer["idTagInfo"]["status"] == "Accepted"
    assert later["idTagInfo"]["status"] == "Invalid"


def event(kind: str, number: int, watt_hours: float, **info: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": stamp(number),
        "triggerReason": "CablePluggedIn",
        "seqNo": number,
        "transactionInfo": {"transactionId": "T1"} | info,
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": stamp(number), "sampledValue": [{"value": watt_hours}]}],
    }


async def test_a_transaction_that_began_with_the_cable_is_handed_over_to_the_order(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    asked = await order(database, network, 1, number=77)
    ordered = {"remoteStartId": 77}
    claim = event("Updated", 2, 1200, **ordered)
    async with await connect_station(gateway.port, "CP1", "ocpp2.0.1") as station:
        await station.call("TransactionEvent", event("Started", 0, 1000))
        await station.call("TransactionEvent", event("Updated", 1, 1100))
        assert await station.call("TransactionEvent", claim) == {}
        assert await station.call("TransactionEvent", claim) == {}
        await station.call("TransactionEvent", event("Updated", 3, 1500, **ordered))
        await station.call("TransactionEvent", event("Ended", 4, 3000, stoppedReason="Local"))

    row = await database.row("SELECT * FROM sessions WHERE id = %s", asked)
    other = await database.row("SELECT * FROM sessions WHERE id <> %s", asked)
    # Not one watt-hour is lost or counted twice.
    assert (other["energy_wh"], row["energy_wh"]) == (100, 1900)
    assert other["stop_reason"] == "HandedOver"
    assert (row["transaction_id"], row["stop_reason"], row["sequence_gaps"]) == ("T1", "Local", 0)
    told = await database.rows(
        "SELECT workflow_id, name FROM outbox WHERE operation = 'signal' ORDER BY id"
    )
    assert [(item["workflow_id"], item["name"]) for item in told] == [
        (f"session-{other['id']}", "transaction_ended"),
        (f"session-{asked}", "transaction_started"),
        (f"session-{asked}", "transaction_ended"),
    ]
