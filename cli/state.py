"""The state folder of an installation (`.holdfast/`): its lock, its secrets, its records.

lock              held by the `up` that runs; its process id is in it
secrets.json      made once (mode 600)
environment.json  what the processes of this installation were told (mode 600)
children.json     process id and start time of each child, written as soon as it exists
ready.json        URLs and process ids by name, there only while all is ready
api-key           an administrator's key of the demo organization (mode 600)
logs/  postgres/  temporal/  fleet/  stripe.sqlite
"""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from cli.failures import CannotStart, disk_full

DISK_FREE_BYTES_MIN = 256 * 1024 * 1024
"""A fresh Postgres cluster and Temporal file take about 60 MB; this leaves room to work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What one installation keeps to itself. Never printed, never logged."""

    installation_id: str
    secret_key: str
    stripe_api_key: str
    stripe_webhook_secret: str

    @classmethod
    def made(cls) -> "Secrets":
        """New random ones."""
        return cls(
            installation_id=secrets.token_hex(8),
            secret_key=secrets.token_hex(32),
            stripe_api_key=f"sk_test_{secrets.token_hex(16)}",
            stripe_webhook_secret=f"whsec_{secrets.token_hex(24)}",
        )


@dataclass(frozen=True, slots=True)
class ChildRecord:
    """A child as the next `up` finds it again. A process id alone may be somebody else by then."""

    pid: int
    started_at_s: float


class StateDir:
    """The folder `path`, made readable by its owner alone. Raises OSError where it cannot be."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.abspath(path))
        self.logs = self.path / "logs"
        self.api_key_path = self.path / "api-key"
        self.ready_path = self.path / "ready.json"
        self.environment_path = self.path / "environment.json"

    def create(self) -> None:
        """Make the folder and make sure that there is room in it."""
        if not self.path.exists():
            self.path.mkdir(parents=True, mode=0o700)
            if os.geteuid() == 0:
                # The account that Postgres may have to run as must get through to its own folder;
                # all that lies beside is private, and nobody can list it.
                self.path.chmod(0o711)
        self.logs.mkdir(exist_ok=True, mode=0o700)
        if shutil.disk_usage(self.path).free < DISK_FREE_BYTES_MIN:
            raise disk_full(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one `up`. Raises `CannotStart` if another one has it.

        The kernel frees the lock when its holder dies, however it dies.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CannotStart(
                    f"holdfast up already runs in {self.path} (process {file.read().strip()}): "
                    "stop it first, or choose another folder with --state-dir and other ports "
                    "with --port-base."
                ) from None
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def secrets(self) -> Secrets:
        """This installation's secrets, made at the first call."""
        path = self.path / "secrets.json"
        if path.exists():
            return Secrets(**json.loads(path.read_text()))
        made = Secrets.made()
        write_atomically(path, json.dumps(asdict(made), indent=2))
        return made

    def children(self) -> dict[str, ChildRecord]:
        """What was started last and never seen to end, by name."""
        path = self.path / "children.json"
        if not path.exists():
            return {}
        return {name: ChildRecord(**one) for name, one in json.loads(path.read_text()).items()}

    def remember_child(self, name: str, pid: int) -> None:
        """Write down a child that was just started."""
        try:
            started_at_s = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:
            return
        self._write_children(self.children() | {name: ChildRecord(pid, started_at_s)})

    def forget_children(self) -> None:
        """All of them have ended."""
        self._write_children({})

    def _write_children(self, children: Mapping[str, ChildRecord]) -> None:
        records = {name: asdict(record) for name, record in children.items()}
        write_atomically(self.path / "children.json", json.dumps(records, indent=2))

    def write_environment(self, environment: Mapping[str, str]) -> None:
        """Keep what the processes are told, for commands that work on this installation."""
        write_atomically(self.environment_path, json.dumps(dict(environment), indent=2))

    def write_ready(self, urls: Mapping[str, str], pids: Mapping[str, int]) -> None:
        """Tell others that everything is ready, and where."""
        content: dict[str, Any] = {"urls": dict(urls), "pids": dict(pids)}
        write_atomically(self.ready_path, json.dumps(content, indent=2))

    def not_ready(self) -> None:
        """The opposite."""
        self.ready_path.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Replace `path` by `text`, mode 600, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
