"""The API's `state` of a session: a pure function of what was reported and what was settled.

Two hands write a session and never one column (DESIGN 2, step 6): the gateway's writer what the
station said, the workflow what the business made of it. Nobody writes the state itself. The first
line of this table that holds is the state:

| state      | holds when |
|------------|------------|
| settled    | the workflow wrote a settlement outcome |
| priced     | it wrote a price, and no outcome yet |
| ended      | the station reported the end, or the workflow ended the session for it |
| suspended  | started, and the car or the station pauses (SuspendedEV, SuspendedEVSE) |
| idle       | started, charging is over and the car is still plugged in |
| charging   | started, and energy flows |
| started    | the station reported a transaction and nothing of its charging yet |
| failed     | the workflow gave up waiting for a start, and no transaction was ever reported |
| authorised | none of these: allowed, waiting for the station |

A transaction that shows up after the workflow gave up is `started`, not `failed`: the energy is
real, and late truth wins.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SessionState(StrEnum):
    AUTHORISED = "authorised"
    STARTED = "started"
    CHARGING = "charging"
    SUSPENDED = "suspended"
    IDLE = "idle"
    ENDED = "ended"
    PRICED = "priced"
    SETTLED = "settled"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Whether the car may still be plugged in."""
        return self in _OPEN


_OPEN = frozenset(
    {
        SessionState.AUTHORISED,
        SessionState.STARTED,
        SessionState.CHARGING,
        SessionState.SUSPENDED,
        SessionState.IDLE,
    }
)


class ChargingState(StrEnum):
    """What the station last said of the car (OCPP 2.x ChargingStateEnumType; 1.6 by status)."""

    CONNECTED = "connected"
    CHARGING = "charging"
    SUSPENDED_EV = "suspended_ev"
    SUSPENDED_EVSE = "suspended_evse"
    IDLE = "idle"

    @property
    def takes_no_power(self) -> bool:
        """Whether the car itself asks for nothing, so that parking time counts.

        A station that holds the power back (SuspendedEVSE) is not the driver's doing.
        """
        return self in (ChargingState.SUSPENDED_EV, ChargingState.IDLE)


_RUNNING = {
    ChargingState.CONNECTED: SessionState.STARTED,
    ChargingState.CHARGING: SessionState.CHARGING,
    ChargingState.SUSPENDED_EV: SessionState.SUSPENDED,
    ChargingState.SUSPENDED_EVSE: SessionState.SUSPENDED,
    ChargingState.IDLE: SessionState.IDLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What the station said. `started_at` is null until a transaction was reported."""

    started_at: datetime | None = None
    ended_at: datetime | None = None
    charging_state: ChargingState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """What the workflow decided."""

    ended_at: datetime | None = None
    """Ended by us: an operator's force, or a zombie that the station no longer knows."""

    failed_at: datetime | None = None
    priced_at: datetime | None = None
    outcome: str | None = None
    """The settlement outcome (invariant M1)."""


def session_state(reported: Reported, concluded: Concluded) -> SessionState:
    """The state by the table above. Total: every combination has one."""
    if concluded.outcome is not None:
        return SessionState.SETTLED
    if concluded.priced_at is not None:
        return SessionState.PRICED
    if reported.ended_at is not None or concluded.ended_at is not None:
        return SessionState.ENDED
    if reported.started_at is not None:
        if reported.charging_state is None:
            return SessionState.STARTED
        return _RUNNING[reported.charging_state]
    if concluded.failed_at is not None:
        return SessionState.FAILED
    return SessionState.AUTHORISED
