"""The API as a process: its port is open before Temporal is, and it ends when it is told."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from cli.ports import free_port
from holdfast.services.demo import seed
from holdfast.settings import Settings
from holdfast.store.database import Sessions

START_S = 60.0


@asynccontextmanager
async def running(
    settings: Settings, database_url: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, str]]:
    """A process with its address and that of its health."""
    port, admin = free_port(), free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "api",
        env={
            **os.environ,
            "HOLDFAST_DATABASE_URL": database_url,
            "HOLDFAST_SECRET_KEY": settings.secret_key.get_secret_value(),
            "HOLDFAST_TEMPORAL_ADDRESS": settings.temporal_address,
            "HOLDFAST_API_PORT": str(port),
            "HOLDFAST_ADMIN_PORT": str(admin),
            "HOLDFAST_LOG_LEVEL": "error",
        },
    )
    try:
        base = f"http://127.0.0.1:{port}"
        await until_answered(f"{base}/healthz")
        yield process, base, f"http://127.0.0.1:{admin}"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_answered(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=START_S) as client:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            try:
                if (await client.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)
    raise AssertionError(f"{url} did not answer in {START_S} s")


async def test_a_process_serves_without_temporal_and_ends_with_its_streams_open(
    settings: Settings, database_url: str, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        demo = await seed(db, settings.secret_key.get_secret_value())
    headers = {"Authorization": f"Bearer {demo.api_key}"}
    async with (
        running(settings, database_url) as (process, base, admin),
        httpx.AsyncClient(trust_env=False, headers=headers, timeout=60) as client,
    ):
        await until_answered(f"{admin}/readyz")
        overview = (await client.get(f"{base}/api/v1/overview")).json()
        unknown = await client.get(f"{base}/api/v1/unknown")
        page = await client.get(f"{base}/sign-in")
        async with client.stream("GET", f"{base}/api/v1/events") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            process.send_signal(signal.SIGTERM)
            ended = await asyncio.wait_for(process.wait(), 60)

    assert overview["stations"] == 12
    assert unknown.headers["content-type"] == "application/problem+json"
    assert page.headers["content-type"].startswith("text/html")
    assert ended == 0
