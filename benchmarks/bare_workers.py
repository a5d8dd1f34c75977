"""The peer's process: works on the bare pair with the product's own worker options."""

import asyncio
import signal
import sys

import uvloop

from benchmarks.bare_pair import BarePayment, BareSession, begin, charge, settle
from holdfast.adapters.temporal import connect
from holdfast.settings import Settings
from workers.app import build_worker
from workers.role import Role

SESSIONS = "bare-sessions"
PAYMENTS = "bare-payments"


async def serve(settings: Settings) -> None:
    """Work until told to stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    client = await connect(settings)
    sessions = Role(
        queue=SESSIONS, workflows=(BareSession,), activities=(begin, settle), activities_max=12
    )
    payments = Role(
        queue=PAYMENTS, workflows=(BarePayment,), activities=(charge,), activities_max=12
    )
    async with build_worker(client, sessions, settings), build_worker(client, payments, settings):
        await stopping.wait()
    # The Temporal SDK's threads may crash an interpreter that exits while they still wind down.
    await asyncio.sleep(0.25)


if __name__ == "__main__":
    uvloop.run(serve(Settings.from_environment()))
    sys.exit(0)
