"""OCPP 2.0.1 block M: contract certificates for cars (M01, M02), and whether a certificate is
revoked (M06). Both are asked elsewhere (gateway/questions.py); here are only the words."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gateway.certificate_answers import (
    EXI_RESPONSE,
    REASON,
    REASON_TEXT,
    REMAINING,
    STATUSES,
    StatusFound,
)
from gateway.dialect import Outcome, Payload, Reading
from gateway.reading import Unreadable, text, whole
from gateway.v201.certificate_hashes import certificate_hash
from holdfast.contracts.facts import (
    CertificateStatusRequested,
    ContractCertificateRequested,
    Fact,
)

EXI_REQUEST_LENGTH_MAX = 11_000  # 2.1; 5,600 in 2.0.1
OCSP_LENGTH_MAX = 5_500
EMAIDS_MAX = 8
EMAID_LENGTH_MAX = 255


def get_contract_certificate(payload: Payload, received_at: datetime) -> Reading:
    """Get15118EVCertificate: M01 installs, M02 updates. 2.1 adds the last two fields."""
    exi = text(payload, "exiRequest", EXI_REQUEST_LENGTH_MAX)
    version = text(payload, "iso15118SchemaVersion", 50)
    if exi is None or version is None:
        raise Unreadable("exiRequest or iso15118SchemaVersion is missing")
    wished = payload.get("prioritizedEMAIDs")
    emaids: list[Any] = wished[:EMAIDS_MAX] if isinstance(wished, list) else []
    return Reading(
        ContractCertificateRequested(
            at=received_at,
            schema_version=version,
            action="update" if text(payload, "action", 16) == "Update" else "install",
            exi_request=exi,
            contracts_max=whole(payload.get("maximumContractCertificateChains")),
            emaids=tuple(str(item)[:EMAID_LENGTH_MAX] for item in emaids if item),
        )
    )


def contract_certificate_answer(_fact: Fact, outcome: Outcome) -> Payload:
    """The provider's EXI message as it came, or why there is none."""
    exi = outcome.details.get(EXI_RESPONSE)
    if exi is None:
        reason = str(outcome.details.get(REASON, "InternalError"))
        told = outcome.details.get(REASON_TEXT)
        info = {"reasonCode": reason} | ({"additionalInfo": str(told)} if told else {})
        return {"status": "Failed", "statusInfo": info, "exiResponse": ""}
    return {"status": "Accepted", "exiResponse": str(exi)}


def contract_certificate_answer21(fact: Fact, outcome: Outcome) -> Payload:
    """The same, with how many more contracts the car may fetch."""
    answer = contract_certificate_answer(fact, outcome)
    remaining = outcome.details.get(REMAINING)
    if remaining is not None and answer["status"] == "Accepted":
        answer["remainingContracts"] = remaining
    return answer


def get_certificate_status(payload: Payload, received_at: datetime) -> Reading:
    """M06: is this certificate (of the car's charging session) revoked?"""
    data = payload.get("ocspRequestData")
    if not isinstance(data, dict):
        raise Unreadable("ocspRequestData is missing")
    return Reading(
        CertificateStatusRequested(at=received_at, certificates=(certificate_hash(data),))
    )


def certificate_status_answer(_fact: Fact, outcome: Outcome) -> Payload:
    """The responder's signed answer: the car checks it itself, also one that says revoked."""
    found: Sequence[StatusFound] = outcome.details.get(STATUSES, ())
    result = b64encode(found[0].der).decode() if found and found[0].der else None
    if result is None or len(result) > OCSP_LENGTH_MAX:
        told = (found[0].text if found else None) or "nobody could be asked"
        info = {"reasonCode": "OCSPNotAvailable", "additionalInfo": told}
        return {"status": "Failed", "statusInfo": info}
    return {"status": "Accepted", "ocspResult": result}
