"""Is a certificate revoked? Asked of the responder that it names, and the answer's signature
checked (RFC 6960): by the issuer, or by a responder whom the issuer certified for this alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from holdfast.adapters.contract_chain import ChainBroken, verify_chain
from holdfast.adapters.outside_http import OutsideHttp
from holdfast.contracts.facts import CertificateHash

SKEW = timedelta(minutes=5)
CERTIFICATES_MAX = 5  # that an answer may bring along

OcspStatus = Literal["good", "revoked", "unknown"]

ALGORITHMS: dict[str, type[hashes.SHA256] | type[hashes.SHA384] | type[hashes.SHA512]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
_WORDS: dict[ocsp.OCSPCertStatus, OcspStatus] = {
    ocsp.OCSPCertStatus.GOOD: "good",
    ocsp.OCSPCertStatus.REVOKED: "revoked",
    ocsp.OCSPCertStatus.UNKNOWN: "unknown",
}


class OcspUnusable(Exception):
    """The responder's answer is none that can be believed; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OcspFound:
    """What a responder said. `der` is the answer as it came, signature and all."""

    status: OcspStatus
    der: bytes
    this_update: datetime
    next_update: datetime | None


def hash_of(
    certificate: x509.Certificate, issuer: x509.Certificate, responder_url: str | None = None
) -> CertificateHash:
    """How OCSP names a certificate, by SHA-256."""
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA256())
    built = request.build()
    return CertificateHash(
        algorithm="SHA256",
        issuer_name_hash=built.issuer_name_hash.hex(),
        issuer_key_hash=built.issuer_key_hash.hex(),
        serial_number=f"{certificate.serial_number:x}",
        responder_url=responder_url or responder_of(certificate),
    )


def responder_of(certificate: x509.Certificate) -> str | None:
    """The responder that a certificate names (authority information access)."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None
    for description in access.value:
        location = description.access_location
        if description.access_method == AuthorityInformationAccessOID.OCSP and isinstance(
            location, x509.UniformResourceIdentifier
        ):
            return str(location.value)
    return None


def names(asked: CertificateHash, issuer: x509.Certificate) -> bool:
    """Whether this is the issuer that the hashes mean."""
    digest = hashes.Hash(ALGORITHMS[asked.algorithm]())
    digest.update(issuer.subject.public_bytes())
    if digest.finalize().hex() != asked.issuer_name_hash:
        return False
    return key_hash(issuer, asked.algorithm) == asked.issuer_key_hash


def key_hash(issuer: x509.Certificate, algorithm: str) -> str:
    """The hash of a public key's bits, as OCSP names issuers and responders."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(issuer, issuer, ALGORITHMS[algorithm]())
    return builder.build().issuer_key_hash.hex()


async def ask_responder(
    outside: OutsideHttp,
    asked: CertificateHash,
    issuers: Sequence[x509.Certificate],
    now: datetime,
) -> OcspFound:
    """The responder's word. `issuers` may sign it: those that the caller trusts.

    Raises `OcspUnusable`, `OutsideUnreachable`.
    """
    if asked.responder_url is None:
        raise OcspUnusable("the certificate names no responder")
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        bytes.fromhex(asked.issuer_name_hash),
        bytes.fromhex(asked.issuer_key_hash),
        int(asked.serial_number, 16),
        ALGORITHMS[asked.algorithm](),
    )
    body = builder.build().public_bytes(serialization.Encoding.DER)
    headers = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
    return read_answer(await outside.post(asked.responder_url, body, headers), asked, issuers, now)


def read_answer(
    der: bytes, asked: CertificateHash, issuers: Sequence[x509.Certificate], now: datetime
) -> OcspFound:
    """Check an answer against the question. Raises `OcspUnusable`."""
    try:
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise OcspUnusable(f"the responder says {response.response_status.name}")
        single = next(item for item in response.responses if _is_about(item, asked))
        _check_signature(response, asked, issuers, now)
    except StopIteration:
        raise OcspUnusable("the answer is about another certificate") from None
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise OcspUnusable(f"the answer is not good: {type(error).__name__}") from error
    if single.this_update_utc > now + SKEW:
        raise OcspUnusable("the answer is of tomorrow")
    if single.next_update_utc is not None and single.next_update_utc < now - SKEW:
        raise OcspUnusable("the answer is out of date")
    return OcspFound(
        status=_WORDS[single.certificate_status],
        der=der,
        this_update=single.this_update_utc.astimezone(UTC),
        next_update=single.next_update_utc,
    )


def _is_about(single: ocsp.OCSPSingleResponse, asked: CertificateHash) -> bool:
    return (
        single.serial_number == int(asked.serial_number, 16)
        and single.issuer_key_hash.hex() == asked.issuer_key_hash
        and single.issuer_name_hash.hex() == asked.issuer_name_hash
    )


def _check_signature(
    response: ocsp.OCSPResponse,
    asked: CertificateHash,
    issuers: Sequence[x509.Certificate],
    now: datetime,
) -> None:
    issuer = _issuer(response, asked, issuers, now)
    if issuer is None:
        raise OcspUnusable("the issuer is not known, and so nobody can vouch for the answer")
    delegated = response.certificates[:CERTIFICATES_MAX]
    signers = [issuer] + [one for one in delegated if _may_answer(one, issuer, now)]
    for signer in signers:
        if _signed(response, signer):
            return
    raise OcspUnusable("the signature is not the issuer's")


def _issuer(
    response: ocsp.OCSPResponse,
    asked: CertificateHash,
    issuers: Sequence[x509.Certificate],
    now: datetime,
) -> x509.Certificate | None:
    """The issuer that the hashes mean: trusted here, or sent along and issued under a trusted one
    (who asks by hashes alone does not have the sub-authorities)."""
    known = next((one for one in issuers if names(asked, one)), None)
    if known is not None:
        return known
    for one in response.certificates[:CERTIFICATES_MAX]:
        if names(asked, one):
            others = [other for other in response.certificates[:CERTIFICATES_MAX] if other != one]
            try:
                return verify_chain([one, *others], issuers, now, authority=True).leaf
            except ChainBroken:
                return None
    return None


def _may_answer(signer: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    """A delegated responder: certified by the issuer itself, for OCSP (RFC 6960 4.2.2.2)."""
    try:
        signer.verify_directly_issued_by(issuer)
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    in_time = signer.not_valid_before_utc <= now <= signer.not_valid_after_utc
    return in_time and ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _signed(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key = signer.public_key()
    algorithm = response.signature_hash_algorithm
    if algorithm is None or isinstance(algorithm, hashes.SHA1 | hashes.MD5):
        return False
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(
                response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm
            )
        else:
            return False
    except InvalidSignature:
        return False
    return True
