"""OCPP 1.6 sections 4.1 (Authorize) and 7.8 (IdTagInfo)."""

from datetime import datetime

from gateway.dialect import Outcome, Payload, Reading
from gateway.reading import Unreadable, token_uid
from holdfast.contracts.facts import Fact, TokenPresented
from holdfast.domain.authorization import AuthorizationStatus, Decision

STATUS_WORDS = {
    AuthorizationStatus.ACCEPTED: "Accepted",
    AuthorizationStatus.BLOCKED: "Blocked",
    AuthorizationStatus.EXPIRED: "Expired",
    AuthorizationStatus.INVALID: "Invalid",
    AuthorizationStatus.CONCURRENT_TX: "ConcurrentTx",
    # 1.6 has no words for these; Invalid lets the driver try elsewhere, Blocked reads as a ban.
    AuthorizationStatus.UNKNOWN: "Invalid",
    AuthorizationStatus.NOT_AT_THIS_LOCATION: "Invalid",
    AuthorizationStatus.NOT_ALLOWED_TYPE_EVSE: "Invalid",
}
PARENT_LENGTH_MAX = 20


def id_tag_info(decision: Decision, at: datetime | None = None) -> Payload:
    """The decision in 1.6's words, until when the station may remember it, and its group.

    A blocked token expires at once (`at`, the time of the answer): a station must not keep the
    refusal in its cache and refuse it still after it was unblocked. A group whose name is too
    long for an idTag cannot be told.
    """
    info: Payload = {}
    expires_at = decision.expires_at
    if decision.status is AuthorizationStatus.BLOCKED and at is not None:
        expires_at = at
    if expires_at is not None:
        info["expiryDate"] = expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if decision.group_id is not None and len(decision.group_id) <= PARENT_LENGTH_MAX:
        info["parentIdTag"] = decision.group_id
    return info | {"status": STATUS_WORDS[decision.status]}


def authorize(payload: Payload, received_at: datetime) -> Reading:
    """A question about a token."""
    uid = token_uid(payload, "idTag")
    if uid is None:
        raise Unreadable("idTag is missing")
    return Reading(TokenPresented(at=received_at, token_uid=uid))


def authorize_answer(_fact: Fact, outcome: Outcome) -> Payload:
    """The decision; without one the token is unknown."""
    decision = outcome.decision or Decision(status=AuthorizationStatus.INVALID)
    return {"idTagInfo": id_tag_info(decision, outcome.at)}
