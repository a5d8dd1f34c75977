"""The orders that this gateway has in hand for one socket, and the older ones that are to come.

An order that comes straight from the API is here before the workflows of older ones have looked
again. It makes way for those of the same or a higher priority, for a while: one whose workflow is
slow, or gone, delays the younger ones once per socket, and never stops them.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

WAY_S = 3.0  # made for older orders: time to wake a workflow and to hear from it, many times over
LOOK_EVERY_S = 0.2
WAKE_EVERY_S = 1.0


class OrderQueue:
    """Of one socket. `absent`: older orders that were waited for and did not come."""

    def __init__(self) -> None:
        self.in_hand: set[UUID] = set()
        self.absent: set[UUID] = set()
        self._moved = asyncio.Event()
        self._woken_at = float("-inf")

    @contextmanager
    def holding(self, order_id: UUID) -> Iterator[None]:
        """The order is in hand until the end."""
        self.in_hand.add(order_id)
        self.absent.discard(order_id)
        self._move()
        try:
            yield
        finally:
            self.in_hand.discard(order_id)
            self._move()

    async def moves(self) -> None:
        """Wait until an order comes or goes, a moment at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._moved.wait()

    def may_wake(self) -> bool:
        """Whether older ones may be woken: not again right after the last time."""
        now = asyncio.get_running_loop().time()
        if now < self._woken_at + WAKE_EVERY_S:
            return False
        self._woken_at = now
        return True

    def give_up(self, elders: Iterable[UUID]) -> None:
        """Way was made long enough for those that are not in hand."""
        self.absent |= set(elders) - self.in_hand

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
