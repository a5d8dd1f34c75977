"""`holdfast up` as a whole, on the real Postgres and Temporal, with small programs for the rest."""

import asyncio
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli.child import ChildFailed
from cli.embedded.postgres import EmbeddedPostgres
from cli.embedded.temporal import EmbeddedTemporal, TemporalPorts
from cli.embedded.unprivileged import namespace_launcher
from cli.ports import is_free
from cli.up import in_one_sentence
from tests.cli.stand_ins import write_programs
from tests.ports import free_row

ROOT = Path(__file__).resolve().parents[2]
START_WITHIN_S = 150.0
NAMES = ["postgres", "temporal", "stripe-simulator", "gateway", "api", "workers", "fleet"]


class Installation:
    """A state folder with everything that was ever started in it."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "programs"
        self.state = folder / "my state"
        self.diary = folder / "diary"
        self.output = folder / "output"
        self.base = free_row()
        self.runs: list[subprocess.Popen[bytes]] = []
        write_programs(self.programs)

    def up(
        self,
        *options: str,
        prefix: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        **other: Any,
    ) -> subprocess.Popen[bytes]:
        """Start `up` without waiting; `prefix` is a command that runs it."""
        with self.output.open("ab") as output:
            run = subprocess.Popen(  # noqa: S603 - our own command
                [
                    *(*prefix, sys.executable, "-m", "tests.cli.stand_ins"),
                    *(str(self.programs), str(self.state), str(self.base), *options),
                ],
                cwd=ROOT,
                env={**os.environ, "STAND_IN_DIARY": str(self.diary), **(settings or {})},
                start_new_session=True,
                **{"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, **other},
            )
        self.runs.append(run)
        return run

    def ready(self) -> dict[str, Any] | None:
        """What ready.json says."""
        with suppress(FileNotFoundError):
            content: dict[str, Any] = json.loads((self.state / "ready.json").read_text())
            return content
        return None

    def said(self) -> str:
        """All that was printed so far."""
        return self.output.read_text()

    def events(self) -> list[str]:
        """What the programs wrote down."""
        return self.diary.read_text().splitlines() if self.diary.exists() else []

    async def until_ready(self, run: subprocess.Popen[bytes]) -> dict[str, Any]:
        """Wait for ready.json of a run that was just started."""
        await until(lambda: self.ready() is not None or run.poll() is not None)
        ready = self.ready()
        assert ready is not None, self.said()
        return ready

    def clean_up(self) -> None:
        """End what a failed test left: only processes that this installation recorded."""
        for run in self.runs:
            if run.poll() is None:
                run.terminate()
                with suppress(subprocess.TimeoutExpired):
                    run.wait(30)
            run.kill()
            run.wait()
        records = self.state / "children.json"
        if records.exists():
            for record in json.loads(records.read_text()).values():
                with suppress(psutil.NoSuchProcess):
                    process = psutil.Process(record["pid"])
                    if abs(process.create_time() - record["started_at_s"]) < 0.05:
                        process.kill()


async def until(condition: Callable[[], bool], within_s: float = START_WITHIN_S) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.05)


async def ended(run: subprocess.Popen[bytes], within_s: float = 120) -> int:
    """The exit code of a run that ends by itself."""
    await until(lambda: run.poll() is not None, within_s)
    return run.returncode


def alive(pids: dict[str, int]) -> list[str]:
    """Which of the named processes run. An orphan that ended may wait for init to notice."""

    def runs(pid: int) -> bool:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        return False

    return [name for name, pid in pids.items() if runs(pid)]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path)
    yield installation
    installation.clean_up()


@pytest.fixture
async def running(installation: Installation) -> Installation:
    """An installation that is up."""
    await installation.until_ready(installation.up())
    return installation


async def test_up_starts_all_in_order_and_ctrl_c_ends_all_in_order(
    installation: Installation,
) -> None:
    run = installation.up()
    ready = await installation.until_ready(run)

    assert sorted(ready["pids"]) == sorted(NAMES)
    assert ready["urls"]["dashboard"] == f"http://127.0.0.1:{installation.base}/"
    assert (installation.state / "api-key").read_text() == "key\n"
    await until(lambda: "12/12 stations online · 3 sessions active" in installation.said())

    run.send_signal(signal.SIGINT)

    assert await ended(run) == 0
    assert installation.events() == [
        *(f"{name} started" for name in ("stripe", "gateway", "api", "workers", "fleet")),
        *(f"{name} drained" for name in ("fleet", "gateway", "api", "workers", "stripe")),
    ]
    stopped = [
        line.split()[-1] for line in installation.said().splitlines() if " stopping " in line
    ]
    assert stopped == [
        *("fleet", "gateway", "api", "workers", "stripe-simulator", "temporal", "postgres")
    ]
    assert alive(ready["pids"]) == []
    assert installation.ready() is None


async def test_every_child_that_is_killed_comes_back(running: Installation) -> None:
    first = running.ready()
    assert first is not None

    for name in NAMES:
        os.kill(first["pids"][name], signal.SIGKILL)

    def all_are_back() -> bool:
        now = running.ready()
        assert now is not None
        pids = now["pids"]
        return len(pids) == len(NAMES) and all(pids[one] != first["pids"][one] for one in NAMES)

    await until(all_are_back)
    await until(lambda: all(f"{name} is back" in running.said() for name in NAMES))
    assert running.runs[0].poll() is None


async def test_the_next_up_ends_what_a_killed_up_left_and_goes_on(running: Installation) -> None:
    ready = running.ready()
    assert ready is not None
    running.runs[0].kill()
    running.runs[0].wait()
    assert sorted(alive(ready["pids"])) == sorted(NAMES)
    (running.state / "ready.json").unlink()

    again = await running.until_ready(running.up())

    assert set(again["pids"].values()).isdisjoint(ready["pids"].values())
    assert alive(ready["pids"]) == []
    assert running.said().count("left behind by an earlier run") == len(NAMES)


async def test_a_second_up_in_the_same_folder_gets_one_sentence(running: Installation) -> None:
    await until(lambda: "stations online" in running.said())
    before = len(running.said().splitlines())

    second = running.up()

    assert await ended(second) == 1
    words = running.said().splitlines()[before:]
    assert len(words) == 1
    assert f"already runs in {running.state} (process {running.runs[0].pid})" in words[0]
    assert running.runs[0].poll() is None


async def test_a_port_in_use_is_one_sentence_and_nothing_is_started(
    installation: Installation,
) -> None:
    with socket.create_server(("127.0.0.1", installation.base + 4)):
        code = await ended(installation.up())

    assert code == 1
    words = installation.said().splitlines()
    assert len(words) == 1
    assert f"Port {installation.base + 4}, wanted for temporal ui, is already in use" in words[0]
    assert not installation.state.exists()


async def test_a_program_that_fails_at_the_start_leaves_nothing_running(
    installation: Installation,
) -> None:
    (installation.programs / "workers" / "__main__.py").write_text("raise SystemExit('bad luck')")

    code = await ended(installation.up(), within_s=90)

    assert code == 1
    last = installation.said().splitlines()[-1]
    assert last.startswith("holdfast: workers ended with code 1 before it was ready; see ")
    assert last.endswith("bad luck")
    assert all(is_free(installation.base + offset) for offset in (0, 1, 3, 4, 5, 6))


async def test_sigterm_in_the_middle_of_the_start_stops_what_runs(
    installation: Installation,
) -> None:
    run = installation.up()
    await until(lambda: "gateway started" in installation.events())

    run.terminate()

    assert await ended(run) == 0
    assert all(is_free(installation.base + offset) for offset in (0, 1, 3, 4, 5, 6))


async def test_a_closed_terminal_drains_like_ctrl_c(installation: Installation) -> None:
    ours, theirs = pty.openpty()
    run = installation.up(stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    reader = asyncio.create_task(asyncio.to_thread(read_until, ours, "stations online"))
    await installation.until_ready(run)
    shown = await reader

    os.close(ours)
    run.send_signal(signal.SIGHUP)

    assert "12/12 stations online" in shown
    assert await ended(run) == 0
    assert "gateway drained" in installation.events()


def read_until(terminal: int, words: str) -> str:
    """What a terminal shows until `words` appear in it."""
    shown = ""
    deadline = time.monotonic() + START_WITHIN_S
    while words not in shown and time.monotonic() < deadline:
        shown += os.read(terminal, 4096).decode(errors="replace")
    return shown


async def test_without_a_demo_there_is_no_fleet_but_a_key(installation: Installation) -> None:
    ready = await installation.until_ready(installation.up("--no-demo"))

    assert "fleet" not in ready["pids"]
    assert "fleet_control" not in ready["urls"]
    assert (installation.state / "api-key").exists()


async def test_a_second_ctrl_c_is_explained_and_a_third_kills(installation: Installation) -> None:
    stubborn = installation.programs / "simulator" / "stations" / "__main__.py"
    stubborn.write_text(stubborn.read_text().replace("os._exit(0)", "pass"))
    run = installation.up()
    ready = await installation.until_ready(run)

    run.send_signal(signal.SIGINT)
    await until(lambda: "fleet drained" in installation.events())
    run.send_signal(signal.SIGINT)
    await until(lambda: "Already stopping: fleet still finishes" in installation.said())
    run.send_signal(signal.SIGINT)

    assert await ended(run, within_s=15) == 0
    assert alive(ready["pids"]) == []


def as_nobody() -> tuple[str, ...]:
    """A prefix under which a command is not root."""
    return namespace_launcher() if os.geteuid() == 0 else ()


async def test_up_runs_for_an_ordinary_user(installation: Installation) -> None:
    run = installation.up(prefix=as_nobody())

    ready = await installation.until_ready(run)

    assert sorted(ready["pids"]) == sorted(NAMES)


async def test_a_folder_that_may_not_be_written_is_one_sentence(
    installation: Installation, tmp_path: Path
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    installation.state = locked / "state"

    code = await ended(installation.up(prefix=as_nobody()))

    assert code == 1
    words = installation.said().splitlines()
    assert len(words) == 1
    assert words[0].startswith(f"holdfast: No permission to write to {installation.state}")


async def test_a_small_full_disk_is_one_sentence(
    installation: Installation, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=1m tmpfs '{disk}'"
    if subprocess.run(["unshare", "--mount", "sh", "-c", mount], check=False).returncode != 0:  # noqa: ASYNC221, S603, S607
        pytest.skip("may not mount a small disk here")
    installation.state = disk / "state"

    code = await ended(
        installation.up(prefix=("unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh"))
    )

    assert code == 1
    words = installation.said().splitlines()
    assert len(words) == 1
    assert words[0].startswith(f"holdfast: The disk that holds {installation.state} is full")


def test_a_disk_that_fills_up_during_the_start_is_told_as_such(tmp_path: Path) -> None:
    failure = ChildFailed(
        "initdb", "ended with code 1", ['could not write file "x": No space left on device']
    )

    assert str(in_one_sentence(failure, tmp_path)).startswith(f"The disk that holds {tmp_path} is")


async def test_a_given_postgres_and_temporal_are_used_and_left_running(
    installation: Installation, cluster: EmbeddedPostgres, tmp_path: Path
) -> None:
    temporal = EmbeddedTemporal(tmp_path / "temporal", TemporalPorts.any_free())
    given = {
        "HOLDFAST_DATABASE_URL": cluster.dsn,
        "HOLDFAST_TEMPORAL_ADDRESS": await temporal.start(),
        "HOLDFAST_TEMPORAL_UI_URL": temporal.ui_url,
    }

    try:
        run = installation.up(settings=given)
        ready = await installation.until_ready(run)
        run.terminate()

        assert await ended(run) == 0
        assert set(NAMES) - set(ready["pids"]) == {"postgres", "temporal"}
        assert ready["urls"]["temporal_ui"] == temporal.ui_url
        assert cluster.pid is not None
        assert temporal.pid is not None
    finally:
        await temporal.stop()
