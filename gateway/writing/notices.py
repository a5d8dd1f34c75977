"""How often listeners are told that something changed: the outbox at once, the rest in bundles."""

import time

AT_ONCE = frozenset({"outbox", "orders"})
INTERVAL_S = 0.25


class Notices:
    """Topics held back until their turn. A listener reads everything anyway when it is told."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._next = 0.0

    def due(self, topics: set[str]) -> set[str]:
        """Which of these, and of those held back, to tell in this transaction."""
        self._held |= topics
        now = time.monotonic()
        if now < self._next:
            ready = self._held & AT_ONCE
        else:
            ready = self._held
            self._next = now + INTERVAL_S
        self._held = self._held - ready
        return ready

    def held(self) -> set[str]:
        """Everything held back: to be told now."""
        ready, self._held = self._held, set()
        return ready
