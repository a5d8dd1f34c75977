"""`python -m gateway`: runs until SIGTERM or SIGINT, then drains."""

import asyncio
import signal
import sys

import uvloop
from temporalio.converter import PayloadCodec

from gateway.app import GatewayApp
from holdfast.settings import BadSettings, Settings
from holdfast.telemetry import configure_logging


async def serve(settings: Settings, codec: PayloadCodec | None = None) -> None:
    """Run the process to its graceful end; `codec` is for what Temporal is told."""
    app = GatewayApp(settings, codec)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app.stop)
    loop.add_signal_handler(signal.SIGHUP, app.reload)
    await app.run()
    # The Temporal SDK's threads may crash an interpreter that exits while they still wind down.
    await asyncio.sleep(0.25)


def main() -> int:
    """Exit code 2 where the settings cannot be read, 1 where the port is taken."""
    try:
        settings = Settings.from_environment()
    except BadSettings as error:
        print(error, file=sys.stderr)
        return 2
    configure_logging("gateway", form=settings.log_format, level=settings.log_level)
    try:
        uvloop.run(serve(settings))
    except OSError as error:
        print(
            f"cannot listen on {settings.gateway_host}:{settings.gateway_port}: {error}",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
