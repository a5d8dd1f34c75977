"""How fast stations are let in: a reconnect storm is spread out instead of collapsing.

Each arrival gets the next free place on a schedule of so many per second, first come first served.
A place that is near is waited for; whoever would wait longer than a station's patience is told at
once when to come again, and those times are spread as well. Who is known for knocking in vain gets
only places that nobody else wants: a flood of guesses keeps no station out. Virtual scheduling (the
generic cell rate algorithm, ITU-T I.371), so there is no queue to keep.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

BURST_S = 0.25  # of unused places may be taken at once
WAIT_S_MAX = 8.0  # to stand at the gate: below the handshake's time limit, and most stations' own
INSIDE_MAX = 8_192  # at the gate or being admitted: a bound on memory
RETRY_S_MAX = 300.0
LAST_RETRY_S = 30.0


class ComeLater(Exception):
    """No place within a station's patience."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("too many stations arrive at once")
        self.wait_s = wait_s


class Gate:
    """One per gateway process."""

    def __init__(
        self, per_second: float, now: Callable[[], float] | None = None, *, inside: int = INSIDE_MAX
    ) -> None:
        self._interval_s = 1 / per_second
        self._now = now or asyncio.get_running_loop().time
        self._next = 0.0  # the first free place
        self._promised = 0.0  # the last time that somebody was told to come again
        self._inside = self._free = inside

    def place(self, *, last: bool = False) -> float:
        """Seconds to wait for the next free place, which is taken; `last`: only one that is free
        now. Raises ComeLater."""
        now = self._now()
        start = max(self._next, now - BURST_S)
        wait_s = max(0.0, start - now)
        if last and (wait_s > 0 or 2 * self._free <= self._inside):
            raise ComeLater(LAST_RETRY_S)
        if wait_s > WAIT_S_MAX or self._free <= 0:
            # Those who are told to come again find places: the schedule goes on behind them.
            earliest = max(self._promised, now + min(wait_s, WAIT_S_MAX))
            self._promised = min(earliest + self._interval_s, now + RETRY_S_MAX)
            raise ComeLater(self._promised - now)
        self._next = start + self._interval_s
        return wait_s

    @asynccontextmanager
    async def turn(self, *, last: bool = False) -> AsyncIterator[None]:
        """Wait for a place; it is left at the end. Raises ComeLater."""
        wait_s = self.place(last=last)
        self._free -= 1
        try:
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            yield
        finally:
            self._free += 1
