"""(c) A reconnect storm: a gateway with thousands of stations in the middle of their transactions
is killed; all come back to the next one in the same second, boot, report a status and send what
they queued. `python -m benchmarks.reconnect_storm`."""

import argparse
import asyncio
import resource
import signal
import sys
from typing import Any

import orjson
import psycopg

from benchmarks.figure import Figure, show
from benchmarks.gateway_process import end, running_postgres, start_gateway, two_ports
from benchmarks.storm_load import QUEUED

TARGET_S = 60.0
PREFIX = "STORM"
STORED = """
SELECT (SELECT count(*) FROM stations WHERE booted_at IS NOT NULL),
       (SELECT count(*) FROM connectors WHERE status = 'charging'),
       (SELECT count(*) FROM sessions),
       (SELECT count(*) FROM sessions WHERE energy_wh = %s),
       (SELECT count(*) FROM meter_values)
"""


class Lost(Exception):
    """What was answered is not in the database."""


async def load(port: int, stations: int, stage: str, told: bytes = b"") -> dict[str, Any]:
    """One stage, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.storm_load", str(port), str(stations), PREFIX, stage),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate(told)
    assert process.returncode == 0, stage
    said: dict[str, Any] = orjson.loads(printed)
    return said


def check(url: str, stations: int) -> None:
    """Every station booted, told its status, kept its one session and all its energy."""
    with psycopg.connect(url) as connection:
        row = connection.execute(STORED, (QUEUED * 1_000,)).fetchone()
    wanted = (stations, stations, stations, stations, QUEUED * stations)
    if row != wanted:
        raise Lost(f"boots, statuses, sessions, whole ones, meter values: {row}, not {wanted}")


async def measure(stations: int) -> Figure:
    """The first connect, the kill, the storm."""
    port, admin_port = two_ports()
    async with running_postgres() as postgres:
        process = await start_gateway(postgres.dsn, port, admin_port)
        try:
            first = await load(port, stations, "start")
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        print(f"first connect: {first['took_s']:.1f} s", file=sys.stderr)
        told = orjson.dumps(first["transactions"])
        process = await start_gateway(postgres.dsn, port, admin_port)
        try:
            storm = await load(port, stations, "resume", told)
        finally:
            await end(process)
        check(postgres.dsn, stations)
    return Figure(
        benchmark="reconnect_storm",
        figure=f"reconnect storm: {stations:,} stations boot, report and resume",
        ours=f"{storm['took_s']:.1f} s",
        peer="",
        ratio=None,
        target=f"within {TARGET_S:.0f} s, nothing lost",
        met=storm["took_s"] <= TARGET_S,
        bound=f"Half were through after {storm['p50_s']:.1f} s, 99 % after {storm['p99_s']:.1f} s; "
        f"{storm['refused']} upgrades were told to come later, {storm['dropped']} sockets broke. "
        f"The stations' own process took {storm['cpu_s']:.1f} s of a processor. A gateway has one "
        "processor: the handshake of the websocket library is the largest part of a station's "
        "return.",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=5_000)
    chosen = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the gateway inherits it
    show([asyncio.run(measure(chosen.stations))], title="Reconnect storm")
