"""Two gateways on one database: one socket per station survives, whatever the order of events."""

import asyncio
import contextlib
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.app import GatewayApp
from gateway.registry import Registry
from holdfast.services.station_security import set_blocked
from holdfast.services.stations import retire_station
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from tests.gateway.conftest import (
    CARD,
    Database,
    Network,
    Start,
    StationClient,
    connect_station,
)

SEED = 5
TURNS = 50
T0 = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def start(meter: int) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "idTag": CARD,
        "timestamp": T0.isoformat(),
        "meterStart": meter,
    }


async def is_open(station: StationClient) -> bool:
    try:
        await station.call("Heartbeat", {})
    except ConnectionClosed:
        return False
    return True


async def test_a_station_that_jumps_between_gateways_ends_with_one_socket(
    start_gateway: Start, gateway_settings: Settings, network: Network, database: Database
) -> None:
    print("seed", SEED)
    chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    one = await start_gateway(gateway_settings)
    two = await start_gateway(gateway_settings.model_copy(update={"gateway_id": "gw2"}))
    told: dict[int, int] = {}
    stations: list[StationClient] = []

    async def jump(turn: int, gateway: GatewayApp) -> None:
        station = await connect_station(gateway.port, "CP1")
        stations.append(station)
        for meter in (turn // 2, turn):  # half of them were said before, on another socket
            with contextlib.suppress(ConnectionClosed):
                answer = await station.call("StartTransaction", start(meter))
                number = answer["transactionId"]
                assert told.setdefault(meter, number) == number

    for turn in range(0, TURNS, 2):
        pair = [(turn, one), (turn + 1, two)]
        chance.shuffle(pair)
        await asyncio.gather(*(jump(number, gateway) for number, gateway in pair))
    row = await database.row("SELECT generation, boot_id FROM station_connections")
    assert row["generation"] == TURNS
    async with asyncio.timeout(30):
        while len(one.registry) + len(two.registry) != 1:  # noqa: ASYNC110 - plain numbers
            await asyncio.sleep(0.05)
    async with asyncio.timeout(30):
        alive = [station for station in stations if await is_open(station)]
    assert len(alive) == 1
    (holder,) = [gateway for gateway in (one, two) if len(gateway.registry)]
    assert holder.registry.held() == {network.station_id: TURNS}
    assert row["boot_id"] == holder.boot_id
    await asyncio.sleep(0.6)  # longer than rows take to be released
    assert await database.row("SELECT generation, boot_id FROM station_connections") == row

    sessions = await database.rows("SELECT transaction_id::int AS n FROM sessions")
    assert len(sessions) == len({item["n"] for item in sessions})
    assert set(told.values()) <= {item["n"] for item in sessions}
    for station in stations:
        await station.close()


async def test_word_of_a_newer_socket_may_come_before_the_older_one_is_known(
    gateway: GatewayApp,
) -> None:
    """Between taking a generation and keeping the socket, another gateway can take the next."""
    async with await connect_station(gateway.port, "CP1") as station:
        await station.call("Heartbeat", {})
        (connection,) = gateway.registry
        registry = Registry()
        station_id = connection.peer.station_id

        with registry.taking(station_id), registry.taking(station_id):
            registry.overtaken(station_id, connection.generation + 1)
            registry.overtaken(uuid4(), 99)
            assert registry.add(connection) is False
        with registry.taking(station_id):
            registry.overtaken(station_id, connection.generation)
            assert registry.add(connection) is True
        assert registry.held() == {station_id: connection.generation}
        assert registry._taking == {}


async def test_a_station_that_is_blocked_or_retired_loses_its_socket(
    gateway: GatewayApp, db_sessions: Sessions, network: Network, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        await station.call("Heartbeat", {})
        async with db_sessions.begin() as db:
            await set_blocked(
                db, network.organization_id, "CP1", blocked=True, actor="key:x", reason="stolen"
            )

        async with asyncio.timeout(30):
            await station.socket.wait_closed()
    row = await database.row("SELECT boot_id, disconnected_at FROM station_connections")
    assert row["boot_id"] is None
    assert row["disconnected_at"] is not None
    with pytest.raises(InvalidStatus, match="403"):
        await connect_station(gateway.port, "CP1")
    async with db_sessions.begin() as db:
        await set_blocked(
            db, network.organization_id, "CP1", blocked=False, actor="key:x", reason="found"
        )
    async with await connect_station(gateway.port, "CP1") as station:
        await station.call("Heartbeat", {})
        async with db_sessions.begin() as db:
            await retire_station(db, network.organization_id, "CP1")
        async with asyncio.timeout(30):
            await station.socket.wait_closed()
