"""Real servers for every test: one Postgres and one Temporal per run, a database per test."""

import asyncio
import sysconfig
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from cli.embedded.databases import create_database
from cli.embedded.postgres import EmbeddedPostgres
from cli.embedded.temporal import EmbeddedTemporal
from holdfast.settings import Settings
from holdfast.store.database import Sessions, open_engine, open_sessions
from holdfast.store.migrate import upgrade
from holdfast.store.tables import Organization
from tests.databases import TEMPLATE, Databases

TEST_SECRET = "a secret for tests only, forty characters"  # noqa: S105 - guards nothing


# These wait more than they work, and a file is one worker's: first, so that nobody waits for them
# at the end; and not all installations at the same time.
LONG = (
    "gateway/test_outage.py",
    "e2e/test_up.py",
    "web/test_browser.py",
    "workers/test_restarts.py",
    "e2e/test_backup.py",
    "gateway/test_slow_peers.py",
    "cli/test_up.py",
    "e2e/test_privacy.py",
    "gateway/fuzz/test_transactions.py",
    "e2e/test_security_flows.py",
    "simulator/stripe/test_stripe_restart.py",
    "web/test_tariff_browser.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, then by their number of tests: what is short fills the gaps at the end."""
    root = Path(__file__).parent
    places = {root / name: place for place, name in enumerate(LONG)}
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: (places.get(item.path, len(LONG)), -sizes[item.path]))


@pytest.fixture(scope="session")
async def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A throw-away cluster with a migrated template."""
    cluster = EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "data", durable=False)
    url = await cluster.start()
    try:
        template = await create_database(url, TEMPLATE)
        await asyncio.to_thread(upgrade, template)
        yield url
    finally:
        await cluster.stop()


@pytest.fixture(scope="session")
async def databases(postgres_url: str) -> AsyncIterator[Databases]:
    """The cluster's databases: clean ones, taken again."""
    async with Databases.opened(postgres_url) as databases:
        yield databases


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """A migrated database with nothing in it."""
    async with databases.one() as url:
        yield url


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the test's database."""
    engine = open_engine(SecretStr(database_url), pool_size=5)
    yield engine
    await engine.dispose()


@pytest.fixture
def db_sessions(engine: AsyncEngine) -> Sessions:
    """The sessionmaker that a composition root would hand in."""
    return open_sessions(engine)


@pytest.fixture
async def organization(db_sessions: Sessions) -> UUID:
    """The id of an organization with the slug "acme"."""
    async with db_sessions.begin() as db:
        row = await db.execute(
            insert(Organization).values(slug="acme", name="Acme").returning(Organization.id)
        )
        return row.scalar_one()


@pytest.fixture(scope="session")
async def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a real Temporal server with our namespace and search attributes."""
    server = EmbeddedTemporal(tmp_path_factory.mktemp("temporal"))
    address = await server.start()
    try:
        yield address
    finally:
        await server.stop()


@pytest.fixture(scope="session")
async def temporal(temporal_server: str) -> Client:
    """A client of the real server. Use your own task queue."""
    return await Client.connect(
        temporal_server, namespace="holdfast", data_converter=pydantic_data_converter
    )


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings of a process on the test's database; Temporal is not running at its address."""
    return Settings.model_validate(
        {
            "database_url": database_url,
            "secret_key": TEST_SECRET,
            "temporal_address": "127.0.0.1:1",
        }
    )


@pytest.fixture(scope="session")
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """Temporal's test server, where a day takes no time. One clock: not for parallel tests."""
    from temporalio.api.enums.v1 import IndexedValueType
    from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest

    async with await started_time_skipping() as environment:
        keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        await environment.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=environment.client.namespace,
                search_attributes={
                    name: keyword
                    for name in (
                        "Organization",
                        "Site",
                        "Station",
                        "SessionState",
                        "PaymentState",
                        "Attention",
                    )
                },
            )
        )
        yield environment


async def started_time_skipping() -> WorkflowEnvironment:
    """The SDK gives the server 5 s to start; on a busy machine it gets three tries."""
    program = Path(sysconfig.get_path("scripts")) / "temporal-test-server"
    for _ in range(2):
        try:
            return await WorkflowEnvironment.start_time_skipping(
                test_server_existing_path=str(program), data_converter=pydantic_data_converter
            )
        except RuntimeError:
            await asyncio.sleep(1)
    return await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(program), data_converter=pydantic_data_converter
    )
