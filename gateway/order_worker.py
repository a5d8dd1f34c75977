"""The Temporal worker of one gateway process, on a queue that only it polls.

The queue's name holds the boot id, so that a restarted gateway never takes a call for a socket
that it no longer holds. Two pollers: so many calls at most vanish with a hung process.
Source: temporalio worker documentation.
"""

import asyncio
from datetime import timedelta

import structlog
from temporalio.converter import PayloadCodec
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker

from gateway.orders import Orders
from holdfast.adapters.temporal import connect_for_ever
from holdfast.settings import Settings

logger = structlog.get_logger()

POLLERS = 2
CALLS_MAX = 200
GRACE = timedelta(seconds=10)
RESTART_S = 1.0


class OrderWorker:
    """Runs until stopped, whatever Temporal does meanwhile."""

    def __init__(
        self,
        settings: Settings,
        orders: Orders,
        task_queue: str,
        codec: PayloadCodec | None = None,
    ) -> None:
        self._settings = settings
        self._orders = orders
        self._task_queue = task_queue
        self._codec = codec
        self._stop = asyncio.Event()
        self.connected = False

    async def run(self) -> None:
        """Connect in the background, for ever; return after `stop`, calls in flight finished."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while not self._stop.is_set():
                connecting = asyncio.create_task(
                    connect_for_ever(self._settings, identity=self._task_queue, codec=self._codec)
                )
                await asyncio.wait([connecting, stopping], return_when=asyncio.FIRST_COMPLETED)
                if not connecting.done():
                    connecting.cancel()
                    await asyncio.wait([connecting])
                    return
                worker = Worker(
                    connecting.result(),
                    task_queue=self._task_queue,
                    activities=[self._orders.send],
                    activity_task_poller_behavior=PollerBehaviorSimpleMaximum(POLLERS),
                    max_concurrent_activities=CALLS_MAX,
                    graceful_shutdown_timeout=GRACE,
                    identity=self._task_queue,
                )
                await self._serve(worker)
        finally:
            stopping.cancel()
            await asyncio.wait([stopping])

    async def _serve(self, worker: Worker) -> None:
        try:
            async with worker:
                self.connected = True
                await self._stop.wait()
        except Exception as error:
            # Its namespace was not there yet, or the server lost its data: from the start again.
            logger.warning("order_worker_failed", error=type(error).__name__)
            await asyncio.sleep(RESTART_S)
        finally:
            self.connected = False

    def stop(self) -> None:
        """Take no more orders; those that were taken are finished."""
        self._stop.set()
