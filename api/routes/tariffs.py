"""Tariffs: named prices, and what a session would cost by one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api.routes.clocks import zone_of
from api.routes.fields import (
    Currency,
    DurationS,
    EnergyWh,
    Input,
    Line,
    Name,
    Output,
    PriceInstant,
)
from api.routes.tariff_versions import VersionForm, VersionMade, publish
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, to_cursor
from holdfast.http.principal import Reader, TariffWriter
from holdfast.services import audit, estimates, tariff_versions, tariffs
from holdfast.services.compiled_tariffs import compiled
from holdfast.services.public_prices import display_context
from holdfast.store.tables import Tariff

router = APIRouter(prefix="/tariffs", tags=["tariffs"], route_class=IdempotentRoute)


class CurrentVersion(Output):
    """The version that prices the sessions that start now."""

    id: UUID
    number: int
    valid_from: datetime


class TariffShown(Output):
    """A named price; what it costs is in its versions.

    `state`: `empty` (no version yet), `scheduled` (its first is valid later), `in_force`, `ended`
    (its versions were ended) or `retired`. `current`: the version in force.
    """

    id: UUID
    name: str
    currency: str
    description: str | None
    state: tariffs.TariffState
    current: CurrentVersion | None
    created_at: datetime
    retired_at: datetime | None


class NewTariff(Input):
    """With `version`, the tariff prices from then on; only where authors may publish directly
    (`POST /tariffs/{tariff_id}/versions`)."""

    name: Name
    currency: Currency
    description: Line | None = None
    version: VersionForm | None = None


class TariffChange(Input):
    """Only the fields that are sent are changed. The currency stays: sessions were priced in it."""

    name: Name | None = None
    description: Line | None = None


class TariffMade(TariffShown):
    """A new tariff and its first version, if it came with one."""

    version: VersionMade | None


class EstimateForm(Input):
    """A session that charges evenly for `charging_s`, and then stands there for `idle_s`."""

    started_at: PriceInstant | None = None
    energy_wh: EnergyWh
    charging_s: DurationS
    idle_s: DurationS = 0
    site: Annotated[UUID | None, Field(description="Whose clock counts.")] = None
    time_zone: Annotated[Line | None, Field(description="Where there is no site.")] = None


class EstimateShown(Output):
    """A price that explains every cent."""

    tariff_version: UUID
    currency: str
    excl_vat: str | None
    incl_vat: str
    breakdown: dict[str, Any]


@router.get("")
async def list_tariffs(
    db: Db,
    reader: Reader,
    asked: Asked,
    retired: Annotated[bool, Query(description="Those that were retired, too.")] = False,
) -> Page[TariffShown]:
    """Oldest first, each with its state now and the version in force."""
    rows = await tariffs.list_tariffs(db, reader.organization_id, asked, retired=retired)
    return Page(items=await _shown(db, rows.items), next=to_cursor(rows.next))


@router.post("", status_code=201)
async def make_tariff(new: NewTariff, db: Db, writer: TariffWriter) -> TariffMade:
    """Make a tariff, with its first version if there is one."""
    row = await tariffs.create_tariff(
        db,
        writer.organization_id,
        name=new.name,
        currency=new.currency,
        description=new.description,
    )
    version = None
    await _audit(db, writer, "create", row.id, {"name": new.name, "currency": new.currency})
    if new.version is not None:
        version = await publish(db, writer, row.id, new.version)
    return TariffMade(**(await _one(db, row)).model_dump(), version=version)


@router.get("/{tariff_id}")
async def read_tariff(tariff_id: UUID, db: Db, reader: Reader) -> TariffShown:
    """One tariff."""
    return await _one(db, await tariffs.get_tariff(db, reader.organization_id, tariff_id))


@router.patch("/{tariff_id}")
async def change_tariff(
    tariff_id: UUID, change: TariffChange, db: Db, writer: TariffWriter
) -> TariffShown:
    """Its name and what is said about it; prices are in its versions."""
    values = change.model_dump(exclude_unset=True)
    if values.get("name", "") is None:
        del values["name"]
    row = await tariffs.change_tariff(db, writer.organization_id, tariff_id, values)
    await _audit(db, writer, "change", tariff_id, values)
    return await _one(db, row)


@router.post("/{tariff_id}/retire")
async def retire_tariff(tariff_id: UUID, db: Db, writer: TariffWriter) -> TariffShown:
    """It prices no new session. Only one that is assigned nowhere."""
    row = await tariffs.retire_tariff(db, writer.organization_id, tariff_id, now=datetime.now(UTC))
    await _audit(db, writer, "retire", tariff_id, {})
    return await _one(db, row)


@router.post("/{tariff_id}/estimate")
async def estimate_price(
    tariff_id: UUID, form: EstimateForm, db: Db, reader: Reader
) -> EstimateShown:
    """What such a session would cost, by the same function that bills.

    For a driver of whom nothing is known; what a certain one would pay says `GET /quotes`.
    """
    started_at = form.started_at or datetime.now(UTC)
    zone = await zone_of(db, reader.organization_id, form.site, form.time_zone)
    version = await tariff_versions.version_at(db, reader.organization_id, tariff_id, started_at)
    tariff = compiled(version)
    context = await display_context(db, reader.organization_id, tariff, zone=zone, at=started_at)
    imagined = estimates.Imagined(
        started_at=started_at,
        energy_wh=form.energy_wh,
        charging_s=form.charging_s,
        idle_s=form.idle_s,
    )
    shown = estimates.estimate(tariff, imagined, context)
    return EstimateShown.model_validate({"tariff_version": version.id, **shown})


async def _one(db: Db, row: Tariff) -> TariffShown:
    return (await _shown(db, [row]))[0]


async def _shown(db: Db, rows: list[Tariff]) -> list[TariffShown]:
    standings = await tariffs.standings(db, rows, datetime.now(UTC))
    return [
        TariffShown(
            id=row.id,
            name=row.name,
            currency=row.currency,
            description=row.description,
            state=standings[row.id].state,
            current=None
            if standings[row.id].current is None
            else CurrentVersion.model_validate(standings[row.id].current),
            created_at=row.created_at,
            retired_at=row.retired_at,
        )
        for row in rows
    ]


async def _audit(
    db: Db, writer: TariffWriter, verb: str, tariff_id: UUID, details: Mapping[str, object]
) -> None:
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action=f"tariff.{verb}",
        subject=f"tariff:{tariff_id}",
        details=details,
    )
