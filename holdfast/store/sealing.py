"""Secrets at rest: sealed with a key of the installation, so that a copy of the database is no use.

AES-256-GCM; the key is derived from HOLDFAST_SECRET_KEY by HKDF, another one for each purpose. The
purpose and what the secret belongs to are authenticated too: a sealed value moved to another row
does not open.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = b"\x01"
NONCE_BYTES = 12
KEY_BYTES = 32


class CannotUnseal(ValueError):
    """Sealed under another HOLDFAST_SECRET_KEY, for another purpose, or damaged."""


def seal(secret_key: str, plain: bytes, *, purpose: str, subject: str) -> bytes:
    """`subject` names whose secret it is, for example a row's id. A version byte comes first."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(_key(secret_key, purpose)).encrypt(nonce, plain, subject.encode())
    return VERSION + nonce + sealed


def unseal(secret_key: str, sealed: bytes, *, purpose: str, subject: str) -> bytes:
    """What was sealed for the same purpose and subject. Raises CannotUnseal."""
    if sealed[:1] != VERSION:
        raise CannotUnseal("not sealed in a way that is known here")
    nonce, text = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return AESGCM(_key(secret_key, purpose)).decrypt(nonce, text, subject.encode())
    except (InvalidTag, ValueError) as error:
        raise CannotUnseal("HOLDFAST_SECRET_KEY is another, or the value is damaged") from error


def _key(secret_key: str, purpose: str) -> bytes:
    # The secret is long and random (at least 32 characters): HKDF is enough, no slow hash.
    derived = HKDF(
        algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"holdfast {purpose}".encode()
    )
    return derived.derive(secret_key.encode())
