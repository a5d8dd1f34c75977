"""OCPP 2.1 GetCertificateChainStatus (M07): up to four certificates, by OCSP or by CRL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from gateway.certificate_answers import STATUSES, StatusFound
from gateway.dialect import Outcome, Payload, Reading
from gateway.reading import Unreadable, objects
from gateway.v201.certificate_hashes import URL_LENGTH_MAX, certificate_hash
from holdfast.contracts.facts import CertificateHash, CertificateStatusRequested, Fact

CERTIFICATES_MAX = 4
URLS_MAX = 5
WORDS = {"good": "Good", "revoked": "Revoked", "unknown": "Unknown"}


def get_certificate_chain_status(payload: Payload, received_at: datetime) -> Reading:
    """Which certificates, and where the station says that their status is told."""
    asked = objects(payload.get("certificateStatusRequests"), CERTIFICATES_MAX)
    if not asked:
        raise Unreadable("certificateStatusRequests is missing")
    return Reading(
        CertificateStatusRequested(at=received_at, certificates=tuple(map(_certificate, asked)))
    )


def _certificate(item: dict[str, Any]) -> CertificateHash:
    data, urls = item.get("certificateHashData"), item.get("urls")
    if not isinstance(data, dict):
        raise Unreadable("certificateHashData is missing")
    places = (
        [str(url)[:URL_LENGTH_MAX] for url in urls[:URLS_MAX]] if isinstance(urls, list) else []
    )
    return replace(
        certificate_hash(data),
        responder_url=places[0] if places else None,
        other_urls=tuple(places[1:]),
        source="crl" if item.get("source") == "CRL" else "ocsp",
    )


def certificate_chain_status_answer(fact: Fact, outcome: Outcome) -> Payload:
    """A word for each. Failed: nobody could be asked, and nothing is claimed."""
    asked = fact.certificates if isinstance(fact, CertificateStatusRequested) else ()
    found: Sequence[StatusFound] = outcome.details.get(STATUSES, ())
    failed = StatusFound(status="failed")
    return {
        "certificateStatus": [
            _told(one, found[index] if index < len(found) else failed, outcome.at)
            for index, one in enumerate(asked)
        ]
    }


def _told(asked: CertificateHash, found: StatusFound, at: datetime) -> Payload:
    return {
        "certificateHashData": {
            "hashAlgorithm": asked.algorithm,
            "issuerNameHash": asked.issuer_name_hash,
            "issuerKeyHash": asked.issuer_key_hash,
            "serialNumber": asked.serial_number,
        },
        "source": "CRL" if asked.source == "crl" else "OCSP",
        "status": WORDS.get(found.status, "Failed"),
        # What is not known until some time is to be asked again at once.
        "nextUpdate": (found.next_update or at).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
