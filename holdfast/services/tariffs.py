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
from holdfast.domain.tariff.lint import check_tariff
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


async def publish_version(
    db: AsyncSession,
    organization_id: UUID,
    tariff_id: UUID,
    body: Mapping[str, Any],
    *,
    valid_from: datetime,
) -> Published:
    """Add a version; it can never be changed. `body` has the tariff's elements and limits.

    Versions follow each other in time. Raises NotFound, Conflict, TariffInvalid, Invalid (a tariff
    that cannot be metered or contradicts itself), TooMany.
    """
    tariff = await get_tariff(db, organization_id, tariff_id, lock=True)
    if tariff.retired_at is not None:
        raise Conflict("the tariff is retired")
    last = await latest_version(db, organization_id, tariff_id)
    if last is not None and last.number >= VERSIONS_MAX:
        raise TooMany(f"a tariff has at most {VERSIONS_MAX} versions: make a new tariff")
    if last is not None and valid_from <= last.valid_from:
        raise Invalid(
            "valid_from",
            valid_from.isoformat(),
            f"use a time after the last version's, {last.valid_from.isoformat()}",
        )
    # The version is known by its own id, also inside its body: a price names what priced it.
    version_id: UUID = (await db.execute(select(func.uuidv7()))).scalar_one()
    parsed = tariff_from_json({**body, "id": str(version_id), "currency": tariff.currency})
    findings = check_tariff(parsed)
    for finding in findings:
        if finding.severity is Severity.BLOCK:
            raise Invalid("elements", finding.code, finding.detail)
    row = await db.scalars(
        insert(TariffVersion)
        .values(
            id=version_id,
            organization_id=organization_id,
            tariff_id=tariff_id,
            number=1 if last is None else last.number + 1,
            valid_from=valid_from,
            body=tariff_to_json(parsed),
        )
        .returning(TariffVersion)
    )
    return Published(version=row.one(), advice=findings)


async def latest_version(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID
) -> TariffVersion | None:
    """The one with the highest number."""
    return await db.scalar(
        owned(TariffVersion, organization_id)
        .where(TariffVersion.tariff_id == tariff_id)
        .order_by(TariffVersion.number.desc())
        .limit(1)
    )


async def list_versions(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID, asked: SliceAsked
) -> Slice[TariffVersion]:
    """Oldest first. Raises NotFound."""
    await get_tariff(db, organization_id, tariff_id)
    statement = owned(TariffVersion, organization_id).where(TariffVersion.tariff_id == tariff_id)
    return await take(db, statement, TariffVersion.id, asked)


async def version_at(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID, at: datetime
) -> TariffVersion:
    """The version valid at an instant. Raises NotFound."""
    await get_tariff(db, organization_id, tariff_id)
    version = await db.scalar(
        owned(TariffVersion, organization_id)
        .where(TariffVersion.tariff_id == tariff_id, TariffVersion.valid_from <= at)
        .order_by(TariffVersion.valid_from.desc(), TariffVersion.number.desc())
        .limit(1)
    )
    if version is None:
        raise NotFound("tariff version valid at", at.isoformat())
    return version


async def list_assignments(
    db: AsyncSession, organization_id: UUID, asked: SliceAsked
) -> Slice[TariffAssignment]:
    """Oldest first."""
    return await take(db, owned(TariffAssignment, organization_id), TariffAssignment.id, asked)


async def assign_tariff(
    db: AsyncSession,
    organization_id: UUID,
    tariff_id: UUID,
    *,
    site_id: UUID | None = None,
    station: str | None = None,
) -> TariffAssignment:
    """To a station, else a site, else the whole organization; replaces what applied there.

    Raises NotFound, Conflict (retired, or another currency than the site's).
    """
    tariff = await get_tariff(db, organization_id, tariff_id)
    if tariff.retired_at is not None:
        raise Conflict("the tariff is retired")
    station_id = None
    if station is not None:
        row = await find_station(db, organization_id, station)
        station_id = row.id
        await _same_currency(db, organization_id, tariff, row.site_id)
    else:
        await _same_currency(db, organization_id, tariff, site_id)
    statement = upsert(TariffAssignment).values(
        organization_id=organization_id,
        tariff_id=tariff_id,
        site_id=site_id,
        station_id=station_id,
    )
    assigned = await db.scalars(
        statement.on_conflict_do_update(
            constraint="uq_tariff_assignments_scope", set_={"tariff_id": tariff_id}
        ).returning(TariffAssignment),
        execution_options={"populate_existing": True},
    )
    return assigned.one()


async def remove_assignment(db: AsyncSession, organization_id: UUID, assignment_id: UUID) -> None:
    """What applies there next is the wider assignment, if any. Raises NotFound."""
    row = await find(
        db, TariffAssignment, organization_id, assignment_id, "tariff assignment", lock=True
    )
    await db.delete(row)
    await db.flush()


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


async def _same_currency(
    db: AsyncSession, organization_id: UUID, tariff: Tariff, site_id: UUID | None
) -> None:
    if site_id is None:
        return
    site = await find(db, Site, organization_id, site_id, "site")
    if site.currency != tariff.currency:
        raise Conflict(f"the site's currency is {site.currency}, the tariff's {tariff.currency}")
