"""May this token charge? Decided from the token's values and the time of the event.

The answer is only an answer: a station that started anyway, offline or by a cache of its own,
still has its energy recorded and settled.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CONCURRENT_MAX = 1_000


class TokenStatus(StrEnum):
    """What the operator says of a token."""

    ACCEPTED = "accepted"
    BLOCKED = "blocked"


class AuthorizationStatus(StrEnum):
    """The decision, in the words of OCPP 1.6 (AuthorizationStatus); each gateway module maps it."""

    ACCEPTED = "accepted"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    INVALID = "invalid"
    CONCURRENT_TX = "concurrent_tx"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGrant:
    """What is known of a token. Instants are aware; the validity includes its start, not its end.

    `concurrent_max` transactions may be open at once; None is no limit.
    """

    status: TokenStatus
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    concurrent_max: int | None = None

    def __post_init__(self) -> None:
        limit = self.concurrent_max
        if limit is not None and not 1 <= limit <= CONCURRENT_MAX:
            raise ValueError(f"concurrent_max is {limit}: use 1 to {CONCURRENT_MAX}, or none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The status, and until when a station may remember it."""

    status: AuthorizationStatus
    expires_at: datetime | None = None

    @property
    def accepted(self) -> bool:
        return self.status is AuthorizationStatus.ACCEPTED


def decide(grant: TokenGrant | None, at: datetime, *, open_transactions: int = 0) -> Decision:
    """Whether a token may charge at the event's time.

    `grant` is None for a token that nobody knows. `open_transactions` counts those of this token
    elsewhere: leave out the one being started, or a start sent again would be refused.
    """
    if grant is None:
        return Decision(status=AuthorizationStatus.INVALID)
    if grant.status is TokenStatus.BLOCKED:
        return Decision(status=AuthorizationStatus.BLOCKED)
    if grant.valid_from is not None and at < grant.valid_from:
        return Decision(status=AuthorizationStatus.INVALID)
    if grant.expires_at is not None and at >= grant.expires_at:
        return Decision(status=AuthorizationStatus.EXPIRED, expires_at=grant.expires_at)
    if grant.concurrent_max is not None and open_transactions >= grant.concurrent_max:
        return Decision(status=AuthorizationStatus.CONCURRENT_TX, expires_at=grant.expires_at)
    return Decision(status=AuthorizationStatus.ACCEPTED, expires_at=grant.expires_at)
