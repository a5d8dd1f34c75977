"""The state folder keeps secrets private, one `up` at a time, and children findable."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli.failures import CannotStart, from_os_error
from cli.orphans import recorded_process, stop_orphans
from cli.state import ChildRecord, StateDir, write_atomically


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    state = StateDir(tmp_path / "with a space")
    state.create()
    return state


def mode(path: Path) -> int:
    """Permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_made_once_and_are_their_owner_s_alone(state: StateDir) -> None:
    first = state.secrets()

    assert state.secrets() == first
    assert StateDir(state.path).secrets() == first
    assert mode(state.path / "secrets.json") == 0o600
    assert len(first.secret_key) >= 32
    assert mode(state.path) == (0o711 if os.geteuid() == 0 else 0o700)


def test_a_second_up_in_the_same_folder_gets_one_clear_sentence(state: StateDir) -> None:
    with state.locked(), pytest.raises(CannotStart) as refusal, StateDir(state.path).locked():
        pass

    assert f"already runs in {state.path} (process {os.getpid()})" in str(refusal.value)


def test_the_lock_is_free_again_after_its_holder_was_killed(state: StateDir) -> None:
    code = f"""
import os, signal
from collections.abc import Mapping
from pathlib import Path
from cli.state import StateDir
with StateDir(Path({str(state.path)!r})).locked():
    os.kill(os.getpid(), signal.SIGKILL)
"""
    holder = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603 - our code

    assert holder.returncode == -9
    with state.locked():
        assert (state.path / "lock").read_text().strip() == str(os.getpid())


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    path.write_text("old")
    path.chmod(0o644)

    write_atomically(path, "new")

    assert path.read_text() == "new\n"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_ready_names_urls_and_process_ids_until_it_is_not(state: StateDir) -> None:
    state.write_ready({"dashboard": "http://127.0.0.1:8000/"}, {"gateway": 17})

    assert json.loads(state.ready_path.read_text()) == {
        "urls": {"dashboard": "http://127.0.0.1:8000/"},
        "pids": {"gateway": 17},
    }
    state.not_ready()
    assert not state.ready_path.exists()


def test_what_the_processes_are_told_is_their_owner_s_alone(state: StateDir) -> None:
    told = {"HOLDFAST_API_PORT": "8000", "HOLDFAST_GATEWAY_ID": "gateway-1"}

    state.write_environment(told)

    assert json.loads(state.environment_path.read_text()) == told
    assert mode(state.environment_path) == 0o600


def test_a_process_that_only_has_the_same_number_is_not_ours() -> None:
    assert recorded_process(ChildRecord(pid=os.getpid(), started_at_s=1.0)) is None


def sleeper(mark: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A process that does nothing, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        start_new_session=True,
        env={**os.environ, **(mark or {})},
    )


async def test_what_an_earlier_run_left_behind_is_stopped(state: StateDir) -> None:
    recorded = sleeper()
    mark = {"HOLDFAST_INSTALLATION": state.secrets().installation_id}
    unrecorded = sleeper(mark)
    stranger = sleeper()
    state.remember_child("gateway", recorded.pid)
    said: list[str] = []

    try:
        await stop_orphans(state, ["gateway"], said.append)

        assert recorded.wait(5) == -15
        assert unrecorded.wait(5) == -15
        assert stranger.poll() is None
        assert state.children() == {}
        assert said[0].startswith("stopping gateway, left behind by an earlier run")
    finally:
        for process in (recorded, unrecorded, stranger):
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device", "a/b"), "The disk that holds a/b is full"),
        (PermissionError(13, "Permission denied", "a/b"), "No permission to write to a/b"),
        (OSError(30, "Read-only file system", "a/b"), "No permission to write to a/b"),
        (OSError(20, "Not a directory", "a/b"), "Cannot use a/b: not a directory."),
    ],
    ids=["disk full", "no permission", "read only", "anything else"],
)
def test_a_refusal_of_the_system_becomes_a_sentence(error: OSError, words: str) -> None:
    assert str(from_os_error(error, "x")).startswith(words)
