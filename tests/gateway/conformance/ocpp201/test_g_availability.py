"""OCPP 2.0.1 block G: status, heartbeat, changes of availability, lock failures."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.ocpp201.transaction import (
    PROTOCOL,
    ago,
    of_station,
    register,
    stamp,
    started,
)

STATUSES = ("Available", "Occupied", "Reserved", "Unavailable", "Faulted")


def status(word: str, minutes: float = 1, evse: int = 1, connector: int = 1) -> dict[str, Any]:
    """A StatusNotification."""
    return {
        "timestamp": stamp(minutes),
        "connectorStatus": word,
        "evseId": evse,
        "connectorId": connector,
    }


def notice(component: str, variable: str, value: str, minutes: float = 1) -> dict[str, Any]:
    """A NotifyEvent about EVSE 1, connector 1."""
    return {
        "generatedAt": stamp(minutes),
        "seqNo": 0,
        "eventData": [
            {
                "eventId": 1,
                "timestamp": stamp(minutes),
                "trigger": "Delta",
                "actualValue": value,
                "component": {"name": component, "evse": {"id": 1, "connectorId": 1}},
                "variable": {"name": variable},
                "eventNotificationType": "HardWiredNotification",
            }
        ],
    }


async def connectors(central: Central, station: Witness) -> dict[tuple[int, int], str]:
    rows = await of_station(central, station, "connectors", "t.*", "t.evse, t.number")
    return {(row["evse"], row["number"]): row["status"] for row in rows}


@pytest.mark.parametrize("word", STATUSES)
async def test_g01_fr_01_each_status_is_confirmed_and_kept(central: Central, word: str) -> None:
    async with central.station(PROTOCOL) as station:
        answer = await station.call("StatusNotification", status(word))

    assert answer == {}
    assert await connectors(central, station) == {(1, 1): word.casefold()}


async def changed(central: Central, before: str, after: str, *, by_event: bool) -> str:
    """The status of a connector after it was told in either way."""
    async with central.station(PROTOCOL) as station:
        await station.call("StatusNotification", status(before, 5))
        if by_event:
            told = notice("Connector", "AvailabilityState", after)
            assert await station.call("NotifyEvent", told) == {}
        else:
            assert await station.call("StatusNotification", status(after)) == {}
    return (await connectors(central, station))[1, 1]


EITHER = pytest.mark.parametrize("by_event", [False, True], ids=["status", "event"])


@EITHER
async def test_g01_fr_03_a_connector_that_becomes_occupied_is_known(
    central: Central, by_event: bool
) -> None:
    assert await changed(central, "Available", "Occupied", by_event=by_event) == "occupied"


@EITHER
async def test_g01_fr_04_a_connector_that_becomes_available_is_known(
    central: Central, by_event: bool
) -> None:
    assert await changed(central, "Occupied", "Available", by_event=by_event) == "available"


@EITHER
async def test_g01_fr_05_a_connector_that_becomes_unavailable_is_known(
    central: Central, by_event: bool
) -> None:
    assert await changed(central, "Occupied", "Unavailable", by_event=by_event) == "unavailable"


@EITHER
async def test_g01_fr_06_a_reserved_connector_that_becomes_occupied_is_known(
    central: Central, by_event: bool
) -> None:
    assert await changed(central, "Reserved", "Occupied", by_event=by_event) == "occupied"


async def test_g01_fr_08_a_status_is_of_its_connector_alone(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        for connector in (1, 2):
            await station.call("StatusNotification", status("Available", 5, 1, connector))
        await station.call("StatusNotification", status("Occupied", 1, 1, 2))

    assert await connectors(central, station) == {(1, 1): "available", (1, 2): "occupied"}


async def test_g02_fr_01_an_accepted_boot_tells_the_interval(central: Central) -> None:
    async with central.station(PROTOCOL, boot=False) as station:
        assert (await station.boot())["interval"] > 0


async def test_g02_fr_03_a_heartbeat_is_answered_with_the_time(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        answer = await station.call("Heartbeat", {})

    told = datetime.fromisoformat(answer["currentTime"])
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("Heartbeat", {}),
        ("StatusNotification", status("Available")),
        ("MeterValues", {"evseId": 1, "meterValue": [register(1, 5)]}),
        ("TransactionEvent", started(1)),
    ],
    ids=["heartbeat", "status", "meter", "transaction"],
)
async def test_g02_fr_04_any_message_tells_that_the_station_is_there(
    central: Central, action: str, payload: dict[str, Any]
) -> None:
    async with central.station(PROTOCOL) as station:
        await station.call(action, payload)
        there = await holders(central, station)

    assert len(there) == 1


async def holders(central: Central, station: Witness) -> list[UUID]:
    """The gateways with a lease that hold the station's socket: one, or none (then offline)."""
    rows = await central.database.rows(
        "SELECT g.boot_id FROM station_connections c JOIN gateways g USING (boot_id) "
        "JOIN stations s ON s.id = c.station_id WHERE s.identity = %s AND g.ended_at IS NULL "
        "AND g.seen_at > now() - interval '1 minute'",
        station.identity,
    )
    return [row["boot_id"] for row in rows]


