"""What many sessions cost under two prices, added up as they come; bounded however many there are.

Amounts are whole minor units of one currency, as each session would have been billed: rounded once
per session, so that the sums are revenue and not an ideal. Pure; it goes through JSON between
portions, and a session added is in every figure at once.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self
from uuid import UUID

MOST_MAX = 50
SITES_MAX = 500
DAYS_MAX = 800
REASONS_MAX = 50
EXAMPLES_MAX = 50
OTHER = "other"
# Edges of the histogram's bars, in minor units of difference. Zero stands alone: a session that
# costs the same is the most usual one.
EDGES = (-5_000, -2_000, -1_000, -500, -200, -100, -50, -20, -10, -1)
BARS = (*EDGES, 0, *(-edge for edge in reversed(EDGES)))


@dataclass(frozen=True, slots=True, kw_only=True)
class TwicePriced:
    """A session under both prices. Net is None where it cannot be known. `weekday` 0 is Monday;
    `day` and `hour` are local, of its start. `site` None: a station without one."""

    session: UUID
    site: UUID | None
    day: str
    weekday: int
    hour: int
    before_gross: int
    after_gross: int
    before_net: int | None
    after_net: int | None
    findings: tuple[str, ...] = ()

    @property
    def difference(self) -> int:
        """What it would have cost more, after tax."""
        return self.after_gross - self.before_gross


@dataclass(slots=True, kw_only=True)
class Sums:
    """Sessions and their amounts. Net sums leave out sessions whose net is unknown under either
    price, and `net_unknown` counts those."""

    sessions: int = 0
    before_gross: int = 0
    after_gross: int = 0
    before_net: int = 0
    after_net: int = 0
    net_unknown: int = 0

    def add(self, priced: TwicePriced) -> None:
        """One more."""
        self.sessions += 1
        self.before_gross += priced.before_gross
        self.after_gross += priced.after_gross
        if priced.before_net is None or priced.after_net is None:
            self.net_unknown += 1
        else:
            self.before_net += priced.before_net
            self.after_net += priced.after_net


@dataclass(slots=True, kw_only=True)
class Tally:
    """All that a simulation tells. `hours`: by weekday and hour, sessions and difference."""

    total: Sums = field(default_factory=Sums)
    dearer: int = 0
    cheaper: int = 0
    equal: int = 0
    sites: dict[str, Sums] = field(default_factory=dict)
    days: dict[str, Sums] = field(default_factory=dict)
    hours: list[list[int]] = field(default_factory=lambda: [[0, 0] for _ in range(7 * 24)])
    histogram: list[int] = field(default_factory=lambda: [0] * len(BARS))
    most_dearer: list[dict[str, Any]] = field(default_factory=list)
    most_cheaper: list[dict[str, Any]] = field(default_factory=list)
    findings: dict[str, int] = field(default_factory=dict)
    unpriced: dict[str, int] = field(default_factory=dict)
    unpriced_examples: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Self:
        """As `to_json` wrote it; an empty object is an empty tally."""
        if not form:
            return cls()
        plain = {name: form[name] for name in cls.__dataclass_fields__}
        return cls(
            **{
                **plain,
                "total": Sums(**form["total"]),
                "sites": {key: Sums(**sums) for key, sums in form["sites"].items()},
                "days": {key: Sums(**sums) for key, sums in form["days"].items()},
            }
        )

    def to_json(self) -> dict[str, Any]:
        """Bounded, whatever was added."""
        return asdict(self)

    def add(self, priced: TwicePriced) -> None:
        """Into every figure."""
        difference = priced.difference
        self.total.add(priced)
        if difference > 0:
            self.dearer += 1
        elif difference < 0:
            self.cheaper += 1
        else:
            self.equal += 1
        site = OTHER if priced.site is None else str(priced.site)
        _bounded(self.sites, site, SITES_MAX).add(priced)
        _bounded(self.days, priced.day, DAYS_MAX).add(priced)
        hour = self.hours[priced.weekday * 24 + priced.hour]
        hour[0] += 1
        hour[1] += difference
        self.histogram[bar_of(difference)] += 1
        for code in set(priced.findings):
            _count(self.findings, code)
        if difference > 0:
            _keep(self.most_dearer, priced, difference)
        elif difference < 0:
            _keep(self.most_cheaper, priced, -difference)

    def add_unpriced(self, session: UUID, reason: str) -> None:
        """A session that could not be priced under one of the two."""
        _count(self.unpriced, reason)
        if len(self.unpriced_examples) < EXAMPLES_MAX:
            self.unpriced_examples.append({"session": str(session), "reason": reason})


def bar_of(difference: int) -> int:
    """The histogram's bar. Below zero a bar holds its edge and what is above the one before it;
    above zero it holds its edge and what is below the next."""
    if difference <= 0:
        return bisect_left(BARS, difference)
    return bisect_right(BARS, difference) - 1


def bar_ranges() -> tuple[tuple[int | None, int | None], ...]:
    """Least and most difference of each bar, in minor units; None has no end."""
    negative = [
        (None if number == 0 else EDGES[number - 1] + 1, edge) for number, edge in enumerate(EDGES)
    ]
    positive = [(None if low is None else -low, -high) for low, high in reversed(negative)]
    return (*negative, (0, 0), *((high, low) for low, high in positive))


def _bounded(sums: dict[str, Sums], key: str, most: int) -> Sums:
    if key not in sums and len(sums) >= most:
        key = OTHER
    return sums.setdefault(key, Sums())


def _count(counts: dict[str, int], key: str) -> None:
    if key not in counts and len(counts) >= REASONS_MAX:
        key = OTHER
    counts[key] = counts.get(key, 0) + 1


def _keep(most: list[dict[str, Any]], priced: TwicePriced, size: int) -> None:
    """In descending order of change; among equals the first stay."""
    if len(most) == MOST_MAX and size <= abs(most[-1]["difference"]):
        return
    at = bisect_right(most, -size, key=lambda kept: -abs(kept["difference"]))
    most.insert(
        at,
        {
            "session": str(priced.session),
            "before": priced.before_gross,
            "after": priced.after_gross,
            "difference": priced.difference,
        },
    )
    del most[MOST_MAX:]
