"""API keys: shown once, stored as a keyed hash, found by it."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.store.tables import ApiKey, Organization
from holdfast.store.tables.organizations import ROLES

KEY_PREFIX = "hf_"
KEY_BYTES = 32
KEY_LENGTH_MAX = 128
HINT_LENGTH = 4
KEYS_MAX = 1_000


class ApiKeyNotFound(Exception):
    """This organization has no such key."""


class TooManyKeys(Exception):
    """The organization has as many keys as it may."""


class LastAdministratorKey(Exception):
    """Without this key nobody could administer the organization any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHolder:
    """Whom a key speaks for."""

    key_id: UUID
    organization_id: UUID
    organization: str  # slug
    role: str


def new_key() -> str:
    """A random bearer key: 256 bits behind a prefix that secret scanners can find."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hash_key(secret_key: str, api_key: str) -> bytes:
    """The keyed BLAKE2b digest that is stored, 32 bytes."""
    key = blake2b(secret_key.encode(), digest_size=32).digest()
    return blake2b(api_key.encode(), key=key, digest_size=32, person=b"api-key").digest()


async def find_holder(db: AsyncSession, secret_key: str, api_key: str) -> KeyHolder | None:
    """Whom a presented key speaks for; None where it is unknown, revoked or expired."""
    row = (
        await db.execute(
            select(ApiKey.id, ApiKey.organization_id, Organization.slug, ApiKey.role)
            .join(Organization, Organization.id == ApiKey.organization_id)
            .where(
                ApiKey.key_hash == hash_key(secret_key, api_key),
                ApiKey.revoked_at.is_(None),
                or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()),
            )
        )
    ).one_or_none()
    if row is None:
        return None
    return KeyHolder(key_id=row[0], organization_id=row[1], organization=row[2], role=row[3])


async def register_key(
    db: AsyncSession,
    secret_key: str,
    organization_id: UUID,
    *,
    name: str,
    role: str,
    api_key: str,
    expires_at: datetime | None = None,
) -> ApiKey:
    """Store the hash of a key. Raises TooManyKeys."""
    if role not in ROLES:
        raise ValueError(f"{role} is no role: use one of {', '.join(ROLES)}")
    count = await db.scalar(
        select(func.count())
        .select_from(ApiKey)
        .where(ApiKey.organization_id == organization_id, ApiKey.revoked_at.is_(None))
    )
    if (count or 0) >= KEYS_MAX:
        raise TooManyKeys(f"an organization has at most {KEYS_MAX} keys: revoke one first")
    inserted = await db.scalars(
        insert(ApiKey)
        .values(
            organization_id=organization_id,
            name=name,
            role=role,
            key_hash=hash_key(secret_key, api_key),
            hint=api_key[-HINT_LENGTH:],
            expires_at=expires_at,
        )
        .returning(ApiKey)
    )
    return inserted.one()


async def revoke_key(db: AsyncSession, organization_id: UUID, key_id: UUID) -> ApiKey:
    """Revoke at once. A repeat changes nothing. Raises ApiKeyNotFound, LastAdministratorKey."""
    # All administrator keys are locked, so that two cannot revoke each other at the same time.
    keys = (
        await db.scalars(
            select(ApiKey)
            .where(ApiKey.organization_id == organization_id)
            .where(or_(ApiKey.id == key_id, ApiKey.role == "administrator"))
            .order_by(ApiKey.id)
            .with_for_update()
        )
    ).all()
    found = next((key for key in keys if key.id == key_id), None)
    if found is None:
        raise ApiKeyNotFound(str(key_id))
    if found.revoked_at is not None:
        return found
    others = [
        key
        for key in keys
        if key.id != key_id
        and key.role == "administrator"
        and key.revoked_at is None
        and key.expires_at is None
    ]
    if found.role == "administrator" and not others:
        raise LastAdministratorKey("make another administrator's key without an end first")
    revoked = await db.scalars(
        update(ApiKey)
        .where(ApiKey.id == key_id)
        .values(revoked_at=func.now())
        .returning(ApiKey)
        .execution_options(populate_existing=True)
    )
    return revoked.one()
