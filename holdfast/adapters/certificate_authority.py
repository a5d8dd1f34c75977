"""A certificate authority of our own: a root that signs an issuing authority that signs the rest.

The embedded default for station certificates, the gateway's server certificate and contract
certificates (ISO 15118). EC P-256 and SHA-256 throughout: what OCPP 2.0.1 A00.FR.509 and ISO 15118
ask for, and what small stations can check. Instants are handed in; serial numbers are random.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from holdfast.adapters.public_addresses import PublicAddresses
from holdfast.store.sealing import seal, unseal

ROOT_DAYS = 3650 * 2
ISSUING_DAYS = 3650
BACKDATED = timedelta(hours=1)  # clocks of stations run behind
OCSP_VALID = timedelta(days=7)
CRL_VALID = timedelta(days=7)
COMMON_NAME_MAX = 64  # X.520's upper bound
SEALED_PURPOSE = "certificate authority"
SHA256 = hashes.SHA256()

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey
LeafUse = Literal["station", "server", "contract"]

_EXTENDED: dict[str, list[x509.ObjectIdentifier]] = {
    "station": [ExtendedKeyUsageOID.CLIENT_AUTH],
    # A station that charges by ISO 15118 is the TLS server of the car (SECC certificate).
    "server": [ExtendedKeyUsageOID.SERVER_AUTH],
    "contract": [],
}


@dataclass(frozen=True, slots=True)
class SealedAuthority:
    """An authority as it is stored: certificates in PEM, keys sealed."""

    root_pem: str
    issuing_pem: str
    root_key_sealed: bytes
    issuing_key_sealed: bytes


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was signed. `chain_pem`: the leaf, then the issuing authority."""

    certificate: x509.Certificate
    chain_pem: str

    @property
    def pem(self) -> str:
        """The leaf alone."""
        return pem_of(self.certificate)

    @property
    def serial(self) -> str:
        """Hex digits, as OCPP's certificate hash data writes it: lower case, no leading zeros."""
        return serial_of(self.certificate)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the DER."""
        return self.certificate.fingerprint(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate that is good no longer."""

    serial: str  # hex
    at: datetime


