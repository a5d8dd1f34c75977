"""OCPP 2.0.1 block C: Authorize and IdTokenInfoType."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

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


def id_token(payload: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The uid and kind that a message carries, if any (IdTokenType)."""
    found = payload.get("idToken")
    if not isinstance(found, dict):
        return None, None
    return text(found, "idToken", 36), text(found, "type", 20)


def id_token_info(decision: Decision) -> Payload:
    """The decision in 2.0.1's words, and until when the station may remember it."""
    info: Payload = {"status": STATUS_WORDS[decision.status]}
    if decision.expires_at is not None:
        info["cacheExpiryDateTime"] = decision.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return info


def authorize(payload: Payload, received_at: datetime) -> Reading:
    """C01: a question about a token."""
    uid, kind = id_token(payload)
    if uid is None:
        raise Unreadable("idToken is missing")
    return Reading(TokenPresented(at=received_at, token_uid=uid, token_type=kind))


def authorize_answer(_fact: Fact, outcome: Outcome) -> Payload:
    """The decision; without one the token is unknown."""
    decision = outcome.decision or Decision(status=AuthorizationStatus.INVALID)
    return {"idTokenInfo": id_token_info(decision)}