async def availability(
    central: Central, order: dict[str, Any], word: str = "Accepted"
) -> tuple[dict[str, Any], str, str | None]:
    """The request of an order, and what it became."""
    async with central.station(PROTOCOL) as station:
        action, request, done = await central.ordered(
            station, "availability", order, {"status": word}
        )
    assert action == "ChangeAvailability"
    return request, done.state, done.status


OPERATIVE = pytest.mark.parametrize(
    ("operative", "kind"), [(True, "Operative"), (False, "Inoperative")]
)


@OPERATIVE
async def test_g03_fr_01_availability_is_changed_of_an_evse_or_a_connector(
    central: Central, operative: bool, kind: str
) -> None:
    evse, _, _ = await availability(central, {"evse": 1, "operative": operative})
    connector, _, _ = await availability(
        central, {"evse": 1, "connector": 2, "operative": operative}
    )

    assert evse == {"operationalStatus": kind, "evse": {"id": 1}}
    assert connector == {"operationalStatus": kind, "evse": {"id": 1, "connectorId": 2}}


@pytest.mark.parametrize(("word", "state"), [("Accepted", "accepted"), ("Rejected", "rejected")])
async def test_g03_fr_02_the_answer_about_an_evse_is_understood(
    central: Central, word: str, state: str
) -> None:
    _, *done = await availability(central, {"evse": 1, "operative": False}, word)

    assert done == [state, word]


async def test_g03_fr_04_the_status_after_a_change_is_known(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        order = {"evse": 1, "operative": False}
        await central.ordered(station, "availability", order, {"status": "Accepted"})
        await station.call("StatusNotification", status("Unavailable"))

    assert await connectors(central, station) == {(1, 1): "unavailable"}


async def test_g03_fr_05_a_change_of_an_evse_after_its_transaction_is_understood(
    central: Central,
) -> None:
    _, *done = await availability(central, {"evse": 1, "operative": False}, "Scheduled")

    assert done == ["accepted", "Scheduled"]


@OPERATIVE
async def test_g04_fr_01_without_an_evse_the_whole_station_is_changed(
    central: Central, operative: bool, kind: str
) -> None:
    request, _, _ = await availability(central, {"evse": 0, "operative": operative})

    assert request == {"operationalStatus": kind}


@pytest.mark.parametrize(("word", "state"), [("Accepted", "accepted"), ("Rejected", "rejected")])
async def test_g04_fr_03_the_answer_about_the_station_is_understood(
    central: Central, word: str, state: str
) -> None:
    _, *done = await availability(central, {"evse": 0, "operative": False}, word)

    assert done == [state, word]


async def test_g04_fr_05_each_status_after_a_change_of_the_station_is_known(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        for evse in (1, 2):
            await station.call("StatusNotification", status("Unavailable", evse=evse))

    assert await connectors(central, station) == {(1, 1): "unavailable", (2, 1): "unavailable"}


async def test_g04_fr_06_a_change_of_the_station_after_its_transactions_is_understood(
    central: Central,
) -> None:
    _, *done = await availability(central, {"evse": 0, "operative": False}, "Scheduled")

    assert done == ["accepted", "Scheduled"]


async def test_g05_fr_03_a_lock_failure_is_confirmed_and_kept(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        failure = notice("ConnectorPlugRetentionLock", "Problem", "true")
        assert await station.call("NotifyEvent", failure) == {}

    (kept,) = await of_station(central, station, "station_events", "t.*", "t.id")
    assert kept["name"] == "ConnectorPlugRetentionLock.Problem"
    assert (kept["at"], kept["evse"], kept["connector"]) == (ago(1), 1, 1)
