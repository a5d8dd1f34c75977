"""The port on which TLS handshakes are made: what becomes of those that are dropped."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from gateway.tls import ServerTls, TlsFiles
from gateway.tls_port import TlsPort
from tests.gateway.certificates import client_context, write_server


class Whole(asyncio.Protocol):
    """What a finished handshake becomes: it hangs up, and says so."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()

    def connection_lost(self, _error: Exception | None) -> None:
        self.over.set()


async def test_an_address_that_says_nothing_holds_no_place_that_others_want(tmp_path: Path) -> None:
    """Open sockets cost a stranger nothing; each could hold a place for ten seconds."""
    files = write_server(tmp_path)
    tls = ServerTls(TlsFiles.named(files.certificate, files.key, None))
    nobody = cast(Any, None)  # no handshake here is refused
    whole = Whole()
    port = TlsPort(tls, lambda: whole, nobody, handshakes_max=4, overdue_s=0.05)
    port.open("127.0.0.1", 0)
    try:
        silent = [
            await asyncio.open_connection("127.0.0.1", port.port, local_addr=("127.0.0.2", 0))
            for _ in range(12)
        ]
        async with asyncio.timeout(9):  # less than a place is held for
            _, station = await asyncio.open_connection(
                "127.0.0.1", port.port, ssl=client_context(), server_hostname="localhost"
            )
            await whole.over.wait()
        for writer in [station, *(writer for _, writer in silent)]:
            writer.transport.abort()
    finally:
        await port.close()
        await asyncio.sleep(0.02)  # what was dropped is closed by the loop


class Crossed(Whole):
    """A handshake that is dropped in the moment in which it is finished."""

    def __init__(self) -> None:
        super().__init__()
        self.drop: Callable[[], object] = list
        self.made: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made = transport.get_extra_info("socket")
        self.drop()


async def test_a_handshake_that_is_dropped_as_it_ends_keeps_its_socket_until_its_loop_closes_it(
    tmp_path: Path,
) -> None:
    """Its number must not be another's while the event loop still watches it."""
    files = write_server(tmp_path)
    crossed = Crossed()
    port = TlsPort(
        ServerTls(TlsFiles.named(files.certificate, files.key, None)),
        lambda: crossed,
        cast(Any, None),  # no handshake here is refused
    )
    port.open("127.0.0.1", 0)
    try:
        tasks: list[asyncio.Task[None]] = []

        def drop() -> None:
            tasks.extend(port._shaking)
            for task in tasks:
                task.cancel()

        crossed.drop = drop
        _, station = await asyncio.open_connection(
            "127.0.0.1", port.port, ssl=client_context(), server_hostname="localhost"
        )
        async with asyncio.timeout(30):
            while not tasks:  # noqa: ASYNC110 - what happens in a callback of the loop
                await asyncio.sleep(0)
            await asyncio.wait(tasks)
        assert tasks[0].cancelled()
        assert crossed.made.fileno() != -1 or crossed.over.is_set()
        station.transport.abort()
        async with asyncio.timeout(30):
            await crossed.over.wait()
        assert crossed.made.fileno() == -1
    finally:
        await port.close()
        await asyncio.sleep(0.02)  # what was dropped is closed by the loop


async def test_a_handshake_that_is_dropped_before_it_began_leaves_no_socket_behind(
    tmp_path: Path,
) -> None:
    files = write_server(tmp_path)
    port = TlsPort(
        ServerTls(TlsFiles.named(files.certificate, files.key, None)), Whole, cast(Any, None)
    )
    port.open("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
    async with asyncio.timeout(30):
        while not port._shaking:  # noqa: ASYNC110 - until it is accepted
            await asyncio.sleep(0)
    await port.close()

    async with asyncio.timeout(30):
        assert await reader.read() == b""
    assert port._ours == set()
    writer.close()
    await writer.wait_closed()
