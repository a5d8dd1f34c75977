"""May this token charge? Decided in the transaction that records the question."""

from datetime import datetime, timedelta
from uuid import UUID

from gateway.writing.entry import Entry
from gateway.writing.loading import Loaded, TokenRow, normalised
from gateway.writing.session_row import SessionRow
from holdfast.domain.authorization import (
    AuthorizationStatus,
    Decision,
    Place,
    TokenGrant,
    TokenStatus,
    decide,
)
from holdfast.domain.token import TokenInvalid, TokenKey, TokenType


def find_token(entry: Entry, loaded: Loaded, uid: str, kind: str | None) -> TokenRow | None:
    """The organization's token of this uid, if the kinds can mean the same."""
    written = normalised(uid)
    if written is None:
        return None
    token = loaded.tokens.get((entry.peer.organization_id, written))
    if token is None:
        return None
    presented = TokenKey(uid=written, type=_type(kind))
    return token if presented.matches(TokenKey(uid=written, type=_type(token.type))) else None


def _type(kind: str | None) -> TokenType | None:
    try:
        return TokenType.parse(kind) if kind else None
    except TokenInvalid:
        return None


def without_token(entry: Entry, kind: str | None) -> Decision | None:
    """On a transaction that a button began: there is nothing to judge, and the station was set up
    so (2.0.1 C02.FR.02). None for every kind of token that there is."""
    if _type(kind) is not TokenType.NO_AUTHORIZATION:
        return None
    accepted = entry.peer.registration == "accepted"
    return Decision(
        status=AuthorizationStatus.ACCEPTED if accepted else AuthorizationStatus.INVALID
    )


def decide_token(
    entry: Entry,
    loaded: Loaded,
    token: TokenRow | None,
    at: datetime,
    *,
    evse: int | None = None,
    starting: SessionRow | None = None,
) -> Decision:
    """The decision on a token at the event's time. A station that is not accepted gets Invalid.

    `starting`: the session that this token would begin. Only then do its other transactions count
    (OCPP 1.6 section 7.2, 2.0.1 AuthorizationStatusEnumType: ConcurrentTx is for a start alone).
    """
    if entry.peer.registration != "accepted":
        return Decision(status=AuthorizationStatus.INVALID)
    if token is None:
        return decide(None, at)
    elsewhere = 0
    if starting is not None and token.concurrent_max is not None:
        elsewhere = _open_elsewhere(loaded, token, starting)
    decision = decide(
        _grant(token), at, open_transactions=elsewhere, place=_place(entry, loaded, token, evse)
    )
    if token.status == "expired" and decision.status is not AuthorizationStatus.BLOCKED:
        return Decision(status=AuthorizationStatus.EXPIRED, expires_at=token.valid_until)
    return decision


def _grant(token: TokenRow) -> TokenGrant:
    blocked = token.account_blocked or token.status == "blocked"
    return TokenGrant(
        status=TokenStatus.BLOCKED if blocked else TokenStatus.ACCEPTED,
        expires_at=token.valid_until,
        concurrent_max=token.concurrent_max,
        site_ids=None if token.site_ids is None else frozenset(map(UUID, token.site_ids)),
        current_type=token.current_type,
        group_id=token.group_id,
        language=token.language,
        message=token.message,
        charging_priority=token.charging_priority,
    )


def _place(entry: Entry, loaded: Loaded, token: TokenRow, evse: int | None) -> Place | None:
    """Looked at for tokens that may not charge everywhere; nobody else's place was loaded."""
    if not token.restricted:
        return None
    site_id, current_types = loaded.places.get(entry.station_id, (None, {}))
    return Place(site_id=site_id, evse=evse, current_types=current_types)


def _open_elsewhere(loaded: Loaded, token: TokenRow, starting: SessionRow) -> int:
    """Transactions that run with this token, besides the one that starts; also those of the very
    batch that no other statement sees yet."""
    running = {row.id for row in loaded.sessions.values() if row.token_id == token.id}
    ours = {row.id for row in loaded.sessions.values() if row.token_id == token.id and row.running}
    return len((loaded.open_of_token.get(token.id, set()) - running | ours) - {starting.id})


def ordered_session(
    entry: Entry, loaded: Loaded, uid: str, at: datetime, window: timedelta
) -> SessionRow | None:
    """A remote start of this token that still waits for its transaction on this station.

    Its token was judged, or paid for, when it was ordered; stations may ask again
    (AuthorizeRemoteTxRequests).
    """
    written = normalised(uid)
    waiting = [
        row
        for row in loaded.by_station.get(entry.station_id, ())
        if waits(row, at, window) and normalised(row.token_uid or "") == written
    ]
    return min(waiting, key=lambda row: row.id) if waiting and written else None


def waits(row: SessionRow, at: datetime, window: timedelta) -> bool:
    """Ordered, without a transaction, and within its start window at this time."""
    skew = timedelta(seconds=60)
    return (
        row.transaction_id is None
        and row.started_at is None
        and row.ended_at is None
        and row.ended_by_us_at is None
        and row.closed_at is None
        and row.created_at - skew <= at <= row.created_at + window + skew
    )
