"""(b) 10,000 idle connections in one gateway process: memory of each beside the bare `websockets`
library with as many, and how long a heartbeat takes while they are there.
`python -m benchmarks.idle_connections`."""

import argparse
import asyncio
import contextlib
import random
import resource
import sys
import time
from dataclasses import dataclass
from typing import cast

import psutil
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.figure import Figure, show
from benchmarks.gateway_process import (
    running_gateway,
    running_peer,
    running_postgres,
    two_ports,
)
from benchmarks.meter_load import frame
from cli.ports import free_port

AT_ONCE = 50
SETTLE_S = 5.0
OPEN_TIMEOUT_S = 300.0
REFUSED_WAIT_S = 2.0
BEYOND_PEER_KIB = 30.0
HEARTBEAT_P99_MS = 50.0
HEARTBEAT_INTERVAL_S = 300  # what the gateway tells stations
HEARTBEATS_MIN = 1_000
HEARTBEAT = frame(b'[2,"1","Heartbeat",{}]')


class Refused(Exception):
    """The gateway let it wait; it comes again."""


class Idle(asyncio.Protocol):
    """A station that only answers pings, and beats when it is told to. Its own memory is in this
    process and not counted."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.buffer = b""
        self.upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.beat: asyncio.Future[float] | None = None
        self.beat_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(
            f"GET /ocpp/IDLE{self.number} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.upgraded.done():
            self.upgraded.set_exception(Refused())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.upgraded.done():
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self.buffer = rest
            if b" 101 " in head.split(b"\r\n", 1)[0]:
                self.upgraded.set_result(None)
            else:
                self.upgraded.set_exception(Refused())
        while len(self.buffer) >= 2 and len(self.buffer) >= 2 + self.buffer[1]:
            kind, size = self.buffer[0] & 0x0F, self.buffer[1]
            payload, self.buffer = self.buffer[2 : 2 + size], self.buffer[2 + size :]
            if kind == 9:
                self.transport.write(bytes([0x8A, 0x80 | size, 0, 0, 0, 0]) + payload)
            elif kind == 1 and self.beat is not None:
                self.beat.set_result(time.perf_counter() - self.beat_at)
                self.beat = None

    async def heartbeat(self) -> float:
        """Send one; seconds until its answer."""
        self.beat = asyncio.get_running_loop().create_future()
        self.beat_at = time.perf_counter()
        self.transport.write(HEARTBEAT)
        return await self.beat


async def open_socket(port: int, number: int) -> Idle:
    """Connect, and come again as long as that is what one is told."""
    while True:
        _, idle = await asyncio.get_running_loop().create_connection(
            lambda: Idle(number), "127.0.0.1", port
        )
        try:
            await idle.upgraded
        except Refused:
            idle.transport.abort()
            await asyncio.sleep(random.uniform(0, REFUSED_WAIT_S))  # noqa: S311 - a back-off
        else:
            return idle


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Of one server with all its connections."""

    kib_each: float
    beats_ms: list[float]


async def measure(process: psutil.Process, port: int, connections: int, beats: bool) -> Measured:
    """Growth of the server's resident memory per connection, then heartbeats at the rate at which
    so many stations send them."""
    await open_socket(port, 0)
    await asyncio.sleep(SETTLE_S)
    before = process.memory_info().rss
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Idle:
        async with turn:
            return await open_socket(port, number)

    async with asyncio.timeout(OPEN_TIMEOUT_S):
        sockets = await asyncio.gather(*(one(number) for number in range(1, connections + 1)))
    await asyncio.sleep(SETTLE_S)
    grown = process.memory_info().rss - before
    times = await heartbeats(sockets) if beats else []
    for socket in sockets:
        socket.transport.abort()
    return Measured(
        kib_each=grown / connections / 1024, beats_ms=sorted(1_000 * one for one in times)
    )


async def heartbeats(sockets: list[Idle]) -> list[float]:
    """Seconds that each took. The beats come evenly, each from another station."""
    pause_s = HEARTBEAT_INTERVAL_S / len(sockets)
    tasks = []
    for socket in random.sample(sockets, min(HEARTBEATS_MIN, len(sockets))):
        tasks.append(asyncio.create_task(socket.heartbeat()))
        await asyncio.sleep(pause_s)
    async with asyncio.timeout(OPEN_TIMEOUT_S):
        return list(await asyncio.gather(*tasks))


async def wait_for_ever(socket: ServerConnection) -> None:
    """The bare server's handler: reads, and does nothing."""
    with contextlib.suppress(ConnectionClosed):
        async for _ in socket:
            pass


async def bare(port: int) -> None:
    """The peer: the library as the gateway uses it, without compression."""
    async with serve(wait_for_ever, "127.0.0.1", port, compression=None, backlog=1024):
        await asyncio.get_running_loop().create_future()


async def compare(connections: int) -> list[Figure]:
    """Both servers, one after the other."""
    port = free_port()
    async with running_peer("benchmarks.idle_connections", "--bare", str(port)) as process:
        peer = await measure(psutil.Process(process.pid), port, connections, beats=False)
    port, admin_port = two_ports()
    async with (
        running_postgres() as postgres,
        running_gateway(postgres.dsn, port, admin_port) as process,
    ):
        ours = await measure(psutil.Process(process.pid), port, connections, beats=True)
    p50_ms = ours.beats_ms[len(ours.beats_ms) // 2]
    p99_ms = ours.beats_ms[len(ours.beats_ms) * 99 // 100]
    return [
        Figure(
            benchmark="idle_connections",
            figure=f"memory per idle connection, {connections:,} connections",
            ours=f"{ours.kib_each:.1f} KiB",
            peer=f"{peer.kib_each:.1f} KiB",
            ratio=round(ours.kib_each / peer.kib_each, 2),
            target=f"at most {BEYOND_PEER_KIB:.0f} KiB beyond the peer",
            met=ours.kib_each - peer.kib_each <= BEYOND_PEER_KIB,
            bound="The websocket library's buffers, its reader and its keepalive task, the same on "
            "both sides; ours are the connection, what is known of its station, and the task that "
            "waits for its frames. Resident memory: pages that the start of the process already "
            "held count for neither.",
        ),
        Figure(
            benchmark="idle_connections",
            figure=f"heartbeat while {connections:,} are connected: p99",
            ours=f"{p99_ms:.1f} ms",
            peer="",
            ratio=None,
            target=f"under {HEARTBEAT_P99_MS:.0f} ms",
            met=p99_ms < HEARTBEAT_P99_MS,
            bound=f"{len(ours.beats_ms):,} heartbeats at the rate at which so many stations send "
            f"them, besides the pings; the median took {p50_ms:.1f} ms. A heartbeat is answered "
            "from memory; what it waits for is the processor, which at times writes the stations "
            "seen and the message log.",
        ),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--bare", type=int, metavar="PORT", help="only run the peer")
    chosen = parser.parse_args()
    if chosen.bare is not None:
        import uvloop

        uvloop.run(bare(chosen.bare))
        sys.exit(0)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the servers inherit it
    show(asyncio.run(compare(chosen.connections)), title="Idle connections")
