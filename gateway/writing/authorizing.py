"""May this token charge? Decided in the transaction that records the question."""

from datetime import datetime, timedelta

from gateway.writing.entry import Entry
from gateway.writing.loading import Loaded, TokenRow, normalised
from gateway.writing.session_row import SessionRow
from holdfast.domain.authorization import (
    AuthorizationStatus,
    Decision,
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


def decide_token(entry: Entry, token: TokenRow | None, at: datetime) -> Decision:
    """The decision on a token at the event's time. A station that is not accepted gets Invalid."""
    if entry.peer.registration != "accepted" or token is None:
        return Decision(status=AuthorizationStatus.INVALID)
    if token.account_blocked or token.status == "blocked":
        return decide(TokenGrant(status=TokenStatus.BLOCKED), at)
    if token.status == "expired":
        return Decision(status=AuthorizationStatus.EXPIRED, expires_at=token.valid_until)
    return decide(TokenGrant(status=TokenStatus.ACCEPTED, expires_at=token.valid_until), at)


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
