"""One child process: started in a session of its own, waited for, stopped within a time.

`subprocess.Popen` and polling rather than asyncio's subprocesses: a child then belongs to no event
loop, and a test session may stop it from another loop than the one that started it.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from cli.logs import open_log, tail
from cli.ports import LOOPBACK

POLL_S = 0.1
CONNECT_TIMEOUT_S = 2.0
KILL_TIMEOUT_S = 5.0

Ready = Callable[[], Awaitable[bool]]
Spawned = Callable[[str, int], None]


class ChildFailed(Exception):
    """The child ended before it was ready."""

    def __init__(self, name: str, how: str, last_lines: Sequence[str]) -> None:
        self.name = name
        self.last_lines = list(last_lines)
        super().__init__(f"{name} {how} before it was ready")


class ChildNotReady(Exception):
    """The child runs, but was not ready in time. It is left running."""

    def __init__(self, name: str, waited_s: float) -> None:
        super().__init__(f"{name} was not ready after {waited_s:.0f} s")


def how_it_ended(code: int) -> str:
    """An exit code as `Popen` gives it, in words."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
        return f"was ended by signal {-code}"
    return "ended" if code == 0 else f"ended with code {code}"


async def answers_tcp(port: int, host: str = LOOPBACK) -> bool:
    """Whether something accepts connections on `port`."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def answers_http(url: str) -> bool:
    """Whether a GET of `url` is answered with 200."""
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=CONNECT_TIMEOUT_S) as client:
            response = await client.get(url)
    except httpx.HTTPError:
        return False
    return response.status_code == httpx.codes.OK


def ignore_spawn(name: str, pid: int) -> None:
    """For children that nobody else needs to know."""


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    """What to run and how to know that it works."""

    name: str
    command: Sequence[str]
    log_path: Path
    ready: Ready
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cwd: Path | None = None
    user: int | None = None
    group: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    start_within_s: float = 60.0
    stop_within_s: float = 30.0


class Child:
    """A process of ours. It can be started again after it has ended."""

    def __init__(self, spec: ChildSpec, on_spawn: Spawned = ignore_spawn) -> None:
        self.spec = spec
        self.on_spawn = on_spawn
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.process.pid if self.process and self._poll() is None else None

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the process without waiting for it. Raises OSError if it cannot be started."""
        spec = self.spec
        log = open_log(spec.log_path)
        try:
            self.process = subprocess.Popen(  # noqa: S603 - the commands are our own
                list(spec.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(spec.environment),
                cwd=spec.cwd,
                user=spec.user,
                group=spec.group,
                extra_groups=[] if spec.user is not None else None,
                # A session of its own: Ctrl-C and a closed terminal reach us, not the child.
                start_new_session=True,
            )
        finally:
            os.close(log)
        self.on_spawn(self.name, self.process.pid)
        return self.process

    async def start(self) -> None:
        """Spawn and wait until ready. Raises `ChildFailed` or `ChildNotReady`."""
        self.spawn()
        deadline = time.monotonic() + self.spec.start_within_s
        while not await self.spec.ready():
            if (code := self._poll()) is not None:
                raise ChildFailed(self.name, how_it_ended(code), tail(self.spec.log_path))
            if time.monotonic() > deadline:
                raise ChildNotReady(self.name, self.spec.start_within_s)
            await asyncio.sleep(POLL_S)
        # What answered may be somebody else on our port.
        if (code := self._poll()) is not None:
            raise ChildFailed(self.name, how_it_ended(code), tail(self.spec.log_path))

    async def wait(self) -> int:
        """Wait until the process ends; its exit code, negative for a signal."""
        if self.process is None:
            raise RuntimeError(f"{self.name} was never started")
        while (code := self._poll()) is None:  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(POLL_S)
        return code

    async def stop(self) -> None:
        """Ask the process to end, and kill its group if it has not within its time."""
        if self.process is None:
            return
        if self._poll() is None:
            self.process.send_signal(self.spec.stop_signal)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.spec.stop_within_s):
                    await self.wait()
        await self.kill()

    async def kill(self) -> None:
        """End the process and its group at once."""
        if self.process is None or self._poll() is not None:
            return
        self._kill_group(self.process)
        async with asyncio.timeout(KILL_TIMEOUT_S):
            await self.wait()

    def _poll(self) -> int | None:
        """The exit code once the process has ended; what it left in its group is killed then.

        That must happen before the process is reaped: afterwards its number, and with it the
        group's, may belong to a stranger.
        """
        process = self.process
        if process is None:
            return None
        if process.returncode is None:
            with contextlib.suppress(ChildProcessError):
                if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                    self._kill_group(process)
        return process.poll()

    @staticmethod
    def _kill_group(process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
