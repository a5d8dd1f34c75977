"""What the orders benchmark runs on: Postgres, Temporal, the workers, a gateway, the API and the
peer, each a process of its own, in a folder that is thrown away afterwards."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import SECRET, child, new_folder
from cli.demo import seed_demo
from cli.embedded.postgres import EmbeddedPostgres
from cli.embedded.temporal import EmbeddedTemporal
from cli.ports import LOOPBACK, free_port
from holdfast.settings import Settings
from holdfast.store.migrate import upgrade

SETTLE_S = 2.0
"""What a first start does in the background is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderServers:
    """Where everything is."""

    settings: Settings
    api_url: str
    gateway_url: str
    api_key: str


@asynccontextmanager
async def order_servers() -> AsyncIterator[OrderServers]:
    """Start all, stop all."""
    folder = new_folder()
    try:
        async with AsyncExitStack() as stack:
            yield await _start(folder, stack)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _start(folder: Path, stack: AsyncExitStack) -> OrderServers:
    postgres = EmbeddedPostgres(folder / "postgres")
    database_url = await postgres.start()
    stack.push_async_callback(postgres.stop)
    upgrade(database_url)
    temporal = EmbeddedTemporal(folder / "temporal")
    address = await temporal.start()
    stack.push_async_callback(temporal.stop)
    api_port, gateway_port = free_port(), free_port()
    environment = {
        "HOLDFAST_DATABASE_URL": database_url,
        "HOLDFAST_TEMPORAL_ADDRESS": address,
        "HOLDFAST_TEMPORAL_UI_URL": temporal.ui_url,
        "HOLDFAST_SECRET_KEY": SECRET,
        "HOLDFAST_LOG_LEVEL": "warning",
        "HOLDFAST_API_PORT": str(api_port),
        "HOLDFAST_GATEWAY_PORT": str(gateway_port),
        "HOLDFAST_ONBOARDING": "accept",
        "HOLDFAST_ONBOARDING_ORGANIZATION": "demo",
    }
    settings = Settings.from_environment(environment)
    demo = await seed_demo(settings, None, network=False)
    for name, module in (
        ("workers", "workers"),
        ("gateway", "gateway"),
        ("api", "api"),
        ("peer", "benchmarks.bare_orders"),
    ):
        admin_port = free_port()
        process = child(
            folder,
            name,
            [module],
            environment | {"HOLDFAST_ADMIN_PORT": str(admin_port)},
            answers_http_at=None if name == "peer" else f"http://{LOOPBACK}:{admin_port}/readyz",
        )
        await process.start()
        stack.push_async_callback(process.stop)
    await asyncio.sleep(SETTLE_S)
    return OrderServers(
        settings=settings,
        api_url=f"http://{LOOPBACK}:{api_port}",
        gateway_url=f"ws://{LOOPBACK}:{gateway_port}",
        api_key=str(demo.api_key),
    )
