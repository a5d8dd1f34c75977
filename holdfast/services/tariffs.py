"""Tariffs, their immutable versions, where each applies, and what a session would cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.currency import Currency, UnknownCurrency
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.periods import Interval, SessionCourse, cut_periods
from holdfast.domain.pricing.price import price
from holdfast.domain.quality import MeterEnds, RegisterReading, measure
from holdfast.domain.tariff.canonical import tariff_to_json
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.lint import lint_tariff
from holdfast.services.refusal import Conflict, Invalid, NotFound, TooMany
from holdfast.services.scope import belongs, find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.services.stations import find_station
from holdfast.store.tables import Site, Tariff, TariffAssignment, TariffVersion

VERSIONS_MAX = 1_000
MWH_PER_WH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A new version, and what is unwise about it."""

    version: TariffVersion
    advice: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imagined:
    """A session that did not happen: charging evenly first, then standing there."""

    started_at: datetime
    energy_wh: int
    charging_s: int
    idle_s: int = 0
    zone: str = "UTC"


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
        .where(belongs(TariffAssignment, organization_id), TariffAssignment.tariff_id == tariff_id)
    )
    if assigned:
        raise Conflict(f"the tariff is assigned in {assigned} places: assign another one first")
    if tariff.retired_at is None:
        tariff.retired_at = now
        await db.flush()
    return tariff


def estimate(version: TariffVersion, imagined: Imagined) -> dict[str, object]:
    """The price of an imagined session, by the one pricing function (M4).

    Raises TariffUnsupported, UnknownZone.
    """
    tariff = tariff_from_json(version.body)
    charged_at = imagined.started_at + timedelta(seconds=imagined.charging_s)
    ended_at = charged_at + timedelta(seconds=imagined.idle_s)
    readings = [
        RegisterReading(at=imagined.started_at, register_mwh=0),
        RegisterReading(at=charged_at, register_mwh=imagined.energy_wh * MWH_PER_WH),
    ]
    measured = measure(
        readings,
        MeterEnds(start_mwh=0, stop_mwh=imagined.energy_wh * MWH_PER_WH),
        started_at=imagined.started_at,
        ended_at=ended_at,
    )
    standing = (Interval(started_at=charged_at, ended_at=ended_at),) if imagined.idle_s else ()
    course = SessionCourse(
        started_at=imagined.started_at,
        ended_at=ended_at,
        measurement=measured,
        suspended=standing,
    )
    context = PriceContext(zone=imagined.zone)
    return price_to_json(price(tariff, cut_periods(course, tariff, context), context))
