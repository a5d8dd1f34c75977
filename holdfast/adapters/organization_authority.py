"""An organization's own certificate authority: its row, or a new one on first need."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.adapters.certificate_authority import CertificateAuthority, SealedAuthority
from holdfast.store.tables import Authority, Organization

NAMES = {"station": "Charging Stations", "v2g": "V2G", "contract": "Contracts"}

# Two that found one at once would leave two roots in the world.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def organization_authority(
    db: AsyncSession, organization: Organization, purpose: str, secret_key: str, now: datetime
) -> tuple[UUID, CertificateAuthority]:
    """The row's id and the authority, made if there is none. `purpose` is a key of NAMES.

    Does not commit. Raises `holdfast.store.sealing.CannotUnseal` where HOLDFAST_SECRET_KEY is not
    the one that sealed its keys.
    """
    row = await _find(db, organization.id, purpose)
    if row is None:
        await db.execute(_LOCK, {"name": f"authority:{organization.id}:{purpose}"})
        row = await _find(db, organization.id, purpose)
    if row is not None:
        stored = SealedAuthority(
            row.root_pem, row.issuing_pem, row.root_key_sealed, row.issuing_key_sealed
        )
        return row.id, CertificateAuthority.opened(stored, secret_key)
    authority = CertificateAuthority.founded(
        organization.name, f"{organization.slug} {NAMES[purpose]}", now
    )
    sealed = authority.sealed(secret_key)
    row = Authority(
        organization_id=organization.id,
        purpose=purpose,
        root_pem=sealed.root_pem,
        issuing_pem=sealed.issuing_pem,
        root_key_sealed=sealed.root_key_sealed,
        issuing_key_sealed=sealed.issuing_key_sealed,
    )
    db.add(row)
    await db.flush()
    return row.id, authority


async def _find(db: AsyncSession, organization_id: UUID, purpose: str) -> Authority | None:
    return await db.scalar(
        select(Authority).where(
            Authority.organization_id == organization_id,
            Authority.purpose == purpose,
            Authority.retired_at.is_(None),
        )
    )
