"""Stations that do not read, that never stop talking, or that all come at once."""

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.protocol import State

from gateway.app import GatewayApp
from gateway.connection import PENDING_MAX, UNSENT_MAX, Connection
from gateway.metrics import GatewayMetrics
from gateway.protocols import DIALECTS
from gateway.writing import writer as writing
from gateway.writing.entry import Peer
from holdfast.settings import Settings
from holdfast.telemetry import new_registry
from tests.gateway.conftest import Database, Network, Start, StationClient, connect_station
from tests.gateway.deaf_station import DeafStation

STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
STORM = 400
FLOOD_S = 3.0
ANSWERED_S = 20.0  # far less than for ever, and more than a busy machine takes for one commit


@pytest.fixture
async def open_gateway(
    start_gateway: Start, gateway_settings: Settings, network: Network
) -> GatewayApp:
    """Takes any station."""
    return await start_gateway(gateway_settings.model_copy(update={"onboarding": "accept"}))


async def slowest_answer(station: StationClient, times: int) -> float:
    slowest = 0.0
    for _ in range(times):
        began = time.monotonic()
        await station.call("StatusNotification", STATUS)
        slowest = max(slowest, time.monotonic() - began)
    return slowest


@pytest.mark.parametrize("frame", ['[2,"h","Heartbeat",{}]', '[2,"x","Nonsense",{}]', "nonsense"])
async def test_a_station_that_never_reads_is_read_no_further(
    open_gateway: GatewayApp, frame: str
) -> None:
    deaf = await DeafStation.open(open_gateway.port, "DEAF")
    # So much that its answers fill every buffer between us; then it can send no more.
    await deaf.send_until_stuck(frame + " " * 2000)
    (connection,) = open_gateway.registry

    assert len(connection._pending) <= UNSENT_MAX
    async with await connect_station(open_gateway.port, "OTHER") as other:
        assert await slowest_answer(other, 20) < ANSWERED_S
    deaf.close()


async def test_a_station_that_never_reads_does_not_hold_up_the_drain(
    open_gateway: GatewayApp,
) -> None:
    deaf = await DeafStation.open(open_gateway.port, "DEAF")
    await deaf.send_until_stuck("nonsense" + " " * 2000)
    began = time.monotonic()
    await open_gateway.drain()
    assert time.monotonic() - began < 60
    deaf.close()


async def talk(station: StationClient, until: float) -> int:
    """Frames as fast as they are taken; answers are read and thrown away."""
    sent = 0

    async def drop() -> None:
        while True:
            await station.socket.recv(decode=False)

    dropping = asyncio.create_task(drop())
    try:
        while time.monotonic() < until:
            await station.send('[2,"h","Heartbeat",{}]')
            await station.post("StatusNotification", STATUS)
            sent += 2
    except ConnectionClosed:
        pass
    dropping.cancel()
    await asyncio.wait([dropping])
    return sent


async def test_a_station_that_never_stops_talking_leaves_the_others_their_turn(
    open_gateway: GatewayApp,
) -> None:
    loud = await connect_station(open_gateway.port, "LOUD")
    quiet = await connect_station(open_gateway.port, "QUIET")
    talking = asyncio.create_task(talk(loud, time.monotonic() + FLOOD_S))
    await asyncio.sleep(0.3)

    assert await slowest_answer(quiet, 20) < ANSWERED_S
    assert await talking > 200
    loud.socket.transport.abort()  # its answers are too many to be read first
    await quiet.close()


async def test_the_message_log_in_memory_is_bounded_in_bytes(open_gateway: GatewayApp) -> None:
    """Big frames that change nothing, faster than they can be written down."""
    async with await connect_station(open_gateway.port, "BIG") as station:
        frame = '[2,"x","Nonsense",{"a":"' + "x" * 120_000 + '"}]'
        for _ in range(40):
            for _ in range(10):
                await station.send(frame)
            for _ in range(10):
                await station.receive()
            assert open_gateway.writer._lines_bytes <= writing.LINES_BYTES_MAX
    kept = sum(len(line.frame) for line in open_gateway.writer._lines)
    assert open_gateway.writer._lines_bytes == kept


async def arrive(port: int, number: int) -> tuple[StationClient, Any]:
    """As stations do: again after a while if there was no room."""
    for attempt in range(20):
        try:
            station = await connect_station(port, f"STORM{number}")
            return station, await station.call("Heartbeat", {})
        except (OSError, WebSocketException):
            await asyncio.sleep(0.5 + attempt * 0.5)
    raise AssertionError(f"station {number} never got in")


