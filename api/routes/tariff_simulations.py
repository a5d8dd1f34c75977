"""What a draft or a version would have earned on sessions of the past."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, model_validator

from api.routes.fields import Input, Line, Output, PriceInstant, TariffBody
from holdfast.domain.currency import Currency
from holdfast.domain.money import Money
from holdfast.domain.simulation_tally import bar_ranges
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Reader, TariffWriter
from holdfast.services import simulations
from holdfast.services.simulation_scope import (
    SESSIONS_DEFAULT,
    SESSIONS_MAX,
    SimulationScope,
    default_span,
)
from holdfast.store.tables import TariffSimulation

router = APIRouter(prefix="/tariff-simulations", tags=["tariffs"], route_class=IdempotentRoute)


class ScopeForm(Input):
    """Ended sessions that began from `from` on, before `to`; the last 90 days where not said.

    `sessions`: `tariff` are those that this tariff priced, `place` all at the site or station. At
    most one of `account`, `user_group` (its key) and `ad_hoc`. The newest `sessions_max` are taken.
    """

    from_at: Annotated[PriceInstant | None, Field(alias="from")] = None
    until_at: Annotated[PriceInstant | None, Field(alias="to")] = None
    sessions: Literal["tariff", "place"] = "tariff"
    site: UUID | None = None
    station: Annotated[Line | None, Field(description="Its OCPP identity.")] = None
    account: UUID | None = None
    user_group: Line | None = None
    ad_hoc: bool = False
    sessions_max: Annotated[int, Field(ge=1, le=SESSIONS_MAX)] = SESSIONS_DEFAULT

    @model_validator(mode="after")
    def one_place_and_one_audience(self) -> Self:
        """A station has its site already; a driver is looked up in one way."""
        if self.site is not None and self.station is not None:
            raise ValueError("name a site or a station, not both")
        if sum((self.account is not None, self.user_group is not None, self.ad_hoc)) > 1:
            raise ValueError("name an account, a user group or ad_hoc, one of them")
        return self


class SimulationForm(Input):
    """Exactly one of `draft`, `version_id` and `body`: what is to be simulated."""

    tariff: UUID
    draft: UUID | None = None
    version_id: UUID | None = None
    body: Annotated[
        TariffBody | None, Field(description="A tariff as a draft has it, kept nowhere else.")
    ] = None
    scope: ScopeForm = ScopeForm()

    @model_validator(mode="after")
    def one_subject(self) -> Self:
        """Of two nobody knows which is meant."""
        if sum(one is not None for one in (self.draft, self.version_id, self.body)) != 1:
            raise ValueError("name a draft, a version or a body: one of the three")
        return self


class SimulationShown(Output):
    """`result` is there from the first portion on and grows; see `SimulationResult`."""

    id: UUID
    tariff: UUID
    draft: UUID | None
    version_id: UUID | None
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    sessions_total: int | None
    sessions_done: int
    problem: str | None
    scope: dict[str, Any]
    created_by: str
    created_at: datetime
    ended_at: datetime | None


class BarShown(Output):
    """Sessions whose price changes by this much: least and most, in minor units after tax."""

    least_minor: int | None
    most_minor: int | None
    sessions: int


class ChangedSession(Output):
    """One of those that change most. Amounts after tax, in minor units."""

    session: UUID
    before: int
    after: int
    difference: int


class SumsShown(Output):
    """Amounts in minor units. Net leaves out the `net_unknown` sessions."""

    sessions: int
    before_gross: int
    after_gross: int
    before_net: int
    after_net: int
    net_unknown: int


class SimulationResult(SimulationShown):
    """The figures so far. `hours` has by weekday (Monday first) and local hour the number of
    sessions and their difference in minor units. `sites` and `days` are sums by site and local day.
    """

    body: dict[str, Any]
    currency: str
    difference: Annotated[str, Field(description="After tax, in major units.")]
    total: SumsShown
    dearer: int
    cheaper: int
    equal: int
    sites: dict[str, SumsShown]
    days: dict[str, SumsShown]
    hours: list[list[list[int]]]
    histogram: list[BarShown]
    most_dearer: list[ChangedSession]
    most_cheaper: list[ChangedSession]
    findings: dict[str, int]
    unpriced: dict[str, int]
    unpriced_examples: list[dict[str, str]]


@router.get("")
async def list_simulations(
    db: Db,
    reader: Reader,
    asked: Asked,
    tariff: Annotated[UUID | None, Query(description="Of this tariff only.")] = None,
) -> Page[SimulationShown]:
    """Newest first."""
    rows = await simulations.list_simulations(db, reader.organization_id, asked, tariff_id=tariff)
    return page(rows, lambda row: SimulationShown(**_columns(row)))


@router.post("", status_code=202)
async def begin_simulation(form: SimulationForm, db: Db, writer: TariffWriter) -> SimulationShown:
    """Begin one; it goes on by itself, a few hundred sessions a second."""
    now = datetime.now(UTC)
    scope = form.scope
    from_at, until_at = default_span(scope.until_at or now)
    row = await simulations.begin_simulation(
        db,
        writer.organization_id,
        form.tariff,
        simulations.Subject(draft_id=form.draft, version_id=form.version_id, body=form.body),
        SimulationScope(
            from_at=scope.from_at or from_at,
            until_at=until_at,
            which=scope.sessions,
            site_id=scope.site,
            station=scope.station,
            account_id=scope.account,
            user_group=scope.user_group,
            ad_hoc=scope.ad_hoc,
            sessions_max=scope.sessions_max,
        ),
        now=now,
        actor=writer.actor,
    )
    return SimulationShown(**_columns(row))


@router.get("/{simulation_id}")
async def read_simulation(simulation_id: UUID, db: Db, reader: Reader) -> SimulationResult:
    """With its figures so far."""
    row = await simulations.get_simulation(db, reader.organization_id, simulation_id)
    return to_result(row)


@router.post("/{simulation_id}/cancel")
async def cancel_simulation(simulation_id: UUID, db: Db, writer: TariffWriter) -> SimulationShown:
    """It keeps the figures that it has."""
    row = await simulations.cancel_simulation(
        db, writer.organization_id, simulation_id, now=datetime.now(UTC), actor=writer.actor
    )
    return SimulationShown(**_columns(row))


def to_result(row: TariffSimulation) -> SimulationResult:
    """The answer."""
    tally = simulations.tally_of(row)
    currency = str(row.body["currency"])
    difference = tally.total.after_gross - tally.total.before_gross
    form = tally.to_json()
    hours = form.pop("hours")
    bars = zip(bar_ranges(), form.pop("histogram"), strict=True)
    return SimulationResult(
        **_columns(row),
        body=row.body,
        currency=currency,
        difference=Money(difference, Currency.of(currency)).decimal_text(),
        hours=[hours[day * 24 : day * 24 + 24] for day in range(7)],
        histogram=[
            BarShown(least_minor=least, most_minor=most, sessions=count)
            for (least, most), count in bars
        ],
        **form,
    )


def _columns(row: TariffSimulation) -> Mapping[str, Any]:
    renamed = {"tariff": "tariff_id", "draft": "draft_id"}
    return {name: getattr(row, renamed.get(name, name)) for name in SimulationShown.model_fields}
