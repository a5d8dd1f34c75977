"""When each version of a tariff is valid and which is in force: `domain.tariff.life` in SQL."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff.life import VersionSpan
from holdfast.services.scope import belongs, owned
from holdfast.store.tables import Tariff, TariffVersion, TariffVersionEnd

VERSIONS_MAX = 1_000
NEWEST_FIRST = (TariffVersion.valid_from.desc(), TariffVersion.number.desc())
"""Of versions that could be in force (`covers`) the first one is."""


def covers(at: datetime) -> ColumnElement[bool]:
    """The version has begun at that instant and has not ended (`VersionSpan.covers`)."""
    ended = (
        select(TariffVersionEnd.version_id)
        .where(TariffVersionEnd.version_id == TariffVersion.id, TariffVersionEnd.ends_at <= at)
        .exists()
    )
    return and_(TariffVersion.valid_from <= at, ~ended)


async def spans_of(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID
) -> dict[UUID, VersionSpan]:
    """When each version of a tariff is valid, by its id, in the order of their numbers."""
    rows = await db.execute(
        select(
            TariffVersion.id,
            TariffVersion.number,
            TariffVersion.valid_from,
            TariffVersionEnd.ends_at,
        )
        .outerjoin(TariffVersionEnd, TariffVersionEnd.version_id == TariffVersion.id)
        .where(belongs(TariffVersion, organization_id), TariffVersion.tariff_id == tariff_id)
        .order_by(TariffVersion.number)
        .limit(VERSIONS_MAX)
    )
    return {
        version_id: VersionSpan(number=number, valid_from=valid_from, ends_at=ends_at)
        for version_id, number, valid_from, ends_at in rows
    }


async def version_in_force(db: AsyncSession, tariff: Tariff, at: datetime) -> TariffVersion | None:
    """What the tariff's price is at an instant; None for a retired tariff, and before the first."""
    if tariff.retired_at is not None and tariff.retired_at <= at:
        return None
    return await db.scalar(
        owned(TariffVersion, tariff.organization_id)
        .where(TariffVersion.tariff_id == tariff.id, covers(at))
        .order_by(*NEWEST_FIRST)
        .limit(1)
    )
