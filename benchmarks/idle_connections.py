"""(b) Memory per idle connection: the gateway with 2,000 stations connected, beside the bare
`websockets` library with as many. `python -m benchmarks.idle_connections`."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import psutil
import psycopg
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.gateway_meter_values import end, start, start_gateway
from cli.embedded.postgres import EmbeddedPostgres
from cli.ports import free_port
from holdfast.store.migrate import upgrade

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
    async for _ in socket:
        pass


async def bare(port: int) -> None:
    """The peer: the library as the gateway uses it, without compression."""
    async with serve(wait_for_ever, "127.0.0.1", port, compression=None, backlog=1024):
        await asyncio.get_running_loop().create_future()


async def compare(connections: int) -> None:
    """Print both figures and their ratio."""
    port = free_port()
    process = await start("benchmarks.idle_connections", "--bare", str(port))
    await asyncio.sleep(2)
    try:
        peer = await kilobytes_each(psutil.Process(process.pid), port, connections)
    finally:
        await end(process)
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "data")
        url = await postgres.start()
        try:
            await asyncio.to_thread(upgrade, url)
            with psycopg.connect(url) as connection:
                connection.execute("INSERT INTO organizations (slug, name) VALUES ('b', 'B')")
            port = free_port()
            process = await start_gateway(url, port)
            try:
                ours = await kilobytes_each(psutil.Process(process.pid), port, connections)
            finally:
                await end(process)
        finally:
            await postgres.stop()
    print(f"{connections} idle connections: websockets {peer:.1f} KiB each", end=", ")
    print(f"gateway {ours:.1f} KiB each, ratio {ours / peer:.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=2_000)
    parser.add_argument("--bare", type=int, metavar="PORT", help="only run the peer")
    chosen = parser.parse_args()
    if chosen.bare is not None:
        import uvloop

        uvloop.run(bare(chosen.bare))
        sys.exit(0)
    asyncio.run(compare(chosen.connections))