async def test_a_storm_of_stations_all_get_in(open_gateway: GatewayApp, database: Database) -> None:
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 3 * STORM + 200
    if files < needed:
        if most < needed:
            pytest.skip(f"this user may open {most} files, the storm needs {needed}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))
    began = time.monotonic()
    arrived = await asyncio.gather(*(arrive(open_gateway.port, n) for n in range(STORM)))
    took = time.monotonic() - began
    print(f"{STORM} stations in {took:.1f} s")

    assert len(open_gateway.registry) == STORM
    row = await database.row(
        "SELECT count(*) AS held FROM station_connections WHERE boot_id IS NOT NULL"
    )
    assert row == {"held": STORM}
    await asyncio.gather(*(station.close() for station, _ in arrived))
    async with asyncio.timeout(60):
        while len(open_gateway.registry):  # noqa: ASYNC110 - a plain number
            await asyncio.sleep(0.05)
    assert open_gateway._port._connections == set()
    assert open_gateway.registry._taking == {}


async def test_a_flood_of_headers_is_refused_and_the_port_goes_on(
    open_gateway: GatewayApp,
) -> None:
    for head in (
        "GET /ocpp/" + "x" * 20_000 + " HTTP/1.1\r\n\r\n",
        "GET /ocpp/CP9 HTTP/1.1\r\n" + "A: b\r\n" * 5_000 + "\r\n",
        "GET /ocpp/CP9 HTTP/1.1\r\nAuthorization: Basic " + "A" * 100_000 + "\r\n\r\n",
        "\x00\xff" * 1000 + "\r\n\r\n",
    ):
        reader, out = await asyncio.open_connection("127.0.0.1", open_gateway.port)
        out.write(head.encode("latin-1"))
        answer = b""
        try:
            async with asyncio.timeout(30):
                await out.drain()
                answer = await reader.read(100)
        except (ConnectionResetError, BrokenPipeError):
            answer = b""
        assert b" 101 " not in answer
        out.close()
    # And one that opens a connection and says nothing holds up nobody.
    silent = socket.create_connection(("127.0.0.1", open_gateway.port))
    async with await connect_station(open_gateway.port, "CP9") as station:
        await station.call("Heartbeat", {})
    silent.close()


class Chatterbox:
    """A socket that always has the same frame once more, so many times; then it is silent."""

    def __init__(self, frame: bytes, times: int) -> None:
        self.frame = frame
        self.left = times
        self.state = State.OPEN

    async def recv(self, *, decode: bool) -> bytes:
        if self.left == 0:
            await asyncio.Event().wait()
        self.left -= 1
        return self.frame

    async def send(self, _frame: bytes, *, text: bool) -> None:
        """Nobody hears it."""


@asynccontextmanager
async def listening(box: Chatterbox) -> AsyncIterator[writing.Writer]:
    """A connection that reads it, and a writer that writes nothing down."""

    async def nowhere() -> Any:
        raise OSError

    metrics = GatewayMetrics(new_registry())
    writer = writing.Writer(nowhere, 60, metrics)
    peer = Peer(
        station_id=uuid4(),
        organization_id=uuid4(),
        identity="CP1",
        registration="accepted",
        dialect=DIALECTS["ocpp2.1"],
    )
    connection = Connection(cast(Any, box), peer, 1, writer, metrics)
    reading = asyncio.create_task(connection.run())
    try:
        yield writer
    finally:
        reading.cancel()
        await asyncio.wait([reading])


async def holds(writer: writing.Writer, entries: int) -> None:
    """It comes to so many, and to no more however often the others have their turn."""
    async with asyncio.timeout(60):
        while len(writer._entries) < entries:  # noqa: ASYNC110 - a plain number
            await asyncio.sleep(0)
    for _ in range(1_000):
        await asyncio.sleep(0)
    assert len(writer._entries) == entries


async def test_what_is_sent_unconfirmed_is_read_no_faster_than_it_is_recorded() -> None:
    """Its station waits for no answer: else it alone would fill the queue of all stations."""
    stream = (
        b'[6,"s","NotifyPeriodicEventStream",{"id":5,"pending":0,'
        b'"basetime":"2026-03-01T11:59:00Z","data":[{"t":0,"v":"1"}]}]'
    )
    box = Chatterbox(stream, 1_000)
    async with listening(box) as writer:
        await holds(writer, PENDING_MAX)
        assert box.left >= 1_000 - PENDING_MAX - 1
        for entry in list(writer._entries)[:10]:
            entry.settled()
        await holds(writer, PENDING_MAX + 10)  # it goes on as its messages are recorded


@pytest.mark.parametrize(
    "frame", [b'[3,"nobody-asked",{}]', b"[5]", b'[6,"s","Nonsense",{}]', b'[2,"h","Heartbeat",{}]']
)
async def test_a_flood_of_what_is_only_logged_leaves_others_their_turn_and_their_lines(
    frame: bytes,
) -> None:
    box = Chatterbox(frame, 1_000_000)
    async with listening(box) as writer:
        before = box.left
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert before - box.left <= 10, "the loop's other tasks wait for a few frames at most"
        for _ in range(writing.LINES_MAX):
            await asyncio.sleep(0)
        assert writer.crowded
        left = box.left
        await asyncio.sleep(0.1)
        assert left - box.left <= 10
    assert len(writer._lines) < writing.LINES_MAX, "nobody's line was pushed out"
