"""Passwords of stations: long and random, so a fast keyed hash guards them well enough.

A storm of 10,000 reconnects must not wait for argon2. The key is the installation's secret, so
that a copy of the database alone cannot be used to try passwords.
"""

import hmac
import secrets
from hashlib import blake2b

PASSWORD_BYTES = 15  # 20 characters: the most that an OCPP 1.6 AuthorizationKey of 40 hex holds
DIGEST_BYTES = 32
PENDING_PURPOSE = "pending station password"  # of its sealing, on its way to the station


def new_password() -> str:
    """A random password of 20 URL-safe characters (120 bits), within OCPP's 16 to 40."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def hash_password(secret_key: str, password: str) -> bytes:
    """The keyed BLAKE2b digest that is stored, 32 bytes."""
    key = blake2b(secret_key.encode(), digest_size=DIGEST_BYTES).digest()
    return blake2b(
        password.encode(), key=key, digest_size=DIGEST_BYTES, person=b"station-password"
    ).digest()


def matches(secret_key: str, password: str, stored: bytes | None) -> bool:
    """Whether this is the password behind a stored digest; compared in constant time."""
    return stored is not None and hmac.compare_digest(hash_password(secret_key, password), stored)
