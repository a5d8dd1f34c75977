"""What of tariffs waits for a person: drafts to approve, versions that are not shown everywhere."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.scope import owned
from holdfast.services.slices import SliceAsked
from holdfast.services.tariff_drafts import list_to_review
from holdfast.store.tables import Publication, Tariff, TariffVersion
from web.dashboard.actors import key_names


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftItem:
    """A draft of a tariff that this viewer may approve."""

    tariff: str
    path: str
    note: str | None
    by: str
    submitted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationItem:
    """A version that did not come everywhere; `path` leads to where that is decided."""

    tariff: str
    version: int
    path: str
    attention: str


async def drafts_to_review(
    db: AsyncSession, organization_id: UUID, reviewer: str | None, most: int
) -> tuple[DraftItem, ...]:
    """Newest first. `reviewer`: who may approve drafts, but their own."""
    if reviewer is None:
        return ()
    asked = SliceAsked(limit=most)
    drafts = (await list_to_review(db, organization_id, asked, actor=reviewer)).items
    authors = [draft.submitted_by or draft.changed_by for draft in drafts]
    people = await key_names(db, organization_id, authors)
    rows = await db.execute(
        owned(Tariff, organization_id)
        .where(Tariff.id.in_([draft.tariff_id for draft in drafts]))
        .with_only_columns(Tariff.id, Tariff.name)
    )
    tariffs = {tariff_id: name for tariff_id, name in rows}
    return tuple(
        DraftItem(
            tariff=tariffs[draft.tariff_id],
            path=f"/tariffs/{draft.tariff_id}/drafts/{draft.id}",
            note=draft.note,
            by=people.get(author, author),
            submitted_at=draft.submitted_at,
        )
        for draft, author in zip(drafts, authors, strict=True)
    )


async def publications_that_wait(
    db: AsyncSession, organization_id: UUID, most: int
) -> tuple[PublicationItem, ...]:
    """Newest first."""
    rows = await db.execute(
        owned(Publication, organization_id)
        .where(Publication.attention.is_not(None))
        .join(TariffVersion, TariffVersion.id == Publication.version_id)
        .join(Tariff, Tariff.id == Publication.tariff_id)
        .add_columns(TariffVersion.number, Tariff.name)
        .order_by(Publication.id.desc())
        .limit(most)
    )
    return tuple(
        PublicationItem(
            tariff=name,
            version=number,
            path=f"/tariffs/publications?tariff={row.tariff_id}#publication-{row.id}",
            attention=row.attention or "",
        )
        for row, number, name in rows
    )
