"""When this process looks for unreachable cycles among all that it holds.

Python does so whenever its oldest objects have grown by a quarter. With ten thousand connections
that is a pause of half a second, several times while they arrive, in which no heartbeat is
answered. What lives long here is connections, and what is left of one is garbage only after it
closed: so the oldest are looked at when enough have closed, and else now and then.
"""

import asyncio
import gc
import time

import structlog

logger = structlog.get_logger()

CLOSED_MIN = 2_000  # some 40 MiB at worst
PERIOD_S = 900.0
LOOK_S = 5.0
NEVER = 1_000_000  # young collections between two of the oldest


class Garbage:
    """Counts closed connections, and collects."""

    def __init__(self) -> None:
        self._closed = 0
        self._collected_at = time.monotonic()

    def connection_closed(self) -> None:
        """One more."""
        self._closed += 1

    @property
    def due(self) -> bool:
        """Whether it is worth the pause."""
        waited_s = time.monotonic() - self._collected_at
        return self._closed >= CLOSED_MIN or (self._closed > 0 and waited_s >= PERIOD_S)

    async def keep(self) -> None:
        """Until cancelled; Python's own schedule is as before then."""
        thresholds = gc.get_threshold()
        # What was imported stays until the end, and need not be looked at again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(thresholds[0], thresholds[1], NEVER)
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                if self.due:
                    self._collect()
        finally:
            gc.unfreeze()
            gc.set_threshold(*thresholds)

    def _collect(self) -> None:
        began = time.perf_counter()
        found = gc.collect()
        took_ms = round(1_000 * (time.perf_counter() - began))
        logger.debug("collected", closed=self._closed, objects=found, took_ms=took_ms)
        self._closed = 0
        self._collected_at = time.monotonic()
