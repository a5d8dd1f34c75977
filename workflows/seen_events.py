"""Signals come at least once: the ids of those already handled, and no more than a few hundred."""

from collections import OrderedDict

from temporalio import workflow

SEEN_MAX = 300


class SeenEvents:
    """The last event ids. Bounded: a session hears at most 20 signals and a few decisions."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def is_new(self, event_id: str) -> bool:
        """True the first time; the id is remembered."""
        if event_id in self._ids:
            return False
        self._ids[event_id] = None
        if len(self._ids) > SEEN_MAX:
            self._ids.popitem(last=False)
        return True


def update_event_id() -> str:
    """The id of what a person said by the update that is handled now; a retry has the same."""
    update = workflow.current_update_info()
    return f"{workflow.info().run_id}:{update.id if update else ''}"
