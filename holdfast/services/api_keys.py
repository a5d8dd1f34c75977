"""API keys: shown once, stored as a keyed hash, found by it."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from sqlalchemy import func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.refusal import Conflict, Invalid, NotFound, TooMany
from holdfast.services.scope import owned, owned_update
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.store.tables import ApiKey, Organization
from holdfast.store.tables.organizations import ROLES

KEY_PREFIX = "hf_"
KEY_BYTES = 32
KEY_LENGTH_MAX = 128
HINT_LENGTH = 4
KEYS_MAX = 1_000


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
    person: str | None = None,
    made_by: UUID | None = None,
) -> ApiKey:
    """Store the hash of a key. `person`: whose it is; `made_by`: the key that makes it, of the same
    organization. Raises Invalid, TooMany."""
    if role not in ROLES:
        raise Invalid("role", role, f"use one of {', '.join(ROLES)}")
    count = await db.scalar(
        select(func.count())
        .select_from(ApiKey)
        .where(ApiKey.organization_id == organization_id, ApiKey.revoked_at.is_(None))
    )
    if (count or 0) >= KEYS_MAX:
        raise TooMany(f"an organization has at most {KEYS_MAX} keys: revoke one first")
    inserted = await db.scalars(
        insert(ApiKey)
        .values(
            organization_id=organization_id,
            name=name,
            role=role,
            key_hash=hash_key(secret_key, api_key),
            hint=api_key[-HINT_LENGTH:],
            expires_at=expires_at,
            person=person,
            made_by=made_by,
        )
        .returning(ApiKey)
    )
    return inserted.one()


async def revoke_key(db: AsyncSession, organization_id: UUID, key_id: UUID) -> ApiKey:
    """Revoke at once. A repeat changes nothing. Raises NotFound, Conflict (the last way in)."""
    # All administrator keys are locked, so that two cannot revoke each other at the same time.
    keys = (
        await db.scalars(
            owned(ApiKey, organization_id)
            .where(or_(ApiKey.id == key_id, ApiKey.role == "administrator"))
            .order_by(ApiKey.id)
            .with_for_update()
        )
    ).all()
    found = next((key for key in keys if key.id == key_id), None)
    if found is None:
        raise NotFound("API key", key_id)
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
        raise Conflict(
            "nobody could administer the organization without this key: "
            "make another administrator's key that does not expire first"
        )
    revoked = await db.scalars(
        owned_update(ApiKey, organization_id)
        .where(ApiKey.id == key_id)
        .values(revoked_at=func.now())
        .returning(ApiKey)
        .execution_options(populate_existing=True)
    )
    return revoked.one()


async def list_keys(db: AsyncSession, organization_id: UUID, asked: SliceAsked) -> Slice[ApiKey]:
    """Newest first, revoked ones too."""
    return await take(db, owned(ApiKey, organization_id), ApiKey.id, asked, newest_first=True)
