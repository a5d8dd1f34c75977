"""OCPP 2.0.1 block C: Authorize and IdTokenInfoType."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from gateway.certificate_answers import CERTIFICATE_STATUS
from gateway.dialect import Outcome, Payload, Reading
from gateway.reading import Unreadable, objects, text
from gateway.v201.certificate_hashes import certificate_hash
from holdfast.contracts.facts import Fact, TokenPresented
from holdfast.domain.authorization import AuthorizationStatus, Decision

STATUS_WORDS = {
    AuthorizationStatus.ACCEPTED: "Accepted",
    AuthorizationStatus.BLOCKED: "Blocked",
    AuthorizationStatus.EXPIRED: "Expired",
    AuthorizationStatus.INVALID: "Invalid",
    AuthorizationStatus.UNKNOWN: "Unknown",
    AuthorizationStatus.CONCURRENT_TX: "ConcurrentTx",
    AuthorizationStatus.NOT_AT_THIS_LOCATION: "NotAtThisLocation",
    AuthorizationStatus.NOT_ALLOWED_TYPE_EVSE: "NotAllowedTypeEVSE",
}
GROUP_LENGTH_MAX = 36
LANGUAGE_LENGTH_MAX = 8
MESSAGE_LENGTH_MAX = 512
CERTIFICATES_MAX = 4
CERTIFICATE_LENGTH_MAX = 10_000  # 5,500 in 2.0.1; 2.1 doubled it

NOT_VERIFIED = "NoCertificateAvailable"
EXPIRED = AuthorizationStatus.EXPIRED
# Refused for what the token is; the others depend on the place or the moment (C07.FR.14).
NO_CONTRACT = frozenset(
    {
        AuthorizationStatus.BLOCKED,
        AuthorizationStatus.EXPIRED,
        AuthorizationStatus.INVALID,
        AuthorizationStatus.UNKNOWN,
    }
)


def id_token(payload: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The uid and kind that a message carries, if any (IdTokenType)."""
    found = payload.get("idToken")
    if not isinstance(found, dict):
        return None, None
    return text(found, "idToken", 255), text(found, "type", 20)


def id_token_info(decision: Decision, at: datetime | None = None) -> Payload:
    """The decision in 2.0.1's words, until when the station may remember it, who else may stop
    (C09), for which EVSEs it holds, and how the driver is spoken to.

    A blocked token expires from the station's cache at once (`at`, the time of the answer).
    """
    info: Payload = {"status": STATUS_WORDS[decision.status]}
    expires_at = decision.expires_at
    if decision.status is AuthorizationStatus.BLOCKED and at is not None:
        expires_at = at
    if expires_at is not None:
        info["cacheExpiryDateTime"] = expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if decision.charging_priority is not None:
        info["chargingPriority"] = decision.charging_priority
    language = (decision.language or "")[:LANGUAGE_LENGTH_MAX]
    if language:
        info["language1"] = language
    if decision.evses:
        info["evseId"] = list(decision.evses)
    if decision.group_id is not None and len(decision.group_id) <= GROUP_LENGTH_MAX:
        info["groupIdToken"] = {"idToken": decision.group_id, "type": "Central"}
    if decision.message:
        spoken = {"language": language} if language else {}
        content = {"format": "UTF8", "content": decision.message[:MESSAGE_LENGTH_MAX]}
        info["personalMessage"] = content | spoken
    return info


def authorize(payload: Payload, received_at: datetime) -> Reading:
    """C01: a question about a token; C07: with the certificate of a contract, or its hashes."""
    uid, kind = id_token(payload)
    if uid is None:
        raise Unreadable("idToken is missing")
    hashes = objects(payload.get("iso15118CertificateHashData"), CERTIFICATES_MAX)
    return Reading(
        TokenPresented(
            at=received_at,
            token_uid=uid,
            token_type=kind,
            certificate=text(payload, "certificate", CERTIFICATE_LENGTH_MAX),
            certificate_hashes=tuple(certificate_hash(item) for item in hashes),
        )
    )


def authorize_answer(fact: Fact, outcome: Outcome) -> Payload:
    """The decision; without one the token is invalid.

    A contract that was not verified, or not found good, does not charge, whatever is known of its
    token (C07.FR.15 to 17); one whose token is good no longer was cancelled (C07.FR.13).
    """
    decision = outcome.decision or Decision(status=AuthorizationStatus.INVALID)
    if not (isinstance(fact, TokenPresented) and (fact.certificate or fact.certificate_hashes)):
        return {"idTokenInfo": id_token_info(decision, outcome.at)}
    status = str(outcome.details.get(CERTIFICATE_STATUS, NOT_VERIFIED))
    if status != "Accepted":
        refusal = EXPIRED if status == "CertificateExpired" else AuthorizationStatus.INVALID
        decision = replace(decision, status=refusal, expires_at=None, evses=())
    elif decision.status in NO_CONTRACT:
        status = "ContractCancelled"
    return {
        "idTokenInfo": id_token_info(decision, outcome.at),
        "certificateStatus": status,
    }
