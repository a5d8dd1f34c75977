"""Tariffs: named prices. What one costs is in its versions (`tariff_versions`), where and for whom
it applies in its assignments (`tariff_assignments`)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.currency import Currency, UnknownCurrency
from holdfast.services.refusal import Conflict, Invalid
from holdfast.services.scope import belongs, find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.store.tables import Tariff, TariffAssignment


async def create_tariff(
    db: AsyncSession, organization_id: UUID, *, name: str, currency: str
) -> Tariff:
    """Without a version it prices nothing yet. Raises Invalid."""
    try:
        code = Currency.of(currency).code
    except UnknownCurrency:
        raise Invalid("currency", currency, "use an ISO 4217 code such as EUR") from None
    row = await db.scalars(
        insert(Tariff)
        .values(organization_id=organization_id, name=name, currency=code)
        .returning(Tariff)
    )
    return row.one()


async def list_tariffs(
    db: AsyncSession, organization_id: UUID, asked: SliceAsked, *, retired: bool = False
) -> Slice[Tariff]:
    """Oldest first."""
    statement = owned(Tariff, organization_id)
    if not retired:
        statement = statement.where(Tariff.retired_at.is_(None))
    return await take(db, statement, Tariff.id, asked)


async def get_tariff(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID, *, lock: bool = False
) -> Tariff:
    """Raises NotFound."""
    return await find(db, Tariff, organization_id, tariff_id, "tariff", lock=lock)


async def retire_tariff(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID, *, now: datetime
) -> Tariff:
    """It prices no new session; frozen versions go on. Raises NotFound, Conflict (assigned)."""
    tariff = await get_tariff(db, organization_id, tariff_id, lock=True)
    assigned = await db.scalar(
        select(func.count())
        .select_from(TariffAssignment)
        .where(
            belongs(TariffAssignment, organization_id),
            TariffAssignment.tariff_id == tariff_id,
            TariffAssignment.until_at.is_(None),
        )
    )
    if assigned:
        raise Conflict(f"the tariff is assigned in {assigned} places: assign another one first")
    if tariff.retired_at is None:
        tariff.retired_at = now
        await db.flush()
    return tariff
