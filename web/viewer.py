"""Who looks at a page: the API key behind the cookie, and what its role may do.

The cookie is signed and holds the key's id, never the key. It is read again from the database on
every request, so a revoked or expired key is signed out at once.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.http.permissions import ROLE_PERMISSIONS, Permission
from holdfast.store.tables import ApiKey, Organization

COOKIE = "holdfast"
COOKIE_AGE_S = 12 * 3_600
COOKIE_LENGTH_MAX = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A signed-in key. `actor` is its name in the audit log, `form_token` goes into its forms.

    `waiting`: how many things the menu says wait for a person. `said`: what the last form did.
    """

    key_id: UUID
    key_name: str
    role: str
    organization_id: UUID
    organization: str
    organization_name: str
    form_token: str
    waiting: int = 0
    said: str | None = None

    @property
    def actor(self) -> str:
        return f"key:{self.key_id}"

    @property
    def reviewer(self) -> str | None:
        """The actor, where the role may approve what others wrote."""
        return self.actor if self.may(Permission.APPROVE_TARIFFS) else None

    def sent(self, form_token: str) -> bool:
        """Whether a form carries the token of this sign-in; compared in constant time."""
        return hmac.compare_digest(self.form_token.encode(), form_token.encode())

    def may(self, permission: Permission) -> bool:
        """Whether the role has it."""
        return permission in ROLE_PERMISSIONS.get(self.role, frozenset())


@dataclass(frozen=True, slots=True)
class Cookies:
    """Makes and reads the signed values. Keys are derived per purpose from the one secret."""

    secret_key: str

    def sign_in(self, key_id: UUID) -> str:
        """The cookie's value for 12 hours."""
        return self._cookie.dumps([key_id.hex, secrets.token_hex(8)])

    def read(self, value: str | None) -> tuple[UUID, datetime] | None:
        """The key's id and when it signed in; None where the value is not ours or too old."""
        if not value or len(value) > COOKIE_LENGTH_MAX:
            return None
        try:
            (key_hex, _nonce), signed_at = self._cookie.loads(
                value, max_age=COOKIE_AGE_S, return_timestamp=True
            )
            return UUID(hex=key_hex), signed_at
        except (BadSignature, TypeError, ValueError):
            return None

    def form_token(self, cookie: str) -> str:
        """What forms of this sign-in carry."""
        key = blake2b(self.secret_key.encode(), digest_size=32, person=b"web-form").digest()
        return blake2b(cookie.encode(), key=key, digest_size=20).hexdigest()

    @property
    def _cookie(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret_key, salt="web-sign-in")


async def read_viewer(db: AsyncSession, cookies: Cookies, value: str | None) -> Viewer | None:
    """The viewer behind a cookie, as the database has the key now."""
    seen = cookies.read(value)
    if seen is None or value is None:
        return None
    row = (
        await db.execute(
            select(ApiKey, Organization)
            .join(Organization, Organization.id == ApiKey.organization_id)
            .where(
                ApiKey.id == seen[0],
                ApiKey.revoked_at.is_(None),
                or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()),
            )
        )
    ).one_or_none()
    if row is None:
        return None
    key, organization = row
    return Viewer(
        key_id=key.id,
        key_name=key.name,
        role=key.role,
        organization_id=organization.id,
        organization=organization.slug,
        organization_name=organization.name,
        form_token=cookies.form_token(value),
    )
