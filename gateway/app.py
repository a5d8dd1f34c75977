"""The gateway process: builds its parts, opens its port, and drains in order when told to stop."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID, uuid4

import structlog
from temporalio.converter import PayloadCodec

from gateway.lease import Lease, Listener
from gateway.metrics import GatewayMetrics
from gateway.order_facts import AnswerFacts
from gateway.order_worker import OrderWorker
from gateway.orders import Orders
from gateway.passwords import pending_password
from gateway.postgres import connect, open_pool
from gateway.protocols import compile_schemas
from gateway.questions import GatewayQuestions
from gateway.quirks import QuirkBook
from gateway.registry import Registry
from gateway.replay import Replays
from gateway.server import Port
from gateway.totals import Totals
from gateway.writing.writer import Writer
from holdfast.contracts.names import gateway_queue
from holdfast.http.admin import admin_app, admin_server
from holdfast.settings import Settings
from holdfast.telemetry import new_registry

logger = structlog.get_logger()

FLUSH_S = 20.0
CLOSES_PER_SECOND = 200
LAST_WRITE_S = 3.0


class GatewayApp:
    """One gateway. `start`, then `drain`; `run` does both around a stop signal."""

    def __init__(self, settings: Settings, codec: PayloadCodec | None = None) -> None:
        self.settings = settings
        self.boot_id: UUID = uuid4()
        self.task_queue = gateway_queue(settings.gateway_id, self.boot_id)
        self._database_url = settings.database_url.get_secret_value()
        self._metrics_registry = new_registry()
        self.metrics = GatewayMetrics(self._metrics_registry)
        self.registry = Registry()
        self._pool = open_pool(self._database_url)
        self.writer = Writer(
            lambda: connect(self._database_url), settings.session_start_timeout_s, self.metrics
        )
        self.lease = Lease(
            self._pool,
            self.registry,
            boot_id=self.boot_id,
            gateway_id=settings.gateway_id,
            task_queue=self.task_queue,
            lease_s=settings.gateway_lease_s,
        )
        self.quirks = QuirkBook(self._pool)
        self.replays = Replays(self._pool, self.writer, self.quirks)
        self._listener = Listener(
            self._database_url,
            self._pool,
            self.registry,
            self.replays.run,
            lambda: self.quirks.reload(self.registry),
        )
        self.orders = Orders(
            self._pool, self.registry, self.metrics, AnswerFacts(self.writer), self._secret
        )
        self._orders = OrderWorker(settings, self.orders, self.task_queue, codec)
        self.totals = Totals(settings.database_url, self.metrics)
        self._port = Port(
            settings,
            self._pool,
            self.writer,
            self.registry,
            self.metrics,
            self.boot_id,
            book=self.quirks,
            questions=GatewayQuestions.opened(self._pool, settings),
            totals=self.totals,
        )
        self._background: list[asyncio.Task[None]] = []
        self._writing: asyncio.Task[None] | None = None
        self._ordering: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._draining = False

    @property
    def port(self) -> int:
        """The bound OCPP port."""
        return self._port.port

    @property
    def tls_port(self) -> int | None:
        """The bound TLS port; None where no certificate is set."""
        return self._port.tls_port

    def reload(self) -> None:
        """Read certificates again (SIGHUP); open sockets stay."""
        if self._port.trust is not None:
            self._port.trust.reload()

    async def start(self) -> None:
        """Open the port first, then reach for Postgres and Temporal in the background."""
        compile_schemas()
        await self._pool.open(wait=False)
        self._writing = self._begin(self.writer.run(), keep=False)
        await self._port.open()
        self._begin(self.lease.keep())
        self._begin(self.lease.release_closed())
        self._begin(self._listener.listen())
        if self._port.trust is not None:
            self._begin(self._port.trust.keep())
        self._ordering = self._begin(self._orders.run(), keep=False)
        logger.info(
            "listening", port=self.port, tls=self.tls_port, gateway=self.settings.gateway_id
        )

    async def run(self) -> None:
        """Until `stop`, with the admin port."""
        admin = admin_server(
            admin_app("gateway", self.checks(), self._metrics_registry),
            self.settings.admin_host,
            self.settings.admin_port,
        )
        serving = asyncio.create_task(admin.serve())
        try:
            await self.start()
            # Not in `start`: it is about a whole process, not about one gateway among others.
            self._begin(self._port.garbage.keep())
            await self._stop.wait()
            await self.drain()
        finally:
            admin.should_exit = True
            await serving

    async def _secret(self, station_id: UUID) -> str:
        key = self.settings.secret_key.get_secret_value()
        return await pending_password(self._pool, key, station_id)

    def stop(self) -> None:
        """Drain and return from `run`."""
        self._stop.set()

    def checks(self) -> dict[str, Any]:
        """What `/readyz` asks. Temporal is not among it: stations are served without it."""

        async def draining() -> str | None:
            return "this gateway is going down" if self._draining else None

        async def writer() -> str | None:
            return None if self.writer.healthy else "Postgres cannot be written"

        async def lease() -> str | None:
            return None if self.lease.healthy else "the lease is not renewed"

        return {"draining": draining, "writer": writer, "lease": lease}

    async def drain(self) -> None:
        """Unready; no more orders; stop reading; flush; answer; close; release (DESIGN 2)."""
        self._draining = True
        logger.info("draining", connections=len(self.registry))
        self._orders.stop()
        if self._ordering is not None:
            await self._ordering
        self._port.stop_admitting()
        try:
            async with asyncio.timeout(FLUSH_S):
                await self.writer.drained()
        except TimeoutError:
            # Nobody was answered for these; their stations send them to the next gateway.
            logger.warning("not_flushed")
        await self.totals.finished()
        await self._port.close_all(CLOSES_PER_SECOND)
        for task in self._background:
            task.cancel()
        if self._background:
            await asyncio.wait(self._background)
        self.writer.stop()
        await self._last_words()
        await self.totals.close()
        await self._pool.close()
        logger.info("drained")

    async def _last_words(self) -> None:
        """The last log lines, and the rows of our stations, if Postgres is there to take them."""
        assert self._writing is not None  # noqa: S101 - drained only after start
        await asyncio.wait([self._writing], timeout=LAST_WRITE_S)
        if not self._writing.done():
            self._writing.cancel()
            await asyncio.wait([self._writing])
        try:
            async with asyncio.timeout(LAST_WRITE_S):
                await self.lease.release_now()
                await self.lease.end()
        except Exception as error:
            logger.warning("rows_left_behind", error=type(error).__name__)

    def _begin(self, work: Coroutine[Any, Any, None], *, keep: bool = True) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        if keep:
            self._background.append(task)
        return task
