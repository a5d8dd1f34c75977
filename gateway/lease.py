"""This process's lease, the rows of closed sockets, and what other gateways tell us.

A gateway whose `seen_at` is older than the lease has lost its stations (DESIGN 2, step 9). After an
outage of Postgres the row is simply written again, and sockets that were overtaken are closed.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from gateway import generations
from gateway.postgres import Pool, connect
from gateway.registry import Registry
from holdfast.contracts.names import CONNECTIONS_CHANNEL, QUIRKS_CHANNEL, REPLAY_CHANNEL

logger = structlog.get_logger()

RELEASE_INTERVAL_S = 0.25
RETRY_S = 1.0
LISTEN_S = 30.0

_SEEN = """
INSERT INTO gateways (boot_id, gateway_id, task_queue) VALUES (%s, %s, %s)
ON CONFLICT (boot_id) DO UPDATE SET seen_at = now(), ended_at = NULL
"""
_ENDED = "UPDATE gateways SET ended_at = now(), seen_at = now() WHERE boot_id = %s"


class Lease:
    """The row in `gateways`, kept fresh."""

    def __init__(
        self,
        pool: Pool,
        registry: Registry,
        *,
        boot_id: UUID,
        gateway_id: str,
        task_queue: str,
        lease_s: float,
    ) -> None:
        self._pool = pool
        self._registry = registry
        self._row = (boot_id, gateway_id, task_queue)
        self._boot_id = boot_id
        self._interval_s = lease_s / 4
        self.healthy = False

    async def renew(self) -> None:
        """Say that this process is alive."""
        async with self._pool.connection() as connection:
            await connection.execute(_SEEN, self._row)
        self.healthy = True

    async def keep(self) -> None:
        """Renew until cancelled; whatever goes wrong is tried again."""
        while True:
            try:
                async with asyncio.timeout(self._interval_s * 2):
                    await self.renew()
            except Exception as error:
                if self.healthy:
                    logger.warning("lease_not_renewed", error=type(error).__name__)
                self.healthy = False
            await asyncio.sleep(self._interval_s)

    async def release_closed(self) -> None:
        """Release rows of closed sockets, many at a time, until cancelled."""
        while True:
            await self.release_now()
            await asyncio.sleep(RELEASE_INTERVAL_S if self.healthy else RETRY_S)

    async def release_now(self) -> None:
        """Release what is closed by now; what cannot be written is kept for later."""
        released = self._registry.take_released()
        if not released:
            return
        try:
            await generations.release(self._pool, released, self._boot_id)
        except Exception as error:
            self._registry.give_back(released)
            logger.warning("rows_not_released", error=type(error).__name__)

    async def end(self) -> None:
        """This process is going; its stations are free."""
        async with self._pool.connection() as connection:
            await connection.execute(_ENDED, (self._boot_id,))


class Listener:
    """Hears of newer connections elsewhere, of decisions on the quarantine, and of new rules."""

    def __init__(
        self,
        database_url: str,
        pool: Pool,
        registry: Registry,
        replay: Callable[[], Awaitable[None]],
        reload_quirks: Callable[[], Awaitable[None]],
    ) -> None:
        self._database_url = database_url
        self._pool = pool
        self._registry = registry
        self._replay = replay
        self._reload_quirks = reload_quirks

    async def listen(self) -> None:
        """Until cancelled. Whatever was missed while not listening is asked for."""
        while True:
            try:
                await self._listen_once()
            except Exception as error:
                logger.warning("not_listening", error=type(error).__name__)
            await asyncio.sleep(RETRY_S)

    async def _listen_once(self) -> None:
        connection = await connect(self._database_url)
        try:
            await connection.execute(f"LISTEN {CONNECTIONS_CHANNEL}")
            await connection.execute(f"LISTEN {REPLAY_CHANNEL}")
            await connection.execute(f"LISTEN {QUIRKS_CHANNEL}")
            while True:
                # Also without a notice: one may have been missed, or come while a claim of another
                # gateway held.
                overtaken = await generations.newer(self._pool, self._registry.held())
                for station_id, generation in overtaken.items():
                    self._registry.overtaken(station_id, generation)
                await self._reload_quirks()
                await self._replay()
                async for notice in connection.notifies(timeout=LISTEN_S):
                    if notice.channel == REPLAY_CHANNEL:
                        await self._replay()
                    elif notice.channel == QUIRKS_CHANNEL:
                        await self._reload_quirks()
                    else:
                        self._heard(notice.payload)
        finally:
            with contextlib.suppress(Exception):
                await connection.close()

    def _heard(self, payload: str) -> None:
        with contextlib.suppress(ValueError):
            station, _, generation = payload.partition(" ")
            self._registry.overtaken(UUID(station), int(generation))
