"""Postgres goes and comes back, the process ends: nothing is lost and nothing is told too early."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from cli.embedded.postgres import EmbeddedPostgres
from cli.ports import free_port
from holdfast.settings import Settings
from holdfast.store.migrate import upgrade
from tests.gateway.conftest import Database, Start, StationClient, connect_station

T0 = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
START = {"connectorId": 1, "idTag": "X", "timestamp": T0.isoformat(), "meterStart": 0}


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A durable Postgres of this test's own, with one station in it."""
    postgres = EmbeddedPostgres(tmp_path / "data", free_port())
    url = await postgres.start()
    try:
        await asyncio.to_thread(upgrade, url)
        await Database(url).rows("INSERT INTO organizations (slug, name) VALUES ('acme', 'Acme')")
        yield postgres
    finally:
        await postgres.stop()


@pytest.fixture
def outage_settings(settings: Settings, cluster: EmbeddedPostgres) -> Settings:
    """Settings on the cluster that goes away."""
    fields = settings.model_dump() | {
        "database_url": cluster.dsn,
        "secret_key": settings.secret_key.get_secret_value(),
        "gateway_port": free_port(),
        "admin_port": free_port(),
        "onboarding": "accept",
    }
    return Settings.model_validate(fields)


async def heard(station: StationClient, timeout_s: float) -> Any:
    try:
        return await station.receive(timeout_s)
    except TimeoutError:
        return None


