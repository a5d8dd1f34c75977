"""What a station asks to have signed: its CSR, read and judged before anything is made of it."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

CSR_CHARACTERS_MAX = 5_500  # OCPP 2.0.1 SignCertificateRequest.csr
RSA_BITS_MIN = 2_048
RSA_BITS_MAX = 8_192
RSA_EXPONENT_BITS_MAX = 32  # one as long as the key makes a signature take 25 ms to check
CURVES = ("secp256r1", "secp384r1", "secp521r1")


class BadRequest(ValueError):
    """It cannot be signed; the text says why, without anything of what was sent."""


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A CSR whose signature fits its key."""

    subject: x509.Name
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    common_name: str
    organization: str | None


def read_signing_request(pem: str) -> SigningRequest:
    """OCPP 2.0.1 A02 and A00.FR.502 to 511: keys of at least 112 bits of strength, a common name.

    Raises BadRequest.
    """
    if len(pem) > CSR_CHARACTERS_MAX:
        raise BadRequest(f"it is longer than {CSR_CHARACTERS_MAX} characters")
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        key = _checked_key(csr)
        valid = csr.is_signature_valid
        subject = csr.subject
    except BadRequest:
        raise
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise BadRequest("it is no PEM certificate signing request") from error
    if not valid:
        raise BadRequest("its signature is not of its key")
    names = [str(one.value) for one in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if len(names) != 1 or not names[0].strip():
        raise BadRequest("it has no common name, or several")
    said = [str(one.value) for one in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return SigningRequest(subject, key, names[0], said[0] if said else None)


def _checked_key(
    csr: x509.CertificateSigningRequest,
) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    """Judged before it is used: whoever sends it chooses how long that takes."""
    key = csr.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
            raise BadRequest(f"its RSA key has fewer than {RSA_BITS_MIN} bits, or far too many")
        if key.public_numbers().e.bit_length() > RSA_EXPONENT_BITS_MAX:
            raise BadRequest("its RSA exponent is far too large")
        return key
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in CURVES:
            raise BadRequest("its curve is none of NIST P-256, P-384, P-521")
        return key
    raise BadRequest("its key is neither RSA nor EC")
