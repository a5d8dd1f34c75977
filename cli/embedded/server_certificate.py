"""The gateway's TLS certificate on one machine: signed by an authority of this installation.

Both rest in the state folder: the certificate with its key for the gateway to read, the authority
with its keys sealed. Stations must be given the root (`root.pem`) to trust.
"""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from holdfast.adapters.certificate_authority import (
    CertificateAuthority,
    SealedAuthority,
    key_pem,
    new_key,
    subject_name,
)
from holdfast.store.sealing import CannotUnseal

VALID_DAYS = 397
RENEWED_BEFORE = timedelta(days=60)
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """Files in PEM."""

    certificate: Path
    key: Path
    root: Path


def server_certificate(folder: Path, secret_key: str, now: datetime) -> ServerCertificate:
    """What is in `folder`, made or renewed where needed. Raises OSError.

    A root stays as long as it can be opened: stations trust it.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    files = ServerCertificate(folder / "server.pem", folder / "server.key", folder / "root.pem")
    authority = _authority(folder, secret_key, now)
    if _is_good(files, authority, now):
        return files
    key = new_key()
    names = dict.fromkeys((*LOCAL_NAMES, socket.gethostname()))
    issued = authority.sign(
        key.public_key(),
        subject_name("localhost"),
        "server",
        now=now,
        valid_days=VALID_DAYS,
        names=list(names),
    )
    _write(files.key, key_pem(key).encode())
    _write(files.certificate, issued.chain_pem.encode())
    return files


def _authority(folder: Path, secret_key: str, now: datetime) -> CertificateAuthority:
    parts = [folder / name for name in ("root.pem", "issuing.pem", "root.sealed", "issuing.sealed")]
    if all(path.exists() for path in parts):
        root, issuing, root_key, issuing_key = (path.read_bytes() for path in parts)
        stored = SealedAuthority(root.decode(), issuing.decode(), root_key, issuing_key)
        try:
            return CertificateAuthority.opened(stored, secret_key)
        except (CannotUnseal, ValueError):
            pass  # another HOLDFAST_SECRET_KEY: a new root, which stations must be given
    authority = CertificateAuthority.founded("Holdfast", "Holdfast Server", now)
    sealed = authority.sealed(secret_key)
    contents = (
        sealed.root_pem.encode(),
        sealed.issuing_pem.encode(),
        sealed.root_key_sealed,
        sealed.issuing_key_sealed,
    )
    for path, content in zip(parts, contents, strict=True):
        _write(path, content)
    return authority


def _is_good(files: ServerCertificate, authority: CertificateAuthority, now: datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    except (OSError, ValueError):
        return False
    return (
        files.key.exists()
        and authority.issued(found)
        and found.not_valid_after_utc - now > RENEWED_BEFORE
    )


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and nobody else's to read."""
    part = path.with_suffix(path.suffix + ".new")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
