"""The supervisor starts again what dies, and ends everything in the order that it was given."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.child import ChildFailed, answers_tcp
from cli.ports import free_port
from cli.supervisor import Supervisor
from tests.cli.conftest import StartProgram

SLEEP = "import time; time.sleep(60)"


async def until(condition: Callable[[], bool], within_s: float = 60) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.05)


def server(port: int) -> str:
    """A program that listens until it is killed."""
    return f"""
import socket, time
server = socket.create_server(("127.0.0.1", {port}))
time.sleep(60)
"""


async def test_a_child_that_is_killed_comes_back_on_the_same_port(program: StartProgram) -> None:
    port = free_port()
    said: list[str] = []
    supervisor = Supervisor([], said.append, backoff_first_s=0.05)
    await supervisor.start(program("server", server(port), ready=lambda: answers_tcp(port)))
    first = supervisor.pids["server"]

    os.kill(first, signal.SIGKILL)
    await until(lambda: supervisor.pids.get("server", first) != first)
    await until(lambda: "server is back" in said)

    assert await answers_tcp(port)
    assert said[0] == "server was ended by SIGKILL; starting it again in 0.05 s"
    await supervisor.stop()
    assert not await answers_tcp(port)


async def test_a_child_that_cannot_come_back_is_tried_again_and_again(
    program: StartProgram, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    port = free_port()
    code = f"import os, sys; os.path.exists({str(gate)!r}) or sys.exit(7)" + server(port)
    said: list[str] = []
    supervisor = Supervisor([], said.append, backoff_first_s=0.02)
    await supervisor.start(program("moody", code, ready=lambda: answers_tcp(port)))

    gate.unlink()
    os.kill(supervisor.pids["moody"], signal.SIGKILL)
    await until(lambda: sum("ended with code 7" in line for line in said) >= 2)
    gate.touch()
    await until(lambda: "moody is back" in said)

    assert supervisor.pids["moody"]
    await supervisor.stop()


async def test_restarts_become_slower_while_a_child_keeps_dying(program: StartProgram) -> None:
    said: list[str] = []
    supervisor = Supervisor([], said.append, backoff_first_s=0.02)
    await supervisor.start(program("brief", "pass"))

    await until(lambda: len([line for line in said if "starting it again" in line]) >= 4)
    await supervisor.stop()

    delays = [line.rsplit(" ", 2)[1] for line in said if "starting it again" in line]
    assert delays[:4] == ["0.02", "0.04", "0.08", "0.16"]


async def test_children_end_in_the_given_order_and_one_at_a_time(
    program: StartProgram, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    ready = tmp_path / "ready"
    ready.mkdir()

    def code(name: str) -> str:
        return f"""
import pathlib, signal, sys, time
def drain(*_):
    time.sleep(0.2)
    with open({str(diary)!r}, "a") as diary:
        diary.write("{name} ")
    sys.exit(0)
signal.signal(signal.SIGTERM, drain)
pathlib.Path({str(ready)!r}, "{name}").touch()
time.sleep(60)
"""

    supervisor = Supervisor(["fleet", "gateway", "postgres"], lambda line: None)
    for name in ("postgres", "gateway", "fleet"):

        async def is_ready(name: str = name) -> bool:
            return await asyncio.to_thread((ready / name).exists)

        await supervisor.start(program(name, code(name), ready=is_ready))

    await supervisor.stop()

    assert diary.read_text().split() == ["fleet", "gateway", "postgres"]


async def test_a_failed_first_start_is_the_caller_s_to_handle(program: StartProgram) -> None:
    port = free_port()
    supervisor = Supervisor([], lambda line: None)

    with pytest.raises(ChildFailed):
        await supervisor.start(
            program("broken", "raise SystemExit(1)", ready=lambda: answers_tcp(port))
        )
    await supervisor.stop()

    assert supervisor.pids == {}


async def test_no_child_comes_back_while_stopping(program: StartProgram) -> None:
    said: list[str] = []
    supervisor = Supervisor([], said.append, backoff_first_s=0.01)
    child = program("sleeper", SLEEP)
    await supervisor.start(child)

    await supervisor.stop()
    await asyncio.sleep(0.3)

    assert child.pid is None
    assert said == ["stopping sleeper"]


class Immortal:
    """A child that cannot be ended, as one that hangs in the kernel."""

    name = "immortal"
    pid = 1

    async def start(self) -> None:
        """It is always there."""

    async def wait(self) -> int:
        await asyncio.Event().wait()
        return 0

    async def stop(self) -> None:
        raise TimeoutError

    async def kill(self) -> None:
        raise TimeoutError


async def test_a_child_that_cannot_be_ended_does_not_keep_the_others(
    program: StartProgram,
) -> None:
    said: list[str] = []
    supervisor = Supervisor(["immortal", "postgres"], said.append)
    postgres = program("postgres", SLEEP)
    await supervisor.start(postgres)
    await supervisor.start(Immortal())

    await supervisor.stop()

    assert postgres.pid is None
    assert "immortal could not be ended (TimeoutError)" in said
