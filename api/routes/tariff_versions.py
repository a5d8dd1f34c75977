"""Versions of tariffs: immutable, each with a state that follows from time."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import Field

from api.routes.fields import Input, Line, Output, PriceInstant
from api.routes.tariff_findings import TariffFindingShown, shown_findings
from holdfast.domain.tariff.life import VersionState
from holdfast.domain.tariff.version import ELEMENTS_MAX, IDLE_GRACE_S_MAX
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Reader, TariffWriter
from holdfast.services import audit, tariff_versions, tariffs
from holdfast.services.tariff_versions import VersionLife
from holdfast.store.tables import TariffVersion

router = APIRouter(
    prefix="/tariffs/{tariff_id}/versions", tags=["tariffs"], route_class=IdempotentRoute
)

Number = Annotated[int, Path(ge=1, le=10_000, description="The version's number in its tariff.")]


class VersionForm(Input):
    """A version in OCPI's shape (mod_tariffs), with our additions.

    `idle_grace_s`: parking time counts from there. `holiday_calendar` ("DE-BY"): the days that
    `holiday` of an element's restrictions means; they are written out when the version is made.
    """

    valid_from: Annotated[PriceInstant | None, Field(description="Null: at once.")] = None
    elements: Annotated[
        list[dict[str, Any]],
        Field(
            min_length=1,
            max_length=ELEMENTS_MAX,
            description="OCPI's TariffElements: `price_components` (type ENERGY, TIME, "
            "PARKING_TIME or FLAT; price before tax per kWh, hour or session, as text; vat in "
            "percent; step_size in Wh or s; spot) and `restrictions` (OCPI's, and holiday and "
            "user_groups). The first element that matches prices each type.",
        ),
    ]
    min_price: dict[str, Any] | None = None
    max_price: dict[str, Any] | None = None
    idle_grace_s: Annotated[int, Field(ge=0, le=IDLE_GRACE_S_MAX)] = 0
    tax_included: Literal["YES", "NO", "N/A"] | None = None
    type: Annotated[Line | None, Field(description="OCPI's TariffType.")] = None
    allowances: list[dict[str, Any]] | None = None
    daily_cap: dict[str, Any] | None = None
    holiday_calendar: Line | None = None
    holidays: list[Line] | None = None


class VersionShown(Output):
    """A version; it never changes. `body` is its tariff in OCPI's shape.

    `state`: scheduled, in_force, retired, or withdrawn (ended before it came into force).
    `ends_at`, `ended_by`: where it was ended or withdrawn.
    """

    id: UUID
    tariff: UUID
    number: int
    state: VersionState
    valid_from: datetime
    ends_at: datetime | None
    ended_by: str | None
    end_reason: str | None
    body: dict[str, Any]
    created_at: datetime


class VersionMade(VersionShown):
    """A new version and what is unwise about it."""

    advice: list[TariffFindingShown]


class VersionEndForm(Input):
    """When it ends; null: at once. One that is not in force yet is withdrawn at once."""

    ends_at: PriceInstant | None = None
    reason: Annotated[Line | None, Field(description="Why; kept in the audit log.")] = None


@router.get("")
async def list_versions(
    tariff_id: UUID, db: Db, reader: Reader, asked: Asked
) -> Page[VersionShown]:
    """Oldest first."""
    tariff = await tariffs.get_tariff(db, reader.organization_id, tariff_id)
    rows = await tariff_versions.list_versions(db, reader.organization_id, tariff_id, asked)
    lives = await tariff_versions.lives_of(db, tariff, datetime.now(UTC))
    return page(rows, lambda row: shown_version(row, lives[row.number]))


@router.post("", status_code=201)
async def publish_version(
    tariff_id: UUID, form: VersionForm, db: Db, writer: TariffWriter
) -> VersionMade:
    """Publish a version without a draft: only where the organization's `tariff_approval` is
    `author`; else make a draft and have somebody else approve it.

    It never changes: sessions freeze the one in force when they start.
    """
    return await publish(db, writer, tariff_id, form)


@router.get("/{number}")
async def read_version(tariff_id: UUID, number: Number, db: Db, reader: Reader) -> VersionShown:
    """One version."""
    row = await tariff_versions.get_version(db, reader.organization_id, tariff_id, number)
    return await to_version(db, row)


@router.post("/{number}/end")
async def end_version(
    tariff_id: UUID, number: Number, form: VersionEndForm, db: Db, writer: TariffWriter
) -> VersionShown:
    """Withdraw a version that is scheduled, or end one early.

    Sessions that froze it go on with it. The version before it is in force again, unless that was
    ended too; retire the tariff to price nothing by it.
    """
    row = await tariff_versions.end_version(
        db,
        writer.organization_id,
        tariff_id,
        number,
        actor=writer.actor,
        now=datetime.now(UTC),
        ends_at=form.ends_at,
        reason=form.reason,
    )
    shown = await to_version(db, row)
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action="tariff.end_version",
        subject=f"tariff:{tariff_id}",
        reason=form.reason,
        details={"number": number, "ends_at": str(shown.ends_at)},
    )
    return shown


async def publish(db: Db, writer: TariffWriter, tariff_id: UUID, form: VersionForm) -> VersionMade:
    """Make the version of a form, without a draft."""
    now = datetime.now(UTC)
    published = await tariff_versions.publish_version(
        db,
        writer.organization_id,
        tariff_id,
        form.model_dump(exclude={"valid_from"}, exclude_none=True),
        valid_from=form.valid_from or now,
        actor=writer.actor,
        now=now,
    )
    shown = await to_version(db, published.version)
    return VersionMade(**shown.model_dump(), advice=shown_findings(published.advice))


async def to_version(db: Db, row: TariffVersion) -> VersionShown:
    """The answer, with its state now."""
    tariff = await tariffs.get_tariff(db, row.organization_id, row.tariff_id)
    lives = await tariff_versions.lives_of(db, tariff, datetime.now(UTC))
    return shown_version(row, lives[row.number])


def shown_version(row: TariffVersion, life: VersionLife) -> VersionShown:
    """The answer."""
    return VersionShown(
        id=row.id,
        tariff=row.tariff_id,
        number=row.number,
        state=life.state,
        valid_from=row.valid_from,
        ends_at=life.ends_at,
        ended_by=life.ended_by,
        end_reason=life.reason,
        body=row.body,
        created_at=row.created_at,
    )
