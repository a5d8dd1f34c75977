"""A gateway that keeps no line of what it says, for the benchmark of the message log alone.

`python -m benchmarks.quiet_gateway` takes the settings of a gateway. What stations say is kept as
ever: it is the record, not only the log.
"""

import asyncio
import signal

import uvloop

from gateway.app import GatewayApp
from gateway.writing.entry import LogLine
from holdfast.settings import Settings
from holdfast.telemetry import configure_logging


async def serve(settings: Settings) -> None:
    """Until SIGTERM."""
    app = GatewayApp(settings)
    kept = app.writer.log

    def log(line: LogLine) -> None:
        if not line.outbound:
            kept(line)

    setattr(app.writer, "log", log)  # noqa: B010 - a method of one object, which no setting has
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.stop)
    await app.run()


if __name__ == "__main__":
    chosen = Settings.from_environment()
    configure_logging("gateway", form=chosen.log_format, level=chosen.log_level)
    uvloop.run(serve(chosen))
