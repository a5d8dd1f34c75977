"""The servers that a benchmark runs on: real ones, in a folder that is thrown away afterwards.

Postgres is as durable as in production (fsync, synchronous_commit), Temporal has the flags of
`holdfast up`, Stripe is the simulator without webhooks, the workers are the product's own process.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from cli.child import Child, ChildSpec, answers_http, answers_tcp
from cli.demo import seed_demo
from cli.embedded.postgres import EmbeddedPostgres
from cli.embedded.temporal import EmbeddedTemporal
from cli.ports import LOOPBACK, free_port
from holdfast.settings import PREFIX, Settings
from holdfast.store.migrate import upgrade

ROOT = Path(__file__).resolve().parent.parent
SECRET = "a benchmark guards nothing, but it must be long"  # noqa: S105 - guards nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """What runs, under which settings. `pids` by name, for the processor time of each."""

    settings: Settings
    pids: dict[str, int]

    def cpu_s(self) -> dict[str, float]:
        """Processor seconds so far of each process with its children, ours (`driver`) too."""
        return {name: family_cpu_s(pid) for name, pid in self.pids.items()}


def family_cpu_s(pid: int) -> float:
    """User and system time of a process and of all below it."""
    total = 0.0
    process = psutil.Process(pid)
    below = [] if pid == os.getpid() else process.children(recursive=True)
    for member in (process, *below):
        try:
            spent = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system
    return total


@asynccontextmanager
async def running() -> AsyncIterator[Servers]:
    """Start all, with the demo network in the database; stop all, and remove the folder."""
    folder = new_folder()
    try:
        async with AsyncExitStack() as stack:
            yield await _start(folder, stack)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_folder() -> Path:
    """A folder of our own, through which the account that Postgres may run as must get."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    folder.chmod(0o711)
    return folder


async def _start(folder: Path, stack: AsyncExitStack) -> Servers:
    postgres = EmbeddedPostgres(folder / "postgres")
    database_url = await postgres.start()
    stack.push_async_callback(postgres.stop)
    upgrade(database_url)
    temporal = EmbeddedTemporal(folder / "temporal")
    address = await temporal.start()
    stack.push_async_callback(temporal.stop)
    stripe_port, admin_port = free_port(), free_port()
    environment = {
        "HOLDFAST_DATABASE_URL": database_url,
        "HOLDFAST_TEMPORAL_ADDRESS": address,
        "HOLDFAST_TEMPORAL_UI_URL": temporal.ui_url,
        "HOLDFAST_SECRET_KEY": SECRET,
        "HOLDFAST_STRIPE_API_BASE": f"http://{LOOPBACK}:{stripe_port}",
        "HOLDFAST_STRIPE_API_KEY": "sk_test_benchmark",
        "HOLDFAST_ADMIN_PORT": str(admin_port),
        "HOLDFAST_LOG_LEVEL": "warning",
    }
    stripe = child(
        folder,
        "stripe",
        ["simulator.stripe", "--host", LOOPBACK, "--port", str(stripe_port)],
        {},
        answers_tcp_on=stripe_port,
    )
    await stripe.start()
    stack.push_async_callback(stripe.stop)
    settings = Settings.from_environment(environment)
    await seed_demo(settings, None, network=True)
    workers = child(
        folder,
        "workers",
        ["workers"],
        environment,
        answers_http_at=f"http://{LOOPBACK}:{admin_port}/readyz",
    )
    await workers.start()
    stack.push_async_callback(workers.stop)
    bare = child(folder, "peer", ["benchmarks.bare_workers"], environment)
    await bare.start()
    stack.push_async_callback(bare.stop)
    started = {
        "postgres": postgres.pid,
        "temporal": temporal.pid,
        "stripe": stripe.pid,
        "workers": workers.pid,
        "peer": bare.pid,
    }
    pids = {name: pid for name, pid in started.items() if pid is not None}
    return Servers(settings=settings, pids={"driver": os.getpid(), **pids})


def child(
    folder: Path,
    name: str,
    module: list[str],
    environment: dict[str, str],
    *,
    answers_tcp_on: int | None = None,
    answers_http_at: str | None = None,
) -> Child:
    """`python -m …` with these HOLDFAST_* variables and no others."""

    async def ready() -> bool:
        if answers_tcp_on is not None:
            return await answers_tcp(answers_tcp_on)
        return answers_http_at is None or await answers_http(answers_http_at)

    inherited = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    return Child(
        ChildSpec(
            name=name,
            command=[sys.executable, "-m", *module],
            environment={**inherited, **environment},
            log_path=folder / f"{name}.log",
            ready=ready,
            cwd=ROOT,
        )
    )
