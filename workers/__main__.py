"""`python -m workers`: runs until SIGTERM or SIGINT, then finishes what it is doing."""

import asyncio
import signal
import sys

import uvloop
from temporalio.converter import PayloadCodec

from holdfast.settings import BadSettings, Settings
from holdfast.telemetry import configure_logging
from workers.app import WorkersApp


async def serve(settings: Settings, codec: PayloadCodec | None = None) -> None:
    """Run the process to its graceful end; `codec` is for what Temporal is told."""
    app = WorkersApp(settings, codec)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app.stop)
    await app.run()
    # The Temporal SDK's threads may crash an interpreter that exits while they still wind down.
    await asyncio.sleep(0.25)


def main() -> int:
    """Exit code 2 where the settings cannot be read."""
    try:
        settings = Settings.from_environment()
    except BadSettings as error:
        print(error, file=sys.stderr)
        return 2
    configure_logging("workers", form=settings.log_format, level=settings.log_level)
    uvloop.run(serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
