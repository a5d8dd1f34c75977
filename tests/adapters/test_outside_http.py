"""Addresses that others name never lead into our own network, nor to an answer without end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress

import pytest

from holdfast.adapters.outside_http import OutsideHttp, OutsideUnreachable
from tests.ports import stop_accepting


@asynccontextmanager
async def answering(raw: bytes) -> AsyncIterator[str]:
    """A server that says this to everybody; its host:port."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Who asks may be gone before it has asked, or before it has heard all.
        with closing(writer), suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(raw)
            await writer.drain()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await stop_accepting(server.sockets)  # who gave up may be coming only now


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://93.184.216.34:5432/",
        "http://user@93.184.216.34/",
        "ftp://93.184.216.34/",
        "file:///etc/passwd",
        "http://",
        "http://[broken/",
        "http://host:99999/",
        "http://93.184.216.34/" + "x" * 3_000,
    ],
)
async def test_what_is_not_public_is_not_asked(url: str) -> None:
    with pytest.raises(OutsideUnreachable) as refused:
        await OutsideHttp().get(url)

    assert refused.value.refused


async def test_a_named_host_is_asked_and_its_answer_is_bounded() -> None:
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    large = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5_000
    cases: tuple[tuple[bytes, Callable[[OutsideHttp, str], Awaitable[bytes]], str | None], ...] = (
        (good, lambda http, url: http.get(url), None),
        (good, lambda http, url: http.post(url, b"q", {"Accept": "x/y"}), None),
        (moved, lambda http, url: http.get(url), "302"),
        (large, lambda http, url: http.get(url), "too large"),
    )
    for raw, ask, problem in cases:
        async with answering(raw) as place:
            outside = OutsideHttp(frozenset({place}), answer_bytes_max=1_000)
            if problem is None:
                assert await ask(outside, f"http://{place}/a?b=c") == b"ok"
            else:
                with pytest.raises(OutsideUnreachable, match=problem):
                    await ask(outside, f"http://{place}/")


async def test_a_silent_server_is_given_up() -> None:
    async with answering(b"") as place:
        outside = OutsideHttp.from_setting(f" {place} ,other.example")
        with pytest.raises(OutsideUnreachable):
            await OutsideHttp(outside.allowed, timeout_s=0.2).get(f"http://{place}/")
