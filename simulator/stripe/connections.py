"""Closing a connection without an answer, which ASGI has no message for.

The protocol class keeps its open transports by the peer's address; `Hangup` is a response that
aborts the one its request came on. The registry belongs to the class because the server, not the
application, makes the protocols.
"""

import asyncio
from typing import ClassVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


class TrackedConnection(H11Protocol):
    open: ClassVar[dict[tuple[str, int], asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self.peer = transport.get_extra_info("peername")[:2]
        self.open[self.peer] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.open.pop(self.peer, None)
        super().connection_lost(exc)


class Hangup(Response):
    """The caller sees its connection close, and cannot know what happened."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = TrackedConnection.open.get(tuple(scope["client"]))
        if transport is not None:  # else the peer was faster
            transport.abort()
        while (await receive())["type"] != "http.disconnect":
            continue