async def test_while_postgres_is_away_nothing_is_answered_and_afterwards_everything(
    outage_settings: Settings, cluster: EmbeddedPostgres, start_gateway: Start
) -> None:
    gateway = await start_gateway(outage_settings)
    station = await connect_station(gateway.port, "CP1")
    await station.call(
        "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    )

    await cluster.kill()
    sent = await station.post("StartTransaction", START)
    assert await heard(station, 1.5) is None
    beat = await station.post("Heartbeat", {})
    answer = await heard(station, 30)
    assert answer[:2] == [3, beat]
    with pytest.raises(InvalidStatus) as refused:
        await connect_station(gateway.port, "CP2")
    assert refused.value.response.status_code == 503
    assert await gateway.checks()["writer"]() is not None

    await cluster.start()
    answer = await heard(station, 60)
    assert answer[:2] == [3, sent]
    number = answer[2]["transactionId"]
    # Sent again, as a station does that got no answer in time: the same transaction.
    assert (await station.call("StartTransaction", START))["transactionId"] == number
    rows = await Database(cluster.dsn).rows("SELECT transaction_id FROM sessions")
    assert rows == [{"transaction_id": str(number)}]
    async with asyncio.timeout(60):
        while not gateway.lease.healthy:  # noqa: ASYNC110 - a plain flag
            await asyncio.sleep(0.1)
    async with await connect_station(gateway.port, "CP2") as second:
        await second.call("Heartbeat", {})
    await station.close()


def environment(settings: Settings) -> dict[str, str]:
    """The variables of a gateway process."""
    return {
        "PATH": os.environ["PATH"],
        "HOLDFAST_DATABASE_URL": settings.database_url.get_secret_value(),
        "HOLDFAST_SECRET_KEY": settings.secret_key.get_secret_value(),
        "HOLDFAST_GATEWAY_PORT": str(settings.gateway_port),
        "HOLDFAST_ADMIN_PORT": str(settings.admin_port),
        "HOLDFAST_ONBOARDING": "accept",
        "HOLDFAST_TEMPORAL_ADDRESS": settings.temporal_address,
    }


async def start_process(settings: Settings) -> asyncio.subprocess.Process:
    """`python -m gateway`, ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        env=environment(settings),
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(90), httpx.AsyncClient() as client:
        while True:
            try:
                ready = await client.get(f"http://127.0.0.1:{settings.admin_port}/readyz")
            except httpx.TransportError:
                ready = None
            if ready is not None and ready.status_code == 200:
                return process
            assert process.returncode is None
            await asyncio.sleep(0.1)


async def start_many(
    station: StationClient, told: dict[int, int], enough: int, kill: Callable[[], None]
) -> None:
    """Start transactions until the socket breaks. What was said once is said again. Once `enough`
    are told, the process has a moment to live."""
    for meter in range(100_000):
        answer = await station.call("StartTransaction", START | {"meterStart": meter})
        assert told.setdefault(meter, answer["transactionId"]) == answer["transactionId"]
        if meter + 1 == enough:
            asyncio.get_running_loop().call_later(0.1, kill)


async def test_a_killed_gateway_loses_nothing_that_it_answered(
    outage_settings: Settings, cluster: EmbeddedPostgres
) -> None:
    told: dict[int, int] = {}
    for enough in (10, 20, 30):
        process = await start_process(outage_settings)
        station = await connect_station(outage_settings.gateway_port, "CP1")
        with pytest.raises(ConnectionClosed):
            await start_many(station, told, enough, process.kill)
        assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL

    assert len(told) >= 30
    rows = await Database(cluster.dsn).rows(
        "SELECT transaction_id::bigint AS number, meter_start_mwh / 1000 AS meter FROM sessions"
    )
    stored = {row["meter"]: row["number"] for row in rows}
    assert {meter: stored[meter] for meter in told} == told
    assert len(rows) == len(stored)


async def test_a_gateway_that_is_told_to_stop_answers_and_says_goodbye(
    outage_settings: Settings, cluster: EmbeddedPostgres
) -> None:
    process = await start_process(outage_settings)
    stations = [
        await connect_station(outage_settings.gateway_port, f"CP{number}") for number in range(5)
    ]
    async with await psycopg.AsyncConnection.connect(cluster.dsn) as held_up:
        await held_up.execute("LOCK TABLE fact_keys IN ACCESS EXCLUSIVE MODE")
        sent = [await station.post("StartTransaction", START) for station in stations]
        for station in stations:
            await station.call("Heartbeat", {})  # what came before is read, and cannot be committed
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.3)
        await held_up.commit()

    for station, message_id in zip(stations, sent, strict=True):
        assert (await station.receive())[:2] == [3, message_id]
        with pytest.raises(ConnectionClosed) as closed:
            await station.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    assert await asyncio.wait_for(process.wait(), 60) == 0
    database = Database(cluster.dsn)
    held = await database.rows("SELECT 1 FROM station_connections WHERE boot_id IS NOT NULL")
    assert held == []
    assert (await database.row("SELECT ended_at FROM gateways"))["ended_at"] is not None
    with psycopg.connect(cluster.dsn) as connection:
        assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (5,)


class LoadedStation:
    """Starts one transaction after the other; what got no answer is sent again elsewhere."""

    def __init__(self, identity: str, ports: list[int]) -> None:
        self.identity = identity
        self.ports = ports
        self.told: dict[int, int] = {}
        self.beats = 0
        self._done = asyncio.Event()

    async def run(self) -> None:
        turn = 0
        while not self._done.is_set():
            turn += 1
            try:
                station = await connect_station(self.ports[turn % len(self.ports)], self.identity)
            except (OSError, InvalidStatus, ConnectionClosed):
                await asyncio.sleep(0.1)
                continue
            with contextlib.suppress(ConnectionClosed, TimeoutError):
                await self._work(station)
            await station.close()

    async def _work(self, station: StationClient) -> None:
        while not self._done.is_set():
            meter = len(self.told)
            sent = await station.post("StartTransaction", START | {"meterStart": meter})
            while True:
                beat = await station.post("Heartbeat", {})
                answer = await station.receive(30)
                if answer[1] == beat:
                    self.beats += 1
                    await asyncio.sleep(0.05)
                    continue
                assert answer[:2] == [3, sent], answer
                await self._rest(station, beat)
                break
            self.told[meter] = answer[2]["transactionId"]

    async def _rest(self, station: StationClient, beat: str) -> None:
        answer = await station.receive(30)
        assert answer[:2] == [3, beat], answer

    async def stop(self, task: asyncio.Task[None]) -> None:
        self._done.set()
        await asyncio.wait_for(task, 90)


async def stored(cluster: EmbeddedPostgres) -> dict[tuple[str, int], int]:
    """Station and register to transaction, each once."""
    rows = await Database(cluster.dsn).rows(
        "SELECT t.identity, s.meter_start_mwh / 1000 AS meter, s.transaction_id::bigint AS number "
        "FROM sessions s JOIN stations t ON t.id = s.station_id"
    )
    found = {(row["identity"], row["meter"]): row["number"] for row in rows}
    assert len(found) == len(rows)
    return found


async def test_twenty_seconds_without_postgres_lose_nothing_and_grow_nothing(
    outage_settings: Settings, cluster: EmbeddedPostgres, start_gateway: Start
) -> None:
    gateway = await start_gateway(outage_settings)
    loads = [LoadedStation(f"CP{number}", [gateway.port]) for number in range(8)]
    tasks = [asyncio.create_task(load.run()) for load in loads]
    await asyncio.sleep(1.5)
    await cluster.kill()
    await asyncio.sleep(1)
    before = [(len(load.told), load.beats) for load in loads]
    for _ in range(6):
        await asyncio.sleep(3)
        with pytest.raises(InvalidStatus) as refused:
            await connect_station(gateway.port, "NEW")
        assert refused.value.response.status_code == 503
        assert len(gateway.writer._entries) <= len(loads)
    during = [(len(load.told), load.beats) for load in loads]
    assert [told for told, _ in during] == [told for told, _ in before]
    assert all(late[1] > early[1] + 10 for early, late in zip(before, during, strict=True))
    await cluster.start()
    async with asyncio.timeout(60):
        while any(  # noqa: ASYNC110 - plain numbers
            len(load.told) <= told + 3 for load, (told, _) in zip(loads, during, strict=True)
        ):
            await asyncio.sleep(0.1)
    for load, task in zip(loads, tasks, strict=True):
        await load.stop(task)

    told = {(load.identity, meter): n for load in loads for meter, n in load.told.items()}
    found = await stored(cluster)
    assert {key: found[key] for key in told} == told


async def test_stations_of_a_killed_gateway_go_on_at_the_other(
    outage_settings: Settings, cluster: EmbeddedPostgres
) -> None:
    other = outage_settings.model_copy(
        update={"gateway_port": free_port(), "admin_port": free_port(), "gateway_id": "gw2"}
    )
    first = await start_process(outage_settings)
    second = await start_process(other)
    ports = [outage_settings.gateway_port, other.gateway_port]
    loads = [LoadedStation(f"CP{number}", ports) for number in range(6)]
    tasks = [asyncio.create_task(load.run()) for load in loads]
    await asyncio.sleep(2)
    first.kill()
    await first.wait()
    at_kill = [len(load.told) for load in loads]
    async with asyncio.timeout(60):
        while any(  # noqa: ASYNC110 - plain numbers
            len(load.told) <= told + 3 for load, told in zip(loads, at_kill, strict=True)
        ):
            await asyncio.sleep(0.05)
    for load, task in zip(loads, tasks, strict=True):
        await load.stop(task)
    second.terminate()
    assert await asyncio.wait_for(second.wait(), 60) == 0

    told = {(load.identity, meter): n for load in loads for meter, n in load.told.items()}
    found = await stored(cluster)
    assert {key: found[key] for key in told} == told


async def test_a_gateway_that_is_told_to_stop_without_postgres_stops_all_the_same(
    outage_settings: Settings, cluster: EmbeddedPostgres
) -> None:
    process = await start_process(outage_settings)
    station = await connect_station(outage_settings.gateway_port, "CP1")
    await station.call("Heartbeat", {})
    await cluster.kill()
    for meter in range(60):  # more than one station may have waiting
        await station.post("StartTransaction", START | {"meterStart": meter})
    await asyncio.sleep(0.5)
    process.send_signal(signal.SIGTERM)

    assert await asyncio.wait_for(process.wait(), 60) == 0
    await cluster.start()
