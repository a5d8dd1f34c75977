"""Sites: places with a grid connection, a time zone and a currency."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from api.routes.fields import Currency, Input, Line, Name, Output
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import NetworkWriter, Reader
from holdfast.http.wrong_values import Said
from holdfast.services import audit, sites
from holdfast.store.tables import Site

router = APIRouter(prefix="/sites", tags=["sites"], route_class=IdempotentRoute)

Country = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{2}$"),
    Said("use two capital letters from A-Z (ISO 3166-1), such as DE"),
]
CalibrationLaw = Annotated[
    bool, Field(description="Prices change at signed quarter-hour readings only (Eichrecht).")
]


class SiteShown(Output):
    """A site."""

    id: UUID
    name: str
    address: str | None
    city: str | None
    country: str | None
    time_zone: str
    currency: str
    calibration_law: bool
    created_at: datetime
    retired_at: datetime | None


class NewSite(Input):
    """`time_zone` is an IANA name, `currency` an ISO 4217 code, `country` ISO 3166-1 alpha-2."""

    name: Name
    time_zone: Name
    currency: Currency
    address: Line | None = None
    city: Line | None = None
    country: Country | None = None
    calibration_law: CalibrationLaw = False


class SiteChange(Input):
    """What may be changed. The currency stays: sessions were priced in it."""

    name: Name | None = None
    time_zone: Name | None = None
    address: Line | None = None
    city: Line | None = None
    country: Country | None = None
    calibration_law: CalibrationLaw | None = None


@router.get("")
async def list_sites(
    db: Db, reader: Reader, asked: Asked, retired: bool = False
) -> Page[SiteShown]:
    """Oldest first."""
    rows = await sites.list_sites(db, reader.organization_id, asked, retired=retired)
    return page(rows, SiteShown.model_validate)


@router.post("", status_code=201)
async def make_site(new: NewSite, db: Db, writer: NetworkWriter) -> SiteShown:
    """Make a site."""
    row = await sites.create_site(db, writer.organization_id, new.model_dump())
    await _audit(db, writer, "create", row, new.model_dump(exclude_none=True))
    return SiteShown.model_validate(row)


@router.get("/{site_id}")
async def read_site(site_id: UUID, db: Db, reader: Reader) -> SiteShown:
    """One site."""
    return SiteShown.model_validate(await sites.get_site(db, reader.organization_id, site_id))


@router.patch("/{site_id}")
async def change_site(
    site_id: UUID, change: SiteChange, db: Db, writer: NetworkWriter
) -> SiteShown:
    """Only the fields that are sent are changed."""
    values = change.model_dump(exclude_unset=True)
    for name in ("name", "time_zone", "calibration_law"):
        if values.get(name, "") is None:
            del values[name]
    row = await sites.update_site(db, writer.organization_id, site_id, values)
    await _audit(db, writer, "change", row, values)
    return SiteShown.model_validate(row)


@router.post("/{site_id}/retire")
async def retire_site(site_id: UUID, db: Db, writer: NetworkWriter) -> SiteShown:
    """Only a site without stations in use."""
    row = await sites.retire_site(db, writer.organization_id, site_id)
    await _audit(db, writer, "retire", row, {})
    return SiteShown.model_validate(row)


async def _audit(
    db: Db, writer: NetworkWriter, verb: str, row: Site, details: dict[str, object]
) -> None:
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action=f"site.{verb}",
        subject=f"site:{row.id}",
        details=details,
    )
