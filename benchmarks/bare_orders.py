"""The peer's process of the orders benchmark: the activity runs on a queue of its own with a
gateway's worker options."""

import asyncio
import signal
import sys

import uvloop
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker

from benchmarks.bare_order import GATEWAY, BareOrder, begin
from holdfast.adapters.temporal import connect
from holdfast.settings import Settings
from workers.app import build_worker
from workers.role import Role

WORKFLOWS = "bare-orders"
POLLERS = 2  # as gateway/order_worker.py
CALLS_MAX = 200


async def serve(settings: Settings) -> None:
    """Work until told to stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    client = await connect(settings)
    role = Role(queue=WORKFLOWS, workflows=(BareOrder,), activities=(), activities_max=1)
    gateway = Worker(
        client,
        task_queue=GATEWAY,
        activities=[begin],
        activity_task_poller_behavior=PollerBehaviorSimpleMaximum(POLLERS),
        max_concurrent_activities=CALLS_MAX,
    )
    async with build_worker(client, role, settings), gateway:
        await stopping.wait()
    # The Temporal SDK's threads may crash an interpreter that exits while they still wind down.
    await asyncio.sleep(0.25)


if __name__ == "__main__":
    uvloop.run(serve(Settings.from_environment()))
    sys.exit(0)
