"""The whole process inside the test, on the test's own database."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.converter import PayloadCodec
from temporalio.service import RPCError

from holdfast.settings import Settings
from holdfast.store.database import Sessions
from tests.activities.rows import Network, network
from tests.simulator.stripe.server import KEY, SimulatorProcess, World
from workers.app import WorkersApp


@pytest.fixture(scope="session")
def stripe_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """One for all tests of this folder."""
    server = SimulatorProcess(tmp_path_factory.mktemp("stripe") / "state.sqlite")
    yield server
    server.end()


@pytest.fixture
def world(stripe_server: SimulatorProcess) -> Iterator[World]:
    """A private account of the simulator."""
    with World.on(stripe_server, uuid4().hex) as fresh:
        yield fresh


@pytest.fixture
async def made(db_sessions: Sessions, organization: UUID) -> Network:
    """A small network."""
    return await network(db_sessions, organization)


@pytest.fixture
def worker_settings(settings: Settings, temporal_server: str, world: World) -> Settings:
    """Of a workers process that has everything."""
    return settings.model_copy(
        update={
            "temporal_address": temporal_server,
            "stripe_api_key": SecretStr(KEY),
            "stripe_api_base": world.base_url,
            "admin_port": 0,
            "max_cached_workflows": 100,
        }
    )


@asynccontextmanager
async def serving(
    settings: Settings, codec: PayloadCodec | None = None
) -> AsyncIterator[WorkersApp]:
    """The process, in this loop; ended gracefully."""
    app = WorkersApp(settings, codec)
    task = asyncio.create_task(app.run())
    try:
        yield app
    finally:
        app.stop()
        await asyncio.wait_for(task, 90)


@pytest.fixture
async def nothing_left_running(temporal: Client) -> AsyncIterator[None]:
    """Queues are shared between tests: what a test leaves behind must not reach the next one."""
    yield
    async for execution in temporal.list_workflows("ExecutionStatus = 'Running'"):
        try:
            await temporal.get_workflow_handle(execution.id).terminate()
        except RPCError:
            continue


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The SDK hands form bodies to httpx in the old way; the warning is theirs, not ours."""
    theirs = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(theirs)
