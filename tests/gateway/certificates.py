"""Certificates for tests: a server's, a station's, and what a client trusts. Made once."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from holdfast.adapters.certificate_authority import (
    CertificateAuthority,
    Issued,
    key_pem,
    new_key,
    subject_name,
)

NOW = datetime.now(UTC).replace(microsecond=0)


@cache
def server_authority() -> CertificateAuthority:
    """Who signs the gateway's certificate."""
    return CertificateAuthority.founded("Holdfast", "Server", NOW)


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """One RSA key for all tests: making it is slow."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def swapped_key() -> rsa.RSAPrivateKey:
    """An RSA key whose public exponent is as long as the key: slow for whoever checks it."""
    found = rsa_key().private_numbers()
    return rsa.RSAPrivateNumbers(
        p=found.p,
        q=found.q,
        d=found.public_numbers.e,
        dmp1=found.public_numbers.e % (found.p - 1),
        dmq1=found.public_numbers.e % (found.q - 1),
        iqmp=found.iqmp,
        public_numbers=rsa.RSAPublicNumbers(e=found.d, n=found.public_numbers.n),
    ).private_key()


def pem_of_key(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """In the clear, for files of tests."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@dataclass(frozen=True)
class ServerFiles:
    """What the gateway's settings name."""

    certificate: str
    key: str


def write_server(folder: Path) -> ServerFiles:
    """An EC and an RSA certificate for localhost, two files each."""
    certificates, keys = [], []
    made: list[tuple[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey]] = [
        ("ec", new_key()),
        ("rsa", rsa_key()),
    ]
    for name, key in made:
        issued = server_authority().sign(
            key.public_key(),
            subject_name("localhost"),
            "server",
            now=NOW,
            valid_days=30,
            names=("localhost", "127.0.0.1"),
        )
        (folder / f"{name}.pem").write_text(issued.chain_pem)
        (folder / f"{name}.key").write_text(pem_of_key(key))
        certificates.append(str(folder / f"{name}.pem"))
        keys.append(str(folder / f"{name}.key"))
    return ServerFiles(",".join(certificates), ",".join(keys))


def client_context(
    folder: Path | None = None, shown: tuple[Issued, ec.EllipticCurvePrivateKey] | None = None
) -> ssl.SSLContext:
    """A station's side: trusts the server's root, and may show a certificate."""
    context = ssl.create_default_context()
    context.load_verify_locations(cadata=server_authority().issuing_chain_pem)
    if shown is not None and folder is not None:
        issued, key = shown
        path = folder / f"{issued.serial}.pem"
        path.write_text(issued.chain_pem + key_pem(key))
        context.load_cert_chain(path)
    return context


def csr_pem(
    common_name: str,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
    organization: str = "Acme",
) -> str:
    """A certificate signing request."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = builder.sign(key or new_key(), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()
