"""The OCPP port: websockets, refused or admitted before the upgrade."""

import asyncio
import http
import time
from math import ceil
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from gateway.admission import Admission, Arrival, Known, Refused, identity_of
from gateway.connection import Connection
from gateway.dialect import Questions
from gateway.garbage import Garbage
from gateway.gate import ComeLater, Gate
from gateway.generations import Generations, Gone
from gateway.guesses import Guesses
from gateway.handshake import Handshake
from gateway.metrics import GatewayMetrics
from gateway.pinging import begin_pings
from gateway.postgres import Pool
from gateway.protocols import DIALECTS, choose
from gateway.quirks import QuirkBook, zone_of
from gateway.registry import Registry
from gateway.security_events import SecurityEvents
from gateway.tls import ServerTls, TlsFiles, tls_of
from gateway.tls_port import TlsPort
from gateway.totals import Totals
from gateway.trust import Trust
from gateway.writing.entry import Peer
from gateway.writing.writer import Writer
from holdfast.http.rate_limit import RateLimit
from holdfast.settings import Settings

logger = structlog.get_logger()

FRAME_BYTES_MAX = 128 * 1024
OPEN_TIMEOUT_S = 15.0
CLOSE_TIMEOUT_S = 5.0
FRAMES_BUFFERED_MAX = 4  # read from the socket ahead of the connection, per station
SUBPROTOCOLS_MAX = 20
DRAINING = 1012
TRY_AGAIN = 1013
NO_COMMON_PROTOCOL = 1002
# How often an address may come in vain before it is let in after all others.
STRANGE_BURST = 60
STRANGE_PER_S = 0.5


