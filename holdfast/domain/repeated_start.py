"""Is a start that looks like an earlier one the same, sent again, or another transaction? Pure.

OCPP 1.6 gives a start no number: its key is connector, card, time and register (systems.md E1). A
station whose clock stands still, with a register that begins at zero each time, sends that same key
for the next car with the same card. Taken for a repeat, its energy would be lost; a true repeat
taken for a new start would make a session without energy.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

LONG_AFTER = timedelta(hours=1)
STOOD_STILL = timedelta(seconds=1)
CLOCK_SHOULD_HAVE_MOVED = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierStart:
    """The session of the first start with that key. `*_heard_at` are receipts, by our clock."""

    started_at: datetime | None
    ended_at: datetime | None
    first_heard_at: datetime
    last_heard_at: datetime


def is_another_start(
    earlier: EarlierStart, *, clock_ok: bool, at: datetime, heard_at: datetime
) -> bool:
    """Whether the start is a new one although its key is not.

    A station that had the transaction stopped knew its number, and so had the answer to its start:
    it has no reason to send it again, unless it lost its memory and replays its queue, at once and
    with a clock that works. While the transaction runs, a repeat is always a repeat.
    """
    if earlier.ended_at is None:
        return False
    if not clock_ok or heard_at - earlier.last_heard_at >= LONG_AFTER:
        return True
    heard_for = earlier.last_heard_at - earlier.first_heard_at
    went_on = earlier.ended_at - (earlier.started_at or at)
    return heard_for >= CLOCK_SHOULD_HAVE_MOVED and went_on <= STOOD_STILL