@dataclass(frozen=True, slots=True)
class OcspQuestion:
    """What an OCSP request names, beside the issuer. `serial` in hex; `algorithm` of the hashes in
    which it names the issuer, SHA-1 as a rule, and the answer must too."""

    serial: str
    algorithm: hashes.HashAlgorithm


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """One authority with its keys in memory: root, and the issuing one that does the work."""

    root: x509.Certificate
    issuing: x509.Certificate
    root_key: PrivateKey
    issuing_key: PrivateKey

    @classmethod
    def founded(cls, organization: str, name: str, now: datetime) -> "CertificateAuthority":
        """New keys, new certificates. `organization` is the subject's O, the operator's name."""
        root_key, issuing_key = _new_key(), _new_key()
        root_name = _subject(organization, f"{name} Root")
        root = (
            _begun(root_name, root_name, root_key.public_key(), now, ROOT_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_authority_usage(), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        issuing = (
            _begun(
                _subject(organization, f"{name} Issuing"),
                root_name,
                issuing_key.public_key(),
                now,
                ISSUING_DAYS,
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_authority_usage(), critical=True)
            .add_extension(_identifies(root), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        return cls(root, issuing, root_key, issuing_key)

    @classmethod
    def opened(cls, stored: SealedAuthority, secret_key: str) -> "CertificateAuthority":
        """From its row. Raises `holdfast.store.sealing.CannotUnseal`."""
        root = x509.load_pem_x509_certificate(stored.root_pem.encode())
        issuing = x509.load_pem_x509_certificate(stored.issuing_pem.encode())
        return cls(
            root,
            issuing,
            _unsealed(secret_key, stored.root_key_sealed, root),
            _unsealed(secret_key, stored.issuing_key_sealed, issuing),
        )

    def sealed(self, secret_key: str) -> SealedAuthority:
        """What its row holds: no key in the clear."""
        return SealedAuthority(
            root_pem=pem_of(self.root),
            issuing_pem=pem_of(self.issuing),
            root_key_sealed=_sealed(secret_key, self.root_key, self.root),
            issuing_key_sealed=_sealed(secret_key, self.issuing_key, self.issuing),
        )

    @property
    def issuing_chain_pem(self) -> str:
        """Issuing authority, then root."""
        return pem_of(self.issuing) + pem_of(self.root)

    def sign(
        self,
        public_key: PublicKey,
        subject: x509.Name,
        use: LeafUse,
        *,
        now: datetime,
        valid_days: int,
        names: Sequence[str] = (),
        published: PublicAddresses | None = None,
    ) -> Issued:
        """A certificate over this key. `names`: DNS names and addresses of a server.

        Its life ends with the issuing authority's at the latest.
        """
        days = min(valid_days, (self.issuing.not_valid_after_utc - now).days)
        building = (
            _begun(subject, self.issuing.subject, public_key, now, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_leaf_usage(public_key, use), critical=True)
            .add_extension(_identifies(self.issuing), critical=False)
        )
        if _EXTENDED[use]:
            building = building.add_extension(x509.ExtendedKeyUsage(_EXTENDED[use]), critical=False)
        if names:
            building = building.add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]),
                critical=False,
            )
        for extension in [] if published is None else published.extensions():
            building = building.add_extension(extension, critical=False)
        certificate = building.sign(self.issuing_key, hashes.SHA256())
        return Issued(certificate, pem_of(certificate) + pem_of(self.issuing))

    def ocsp_response(self, serial: str, now: datetime, revoked: Revoked | None = None) -> bytes:
        """A DER OCSPResponse about a certificate of ours. Whether it was ever issued is the
        caller's to know. `serial` in hex."""
        asked = OcspQuestion(serial, hashes.SHA256())
        return self.ocsp_answer(
            asked, now, issued=True, ended_at=None if revoked is None else revoked.at
        )

    def ocsp_answer(
        self, asked: OcspQuestion, now: datetime, *, issued: bool, ended_at: datetime | None
    ) -> bytes:
        """A DER OCSPResponse (RFC 6960), signed by the issuer itself: good, revoked where the
        certificate has ended, or unknown where none was issued under this serial number."""
        name, key = issuer_hashes(self.issuing, asked.algorithm)
        status = ocsp.OCSPCertStatus.REVOKED if ended_at else ocsp.OCSPCertStatus.GOOD
        answer = ocsp.OCSPResponseBuilder().add_response_by_hash(
            issuer_name_hash=name,
            issuer_key_hash=key,
            serial_number=int(asked.serial, 16),
            algorithm=asked.algorithm,
            cert_status=status if issued else ocsp.OCSPCertStatus.UNKNOWN,
            this_update=now,
            next_update=now + OCSP_VALID,
            revocation_time=ended_at if issued else None,
            revocation_reason=None,
        )
        signed = answer.responder_id(ocsp.OCSPResponderEncoding.HASH, self.issuing).sign(
            self.issuing_key, hashes.SHA256()
        )
        return signed.public_bytes(serialization.Encoding.DER)

    def issuer_hashes(self) -> tuple[bytes, bytes]:
        """SHA-256 of the issuing authority's name and of its key, as certificate hash data and
        OCSP name an issuer (RFC 6960 section 4.1.1)."""
        return issuer_hashes(self.issuing)

    def crl(self, revoked: Sequence[Revoked], number: int, now: datetime) -> bytes:
        """A PEM list of what the issuing authority has taken back (RFC 5280)."""
        return self._crl(revoked, number, now).public_bytes(serialization.Encoding.PEM)

    def crl_der(self, revoked: Sequence[Revoked], number: int, now: datetime) -> bytes:
        """The same in DER, as it is fetched."""
        return self._crl(revoked, number, now).public_bytes(serialization.Encoding.DER)

    def _crl(
        self, revoked: Sequence[Revoked], number: int, now: datetime
    ) -> x509.CertificateRevocationList:
        building = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.issuing.subject)
            .last_update(now)
            .next_update(now + CRL_VALID)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(_identifies(self.issuing), critical=False)
        )
        for one in revoked:
            building = building.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(int(one.serial, 16))
                .revocation_date(one.at)
                .build()
            )
        return building.sign(self.issuing_key, hashes.SHA256())

    def issued(self, certificate: x509.Certificate) -> bool:
        """Whether the issuing authority signed it. Dates are not looked at."""
        try:
            certificate.verify_directly_issued_by(self.issuing)
        except Exception:  # a signature that is wrong, a type of key that is not ours, odd names
            return False
        return True


