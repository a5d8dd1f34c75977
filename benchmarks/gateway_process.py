"""One gateway as it is run in earnest, on a Postgres of its own that is as durable as in
production, for the benchmarks of the gateway alone."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import psycopg

from benchmarks.servers import new_folder
from cli.embedded.postgres import EmbeddedPostgres
from cli.ports import free_port
from holdfast.store.migrate import upgrade

SECRET = "for this benchmark only: nothing is guarded by it"  # noqa: S105
READY_S = 60.0
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")

Process = asyncio.subprocess.Process


class NotDurable(Exception):
    """Postgres does not wait for the disk: what would be measured is not what is claimed."""


async def start(module: str, *arguments: str, **variables: str) -> Process:
    """One of our processes, without the variables of whoever runs this."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env={"PATH": os.environ["PATH"]} | variables
    )


async def end(process: Process) -> None:
    """SIGTERM, and wait."""
    process.terminate()
    await process.wait()


async def start_gateway(url: str, port: int, admin_port: int, module: str = "gateway") -> Process:
    """The gateway on these ports, once it is ready. Raises TimeoutError."""
    process = await start(
        module,
        HOLDFAST_DATABASE_URL=url,
        HOLDFAST_SECRET_KEY=SECRET,
        HOLDFAST_GATEWAY_PORT=str(port),
        HOLDFAST_ADMIN_PORT=str(admin_port),
        HOLDFAST_ONBOARDING="accept",
        HOLDFAST_TEMPORAL_ADDRESS="127.0.0.1:1",
        HOLDFAST_LOG_LEVEL="error",
    )
    async with asyncio.timeout(READY_S), httpx.AsyncClient() as client:
        while True:
            await asyncio.sleep(0.2)
            try:
                answer = await client.get(f"http://127.0.0.1:{admin_port}/readyz")
            except httpx.TransportError:
                continue
            if answer.status_code == 200:
                return process


@asynccontextmanager
async def running_postgres() -> AsyncIterator[EmbeddedPostgres]:
    """A new cluster with our tables and one organization. Raises NotDurable."""
    folder = new_folder()
    try:
        postgres = EmbeddedPostgres(folder / "data")
        url = await postgres.start()
        try:
            await asyncio.to_thread(upgrade, url)
            with psycopg.connect(url) as connection:
                connection.execute("INSERT INTO organizations (slug, name) VALUES ('b', 'B')")
                for setting in DURABLE:
                    row = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
                    if row != ("on",):
                        raise NotDurable(f"{setting} is not on")
            yield postgres
        finally:
            await postgres.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def running_gateway(
    url: str, port: int, admin_port: int, module: str = "gateway"
) -> AsyncIterator[Process]:
    """A gateway on this database."""
    process = await start_gateway(url, port, admin_port, module)
    try:
        yield process
    finally:
        await end(process)


@asynccontextmanager
async def running_peer(module: str, *arguments: str) -> AsyncIterator[Process]:
    """A bare server whose port is its last argument, once it listens. Raises TimeoutError."""
    process = await start(module, *arguments)
    try:
        async with asyncio.timeout(READY_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", int(arguments[-1]))
                except OSError:
                    await asyncio.sleep(0.1)
                    continue
                writer.close()
                break
        yield process
    finally:
        await end(process)


def two_ports() -> tuple[int, int]:
    """For the gateway and its admin page."""
    return free_port(), free_port()
