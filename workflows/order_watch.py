"""Looking at an order until it is over: soon at first, then less and less often."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from temporalio import workflow

LOOK_FIRST_S = 1.0  # an order to a station that is there takes less
LOOK_FACTOR = 1.5
LOOK_MAX_S = 3600.0
OPEN_STATES = (None, "waiting", "sent")


class Patience:
    """Pauses that grow, so that a week of waiting is some two hundred looks."""

    def __init__(self) -> None:
        self._pause_s = LOOK_FIRST_S

    async def pause(self, until: datetime, woken: Callable[[], bool], summary: str) -> bool:
        """Wait until it is time to look again; false once `until` has passed."""
        left = (until - workflow.now()).total_seconds()
        if left <= 0:
            return False
        pause_s, self._pause_s = self._pause_s, min(LOOK_MAX_S, self._pause_s * LOOK_FACTOR)
        try:
            await workflow.wait_condition(
                woken, timeout=timedelta(seconds=min(left, pause_s)), timeout_summary=summary
            )
        except TimeoutError:
            return True
        return True


async def ended(
    look: Callable[[], Awaitable[str | None]], until: datetime, summary: str
) -> str | None:
    """The final state of an order; None if it is still open at `until`."""
    patience = Patience()
    while True:
        state = await look()
        if state not in OPEN_STATES:
            return state
        if not await patience.pause(until, lambda: False, summary):
            return None
