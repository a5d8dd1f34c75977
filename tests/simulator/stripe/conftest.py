"""One server for all tests, a private account for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulator.stripe.server import Receiver, SimulatorProcess, World


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    running = SimulatorProcess(tmp_path_factory.mktemp("stripe") / "state.sqlite")
    yield running
    running.end()


@pytest.fixture
def world(server: SimulatorProcess) -> Iterator[World]:
    with World.on(server) as fresh:
        yield fresh


@pytest.fixture
def other_world(server: SimulatorProcess) -> Iterator[World]:
    with World.on(server) as fresh:
        yield fresh


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    listening = Receiver()
    yield listening
    listening.close()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[SimulatorProcess]:
    """For tests that kill it."""
    running = SimulatorProcess(tmp_path / "own state.sqlite")
    yield running
    running.end()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The SDK hands form bodies to httpx in the old way; the warning is theirs, not ours."""
    theirs = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(theirs)
