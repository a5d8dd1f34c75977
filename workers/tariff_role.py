"""The queue of tariffs: going live with them, trying them on the past, and the market's prices."""

from collections.abc import Callable
from typing import Any

from holdfast.contracts.names import TARIFFS_QUEUE
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from workers.role import Role

ACTIVITIES_MAX = 4  # each works through many rows; sessions and payments come first

WORKFLOWS: tuple[type, ...] = ()


def tariff_role(settings: Settings, db_sessions: Sessions) -> Role:
    """Its workflows and their activities, built on what is handed in."""
    return Role(
        queue=TARIFFS_QUEUE,
        workflows=WORKFLOWS,
        activities=tariff_activities(settings, db_sessions),
        activities_max=ACTIVITIES_MAX,
    )


def tariff_activities(settings: Settings, db_sessions: Sessions) -> list[Callable[..., Any]]:
    """The steps of the queue's workflows."""
    return []
