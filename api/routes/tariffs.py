"""Tariffs, their immutable versions, and what a session would cost."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.routes.fields import Currency, Input, Instant, Line, Name, Output
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.periods import TariffUnsupported
from holdfast.domain.pricing.price import UnknownZone
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.version import ELEMENTS_MAX, IDLE_GRACE_S_MAX
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Reader, TariffWriter
from holdfast.http.problems import Problem
from holdfast.services import audit, estimates, sites, tariff_versions, tariffs

router = APIRouter(prefix="/tariffs", tags=["tariffs"], route_class=IdempotentRoute)

ENERGY_WH_MAX = 10_000_000
DURATION_S_MAX = 30 * 86_400


class TariffShown(Output):
    """A named price; what it costs is in its versions."""

    id: UUID
    name: str
    currency: str
    created_at: datetime
    retired_at: datetime | None


class VersionForm(Input):
    """A version in OCPI's shape (mod_tariffs). `idle_grace_s`: parking time counts from there."""

    valid_from: Instant | None = None
    elements: Annotated[
        list[dict[str, Any]],
        Field(
            min_length=1,
            max_length=ELEMENTS_MAX,
            description="OCPI's TariffElements: `price_components` (type ENERGY, TIME, "
            "PARKING_TIME or FLAT; price before tax per kWh, hour or session, as text; vat in "
            "percent; step_size in Wh or s) and `restrictions`. The first element that matches "
            "prices each type.",
        ),
    ]
    min_price: dict[str, Any] | None = None
    max_price: dict[str, Any] | None = None
    idle_grace_s: Annotated[int, Field(ge=0, le=IDLE_GRACE_S_MAX)] = 0
    tax_included: Literal["YES", "NO", "N/A"] | None = None


class NewTariff(Input):
    """With `version`, the tariff prices from then on."""

    name: Name
    currency: Currency
    version: VersionForm | None = None


class AdviceShown(Output):
    """What is unwise about a version."""

    code: str
    severity: str
    detail: str


class VersionShown(Output):
    """A version; it never changes. `body` is its tariff in OCPI's shape."""

    id: UUID
    tariff: UUID
    number: int
    valid_from: datetime
    body: dict[str, Any]
    created_at: datetime


class VersionMade(VersionShown):
    """A new version and what is unwise about it."""

    advice: list[AdviceShown]


class TariffMade(TariffShown):
    """A new tariff and its first version, if it came with one."""

    version: VersionMade | None


class EstimateForm(Input):
    """A session that charges evenly for `charging_s`, and then stands there for `idle_s`."""

    started_at: Instant | None = None
    energy_wh: Annotated[int, Field(ge=0, le=ENERGY_WH_MAX)]
    charging_s: Annotated[int, Field(ge=0, le=DURATION_S_MAX)]
    idle_s: Annotated[int, Field(ge=0, le=DURATION_S_MAX)] = 0
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
    db: Db, reader: Reader, asked: Asked, retired: bool = False
) -> Page[TariffShown]:
    """Oldest first."""
    rows = await tariffs.list_tariffs(db, reader.organization_id, asked, retired=retired)
    return page(rows, TariffShown.model_validate)


@router.post("", status_code=201)
async def make_tariff(new: NewTariff, db: Db, writer: TariffWriter) -> TariffMade:
    """Make a tariff, with its first version if there is one."""
    row = await tariffs.create_tariff(
        db, writer.organization_id, name=new.name, currency=new.currency
    )
    await _audit(db, writer, "create", row.id, {"name": new.name, "currency": new.currency})
    version = None
    if new.version is not None:
        version = await _publish(db, writer, row.id, new.version)
    return TariffMade(**TariffShown.model_validate(row).model_dump(), version=version)


@router.get("/{tariff_id}")
async def read_tariff(tariff_id: UUID, db: Db, reader: Reader) -> TariffShown:
    """One tariff."""
    row = await tariffs.get_tariff(db, reader.organization_id, tariff_id)
    return TariffShown.model_validate(row)


@router.post("/{tariff_id}/retire")
async def retire_tariff(tariff_id: UUID, db: Db, writer: TariffWriter) -> TariffShown:
    """It prices no new session. Only one that is assigned nowhere."""
    row = await tariffs.retire_tariff(db, writer.organization_id, tariff_id, now=datetime.now(UTC))
    await _audit(db, writer, "retire", tariff_id, {})
    return TariffShown.model_validate(row)


@router.get("/{tariff_id}/versions")
async def list_versions(
    tariff_id: UUID, db: Db, reader: Reader, asked: Asked
) -> Page[VersionShown]:
    """Oldest first."""
    rows = await tariff_versions.list_versions(db, reader.organization_id, tariff_id, asked)
    return page(rows, to_version)


@router.post("/{tariff_id}/versions", status_code=201)
async def publish_version(
    tariff_id: UUID, form: VersionForm, db: Db, writer: TariffWriter
) -> VersionMade:
    """Add a version. It never changes: sessions freeze the one in force when they start."""
    return await _publish(db, writer, tariff_id, form)


@router.post("/{tariff_id}/estimate")
async def estimate_price(
    tariff_id: UUID, form: EstimateForm, db: Db, reader: Reader
) -> EstimateShown:
    """What such a session would cost, by the same function that bills."""
    started_at = form.started_at or datetime.now(UTC)
    zone = form.time_zone or "UTC"
    if form.site is not None:
        zone = (await sites.get_site(db, reader.organization_id, form.site)).time_zone
    version = await tariff_versions.version_at(db, reader.organization_id, tariff_id, started_at)
    imagined = estimates.Imagined(
        started_at=started_at,
        energy_wh=form.energy_wh,
        charging_s=form.charging_s,
        idle_s=form.idle_s,
    )
    try:
        tariff = tariff_from_json(version.body)
        shown = estimates.estimate(tariff, imagined, PriceContext(zone=zone))
    except (TariffUnsupported, UnknownZone) as error:
        raise Problem(422, "invalid", str(error)) from None
    return EstimateShown.model_validate({"tariff_version": version.id, **shown})


def to_version(row: Any) -> VersionShown:
    """The answer."""
    columns = {name: getattr(row, name) for name in VersionShown.model_fields if name != "tariff"}
    return VersionShown(**columns, tariff=row.tariff_id)


async def _publish(db: Db, writer: TariffWriter, tariff_id: UUID, form: VersionForm) -> VersionMade:
    now = datetime.now(UTC)
    body = form.model_dump(exclude={"valid_from"}, exclude_none=True)
    published = await tariff_versions.publish_version(
        db,
        writer.organization_id,
        tariff_id,
        body,
        valid_from=form.valid_from or now,
        now=now,
    )
    details = {"number": published.version.number, "version": str(published.version.id)}
    await _audit(db, writer, "publish", tariff_id, details)
    return VersionMade(
        **to_version(published.version).model_dump(),
        advice=[AdviceShown.model_validate(finding.to_json()) for finding in published.advice],
    )


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
