"""What happened on all lines of a run: messages, latencies, what was refused and what was lost."""

import math
from collections import Counter, deque
from typing import Any, Protocol

from simulator.stations.messages import Json

RECENT_MAX = 50
_STEP = 1.05
"""Latencies fall into buckets that are 5 percent wide."""


class Watch(Protocol):
    """Who hears what passes on a line."""

    def ordered(self, identity: str, action: str, payload: Json) -> None: ...

    def answered(self, identity: str, action: str, answer: Json, latency_s: float) -> None: ...

    def refused(self, identity: str, action: str, code: str) -> None: ...

    def lost(self, identity: str, action: str) -> None: ...


class Tally:
    """Figures of a whole run in bounded memory, and for `expect` each station's latest messages."""

    def __init__(self, *, remembers: bool) -> None:
        """`remembers` keeps the latest messages of each station."""
        self.sent: Counter[str] = Counter()
        self.orders: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.losses: Counter[str] = Counter()
        self._latencies: Counter[int] = Counter()
        self._remembers = remembers
        self._recent: dict[str, deque[tuple[str, str, Json]]] = {}

    def ordered(self, identity: str, action: str, payload: Json) -> None:
        self.orders[action] += 1
        self._remember(identity, "order", action, payload)

    def answered(self, identity: str, action: str, answer: Json, latency_s: float) -> None:
        self.sent[action] += 1
        self._latencies[_bucket(latency_s)] += 1
        self._remember(identity, "answer", action, answer)

    def refused(self, identity: str, action: str, code: str) -> None:
        self.sent[action] += 1
        self.refusals[f"{action}: {code[:40]}"] += 1
        self._remember(identity, "refusal", action, {"code": code})

    def lost(self, identity: str, action: str) -> None:
        self.sent[action] += 1
        self.losses[action] += 1

    def take(self, identity: str, kind: str, action: str) -> Json | None:
        """The oldest remembered message of that kind that nobody took, or None."""
        recent = self._recent.get(identity, deque())
        for one in recent:
            if one[:2] == (kind, action):
                recent.remove(one)
                return one[2]
        return None

    def latency_ms(self, percentile: float) -> float | None:
        """Up to 5 percent above the true one; None before the first answer."""
        total = sum(self._latencies.values())
        seen = 0
        for bucket in sorted(self._latencies):
            seen += self._latencies[bucket]
            if seen >= total * percentile / 100:
                return round(_STEP ** (bucket + 1) / 1_000, 3)
        return None

    def report(self) -> dict[str, Any]:
        """Figures by name, for JSON."""
        return {
            "messages": sum(self.sent.values()),
            "messages_by_action": dict(self.sent),
            "orders": dict(self.orders),
            "refused": dict(self.refusals),
            "lost": dict(self.losses),
            "latency_ms": {f"p{one:g}": self.latency_ms(one) for one in (50, 90, 99, 99.9)},
        }

    def _remember(self, identity: str, kind: str, action: str, payload: Json) -> None:
        if self._remembers:
            recent = self._recent.setdefault(identity, deque(maxlen=RECENT_MAX))
            recent.append((kind, action, payload))


def _bucket(latency_s: float) -> int:
    return math.floor(math.log(max(latency_s * 1e6, 1.0), _STEP))
