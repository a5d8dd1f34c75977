"""Where each tariff applies: at a station, else at a site, else everywhere."""

from datetime import datetime
from typing import Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import model_validator

from api.routes.fields import Input, Line, Output
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Reader, TariffWriter
from holdfast.services import audit, tariffs
from holdfast.store.tables import TariffAssignment

router = APIRouter(prefix="/tariff-assignments", tags=["tariffs"], route_class=IdempotentRoute)


class AssignmentShown(Output):
    """Null `site` and `station_id`: the whole organization."""

    id: UUID
    tariff: UUID
    site: UUID | None
    station_id: UUID | None
    created_at: datetime


class AssignmentForm(Input):
    """`station` is an OCPP identity; neither site nor station: the whole organization."""

    tariff: UUID
    site: UUID | None = None
    station: Line | None = None

    @model_validator(mode="after")
    def one_place(self) -> Self:
        """A station has its site already."""
        if self.site is not None and self.station is not None:
            raise ValueError("name a site or a station, not both")
        return self


@router.get("")
async def list_assignments(db: Db, reader: Reader, asked: Asked) -> Page[AssignmentShown]:
    """Oldest first."""
    rows = await tariffs.list_assignments(db, reader.organization_id, asked)
    return page(rows, to_assignment)


@router.put("")
async def assign_tariff(form: AssignmentForm, db: Db, writer: TariffWriter) -> AssignmentShown:
    """Sessions that start there from now on freeze this tariff's version."""
    row = await tariffs.assign_tariff(
        db, writer.organization_id, form.tariff, site_id=form.site, station=form.station
    )
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action="tariff.assign",
        subject=f"tariff:{form.tariff}",
        details=form.model_dump(mode="json", exclude_none=True),
    )
    return to_assignment(row)


@router.delete("/{assignment_id}", status_code=204)
async def remove_assignment(assignment_id: UUID, db: Db, writer: TariffWriter) -> None:
    """What applies there next is the wider assignment, if any."""
    await tariffs.remove_assignment(db, writer.organization_id, assignment_id)
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action="tariff.unassign",
        subject=f"tariff_assignment:{assignment_id}",
    )


def to_assignment(row: TariffAssignment) -> AssignmentShown:
    """The answer."""
    return AssignmentShown(
        id=row.id,
        tariff=row.tariff_id,
        site=row.site_id,
        station_id=row.station_id,
        created_at=row.created_at,
    )
