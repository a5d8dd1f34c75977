"""Looking at a tariff before anybody pays it: lint, differences in words, what OCPI says of it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field, StringConstraints, model_validator

from api.routes.clocks import known_zone
from api.routes.fields import Currency, Input, Line, Output, TariffBody
from api.routes.tariff_findings import (
    TariffFindingShown,
    TariffProblemShown,
    shown_findings,
    shown_problem,
)
from api.routes.tariff_versions import Number
from holdfast.domain.pricing.boundaries import boundaries_of
from holdfast.domain.tariff.diff import differences
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.ocpi import OcpiHeader, OcpiReader, json_text, render
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.principal import Reader
from holdfast.http.problems import invalid
from holdfast.http.wrong_values import Said
from holdfast.services import tariff_bodies, tariff_drafts, tariff_versions, tariffs
from holdfast.services.spot_prices import curves
from holdfast.store.tables import TariffVersion

router = APIRouter(tags=["tariffs"], route_class=IdempotentRoute)

MARKET_AHEAD = timedelta(days=2)
PartyCode = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9]{2,3}$"),
    Said("use two or three letters or digits (OCPI), such as DE or HFA"),
]
Groups = Annotated[
    list[Line] | None, Query(max_length=50, description="Keys of the driver's groups.")
]


class BodyForm(Input):
    """What is not stored: a body as in a draft, and of which tariff or currency."""

    body: Annotated[TariffBody, Field(description="As in `POST /tariff-drafts`.")]
    tariff: UUID | None = None
    currency: Currency | None = None

    @model_validator(mode="after")
    def one_currency(self) -> Self:
        """A tariff has one."""
        if (self.tariff is None) == (self.currency is None):
            raise ValueError("name a tariff or a currency, one of them")
        return self


class LintForm(BodyForm):
    """A body as in a draft, and of which tariff (judged where it is assigned) or currency."""


class LintShown(Output):
    """`problem`: why the body cannot be read. `blocked`: it may not be published as it is."""

    blocked: bool
    problem: TariffProblemShown | None
    findings: list[TariffFindingShown]


class DifferencesShown(Output):
    """One sentence per change, from the older to the newer; none where both price alike.

    `older`: the number of the version that is compared with; null: there is none.
    """

    older: int | None
    differences: list[str]


class OcpiShown(Output):
    """OCPI's Tariff object, and what it cannot say of ours."""

    tariff: dict[str, Any]
    losses: list[TariffFindingShown]


@router.post("/tariffs/lint")
async def lint_tariff(form: LintForm, db: Db, reader: Reader) -> LintShown:
    """What stands in the way of a body, and what is unwise about it. Nothing is stored."""
    now = datetime.now(UTC)
    if form.tariff is not None:
        linted = await tariff_bodies.lint_body(
            db, reader.organization_id, form.tariff, form.body, now=now
        )
    else:
        linted = await tariff_bodies.lint_anywhere(
            db, reader.organization_id, form.currency or "", form.body, now=now
        )
    return LintShown(
        blocked=linted.blocked,
        problem=shown_problem(linted.problem),
        findings=shown_findings(linted.findings),
    )


@router.get("/tariffs/{tariff_id}/versions/{number}/differences")
async def compare_versions(
    tariff_id: UUID,
    number: Number,
    db: Db,
    reader: Reader,
    with_: Annotated[
        int | None,
        Query(alias="with", ge=1, le=10_000, description="The version before, if left out."),
    ] = None,
) -> DifferencesShown:
    """How a version differs from another of its tariff, in words."""
    newer = await tariff_versions.get_version(db, reader.organization_id, tariff_id, number)
    if with_ is None and number == 1:
        return DifferencesShown(older=None, differences=[])
    older = await tariff_versions.get_version(
        db, reader.organization_id, tariff_id, with_ or number - 1
    )
    said = differences(tariff_from_json(older.body), tariff_from_json(newer.body))
    return DifferencesShown(older=older.number, differences=list(said))


@router.get("/tariff-drafts/{draft_id}/differences")
async def compare_draft(
    draft_id: UUID,
    db: Db,
    reader: Reader,
    with_: Annotated[
        int | None,
        Query(alias="with", ge=1, le=10_000, description="The version in force, if left out."),
    ] = None,
) -> DifferencesShown:
    """How a draft differs from a version of its tariff, in words. 422 while it cannot be read."""
    now = datetime.now(UTC)
    draft = await tariff_drafts.get_draft(db, reader.organization_id, draft_id)
    tariff = await tariffs.get_tariff(db, reader.organization_id, draft.tariff_id)
    newer = tariff_bodies.read_body(draft.body, currency=tariff.currency, now=now)
    older: TariffVersion | None
    if with_ is not None:
        older = await tariff_versions.get_version(db, reader.organization_id, tariff.id, with_)
    else:
        in_force = await tariff_versions.versions_at(db, reader.organization_id, [tariff.id], now)
        older = in_force.get(tariff.id) or await tariff_versions.latest_version(
            db, reader.organization_id, tariff.id
        )
    if older is None:
        return DifferencesShown(older=None, differences=[])
    said = differences(tariff_from_json(older.body), newer)
    return DifferencesShown(older=older.number, differences=list(said))


@router.get("/tariffs/{tariff_id}/versions/{number}/ocpi", response_model=OcpiShown)
async def render_version(
    *,
    tariff_id: UUID,
    number: Number,
    db: Db,
    reader: Reader,
    form: Annotated[Literal["2.2.1", "2.3.0"], Query(description="OCPI's version.")] = "2.2.1",
    country_code: Annotated[PartyCode | None, Query(description="Of the party it is for.")] = None,
    party_id: Annotated[PartyCode | None, Query(description="Of that party.")] = None,
    zone: Annotated[Line, Query(alias="time_zone", description="The site's.")] = "UTC",
    user_group: Groups = None,
) -> Response:
    """A version in OCPI's words, and what those do not say: each loss by name.

    A price by the market is rendered with what the market says now and of tomorrow.
    """
    row = await tariff_versions.get_version(db, reader.organization_id, tariff_id, number)
    version = tariff_from_json(row.body)
    known_zone(zone, "query.time_zone")
    if (country_code is None) != (party_id is None):
        raise invalid("query.party_id", party_id, "name country_code and party_id, or neither")
    header = None
    if country_code is not None and party_id is not None:
        header = OcpiHeader(
            country_code=country_code.upper(),
            party_id=party_id.upper(),
            last_updated=row.created_at,
            start_date_time=row.valid_from,
        )
    groups = frozenset(user_group or ())
    now = datetime.now(UTC)
    feeds = boundaries_of(version, groups).feeds
    spot = await curves(db, reader.organization_id, feeds, now, now + MARKET_AHEAD)
    said = render(
        version, form, header=header, reader=OcpiReader(user_groups=groups, zone=zone, spot=spot)
    )
    # As text of our own: an encoder would write the decimals as binary floating point.
    # The id is the tariff's: OCPI keeps it over the versions.
    tariff = {**said.tariff, "id": str(tariff_id)}
    content = json_text({"tariff": tariff, "losses": [loss.to_json() for loss in said.losses]})
    return Response(content, media_type="application/json")
