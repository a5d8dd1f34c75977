"""Sites: places with a grid connection, a time zone and a currency."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.currency import Currency, UnknownCurrency
from holdfast.domain.time_zone import UnknownZone, time_zone
from holdfast.services.refusal import Conflict, Invalid
from holdfast.services.scope import belongs, find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.store.tables import Site, Station


async def create_site(db: AsyncSession, organization_id: UUID, values: Mapping[str, Any]) -> Site:
    """`values` are columns of the table. Raises Invalid (time zone, currency)."""
    _check(values)
    row = await db.scalars(
        insert(Site).values(organization_id=organization_id, **values).returning(Site)
    )
    return row.one()


async def list_sites(
    db: AsyncSession, organization_id: UUID, asked: SliceAsked, *, retired: bool = False
) -> Slice[Site]:
    """Oldest first; those that are retired only when asked for."""
    statement = owned(Site, organization_id)
    if not retired:
        statement = statement.where(Site.retired_at.is_(None))
    return await take(db, statement, Site.id, asked)


async def get_site(db: AsyncSession, organization_id: UUID, site_id: UUID) -> Site:
    """Raises NotFound."""
    return await find(db, Site, organization_id, site_id, "site")


async def update_site(
    db: AsyncSession, organization_id: UUID, site_id: UUID, values: Mapping[str, Any]
) -> Site:
    """Change the given columns. Raises NotFound, Invalid."""
    _check(values)
    site = await find(db, Site, organization_id, site_id, "site", lock=True)
    for column, value in values.items():
        setattr(site, column, value)
    await db.flush()
    return site


async def retire_site(db: AsyncSession, organization_id: UUID, site_id: UUID) -> Site:
    """Only without stations in use. A repeat changes nothing. Raises NotFound, Conflict."""
    site = await find(db, Site, organization_id, site_id, "site", lock=True)
    used = await db.scalar(
        select(func.count())
        .select_from(Station)
        .where(
            belongs(Station, organization_id),
            Station.site_id == site_id,
            Station.retired_at.is_(None),
        )
    )
    if used:
        raise Conflict(f"{used} stations stand at this site: move or retire them first")
    if site.retired_at is None:
        site.retired_at = datetime.now(UTC)
        await db.flush()
    return site


def _check(values: Mapping[str, Any]) -> None:
    if "time_zone" in values:
        try:
            time_zone(values["time_zone"])
        except UnknownZone:
            raise Invalid(
                "time_zone", values["time_zone"], "use an IANA name such as Europe/Berlin"
            ) from None
    if "currency" in values:
        try:
            Currency.of(values["currency"])
        except UnknownCurrency:
            raise Invalid(
                "currency", values["currency"], "use an ISO 4217 code such as EUR"
            ) from None
