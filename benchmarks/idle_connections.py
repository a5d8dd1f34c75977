"""(b) Memory per idle connection: the gateway with 2,000 stations connected, beside the bare
`websockets` library with as many. `python -m benchmarks.idle_connections`."""

import argparse
import asyncio
import contextlib
import sys

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
from cli.ports import free_port

AT_ONCE = 50
SETTLE_S = 3.0
OPEN_TIMEOUT_S = 120.0


async def open_socket(port: int, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A station that only says hello; its own memory is in this process and not counted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /ocpp/IDLE{number} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head, head
    return reader, writer


async def kilobytes_each(process: psutil.Process, port: int, connections: int) -> float:
    """Growth of the server's resident memory per connection."""
    await open_socket(port, 0)
    await asyncio.sleep(SETTLE_S)
    before = process.memory_info().rss
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with turn:
            return await open_socket(port, number)

    async with asyncio.timeout(OPEN_TIMEOUT_S):
        sockets = await asyncio.gather(*(one(number) for number in range(1, connections + 1)))
    await asyncio.sleep(SETTLE_S)
    grown = process.memory_info().rss - before
    for _, writer in sockets:
        writer.close()
    return grown / connections / 1024


async def wait_for_ever(socket: ServerConnection) -> None:
    """The bare server's handler: reads, and does nothing."""
    with contextlib.suppress(ConnectionClosed):
        async for _ in socket:
            pass


async def bare(port: int) -> None:
    """The peer: the library as the gateway uses it, without compression."""
    async with serve(wait_for_ever, "127.0.0.1", port, compression=None, backlog=1024):
        await asyncio.get_running_loop().create_future()


async def compare(connections: int) -> Figure:
    """Both servers, one after the other."""
    port = free_port()
    async with running_peer("benchmarks.idle_connections", "--bare", str(port)) as process:
        peer = await kilobytes_each(psutil.Process(process.pid), port, connections)
    port, admin_port = two_ports()
    async with (
        running_postgres() as postgres,
        running_gateway(postgres.dsn, port, admin_port) as process,
    ):
        ours = await kilobytes_each(psutil.Process(process.pid), port, connections)
    return Figure(
        benchmark="idle_connections",
        figure=f"memory per idle connection, {connections:,} connections",
        ours=f"{ours:.1f} KiB",
        peer=f"{peer:.1f} KiB",
        ratio=round(ours / peer, 2),
        target="",
        met=True,
        bound="The websocket library's buffers, its reader and its keepalive task, the same on "
        "both sides; ours are the connection, what is known of its station, and the task that "
        "waits for its frames. Resident memory: pages that the start of the process already "
        "held count for neither.",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=2_000)
    parser.add_argument("--bare", type=int, metavar="PORT", help="only run the peer")
    chosen = parser.parse_args()
    if chosen.bare is not None:
        import uvloop

        uvloop.run(bare(chosen.bare))
        sys.exit(0)
    show([asyncio.run(compare(chosen.connections))], title="Idle connections")
