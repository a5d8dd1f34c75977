"""What runs on one task queue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One task queue with what runs on it."""

    queue: str
    workflows: Sequence[type]
    activities: Sequence[Callable[..., Any]]
    activities_max: int
