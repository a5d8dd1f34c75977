"""OCPP 1.6 sections 4.1 (Authorize) and 7.8 (IdTagInfo)."""

from datetime import datetime

from gateway.dialect import Outcome, Payload, Reading
from gateway.reading import Unreadable, text
from holdfast.contracts.facts import Fact, TokenPresented
from holdfast.domain.authorization import AuthorizationStatus, Decision

STATUS_WORDS = {
    AuthorizationStatus.ACCEPTED: "Accepted",
    AuthorizationStatus.BLOCKED: "Blocked",
    AuthorizationStatus.EXPIRED: "Expired",
    AuthorizationStatus.INVALID: "Invalid",
    AuthorizationStatus.CONCURRENT_TX: "ConcurrentTx",
}


def id_tag_info(decision: Decision) -> Payload:
    """The decision in 1.6's words, and until when the station may remember it."""
    info: Payload = {}
    if decision.expires_at is not None:
        info["expiryDate"] = decision.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return info | {"status": STATUS_WORDS[decision.status]}


def authorize(payload: Payload, received_at: datetime) -> Reading:
    """A question about a token."""
    uid = text(payload, "idTag", 36)
    if uid is None:
        raise Unreadable("idTag is missing")
    return Reading(TokenPresented(at=received_at, token_uid=uid))


def authorize_answer(_fact: Fact, outcome: Outcome) -> Payload:
    """The decision; without one the token is unknown."""
    decision = outcome.decision or Decision(status=AuthorizationStatus.INVALID)
    return {"idTagInfo": id_tag_info(decision)}
