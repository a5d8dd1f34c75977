"""May this token charge? Decided from the token's values, the place and the time of the event.

The answer is only an answer: a station that started anyway, offline or by a cache of its own,
still has its energy recorded and settled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

CONCURRENT_MAX = 1_000


class TokenStatus(StrEnum):
    """What the operator says of a token."""

    ACCEPTED = "accepted"
    BLOCKED = "blocked"


class AuthorizationStatus(StrEnum):
    """The decision, in the words of OCPP 2.x (AuthorizationStatusEnumType); each gateway module
    maps it to its version's."""

    ACCEPTED = "accepted"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    INVALID = "invalid"
    UNKNOWN = "unknown"
    CONCURRENT_TX = "concurrent_tx"
    NOT_AT_THIS_LOCATION = "not_at_this_location"
    NOT_ALLOWED_TYPE_EVSE = "not_allowed_type_evse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the token was presented. `evse` None or 0: at the station, for no EVSE in particular.

    `current_types` says AC or DC by EVSE, as far as it is known.
    """

    site_id: UUID | None = None
    evse: int | None = None
    current_types: Mapping[int, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGrant:
    """What is known of a token. Instants are aware; the validity includes its start, not its end.

    `concurrent_max` transactions may be open at once; None is no limit. `site_ids` and
    `current_type` ("AC", "DC") say where it may charge; None is everywhere. The rest is for the
    station: who else may stop (`group_id`), how the driver is spoken to.
    """

    status: TokenStatus
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    concurrent_max: int | None = None
    site_ids: frozenset[UUID] | None = None
    current_type: str | None = None
    group_id: str | None = None
    language: str | None = None
    message: str | None = None
    charging_priority: int | None = None

    def __post_init__(self) -> None:
        limit = self.concurrent_max
        if limit is not None and not 1 <= limit <= CONCURRENT_MAX:
            raise ValueError(f"concurrent_max is {limit}: use 1 to {CONCURRENT_MAX}, or none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The status, until when a station may remember it, and what it may do with it.

    `evses`: the only ones that it holds for; empty for all.
    """

    status: AuthorizationStatus
    expires_at: datetime | None = None
    group_id: str | None = None
    language: str | None = None
    message: str | None = None
    charging_priority: int | None = None
    evses: tuple[int, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.status is AuthorizationStatus.ACCEPTED


def decide(
    grant: TokenGrant | None,
    at: datetime,
    *,
    open_transactions: int = 0,
    place: Place | None = None,
) -> Decision:
    """Whether a token may charge at the event's time.

    `grant` is None for a token that nobody knows. `open_transactions` counts those of this token
    elsewhere: leave out the one being started, or a start sent again would be refused.
    """
    if grant is None:
        return Decision(status=AuthorizationStatus.UNKNOWN)
    evses = _allowed_evses(grant, place)
    status = _status(grant, at, open_transactions, place)
    if status is AuthorizationStatus.ACCEPTED and evses == ():
        status = AuthorizationStatus.NOT_ALLOWED_TYPE_EVSE
    decision = Decision(
        status=status,
        group_id=grant.group_id,
        language=grant.language,
        message=grant.message,
        charging_priority=grant.charging_priority,
    )
    if status in (AuthorizationStatus.BLOCKED, AuthorizationStatus.INVALID):
        return decision
    accepted = status is AuthorizationStatus.ACCEPTED
    return replace(decision, expires_at=grant.expires_at, evses=(evses or ()) if accepted else ())


def _status(
    grant: TokenGrant, at: datetime, open_transactions: int, place: Place | None
) -> AuthorizationStatus:
    if grant.status is TokenStatus.BLOCKED:
        return AuthorizationStatus.BLOCKED
    if grant.valid_from is not None and at < grant.valid_from:
        return AuthorizationStatus.INVALID
    if grant.expires_at is not None and at >= grant.expires_at:
        return AuthorizationStatus.EXPIRED
    if place is not None and grant.site_ids is not None and place.site_id not in grant.site_ids:
        return AuthorizationStatus.NOT_AT_THIS_LOCATION
    if grant.concurrent_max is not None and open_transactions >= grant.concurrent_max:
        return AuthorizationStatus.CONCURRENT_TX
    return AuthorizationStatus.ACCEPTED


def _allowed_evses(grant: TokenGrant, place: Place | None) -> tuple[int, ...] | None:
    """The EVSEs of the token's kind of current; None for no restriction, () for none of them.

    An EVSE whose kind nobody told is allowed: a gap in our records must not strand a driver.
    """
    if grant.current_type is None or place is None:
        return None
    if place.evse:
        found = place.current_types.get(place.evse)
        return None if found in (None, grant.current_type) else ()
    fitting = tuple(
        sorted(
            number
            for number, kind in place.current_types.items()
            if number > 0 and kind in (None, grant.current_type)
        )
    )
    if not place.current_types or len(fitting) == len(place.current_types):
        return None
    return fitting
