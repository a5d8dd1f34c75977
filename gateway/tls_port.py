"""The TLS port: accepts as many handshakes at once as are bounded, and hands over what is whole.

Sockets are accepted here and not by the event loop's own server, because that one neither bounds
handshakes nor tells of one that failed.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from functools import partial

import structlog

from gateway.security_events import SecurityEvents
from gateway.tls import ServerTls, refusal_of

logger = structlog.get_logger()

HANDSHAKES_MAX = 256
HANDSHAKE_TIMEOUT_S = 10.0
OVERDUE_S = 1.0  # a handshake that took longer may have to make room
SHUTDOWN_TIMEOUT_S = 2.0
BACKLOG = 1024
PAUSE_S = 0.1


class TlsPort:
    """Listens; each finished handshake becomes a connection made by `connected`."""

    def __init__(
        self,
        tls: ServerTls,
        connected: Callable[[], asyncio.Protocol],
        events: SecurityEvents,
        *,
        handshakes_max: int = HANDSHAKES_MAX,
        overdue_s: float = OVERDUE_S,
    ) -> None:
        self._tls = tls
        self._connected = connected
        self._events = events
        self._overdue_s = overdue_s
        self._places = asyncio.Semaphore(handshakes_max)
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        # Oldest first: whose handshake it is, and since when.
        self._shaking: dict[asyncio.Task[None], tuple[str, float]] = {}
        self._ours: set[socket.socket] = set()  # accepted, and not yet the event loop's

    def open(self, host: str, port: int) -> None:
        """Bind and listen. Raises OSError where the port is taken."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self._listener.setblocking(False)
        self._accepting = asyncio.create_task(self._accept(self._listener))

    @property
    def port(self) -> int:
        """The port that was bound."""
        assert self._listener is not None  # noqa: S101 - asked for after open()
        return int(self._listener.getsockname()[1])

    async def close(self) -> None:
        """Accept no more; handshakes under way are dropped."""
        tasks = [*self._shaking, *([self._accepting] if self._accepting else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._listener is not None:
            self._listener.close()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listener)
            except OSError as error:
                # Out of file descriptors, or the peer was gone before we came.
                logger.warning("not_accepted", error=type(error).__name__)
                await asyncio.sleep(PAUSE_S)
                continue
            try:
                # Those beyond the bound wait in the kernel's queue.
                await self._place()
            except BaseException:
                accepted.close()
                raise
            self._ours.add(accepted)
            task = asyncio.create_task(self._shake(accepted, str(address[0])))
            self._shaking[task] = str(address[0]), loop.time()
            task.add_done_callback(partial(self._done, accepted))

    async def _place(self) -> None:
        """A free place; where there is none, one that somebody holds who says nothing. Of those
        the oldest of the address that holds the most: one alone must not keep all others out."""
        while self._places.locked():
            most = Counter(address for address, _ in self._shaking.values()).most_common(1)
            overdue = asyncio.get_running_loop().time() - self._overdue_s
            for task, (address, since) in self._shaking.items():
                if most and address == most[0][0]:
                    if since < overdue:
                        task.cancel()
                    break
            # A place that is left wakes nobody here: whoever waits looks again.
            await asyncio.sleep(PAUSE_S / 10)
        await self._places.acquire()

    def _done(self, accepted: socket.socket, task: asyncio.Task[None]) -> None:
        self._shaking.pop(task, None)
        self._places.release()
        if accepted in self._ours:  # dropped before it began
            self._ours.discard(accepted)
            accepted.close()

    async def _shake(self, accepted: socket.socket, address: str) -> None:
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # From here on the event loop closes it, also where this is cancelled: perhaps only
            # after a goodbye. Closed beneath it, its number would be another connection's by then,
            # and that one would never be read again.
            self._ours.discard(accepted)
            await asyncio.get_running_loop().connect_accepted_socket(
                self._connected,
                accepted,
                ssl=self._tls.listening,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
                ssl_shutdown_timeout=SHUTDOWN_TIMEOUT_S,
            )
        except ssl.SSLError as error:
            name = refusal_of(error)
            if name is not None:
                await self._events.address(name, f"TLS: {error.reason}", address)
        except OSError:
            pass  # it hung up, or said nothing in time
