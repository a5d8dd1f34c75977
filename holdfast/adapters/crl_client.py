"""Is a certificate on its issuer's list of revoked ones (RFC 5280)? OCPP 2.1 lets stations ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from holdfast.adapters.ocsp_client import SKEW, OcspUnusable, names
from holdfast.contracts.facts import CertificateHash


@dataclass(frozen=True, slots=True)
class Listed:
    """Whether it is on the list, and until when the list holds."""

    revoked: bool
    next_update: datetime | None


def read_crl(
    body: bytes, asked: CertificateHash, issuers: Sequence[x509.Certificate], now: datetime
) -> Listed:
    """Look a certificate up in a list, DER or PEM. Raises `OcspUnusable`."""
    issuer = next((one for one in issuers if names(asked, one)), None)
    if issuer is None:
        raise OcspUnusable("the issuer is not known, and so nobody can vouch for the list")
    key = issuer.public_key()
    if not isinstance(
        key,
        ec.EllipticCurvePublicKey
        | rsa.RSAPublicKey
        | ed25519.Ed25519PublicKey
        | ed448.Ed448PublicKey,
    ):
        raise OcspUnusable("the issuer's key is of a kind that is not trusted")
    try:
        pem = body.lstrip().startswith(b"-----BEGIN")
        listed = x509.load_pem_x509_crl(body) if pem else x509.load_der_x509_crl(body)
        good = listed.issuer == issuer.subject and listed.is_signature_valid(key)
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
        raise OcspUnusable("the list cannot be read") from None
    if not good:
        raise OcspUnusable("the list is not the issuer's")
    if listed.next_update_utc is not None and listed.next_update_utc < now - SKEW:
        raise OcspUnusable("the list is out of date")
    serial = int(asked.serial_number, 16)
    found = listed.get_revoked_certificate_by_serial_number(serial)
    return Listed(found is not None, listed.next_update_utc)
