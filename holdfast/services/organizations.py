"""Organizations: read and rename one's own, make another."""

from collections.abc import Mapping
from typing import Any
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


async def change_organization(
    db: AsyncSession, organization_id: UUID, values: Mapping[str, Any]
) -> Organization:
    """Its name, its rules. The slug stays: workflows are found by it. Raises NotFound."""
    organization = await get_organization(db, organization_id)
    for column, value in values.items():
        setattr(organization, column, value)
    await db.flush()
    return organization
