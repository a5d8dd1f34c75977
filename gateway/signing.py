"""SignCertificate in every version: read, answered at once, signed later (A02)."""

from datetime import datetime

from gateway.dialect import Outcome, Payload, Reading
from gateway.reading import Unreadable, digest, text, whole
from holdfast.contracts.facts import CertificateRequested, CertificateUse, Fact

CSR_LENGTH_MAX = 5_500
USES: dict[str, CertificateUse] = {
    "ChargingStationCertificate": "station",
    "V2GCertificate": "v2g",
    "V2G20Certificate": "v2g20",
}


def sign_certificate(payload: Payload, received_at: datetime) -> Reading:
    """1.6 security whitepaper A02, 2.0.1 A02. A CSR that is no CSR is a fact all the same: it is
    answered Rejected, not with an error (charger-quirks 21)."""
    csr = text(payload, "csr", CSR_LENGTH_MAX)
    if csr is None:
        raise Unreadable("there is no csr")
    use = USES.get(text(payload, "certificateType", 32) or "ChargingStationCertificate")
    if use is None:
        raise Unreadable("the certificate type is none of OCPP's")
    return Reading(
        CertificateRequested(
            at=received_at,
            # RSA signatures repeat, so a station may send the same CSR next year; one that sends
            # it twice on one day did not hear our answer.
            key=f"csr|{use}|{received_at:%Y-%m-%d}|{digest(payload)}",
            csr=csr,
            use=use,
            request_id=whole(payload.get("requestId")),
        )
    )


def signing_answer(_fact: Fact, outcome: Outcome) -> Payload:
    """Accepted: it will be signed. The certificate itself comes in a CertificateSigned of ours."""
    return {"status": str(outcome.details.get("status", "Rejected"))}
