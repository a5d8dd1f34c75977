"""Is this contract certificate good? The chain of ISO 15118, verified against trusted roots.

Path building of our own: contract certificates have no subject alternative name, which the TLS
verification of `cryptography` asks for. Checked: signatures, validity, basic constraints with path
length, key usage, unknown critical extensions, and that the leaf names the eMAID that it is shown
for. Revocation is asked elsewhere (`ocsp_client`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtensionOID, NameOID

CHAIN_MAX = 5  # leaf, two sub-CAs, root, and one to spare
RSA_BITS_MIN = 2048
OTHER_ROLES = frozenset({"CPO", "OEM", "CPS"})

CertificateStatus = Literal[
    "Accepted",
    "SignatureError",
    "CertificateExpired",
    "CertificateRevoked",
    "NoCertificateAvailable",
    "CertChainError",
    "ContractCancelled",
]

_KNOWN_CRITICAL = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)


class ChainBroken(Exception):
    """Not good; `status` in the words of AuthorizeCertificateStatusEnumType."""

    def __init__(self, status: CertificateStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Path:
    """A verified way from the leaf to a trusted root, both included."""

    certificates: tuple[x509.Certificate, ...]

    @property
    def leaf(self) -> x509.Certificate:
        return self.certificates[0]

    @property
    def to_ask(self) -> list[tuple[x509.Certificate, x509.Certificate]]:
        """Certificate and issuer, for every one that can be revoked: all but the root."""
        return list(zip(self.certificates[:-1], self.certificates[1:], strict=True))


def load_chain(pem: str) -> list[x509.Certificate]:
    """The certificates of a PEM text, leaf first. Raises `ChainBroken`."""
    try:
        chain = x509.load_pem_x509_certificates(pem.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        raise ChainBroken("CertChainError", "the certificates cannot be read") from None
    if len(chain) > CHAIN_MAX:
        raise ChainBroken("CertChainError", f"more than {CHAIN_MAX} certificates")
    return chain


def verify_chain(
    chain: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    at: datetime,
    *,
    authority: bool = False,
) -> Path:
    """The way from the first certificate to one of the roots. Raises `ChainBroken`.

    A root that the chain brings along is of no use unless it is trusted here. `authority`: the
    first is no leaf but an issuer itself.
    """
    path = [chain[0]]
    if authority:
        _check_authority(chain[0], 0)
    else:
        _check_leaf(chain[0])
    others = list(chain[1:])
    while True:
        current = path[-1]
        root, wrong = _issuer(current, roots)
        if root is not None:
            path.append(root)
            break
        issuer, wrong_too = _issuer(current, others)
        if issuer is None:
            if wrong or wrong_too:
                raise ChainBroken("SignatureError", "a signature is wrong")
            raise ChainBroken("CertChainError", "the chain ends in no trusted root")
        others.remove(issuer)
        path.append(issuer)
    for below, issuer in enumerate(path[1:]):
        _check_authority(issuer, below + authority)
    for certificate in path:
        _check_validity(certificate, at)
    return Path(tuple(path))


def check_contract(path: Path) -> None:
    """That a chain is a mobility operator's: below one V2G root there are those of charge point
    operators, manufacturers and provisioning too, and none of them may vouch for a contract.

    They say which they are in the subject's domain component (ISO 15118-2 annex F). One that says
    nothing is taken. Raises `ChainBroken`.
    """
    for certificate in path.certificates[:-1]:
        for name in certificate.subject.get_attributes_for_oid(NameOID.DOMAIN_COMPONENT):
            role = str(name.value).upper()
            if role in OTHER_ROLES:
                raise ChainBroken("CertChainError", f"a chain of {role}, not of a contract")


def common_name(certificate: x509.Certificate) -> str | None:
    """The subject's CN: in a contract certificate the eMAID (ISO 15118-2 annex F)."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else None


def bare_emaid(written: str) -> str:
    """Without separators, upper case: how two spellings of one eMAID are compared."""
    return written.replace("-", "").replace(" ", "").upper()


def same_emaid(one: str, other: str) -> bool:
    """Whether both mean one contract: 14 characters, and a check digit that may be left out."""
    first, second = bare_emaid(one), bare_emaid(other)
    if not first or not second:
        return False
    return first == second or ({len(first), len(second)} == {14, 15} and first[:14] == second[:14])


def _issuer(
    certificate: x509.Certificate, candidates: Sequence[x509.Certificate]
) -> tuple[x509.Certificate | None, bool]:
    """Who signed it; and whether somebody of the issuer's name did not."""
    wrong = False
    for candidate in candidates:
        if candidate.subject != certificate.issuer or candidate == certificate:
            continue
        try:
            certificate.verify_directly_issued_by(candidate)
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            wrong = True
            continue
        return candidate, False
    return None, wrong


def _check_leaf(leaf: x509.Certificate) -> None:
    constraints = _constraints(leaf)
    if constraints is not None and constraints.ca:
        raise ChainBroken("CertChainError", "an authority is no contract")
    usage = _usage(leaf)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise ChainBroken("CertChainError", "the contract's key may not sign")
    _check_form(leaf)


def _check_authority(authority: x509.Certificate, below: int) -> None:
    """`below`: authorities between it and the leaf."""
    constraints = _constraints(authority)
    if constraints is None or not constraints.ca:
        raise ChainBroken("CertChainError", "an issuer is no authority")
    if constraints.path_length is not None and below > constraints.path_length:
        raise ChainBroken("CertChainError", "the chain is longer than an authority allows")
    usage = _usage(authority)
    if usage is not None and not usage.key_cert_sign:
        raise ChainBroken("CertChainError", "an authority's key may not sign certificates")
    _check_form(authority)


def _check_validity(certificate: x509.Certificate, at: datetime) -> None:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise ChainBroken("CertificateExpired", "a certificate is not valid at this time")


def _check_form(certificate: x509.Certificate) -> None:
    try:
        extensions = certificate.extensions
        key = certificate.public_key()
    except (ValueError, x509.DuplicateExtension, UnsupportedAlgorithm):
        raise ChainBroken("CertChainError", "a certificate cannot be read") from None
    for extension in extensions:
        if extension.critical and extension.oid not in _KNOWN_CRITICAL:
            raise ChainBroken("CertChainError", "an unknown extension is critical")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
        return
    if not isinstance(
        key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
    ):
        raise ChainBroken("CertChainError", "a key is of a kind that is not trusted")


def _constraints(certificate: x509.Certificate) -> x509.BasicConstraints | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return None
    except (ValueError, x509.DuplicateExtension):
        raise ChainBroken("CertChainError", "a certificate cannot be read") from None


def _usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    except (ValueError, x509.DuplicateExtension):
        raise ChainBroken("CertChainError", "a certificate cannot be read") from None
