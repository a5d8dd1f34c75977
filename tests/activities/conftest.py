"""Real Postgres, and the Stripe simulator as a process of its own, over the wire."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from activities.payments import Payments
from activities.sessions import Sessions as SessionActivities
from holdfast.adapters.stripe import StripePayments
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from tests.activities.rows import Network, network
from tests.simulator.stripe.server import KEY, SimulatorProcess, World


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


@dataclass(frozen=True, slots=True)
class Steps:
    """The activities, as a worker would build them."""

    sessions: SessionActivities
    payments: Payments
    provider: StripePayments


@pytest.fixture
async def steps(settings: Settings, db_sessions: Sessions, world: World) -> AsyncIterator[Steps]:
    """On the test's database and the simulator."""
    with_stripe = settings.model_copy(
        update={"stripe_api_key": SecretStr(KEY), "stripe_api_base": world.base_url}
    )
    provider = StripePayments.opened(with_stripe)
    assert provider is not None
    yield Steps(SessionActivities(db_sessions, settings), Payments(db_sessions, provider), provider)
    await provider.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The SDK hands form bodies to httpx in the old way; the warning is theirs, not ours."""
    theirs = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(theirs)
