"""Which tariff version applies to a session: its station's, else its site's, else everyone's."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import case, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.store.tables import Tariff, TariffAssignment, TariffVersion


async def version_in_force(
    db: AsyncSession,
    *,
    organization_id: UUID,
    site_id: UUID | None,
    station_id: UUID,
    at: datetime,
) -> TariffVersion | None:
    """The newest version valid at that instant of the tariff assigned most closely; else None."""
    nearness = case(
        (TariffAssignment.station_id.is_not(None), 0),
        (TariffAssignment.site_id.is_not(None), 1),
        else_=2,
    )
    everywhere = TariffAssignment.station_id.is_(None) & TariffAssignment.site_id.is_(None)
    query = (
        select(TariffVersion)
        .join(Tariff, Tariff.id == TariffVersion.tariff_id)
        .join(TariffAssignment, TariffAssignment.tariff_id == Tariff.id)
        .where(
            TariffAssignment.organization_id == organization_id,
            or_(
                TariffAssignment.station_id == station_id,
                TariffAssignment.site_id == site_id,
                everywhere,
            ),
            TariffVersion.valid_from <= at,
            or_(Tariff.retired_at.is_(None), Tariff.retired_at > at),
        )
        .order_by(nearness, TariffVersion.valid_from.desc(), TariffVersion.number.desc())
        .limit(1)
    )
    return (await db.execute(query)).scalar_one_or_none()
