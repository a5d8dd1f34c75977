"""A child process is started, watched and ended, together with what it started itself."""

import asyncio
import os
import time
from pathlib import Path

import psutil
import pytest

from cli.child import ChildFailed, ChildNotReady, answers_tcp, how_it_ended
from cli.ports import free_port
from tests.cli.conftest import StartProgram

SLEEP = "import time; time.sleep(60)"
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


async def test_a_child_leads_a_group_and_a_session_of_its_own(program: StartProgram) -> None:
    child = program("sleeper", SLEEP)

    await child.start()

    assert child.pid is not None
    assert os.getpgid(child.pid) == child.pid
    assert os.getsid(child.pid) == child.pid


async def test_a_child_is_ready_only_when_its_port_answers(program: StartProgram) -> None:
    port = free_port()
    code = f"""
import socket, time
time.sleep(0.4)
server = socket.create_server(("127.0.0.1", {port}))
time.sleep(60)
"""
    child = program("server", code, ready=lambda: answers_tcp(port))

    began = time.monotonic()
    await child.start()

    assert time.monotonic() - began > 0.4
    assert await answers_tcp(port)


async def test_a_child_that_ends_before_it_is_ready_says_its_last_words(
    program: StartProgram,
) -> None:
    port = free_port()
    child = program("broken", "raise SystemExit('no room')", ready=lambda: answers_tcp(port))

    with pytest.raises(ChildFailed) as failure:
        await child.start()

    assert str(failure.value) == "broken ended with code 1 before it was ready"
    assert failure.value.last_lines == ["no room"]


async def test_a_child_that_is_slow_is_reported_and_left_running(program: StartProgram) -> None:
    port = free_port()
    child = program("slow", SLEEP, ready=lambda: answers_tcp(port), start_s=0.3)

    with pytest.raises(ChildNotReady):
        await child.start()

    assert child.pid is not None


async def test_a_child_is_asked_to_end_first(program: StartProgram, tmp_path: Path) -> None:
    mark = tmp_path / "drained"
    ready = tmp_path / "ready"
    code = f"""
import pathlib, signal, sys, time
def drain(*_):
    pathlib.Path({str(mark)!r}).write_text("yes")
    sys.exit(0)
signal.signal(signal.SIGTERM, drain)
pathlib.Path({str(ready)!r}).write_text("yes")
time.sleep(60)
"""

    async def is_ready() -> bool:
        return await asyncio.to_thread(ready.exists)

    child = program("polite", code, ready=is_ready)
    await child.start()

    await child.stop()

    assert mark.exists()
    assert await child.wait() == 0


async def test_a_child_that_ignores_the_request_is_killed_in_time(
    program: StartProgram, tmp_path: Path
) -> None:
    async def is_ready() -> bool:
        return "deaf" in await asyncio.to_thread((tmp_path / "deaf.log").read_text)

    child = program("deaf", DEAF, stop_s=0.3, ready=is_ready)
    await child.start()

    began = time.monotonic()
    await child.stop()

    assert time.monotonic() - began < 30  # it would sleep for a minute
    assert await child.wait() == -9


async def test_grandchildren_do_not_outlive_a_killed_child(
    program: StartProgram, tmp_path: Path
) -> None:
    note = tmp_path / "grandchild"
    code = f"""
import pathlib, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", {SLEEP!r}])
pathlib.Path({str(note)!r}).write_text(str(grandchild.pid))
time.sleep(60)
"""

    async def is_ready() -> bool:
        return await asyncio.to_thread(lambda: note.exists() and note.read_text() != "")

    child = program("parent", code, ready=is_ready)
    await child.start()
    grandchild = psutil.Process(int(note.read_text()))

    assert child.process is not None
    child.process.kill()
    await child.wait()

    gone, _ = psutil.wait_procs([grandchild], timeout=30)
    assert gone == [grandchild]


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "ended"), (3, "ended with code 3"), (-9, "was ended by SIGKILL"), (-99, "signal 99")],
)
def test_an_exit_code_is_put_into_words(code: int, words: str) -> None:
    assert how_it_ended(code).endswith(words)
