"""The life of a tariff's versions: a pure function of time.

A version never changes, so its state is not stored: it follows from when it becomes valid, from an
end that was written beside it, from the versions after it and from whether the tariff is retired.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class VersionState(StrEnum):
    """Where a version stands at an instant."""

    SCHEDULED = "scheduled"
    """Valid from later on."""

    IN_FORCE = "in_force"
    """Prices the sessions that start now, wherever its tariff is assigned."""

    RETIRED = "retired"
    """A later version is in force, it was ended, or the tariff is retired."""

    WITHDRAWN = "withdrawn"
    """Ended before it came into force: it never priced anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSpan:
    """When a version is valid. `ends_at` None: until a later one comes into force."""

    number: int
    valid_from: datetime
    ends_at: datetime | None = None

    @property
    def never(self) -> bool:
        """It ends before it begins."""
        return self.ends_at is not None and self.ends_at <= self.valid_from

    def covers(self, at: datetime) -> bool:
        """It could be in force at that instant, were there no later one."""
        return self.valid_from <= at and (self.ends_at is None or self.ends_at > at)


def in_force(spans: Iterable[VersionSpan], at: datetime) -> VersionSpan | None:
    """The newest that is valid and has not ended. One that ends early gives way to the one before.

    `spans` are all versions of one tariff that is not retired at `at`.
    """
    covering = [span for span in spans if span.covers(at)]
    return max(covering, key=lambda span: (span.valid_from, span.number), default=None)


def version_states(
    spans: Sequence[VersionSpan], at: datetime, *, retired_at: datetime | None = None
) -> dict[int, VersionState]:
    """The state of each version of one tariff, by its number. `retired_at`: the tariff's."""
    retired = retired_at is not None and retired_at <= at
    current = None if retired else in_force(spans, at)
    return {span.number: _state(span, current, at, retired=retired) for span in spans}


def _state(
    span: VersionSpan, current: VersionSpan | None, at: datetime, *, retired: bool
) -> VersionState:
    if span.never and span.ends_at is not None and span.ends_at <= at:
        return VersionState.WITHDRAWN
    if retired:
        return VersionState.RETIRED
    if span.valid_from > at:
        return VersionState.SCHEDULED
    return VersionState.IN_FORCE if span == current else VersionState.RETIRED
