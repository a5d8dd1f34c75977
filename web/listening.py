"""One LISTEN connection of this process: says which topics changed, and survives a restart.

A notice carries no data and may be lost while Postgres is away; so every new connection counts as
"everything changed".
"""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import psycopg
import structlog
from pydantic import SecretStr

from holdfast.contracts.names import NOTIFY_CHANNEL

log = structlog.get_logger()

EVERYTHING: frozenset[str] = frozenset({"*"})
PAUSE_S_MIN = 0.25
PAUSE_S_MAX = 5.0
SILENCE_S = 20.0  # a connection that was quiet for this long is asked whether it still lives

OnNotice = Callable[[frozenset[str]], None]


class Ears(Protocol):
    """What hears changes and calls `on_notice`; started once, and closed at the end."""

    def start(self) -> None:
        """Begin; a repeat changes nothing."""

    async def close(self) -> None:
        """End and wait for it."""


class Subscription(Protocol):
    """Topics that changed since the last look."""

    async def wait(self, timeout_s: float) -> frozenset[str]:
        """As soon as something changed; empty after the time is up."""


class Changes(Protocol):
    """The LISTEN connection that a process has already, as `api` does for its own streams."""

    def subscribe(self) -> AbstractContextManager[Subscription]:
        """Hear from now on; all topics after each of its reconnections."""


class Overhearer:
    """Hears through the process's own connection instead of opening a second one."""

    def __init__(self, changes: Changes, on_notice: OnNotice) -> None:
        self._changes = changes
        self._on_notice = on_notice
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; a repeat changes nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="web-overhearer")

    async def close(self) -> None:
        """End and wait for it."""
        task, self._task = self._task, None
        await end(task)

    async def _run(self) -> None:
        with self._changes.subscribe() as subscription:
            self._on_notice(EVERYTHING)
            while True:
                self._on_notice(await subscription.wait(SILENCE_S))


class Listener:
    """Listens on the channel until closed. `on_notice` is called in this loop; it must not wait."""

    def __init__(self, database_url: SecretStr, on_notice: OnNotice) -> None:
        self._database_url = database_url
        self._on_notice = on_notice
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; a repeat changes nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="web-listener")

    async def close(self) -> None:
        """End and wait for it."""
        task, self._task = self._task, None
        await end(task)

    async def _run(self) -> None:
        pause_s = PAUSE_S_MIN
        while True:
            try:
                async with await self._connect() as connection:
                    await connection.execute(f"LISTEN {NOTIFY_CHANNEL}")
                    pause_s = PAUSE_S_MIN
                    self._on_notice(EVERYTHING)
                    await self._hear(connection)
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("not listening to the database", kind=type(error).__name__)
            await asyncio.sleep(pause_s)
            pause_s = min(PAUSE_S_MAX, pause_s * 2)

    async def _connect(self) -> psycopg.AsyncConnection[tuple[object, ...]]:
        return await psycopg.AsyncConnection.connect(
            self._database_url.get_secret_value(),
            autocommit=True,
            connect_timeout=5,
            keepalives_idle=15,
            keepalives_interval=5,
            keepalives_count=3,
            application_name="holdfast web listener",
        )

    async def _hear(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        while True:
            async for notice in connection.notifies(timeout=SILENCE_S):
                self._on_notice(frozenset(notice.payload.split()))
            await asyncio.wait_for(connection.execute("SELECT 1"), timeout=5)


async def end(task: asyncio.Task[None] | None) -> None:
    """Cancel a task and wait until it is over."""
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
