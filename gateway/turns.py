"""Whose turn it is: one at a time, the more urgent first, then the older; a few may wait."""

import asyncio
import contextlib
import heapq
from collections.abc import AsyncIterator
from itertools import count


class TooManyTurns(Exception):
    """So many wait already that nobody else is let in."""


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
        """Wait for the turn, and have it. Raises TooManyTurns at once."""
        await self._take(priority, age)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, priority: int, age: int) -> None:
        if not self._taken:
            self._taken = True
            return
        waiting = [one for one in self._waiting if not one[3].done()]
        if len(waiting) >= self._waiting_max:
            raise TooManyTurns
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, age, next(self._arrivals), mine))
        try:
            await mine
        except asyncio.CancelledError:
            # It may have been given the turn in the same moment: then the next one has it.
            if mine.done() and not mine.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            *_, next_one = heapq.heappop(self._waiting)
            if not next_one.done():
                next_one.set_result(None)
                return
        self._taken = False
