"""Small real programs and real servers for the tests of the supervisor."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cli.child import Child, ChildSpec, Ready
from cli.embedded.postgres import EmbeddedPostgres

StartProgram = Callable[..., Child]


async def at_once() -> bool:
    """For programs that need no time to be ready."""
    return True


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[StartProgram]:
    """Make a child out of a few lines of Python; it is gone after the test."""
    made: list[Child] = []

    def make(
        name: str, code: str, *, ready: Ready = at_once, start_s: float = 10, stop_s: float = 10
    ) -> Child:
        child = Child(
            ChildSpec(
                name=name,
                command=[sys.executable, "-c", code],
                log_path=tmp_path / f"{name}.log",
                ready=ready,
                start_within_s=start_s,
                stop_within_s=stop_s,
            )
        )
        made.append(child)
        return child

    yield make
    for child in made:
        await child.kill()


@pytest.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    """One throw-away cluster, in a folder whose name has a space."""
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("a cluster") / "data", durable=False)
    await postgres.start()
    yield postgres
    await postgres.stop()
