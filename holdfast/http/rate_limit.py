"""Limits on how often: a token bucket per caller, in this process's memory.

Each replica counts for itself, so an installation of n replicas lets n times as much through:
the limit guards a process against a runaway client, it is not a contract.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

CALLERS_MAX = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class RateLimit:
    """`burst` at once, refilled at `per_s`. Remembers the last `CALLERS_MAX` callers."""

    def __init__(self, *, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, caller: str, now: float, *, take: bool = True) -> int:
        """0 where the caller may go on, else the whole seconds until it may. `now` is monotonic."""
        bucket = self._buckets.get(caller)
        if bucket is None:
            bucket = self._buckets[caller] = _Bucket(left=float(self._burst), at=now)
            if len(self._buckets) > CALLERS_MAX:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(caller)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._per_s)
        bucket.at = now
        if bucket.left < 1:
            return max(1, math.ceil((1 - bucket.left) / self._per_s))
        if take:
            bucket.left -= 1
        return 0
