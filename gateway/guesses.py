"""How often a password may be tried, so that guessing is slow and the true station is never locked
out.

Attempts are counted by identity and address, and by identity alone for addresses that the station
never came from. The address it came from last is not counted: a stranger elsewhere can use up
nobody's attempts but a stranger's.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

PLACE_BURST = 10
PLACE_REFILL_S = 30.0
IDENTITY_BURST = 100
IDENTITY_REFILL_S = 10.0
BUCKETS_MAX = 20_000

Key = tuple[str, str | None]


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Guesses:
    """Failed logins of one gateway, in memory, bounded."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[Key, _Bucket] = OrderedDict()

    def allowed(self, identity: str, address: str | None) -> bool:
        """Whether a stranger at this address may try once more."""
        place = self._left((identity, address or ""), PLACE_BURST, PLACE_REFILL_S)
        anywhere = self._left((identity, None), IDENTITY_BURST, IDENTITY_REFILL_S)
        return place >= 1 and anywhere >= 1

    def failed(self, identity: str, address: str | None) -> None:
        """One attempt was wrong."""
        self._take((identity, address or ""), PLACE_BURST, PLACE_REFILL_S)
        self._take((identity, None), IDENTITY_BURST, IDENTITY_REFILL_S)

    def _left(self, key: Key, burst: int, refill_s: float) -> float:
        bucket = self._buckets.get(key)
        if bucket is None:
            return burst
        return min(float(burst), bucket.left + (self._clock() - bucket.at) / refill_s)

    def _take(self, key: Key, burst: int, refill_s: float) -> None:
        left = max(0.0, self._left(key, burst, refill_s) - 1)
        self._buckets[key] = _Bucket(left, self._clock())
        self._buckets.move_to_end(key)
        while len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
