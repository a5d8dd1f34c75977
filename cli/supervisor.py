"""Keeps children running: starts them in order, starts again what dies, ends them in order."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from cli.child import ChildNotReady, how_it_ended

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 15.0
STEADY_AFTER_S = 30.0
"""A child that lived this long is healthy: its next restart is quick again."""


class Supervised(Protocol):
    """What the supervisor needs of a child; `Child` and the embedded servers are such."""

    @property
    def name(self) -> str: ...

    @property
    def pid(self) -> int | None: ...

    async def start(self) -> object:
        """Start and wait until ready. Raises `ChildFailed`, `ChildNotReady` or OSError."""

    async def wait(self) -> int:
        """Wait for the end; the exit code."""

    async def stop(self) -> None:
        """End it within its own time; nothing of it is left afterwards."""

    async def kill(self) -> None:
        """End it at once."""


def no_change() -> None:
    """For callers that do not care which process ids are current."""


class Supervisor:
    """`stop_order` names children first to last; unnamed ones end before all others."""

    def __init__(
        self,
        stop_order: Sequence[str],
        say: Callable[[str], None],
        on_change: Callable[[], None] = no_change,
        backoff_first_s: float = BACKOFF_FIRST_S,
    ) -> None:
        self._order = {name: place for place, name in enumerate(stop_order)}
        self._say = say
        self._on_change = on_change
        self._backoff_first_s = backoff_first_s
        self._children: dict[str, Supervised] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self.stopping: str | None = None
        """The child that is being waited for while stopping."""

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the children that run now, by name."""
        return {name: child.pid for name, child in self._children.items() if child.pid}

    async def start(self, child: Supervised) -> None:
        """Start `child`, wait until it is ready and watch it from then on.

        Raises what `child.start` raises; `stop` ends it in that case too.
        """
        if child.name in self._children:
            raise ValueError(f"{child.name} is already supervised")
        self._children[child.name] = child
        await child.start()
        self._watchers[child.name] = asyncio.create_task(
            self._watch(child), name=f"watch {child.name}"
        )
        self._on_change()

    async def stop(self) -> None:
        """End every child in order, each only after the one before it has ended."""
        for watcher in self._watchers.values():
            watcher.cancel()
        await asyncio.gather(*self._watchers.values(), return_exceptions=True)
        self._watchers.clear()
        for child in sorted(self._children.values(), key=lambda one: self._order.get(one.name, -1)):
            self.stopping = child.name
            if child.pid:
                self._say(f"stopping {child.name}")
            try:
                await child.stop()
            except (OSError, TimeoutError) as error:
                # One that cannot be ended must not keep the others from being drained.
                self._say(f"{child.name} could not be ended ({str(error) or type(error).__name__})")
            self._on_change()
        self.stopping = None
        self._children.clear()

    async def kill(self) -> None:
        """End every child at once, in order."""
        for child in sorted(self._children.values(), key=lambda one: self._order.get(one.name, -1)):
            await child.kill()

    async def _watch(self, child: Supervised) -> None:
        delay_s = self._backoff_first_s
        while True:
            ready_at = time.monotonic()
            code = await child.wait()
            if time.monotonic() - ready_at > STEADY_AFTER_S:
                delay_s = self._backoff_first_s
            self._say(f"{child.name} {how_it_ended(code)}; starting it again in {delay_s:g} s")
            self._on_change()
            delay_s = await self._start_again(child, delay_s)
            self._on_change()

    async def _start_again(self, child: Supervised, delay_s: float) -> float:
        """Try until it runs. Returns the delay for the time after."""
        while True:
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, BACKOFF_MAX_S)
            try:
                await child.start()
            except ChildNotReady as error:
                # It may be waiting for another child; killing it would help nobody.
                self._say(f"{error}, but it runs")
                return delay_s
            except Exception as error:
                # Whatever it is: a watcher that ends would leave the child dead for good.
                self._say(f"{error}; trying again in {delay_s:g} s")
                with contextlib.suppress(TimeoutError):
                    await child.kill()
            else:
                self._say(f"{child.name} is back")
                return delay_s
