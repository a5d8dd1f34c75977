"""Organizations: read and rename one's own, make another."""

from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.refusal import Conflict, NotFound
from holdfast.store.tables import Organization


async def get_organization(db: AsyncSession, organization_id: UUID) -> Organization:
    """Raises NotFound."""
    row = await db.scalar(select(Organization).where(Organization.id == organization_id))
    if row is None:
        raise NotFound("organization", organization_id)
    return row


async def create_organization(db: AsyncSession, *, slug: str, name: str) -> Organization:
    """The slug is unique per installation. Raises Conflict."""
    taken = await db.scalar(select(Organization.id).where(Organization.slug == slug))
    if taken is not None:
        raise Conflict(f"the slug {slug!r} is taken")
    row = await db.scalars(
        insert(Organization).values(slug=slug, name=name).returning(Organization)
    )
    return row.one()


async def rename_organization(db: AsyncSession, organization_id: UUID, name: str) -> Organization:
    """The slug stays: workflows are found by it. Raises NotFound."""
    organization = await get_organization(db, organization_id)
    organization.name = name
    await db.flush()
    return organization
