"""What a station's arrival proved: the security profile, and the TLS connection beneath it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.x509.oid import NameOID

Profile = Literal[0, 1, 2, 3]


@dataclass(frozen=True, slots=True)
class Tls:
    """A finished TLS handshake. The certificate was verified against what is trusted."""

    version: str  # "TLSv1.2", "TLSv1.3"
    cipher: str  # OpenSSL's name
    certificate: x509.Certificate | None = None


@dataclass(frozen=True, slots=True)
class Handshake:
    """How a station came in, for its connection's row."""

    profile: Profile
    tls_version: str | None = None
    tls_cipher: str | None = None
    certificate_serial: str | None = None
    certificate_expires_at: datetime | None = None
    common_names: tuple[str, ...] = ()  # of its certificate

    @classmethod
    def of(cls, profile: Profile, tls: Tls | None) -> "Handshake":
        """The row's columns of what was seen."""
        if tls is None:
            return cls(profile)
        certificate = tls.certificate
        if certificate is None:
            return cls(profile, tls.version, tls.cipher)
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return cls(
            profile,
            tls.version,
            tls.cipher,
            f"{certificate.serial_number:x}",
            certificate.not_valid_after_utc,
            tuple(str(name.value) for name in names),
        )
