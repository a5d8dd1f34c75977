"""Where and for whom each tariff applies. The closest audience wins, then the closest place."""

from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, model_validator

from api.routes.fields import EvseNumber, Input, Line, Output
from api.routes.tariff_findings import TariffFindingShown, shown_findings
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Reader, TariffWriter
from holdfast.services import audit, tariff_assignments
from holdfast.services.assignment_plans import Scope
from holdfast.services.tariff_choice import Audience, Place, audience_of, place_of
from holdfast.services.tariff_currency import assignment_findings
from holdfast.store.tables import TariffAssignment

router = APIRouter(prefix="/tariff-assignments", tags=["tariffs"], route_class=IdempotentRoute)


class AssignmentShown(Output):
    """A tariff applies at `place` for `audience`, from `created_at` to `until_at` (null: still)."""

    id: UUID
    tariff: UUID
    place: Place
    site: UUID | None
    station_id: UUID | None
    evse: int | None
    audience: Audience
    account: UUID | None
    user_group: Annotated[UUID | None, Field(description="The group's id.")]
    ad_hoc: bool
    created_at: datetime
    until_at: datetime | None


class AssignmentMade(AssignmentShown):
    """With what is unwise about it. `other_currency`: sites of another currency than the tariff's
    are in its scope; sessions there would be priced in the tariff's."""

    findings: list[TariffFindingShown]


class AssignmentForm(Input):
    """A place and an audience. No place: the whole organization; no audience: everybody."""

    tariff: UUID
    site: UUID | None = None
    station: Annotated[Line | None, Field(description="An OCPP identity.")] = None
    evse: Annotated[EvseNumber | None, Field(description="Of the station.")] = None
    account: Annotated[UUID | None, Field(description="For one contract.")] = None
    user_group: Annotated[UUID | None, Field(description="For the members of a group.")] = None
    ad_hoc: Annotated[bool, Field(description="For whoever pays without a contract.")] = False

    @model_validator(mode="after")
    def one_place_and_one_audience(self) -> Self:
        """A station has its site already; a driver is looked up in one way."""
        if self.site is not None and self.station is not None:
            raise ValueError("name a site or a station, not both")
        if self.evse is not None and self.station is None:
            raise ValueError("name the station of the EVSE too")
        if sum((self.account is not None, self.user_group is not None, self.ad_hoc)) > 1:
            raise ValueError("name an account, a user group or ad_hoc, one of them")
        return self

    @property
    def scope(self) -> Scope:
        """As the services take it."""
        return Scope(
            site_id=self.site,
            station=self.station,
            evse=self.evse,
            account_id=self.account,
            user_group_id=self.user_group,
            ad_hoc=self.ad_hoc,
        )


@router.get("")
async def list_assignments(
    db: Db,
    reader: Reader,
    asked: Asked,
    tariff: Annotated[UUID | None, Query(description="Of this tariff only.")] = None,
    ended: Annotated[bool, Query(description="Those that were ended, too.")] = False,
) -> Page[AssignmentShown]:
    """Oldest first."""
    rows = await tariff_assignments.list_assignments(
        db, reader.organization_id, asked, tariff_id=tariff, ended=ended
    )
    return page(rows, to_assignment)


@router.put("")
async def assign_tariff(form: AssignmentForm, db: Db, writer: TariffWriter) -> AssignmentMade:
    """Sessions that start there from now on freeze this tariff's version.

    What was assigned to the same place for the same audience ends. A site, station or EVSE of
    another currency is refused; where the whole organization has such sites, `findings` names them.
    """
    row = await tariff_assignments.assign_tariff(
        db, writer.organization_id, form.tariff, form.scope, now=datetime.now(UTC)
    )
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action="tariff.assign",
        subject=f"tariff:{form.tariff}",
        details=form.model_dump(mode="json", exclude_none=True),
    )
    findings = await assignment_findings(db, row)
    return AssignmentMade(**dict(to_assignment(row)), findings=shown_findings(findings))


@router.delete("/{assignment_id}", status_code=204)
async def end_assignment(assignment_id: UUID, db: Db, writer: TariffWriter) -> None:
    """It ends now. What applies there next is the wider assignment, if any."""
    row = await tariff_assignments.end_assignment(
        db, writer.organization_id, assignment_id, now=datetime.now(UTC)
    )
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action="tariff.unassign",
        subject=f"tariff_assignment:{assignment_id}",
        details={"tariff": str(row.tariff_id)},
    )


def to_assignment(row: TariffAssignment) -> AssignmentShown:
    """The answer."""
    return AssignmentShown(
        id=row.id,
        tariff=row.tariff_id,
        place=place_of(row),
        site=row.site_id,
        station_id=row.station_id,
        evse=row.evse,
        audience=audience_of(row),
        account=row.account_id,
        user_group=row.user_group_id,
        ad_hoc=row.ad_hoc,
        created_at=row.created_at,
        until_at=row.until_at,
    )
