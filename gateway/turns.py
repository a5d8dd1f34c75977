"""Whose turn it is: one at a time, the more urgent first, then the older; a few may wait.

Where too many want to, it is the last in line that is turned away, not the last to come: otherwise
a crowd of younger ones would keep an older one out.
"""

import asyncio
import contextlib
import heapq
from collections.abc import AsyncIterator
from itertools import count


class TooManyTurns(Exception):
    """So many wait that go first."""


class Turns:
    """A lock whose queue is bounded and ordered by priority (1 first), then by age (the smaller
    number is older), then by arrival."""

    def __init__(self, waiting_max: int) -> None:
        self._waiting_max = waiting_max
        self._waiting: list[tuple[int, int, int, asyncio.Future[None]]] = []
        self._arrivals = count()
        self._taken = False

    @contextlib.asynccontextmanager
    async def taken(self, priority: int, age: int = 0) -> AsyncIterator[None]:
        """Wait for the turn, and have it. Raises TooManyTurns, at once or when others come that go
        first."""
        await self._take(priority, age)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, priority: int, age: int) -> None:
        if not self._taken:
            self._taken = True
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (priority, age, next(self._arrivals), mine)
        waiting = [one for one in self._waiting if not one[3].done()]
        if len(waiting) >= self._waiting_max:
            last = max(waiting)
            if last < place:
                raise TooManyTurns
            last[3].set_exception(TooManyTurns())
            waiting.remove(last)
        # Those who left are forgotten here, so that the line is never longer than it may be.
        self._waiting = [*waiting, place]
        heapq.heapify(self._waiting)
        try:
            await mine
        except asyncio.CancelledError:
            # It may have been given the turn in the same moment: then the next one has it.
            if mine.done() and not mine.cancelled() and mine.exception() is None:
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            *_, next_one = heapq.heappop(self._waiting)
            if not next_one.done():
                next_one.set_result(None)
                return
        self._taken = False
