"""TLS of the OCPP port: versions, cipher suites, certificates that can change while it listens.

OCPP 2.0.1 A00.FR.309 to 318 and the 1.6 security whitepaper name TLS 1.2 or newer and four cipher
suites; the ECDHE_RSA ones are what those stations offer that have an RSA certificate in mind and
forward secrecy too. The two without forward secrecy come last.
"""

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog
from cryptography import x509

from gateway.handshake import Tls

logger = structlog.get_logger()

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
)
Refusal = Literal["InvalidTLSVersion", "InvalidTLSCipherSuite", "InvalidChargingStationCertificate"]
_REFUSALS: dict[str, Refusal] = {
    "UNSUPPORTED_PROTOCOL": "InvalidTLSVersion",
    "WRONG_VERSION_NUMBER": "InvalidTLSVersion",
    "VERSION_TOO_LOW": "InvalidTLSVersion",
    "NO_PROTOCOLS_AVAILABLE": "InvalidTLSVersion",
    "TLSV1_ALERT_PROTOCOL_VERSION": "InvalidTLSVersion",
    "NO_SHARED_CIPHER": "InvalidTLSCipherSuite",
    "NO_CIPHERS_AVAILABLE": "InvalidTLSCipherSuite",
    "CERTIFICATE_VERIFY_FAILED": "InvalidChargingStationCertificate",
    "EE_KEY_TOO_SMALL": "InvalidChargingStationCertificate",
}


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the server's certificates and keys are: pairs, of RSA and of EC, and who is trusted."""

    certificates: tuple[Path, ...]
    keys: tuple[Path, ...]
    clients: Path | None = None  # PEM of authorities whose station certificates are trusted

    @classmethod
    def named(cls, certificates: str, keys: str, clients: str | None) -> "TlsFiles":
        """From settings: lists separated by commas. Raises ValueError where they do not pair."""
        pairs = tuple(_paths(certificates)), tuple(_paths(keys))
        if not pairs[0] or len(pairs[0]) != len(pairs[1]):
            raise ValueError("name one key file for each certificate file")
        return cls(*pairs, Path(clients) if clients else None)

    def stamps(self) -> tuple[tuple[int, int], ...]:
        """What changes when a file is replaced. Raises OSError where one is gone."""
        files = [*self.certificates, *self.keys, *([self.clients] if self.clients else [])]
        return tuple((stat.st_mtime_ns, stat.st_ino) for stat in (path.stat() for path in files))


class ServerTls:
    """The context that listens, and the one that is current: each handshake asks for the latter.

    A changed file means a new context for the next handshakes; open sockets keep theirs.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamps = files.stamps()
        self._trusted: tuple[str, ...] = ()
        self._current = self._built()
        self.listening = self._built()
        self.listening.sni_callback = self._give_current

    def reload(self, trusted: Sequence[str], *, force: bool = False) -> bool:
        """Take changed files, and these authorities (PEM) beside those of the file; whether
        anything changed. What cannot be read leaves everything as it is."""
        wanted = tuple(sorted(trusted))
        try:
            stamps = self._files.stamps()
            if stamps == self._stamps and wanted == self._trusted and not force:
                return False
            before, self._trusted = self._trusted, wanted
            try:
                self._current = self._built()
            except Exception:
                self._trusted = before
                raise
        except (OSError, ValueError) as error:
            # ssl.SSLError is an OSError. A renewal writes two files: the second is on its way.
            logger.warning("tls_not_reloaded", error=type(error).__name__)
            return False
        self._stamps = stamps
        return True

    def _give_current(
        self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext
    ) -> None:
        connection.context = self._current

    def _built(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(":".join(CIPHERS))
        context.options |= (
            ssl.OP_NO_COMPRESSION
            | ssl.OP_NO_RENEGOTIATION
            # No resumption: a ticket would outlive a revoked certificate, and another gateway
            # could not read it. Sockets stay open for days, so whole handshakes are few.
            | ssl.OP_NO_TICKET
            | ssl.OP_CIPHER_SERVER_PREFERENCE
        )
        context.num_tickets = 0
        for certificate, key in zip(self._files.certificates, self._files.keys, strict=True):
            context.load_cert_chain(certificate, key)
        clients = [*self._trusted]
        if self._files.clients is not None:
            clients.append(self._files.clients.read_text())
        # Asked for, not demanded: profile 2 comes without. Admission demands it of profile 3.
        context.verify_mode = ssl.CERT_OPTIONAL
        if clients:
            context.load_verify_locations(cadata="\n".join(clients))
        return context


def tls_of(connection: ssl.SSLObject | None) -> Tls | None:
    """What a finished handshake agreed on; None for a plain socket."""
    if connection is None:
        return None
    encoded = connection.getpeercert(binary_form=True)
    cipher = connection.cipher()
    return Tls(
        connection.version() or "",
        cipher[0] if cipher else "",
        x509.load_der_x509_certificate(encoded) if encoded else None,
    )


def refusal_of(error: ssl.SSLError) -> Refusal | None:
    """The security event that a failed handshake is; None where it was merely cut off."""
    return _REFUSALS.get(error.reason or "")


def _paths(names: str) -> Iterator[Path]:
    return (Path(name.strip()) for name in names.split(",") if name.strip())
