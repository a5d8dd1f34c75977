"""Tariffs: named prices. What one costs is in its versions (`tariff_versions`), where and for whom
it applies in its assignments (`tariff_assignments`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.currency import Currency, UnknownCurrency
from holdfast.services import publications
from holdfast.services.refusal import Conflict, Invalid
from holdfast.services.scope import belongs, find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.services.tariff_versions import versions_at, withdrawn
from holdfast.store.tables import Tariff, TariffAssignment, TariffVersion


class TariffState(StrEnum):
    """Where a tariff stands at an instant."""

    EMPTY = "empty"
    """It has no version yet."""

    SCHEDULED = "scheduled"
    """A version becomes valid later; none is in force."""

    IN_FORCE = "in_force"
    ENDED = "ended"
    """All its versions were ended or withdrawn."""

    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A tariff's state, and the version in force if there is one."""

    state: TariffState
    current: TariffVersion | None


async def create_tariff(
    db: AsyncSession,
    organization_id: UUID,
    *,
    name: str,
    currency: str,
    description: str | None = None,
) -> Tariff:
    """Without a version it prices nothing yet. Raises Invalid."""
    try:
        code = Currency.of(currency).code
    except UnknownCurrency:
        raise Invalid("currency", currency, "use an ISO 4217 code such as EUR") from None
    row = await db.scalars(
        insert(Tariff)
        .values(organization_id=organization_id, name=name, currency=code, description=description)
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
    """Locked, rows that name it are written meanwhile: a publication's step names it in line, where
    who retires it waits. Raises NotFound."""
    if lock:
        locked = owned(Tariff, organization_id).where(Tariff.id == tariff_id)
        await db.execute(locked.with_only_columns(Tariff.id).with_for_update(key_share=True))
    return await find(db, Tariff, organization_id, tariff_id, "tariff")


async def change_tariff(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID, values: Mapping[str, Any]
) -> Tariff:
    """Change the given columns: its name, what is said about it. Raises NotFound."""
    tariff = await get_tariff(db, organization_id, tariff_id, lock=True)
    for column, value in values.items():
        setattr(tariff, column, value)
    await db.flush()
    return tariff


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
        raise Conflict(f"the tariff is assigned in {assigned} places: end that first")
    if tariff.retired_at is None:
        tariff.retired_at = now
        await db.flush()
        await publications.refresh(db, organization_id, [tariff_id], now=now)
    return tariff


async def standings(
    db: AsyncSession, tariffs: Sequence[Tariff], now: datetime
) -> dict[UUID, Standing]:
    """Of tariffs of one organization. Two queries."""
    if not tariffs:
        return {}
    ids = [tariff.id for tariff in tariffs]
    organization_id = tariffs[0].organization_id
    current = await versions_at(db, organization_id, ids, now)
    ahead = {
        tariff_id: latest is not None and latest > now
        for tariff_id, latest in await db.execute(
            select(TariffVersion.tariff_id, func.max(TariffVersion.valid_from).filter(~withdrawn()))
            .where(belongs(TariffVersion, organization_id), TariffVersion.tariff_id.in_(ids))
            .group_by(TariffVersion.tariff_id)
        )
    }
    return {tariff.id: _standing(tariff, current, ahead, now) for tariff in tariffs}


def _standing(
    tariff: Tariff,
    current: Mapping[UUID, TariffVersion],
    ahead: Mapping[UUID, bool],
    now: datetime,
) -> Standing:
    if tariff.retired_at is not None and tariff.retired_at <= now:
        return Standing(state=TariffState.RETIRED, current=None)
    if tariff.id in current:
        return Standing(state=TariffState.IN_FORCE, current=current[tariff.id])
    if tariff.id not in ahead:
        return Standing(state=TariffState.EMPTY, current=None)
    state = TariffState.SCHEDULED if ahead[tariff.id] else TariffState.ENDED
    return Standing(state=state, current=None)
