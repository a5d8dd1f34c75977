"""A mobility operator's certificates, as ISO 15118-2 draws them: root, two sub-CAs, contracts."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    NameOID,
)

Key = ec.EllipticCurvePrivateKey

_NO_USE = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Pki:
    """The operator's authorities. `responder_url` is written into what they sign."""

    responder_url: str
    name: str = "Example MO"
    root: Holder = field(init=False)
    sub1: Holder = field(init=False)
    sub2: Holder = field(init=False)
    responder: Holder = field(init=False)
    revoked: dict[int, datetime] = field(default_factory=dict)
    questions: int = 0

    def __post_init__(self) -> None:
        self.root = self._authority(f"{self.name} Root", None, 2)
        self.sub1 = self._authority(f"{self.name} Sub1", self.root, 1)
        self.sub2 = self._authority(f"{self.name} Sub2", self.sub1, 0)
        key = ec.generate_private_key(ec.SECP256R1())
        building = self._begun("Example Responder", self.sub2, key, timedelta(days=30))
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
        building = building.add_extension(usage, critical=False)
        self.responder = Holder(building.sign(self.sub2.key, hashes.SHA256()), key)

    def contract(
        self, emaid: str, *, days: float = 365, signed_by: Key | None = None, asked: bool = True
    ) -> Holder:
        """A contract certificate; `signed_by` another key makes its signature wrong, and without
        `asked` it names no responder."""
        key = ec.generate_private_key(ec.SECP256R1())
        building = self._begun(emaid, self.sub2, key, timedelta(days=days)).add_extension(
            x509.KeyUsage(**_NO_USE | {"digital_signature": True, "key_agreement": True}),
            critical=True,
        )
        if asked:
            building = self._with_responder(building)
        return Holder(building.sign(signed_by or self.sub2.key, hashes.SHA256()), key)

    def chain(self, contract: Holder) -> str:
        """What a car shows: its contract and both sub-CAs, in PEM."""
        return contract.pem + self.sub2.pem + self.sub1.pem

    def revoke(self, serial: int) -> None:
        """From now on."""
        self.revoked[serial] = datetime.now(UTC)

    def answer(self, question: bytes, *, by: Holder | None = None) -> bytes:
        """An OCSP response: signed by the sub-CA's responder, or by the authority that `by` is."""
        asked = ocsp.load_der_ocsp_request(question)
        self.questions += 1
        now = datetime.now(UTC)
        revoked_at = self.revoked.get(asked.serial_number)
        known = ocsp.OCSPCertStatus.GOOD if revoked_at is None else ocsp.OCSPCertStatus.REVOKED
        signer = by or self._signer(asked)
        building = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                issuer_name_hash=asked.issuer_name_hash,
                issuer_key_hash=asked.issuer_key_hash,
                serial_number=asked.serial_number,
                algorithm=asked.hash_algorithm,
                cert_status=known,
                this_update=now,
                next_update=now + timedelta(hours=1),
                revocation_time=revoked_at,
                revocation_reason=None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
            .certificates([signer.certificate, self.sub2.certificate, self.sub1.certificate])
        )
        signed = building.sign(signer.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.DER)

    def revocations(self) -> bytes:
        """The second sub-CA's revocation list, DER."""
        now = datetime.now(UTC)
        building = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.sub2.certificate.subject)
            .last_update(now)
            .next_update(now + timedelta(days=1))
        )
        for serial, at in self.revoked.items():
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
            building = building.add_revoked_certificate(one.build())
        signed = building.sign(self.sub2.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.DER)

    def _signer(self, asked: ocsp.OCSPRequest) -> Holder:
        """The responder answers for the second sub-CA; the others answer for themselves."""
        for authority in (self.root, self.sub1):
            builder = ocsp.OCSPRequestBuilder().add_certificate(
                authority.certificate, authority.certificate, asked.hash_algorithm
            )
            if builder.build().issuer_key_hash == asked.issuer_key_hash:
                return authority
        return self.responder

    def _authority(self, name: str, issuer: Holder | None, path_length: int) -> Holder:
        key = ec.generate_private_key(ec.SECP256R1())
        building = (
            self._begun(name, issuer, key, timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(
                x509.KeyUsage(
                    **_NO_USE | {"digital_signature": True, "key_cert_sign": True, "crl_sign": True}
                ),
                critical=True,
            )
        )
        if issuer is not None:
            building = self._with_responder(building)
        signer = key if issuer is None else issuer.key
        return Holder(building.sign(signer, hashes.SHA256()), key)

    def _begun(
        self, name: str, issuer: Holder | None, key: Key, life: timedelta
    ) -> x509.CertificateBuilder:
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Mobility"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + life)
        )

    def _with_responder(self, building: x509.CertificateBuilder) -> x509.CertificateBuilder:
        place = x509.UniformResourceIdentifier(self.responder_url)
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)
        return building.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