class Port:
    """Listens for stations and runs a Connection for each."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        writer: Writer,
        registry: Registry,
        metrics: GatewayMetrics,
        boot_id: UUID,
        *,
        book: QuirkBook,
        questions: Questions | None = None,
        totals: Totals | None = None,
    ) -> None:
        self._settings = settings
        self._book = book
        self._pool = pool
        self._writer = writer
        self._registry = registry
        self._metrics = metrics
        self._generations = Generations(pool, boot_id)
        self.garbage = Garbage()
        self._gate: Gate | None = None
        self._strange = RateLimit(per_s=STRANGE_PER_S, burst=STRANGE_BURST)
        self._questions = questions
        self._totals = totals
        self._events = SecurityEvents(pool, metrics)
        self._server: Server | None = None
        self._tls_port: TlsPort | None = None
        self.trust: Trust | None = None
        if settings.gateway_tls_certificate and settings.gateway_tls_key:
            tls = ServerTls(
                TlsFiles.named(
                    settings.gateway_tls_certificate,
                    settings.gateway_tls_key,
                    settings.gateway_tls_client_ca,
                )
            )
            self.trust = Trust(pool, tls)
            self._tls_port = TlsPort(tls, self._new_connection, self._events)
        self._admission = Admission(
            pool, settings, self._events, self.trust.authorities if self.trust else tuple, Guesses()
        )
        self._admitted: WeakKeyDictionary[ServerConnection, tuple[Peer, Handshake]] = (
            WeakKeyDictionary()
        )
        self._connections: set[Connection] = set()
        self._draining = False

    async def open(self) -> None:
        """Bind and listen. Raises OSError where a port is taken."""
        self._gate = Gate(self._settings.gateway_admissions_per_second)
        self._server = await serve(
            self._handle,
            self._settings.gateway_host,
            self._settings.gateway_port,
            process_request=self._process_request,
            select_subprotocol=self._select_subprotocol,
            # Some hundred kilobytes per connection, for messages of a few hundred bytes.
            compression=None,
            max_size=FRAME_BYTES_MAX,
            open_timeout=OPEN_TIMEOUT_S,
            server_header=None,
            backlog=1024,
            **self._limits(),
        )
        if self._tls_port is not None:
            self._tls_port.open(self._settings.gateway_host, self._settings.gateway_tls_port)

    def _limits(self) -> dict[str, Any]:
        """Of each connection, on either port."""
        ping_s = self._ping_interval_s
        return {
            "max_queue": FRAMES_BUFFERED_MAX,
            "close_timeout": CLOSE_TIMEOUT_S,
            "ping_interval": None,  # they begin once the station's rules are known
            "ping_timeout": ping_s and 2 * ping_s,
        }

    @property
    def _ping_interval_s(self) -> float | None:
        return self._settings.gateway_ping_interval_s or None

    def _new_connection(self) -> ServerConnection:
        """A connection of the TLS port: it belongs to the same server as those of the plain one,
        which runs its upgrade and its end."""
        assert self._server is not None  # noqa: S101 - the TLS port opens last
        protocol = ServerProtocol(
            select_subprotocol=lambda _protocol, offered: self._select_subprotocol(made, offered),
            max_size=FRAME_BYTES_MAX,
        )
        made = ServerConnection(protocol, self._server, **self._limits())
        return made

    @property
    def port(self) -> int:
        """The port that was bound."""
        assert self._server is not None  # noqa: S101 - asked for after open()
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    def tls_port(self) -> int | None:
        """The TLS port that was bound; None where there is no certificate to listen with."""
        return self._tls_port.port if self._tls_port is not None else None

    async def _process_request(
        self, connection: ServerConnection, request: Request
    ) -> Response | None:
        try:
            known, handshake = await self._known(connection, request)
            offered = _offered(request)
            protocol = choose(offered, known.subprotocol)
            if protocol is None and not offered:
                raise Refused(400, f"offer one of the subprotocols {', '.join(DIALECTS)}")
        except Refused as refused:
            self._metrics.refused.labels(str(refused.status)).inc()
            return _response(refused)
        if protocol is not None:
            self._admitted[connection] = known.peer(protocol, handshake), handshake
        return None

    async def _known(
        self, connection: ServerConnection, request: Request
    ) -> tuple[Known, Handshake]:
        if self._draining:
            raise Refused(503, "this gateway is going down")
        if identity_of(request.path) is None:
            raise Refused(404, "the path is /ocpp/{identity}")
        assert self._gate is not None  # noqa: S101 - made before the first upgrade
        authorizations = request.headers.get_all("Authorization")
        address = _remote_address(connection)
        caller = address or ""
        last = self._strange.wait_s(caller, time.monotonic(), take=False) > 0
        try:
            async with self._gate.turn(last=last):
                known, handshake = await self._admission.admit(
                    Arrival(
                        request.path,
                        authorizations[0] if len(authorizations) == 1 else None,
                        address,
                        tls_of(connection.transport.get_extra_info("ssl_object")),
                    )
                )
        except Refused:
            self._strange.wait_s(caller, time.monotonic())
            raise
        except ComeLater as later:
            raise Refused(503, str(later), retry_after_s=ceil(later.wait_s)) from None
        except Exception as error:
            logger.warning("cannot_admit", error=type(error).__name__)
            raise Refused(503, "the records cannot be read now") from error
        if known.registration != "accepted":
            self._strange.wait_s(caller, time.monotonic())
        return known, handshake

    def _select_subprotocol(
        self, connection: ServerConnection, offered: object
    ) -> Subprotocol | None:
        # Chosen already, with the station's record; a station that offered none gets none back.
        admitted = self._admitted.get(connection)
        return Subprotocol(admitted[0].dialect.protocol) if offered and admitted else None

    async def _handle(self, socket_: ServerConnection) -> None:
        admitted = self._admitted.pop(socket_, None)
        if admitted is None:
            # The handshake is completed without a subprotocol, and the socket closed at once:
            # OCPP-J 1.6 section 3.2, 2.0.1 part 4 section 3.2.
            speak = ", ".join(DIALECTS)
            await socket_.close(NO_COMMON_PROTOCOL, f"none of the subprotocols {speak}")
            return
        peer, handshake = admitted
        with self._registry.taking(peer.station_id):
            try:
                taken = await self._generations.take(
                    peer,
                    _remote_address(socket_),
                    handshake,
                    lambda: socket_.state is State.OPEN,
                )
            except Gone:
                return
            except Exception as error:
                logger.warning("no_generation", station=peer.identity, error=type(error).__name__)
                await socket_.close(TRY_AGAIN, "try again later")
                return
            peer.described = taken.described
            self._book.apply(peer, zone_of(taken.time_zone))
            connection = Connection(
                socket_,
                peer,
                taken.generation,
                self._writer,
                self._metrics,
                questions=self._questions,
                book=self._book,
                totals=self._totals,
            )
            begin_pings(socket_, self._ping_interval_s)
            connection.apply_quirks()
            added = not self._draining and self._registry.add(connection)
        if not added:
            # The row names this process all the same, unless a newer one took it over.
            self._registry.remove(connection)
            await socket_.close(DRAINING if self._draining else 1000, "connect again")
            return
        gauge = self._metrics.connections.labels(peer.dialect.protocol)
        gauge.inc()
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            gauge.dec()
            self._connections.discard(connection)
            self._registry.remove(connection)
            self.garbage.connection_closed()

    def stop_admitting(self) -> None:
        """New upgrades get 503 from now on, and frames are no longer taken."""
        self._draining = True
        for connection in self._connections:
            connection.stop_reading()

    async def close_all(self, per_second: int) -> None:
        """Send what may leave, then close every socket with 1012 at a bounded rate."""
        sending = [asyncio.create_task(connection.sent_all()) for connection in self._connections]
        if sending:
            # Bounded: one station that does not read must not hold up the others' goodbye.
            await asyncio.wait(sending, timeout=CLOSE_TIMEOUT_S)
        closing: list[asyncio.Task[None]] = []
        for connection in list(self._connections):
            closing.append(asyncio.create_task(connection.close(DRAINING, "connect again")))
            await asyncio.sleep(1 / per_second)
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_TIMEOUT_S)
        if self._tls_port is not None:
            await self._tls_port.close()
        if self._server is not None:
            self._server.close(code=DRAINING)
            try:
                async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
                    await self._server.wait_closed()
            except TimeoutError:
                # They wait for commits that no longer come: Postgres is away.
                logger.warning("connections_left", connections=len(self._connections))


def _offered(request: Request) -> list[str]:
    """Subprotocols in the station's own order."""
    names = ",".join(request.headers.get_all("Sec-WebSocket-Protocol")).split(",")
    return [name.strip().lower() for name in names if name.strip()][:SUBPROTOCOLS_MAX]


def _response(refused: Refused) -> Response:
    status = http.HTTPStatus(refused.status)
    body = f"{refused}\n".encode()
    headers = Headers(
        {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
    )
    if refused.challenge:
        headers["WWW-Authenticate"] = 'Basic realm="ocpp", charset="UTF-8"'
    if refused.status in (429, 503):
        headers["Retry-After"] = str(refused.retry_after_s)
    return Response(status.value, status.phrase, headers, body)


def _remote_address(socket_: ServerConnection) -> str | None:
    address = socket_.remote_address
    return str(address[0]) if isinstance(address, tuple) and address else None
