"""(a) Validated, durably stored MeterValues per second of one gateway process, beside a bare server
of the `ocpp` package that stores nothing. `python -m benchmarks.gateway_meter_values`."""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg

from cli.embedded.postgres import EmbeddedPostgres
from cli.ports import free_port
from holdfast.store.migrate import upgrade

SECRET = "for this benchmark only: nothing is guarded by it"  # noqa: S105
READY_S = 30.0

Process = asyncio.subprocess.Process


async def start(module: str, *arguments: str, **variables: str) -> Process:
    """One of our processes, without the variables of whoever runs this."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env={"PATH": os.environ["PATH"]} | variables
    )


async def end(process: Process) -> None:
    """SIGTERM, and wait."""
    process.terminate()
    await process.wait()


async def load(port: int, connections: int, seconds: float, prefix: str) -> dict[str, Any]:
    """One run of the load, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.meter_load",
        str(port),
        str(connections),
        str(seconds),
        prefix,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    result: dict[str, Any] = orjson.loads(printed)
    return result


async def start_gateway(url: str, port: int) -> Process:
    """The gateway as it is run in earnest, and ready."""
    admin = free_port()
    process = await start(
        "gateway",
        HOLDFAST_DATABASE_URL=url,
        HOLDFAST_SECRET_KEY=SECRET,
        HOLDFAST_GATEWAY_PORT=str(port),
        HOLDFAST_ADMIN_PORT=str(admin),
        HOLDFAST_ONBOARDING="accept",
        HOLDFAST_TEMPORAL_ADDRESS="127.0.0.1:1",
        HOLDFAST_LOG_LEVEL="error",
    )
    async with asyncio.timeout(READY_S), httpx.AsyncClient() as client:
        while True:
            await asyncio.sleep(0.2)
            try:
                if (await client.get(f"http://127.0.0.1:{admin}/readyz")).status_code == 200:
                    return process
            except httpx.TransportError:
                continue


def stored(url: str) -> int:
    """Meter values in the database."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM meter_values").fetchone()
        assert row is not None
        return int(row[0])


async def compare(url: str, connections: int, seconds: float, rounds: int) -> None:
    """Both servers in turns, so that whatever else the machine does falls on both."""
    bare: list[dict[str, Any]] = []
    ours: list[dict[str, Any]] = []
    for number in range(rounds):
        port = free_port()
        process = await start("benchmarks.bare_ocpp_server", str(port))
        await asyncio.sleep(2)
        try:
            bare.append(await load(port, connections, seconds, "B"))
        finally:
            await end(process)
        port = free_port()
        process = await start_gateway(url, port)
        before = stored(url)
        try:
            ours.append(await load(port, connections, seconds, f"G{connections}R{number}N"))
        finally:
            await end(process)
        assert stored(url) - before >= ours[-1]["per_second"] * seconds
    for name, results in (("ocpp package, nothing stored", bare), ("holdfast gateway", ours)):
        rate = statistics.median(item["per_second"] for item in results)
        p99 = statistics.median(item["p99_ms"] for item in results)
        print(f"{connections:>5} connections  {name:<30} {rate:>8.0f} msg/s  p99 {p99:>7.1f} ms")
    ratio = statistics.median(
        our["per_second"] / their["per_second"] for our, their in zip(ours, bare, strict=True)
    )
    print(f"{connections:>5} connections  ratio {ratio:.2f}", flush=True)


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[50, 200])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "data")
        url = await postgres.start()
        try:
            await asyncio.to_thread(upgrade, url)
            with psycopg.connect(url) as connection:
                connection.execute("INSERT INTO organizations (slug, name) VALUES ('b', 'B')")
            for connections in chosen.connections:
                await compare(url, connections, chosen.seconds, chosen.rounds)
        finally:
            await postgres.stop()


if __name__ == "__main__":
    asyncio.run(main())