def issuer_hashes(
    issuer: x509.Certificate, algorithm: hashes.HashAlgorithm = SHA256
) -> tuple[bytes, bytes]:
    """Digests of an issuer's name (DER) and of its public key: the bits alone, without algorithm.
    Raises ValueError for a key that is neither EC nor RSA."""
    key = issuer.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        bits = key.public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
    elif isinstance(key, rsa.RSAPublicKey):
        bits = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    else:
        raise ValueError("issuers have EC or RSA keys")
    return _digest(issuer.subject.public_bytes(), algorithm), _digest(bits, algorithm)


def _digest(data: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize()


def subject_name(common_name: str, organization: str | None = None) -> x509.Name:
    """CN and O of a leaf. Raises ValueError where a part is empty or longer than X.520 allows."""
    return _subject(organization, common_name)


def pem_of(certificate: x509.Certificate) -> str:
    """The certificate in PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def serial_of(certificate: x509.Certificate) -> str:
    """Hex digits, lower case, no leading zeros."""
    return f"{certificate.serial_number:x}"


def key_pem(key: PrivateKey) -> str:
    """A private key in PEM, in the clear: for a server's key file."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def new_key() -> PrivateKey:
    """EC P-256."""
    return _new_key()


def _new_key() -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _subject(organization: str | None, common_name: str) -> x509.Name:
    parts = [] if organization is None else [(NameOID.ORGANIZATION_NAME, organization)]
    parts.append((NameOID.COMMON_NAME, common_name))
    return x509.Name([x509.NameAttribute(oid, text[:COMMON_NAME_MAX]) for oid, text in parts])


def _begun(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _identifies(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)


def _usage(**allowed: bool) -> x509.KeyUsage:
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**dict.fromkeys(every, False) | allowed)


def _authority_usage() -> x509.KeyUsage:
    # digital_signature: the issuing authority signs OCSP answers itself.
    return _usage(digital_signature=True, key_cert_sign=True, crl_sign=True)


def _leaf_usage(key: PublicKey, use: LeafUse) -> x509.KeyUsage:
    return _usage(
        digital_signature=True,
        key_agreement=isinstance(key, ec.EllipticCurvePublicKey),
        key_encipherment=isinstance(key, rsa.RSAPublicKey) and use == "server",
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        address: IPv4Address | IPv6Address = ip_address(name)
    except ValueError:
        return x509.DNSName(name)
    return x509.IPAddress(address)


def _sealed(secret_key: str, key: PrivateKey, owner: x509.Certificate) -> bytes:
    plain = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return seal(secret_key, plain, purpose=SEALED_PURPOSE, subject=serial_of(owner))


def _unsealed(secret_key: str, sealed: bytes, owner: x509.Certificate) -> PrivateKey:
    plain = unseal(secret_key, sealed, purpose=SEALED_PURPOSE, subject=serial_of(owner))
    key = serialization.load_der_private_key(plain, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - sealed by us, above
    return key
