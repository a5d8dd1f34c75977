"""Variables of a station: what they are, were and should be.

A key of OCPP 1.6 is the variable of a component without a name.
"""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import AfterValidator, Field, StringConstraints

from api.routes.commands import MAY_WAIT
from api.routes.commands import Asked as Asking
from api.routes.fields import Identity, Input, Instant, Output, Query, printable
from api.routes.orders import OrderShown
from holdfast.domain.variables import Place
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Commander, Reader
from holdfast.services import station_settings, variables
from holdfast.services.station_commands import Command
from holdfast.services.station_settings import WantedValue
from holdfast.services.stations import find_station
from holdfast.services.variables import VariablesAsked, VariableSeen
from holdfast.store.tables import StationReport, StationSetting, VariableChange

router = APIRouter(
    prefix="/stations/{identity}", tags=["variables and monitors"], route_class=IdempotentRoute
)

REPORT_VALID_S = 86_400
Named = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(printable)]


class PlaceForm(Input):
    """Which variable. Of OCPP 1.6, only `variable`: the configuration key."""

    component: Annotated[str, StringConstraints(max_length=50), AfterValidator(printable)] = ""
    component_instance: Named | None = None
    evse: Annotated[int, Field(ge=0, le=1_000)] | None = None
    connector: Annotated[int, Field(ge=0, le=1_000)] | None = None
    variable: Named
    variable_instance: Named | None = None

    @property
    def place(self) -> Place:
        """As the rules name it."""
        return (
            self.component,
            self.component_instance,
            self.evse,
            self.connector,
            self.variable,
            self.variable_instance,
        )


class SettingForm(PlaceForm):
    """A value to want. It is checked against what the station says of the variable."""

    value: Annotated[str, StringConstraints(max_length=1_000), AfterValidator(printable)]
    enforce: bool = Field(
        False, description="Set it again, at most three times, where the station loses it."
    )
    although_refused: bool = Field(
        False, description="Also where stations of this model refused it before."
    )


class SettingsForm(Input):
    """Values to want."""

    settings: Annotated[
        list[SettingForm], Field(min_length=1, max_length=station_settings.VALUES_MAX)
    ]


class SettingShown(Output):
    """A value that is wanted. `state`: pending, in_force, needs_reboot, rejected or drifted;
    `offered`: a shorter list tried in its place, `reason` the station's own word."""

    id: UUID
    component: str
    component_instance: str | None
    evse: int | None
    connector: int | None
    variable: str
    variable_instance: str | None
    wanted: str
    offered: str | None
    wanted_since: datetime
    wanted_by: str
    enforce: bool
    attempts: int
    state: str
    state_at: datetime
    reason: str | None


class VariableShown(Output):
    """One attribute of a variable. The value of a secret is never known; `gone_at`: a full report
    no longer named it."""

    id: UUID
    component: str
    component_instance: str | None
    evse: int | None
    connector: int | None
    variable: str
    variable_instance: str | None
    attribute: str
    value: str | None
    mutability: str | None
    data_type: str | None
    unit: str | None
    values_list: str | None
    min_limit: str | None
    max_limit: str | None
    supports_monitoring: bool | None
    reported_at: datetime
    source: str
    changed_at: datetime
    gone_at: datetime | None
    setting: SettingShown | None


class ChangeShown(Output):
    """What a value was and became. `at`: by the station's own clock for events, else of receipt."""

    id: UUID
    was: str | None
    became: str | None
    at: datetime
    source: str


class ReportShown(Output):
    """A report in parts. `parts_expected` is known once the last part came."""

    id: UUID
    kind: str
    scope: str | None
    request_id: int
    parts: int
    parts_expected: int | None
    started_at: datetime
    changed_at: datetime
    completed_at: datetime | None


@router.get("/variables")
async def list_variables(
    identity: Identity,
    db: Db,
    reader: Reader,
    asked: Asked,
    component: Annotated[Query | None, Parameter(description="Its exact name.")] = None,
    variable: Annotated[Query | None, Parameter(description="Its exact name.")] = None,
    text: Annotated[Query | None, Parameter(description="A part of a name or value.")] = None,
    changed_since: Instant | None = None,
    settable: Annotated[bool, Parameter(description="Only what may be set.")] = False,
    gone: Annotated[bool, Parameter(description="Also what is no longer reported.")] = False,
) -> Page[VariableShown]:
    """As the station reported them, each with what is wanted in its place."""
    rows = await variables.list_variables(
        db,
        reader.organization_id,
        identity,
        VariablesAsked(
            component=component,
            variable=variable,
            text=text,
            changed_since=changed_since,
            settable=settable,
            gone=gone,
        ),
        asked,
    )
    return page(rows, to_variable)


@router.get("/variables/{variable_id}")
async def read_variable(
    identity: Identity, variable_id: UUID, db: Db, reader: Reader
) -> VariableShown:
    """One of them."""
    return to_variable(
        await variables.get_variable(db, reader.organization_id, identity, variable_id)
    )


@router.get("/variables/{variable_id}/history")
async def list_changes(
    identity: Identity, variable_id: UUID, db: Db, reader: Reader, asked: Asked
) -> Page[ChangeShown]:
    """Newest first, as far back as HOLDFAST_RETENTION_VARIABLE_CHANGES_DAYS says."""
    rows = await variables.list_changes(db, reader.organization_id, identity, variable_id, asked)
    return page(rows, to_change)


@router.post("/variables/refresh", responses=MAY_WAIT)
async def refresh(asked: Asking) -> OrderShown:
    """Ask the station for all its variables: a base report, or its configuration for OCPP 1.6.

    The parts of a report follow the answer: see `GET …/reports`.
    """
    payload: dict[str, Any] = {"base": "full"}
    command = Command(kind="base_report", payload=payload, details=payload)
    return await asked.order(command, valid_s=REPORT_VALID_S)


@router.get("/reports")
async def list_reports(identity: Identity, db: Db, reader: Reader) -> Page[ReportShown]:
    """The newest reports in parts, under way or complete."""
    station = await find_station(db, reader.organization_id, identity)
    rows = await variables.list_reports(db, reader.organization_id, station.id)
    return Page(items=[to_report(row) for row in rows])


@router.get("/settings")
async def list_settings(
    identity: Identity, db: Db, reader: Reader, asked: Asked
) -> Page[SettingShown]:
    """What is wanted of the station, newest first."""
    rows = await variables.list_settings(db, reader.organization_id, identity, asked)
    return page(rows, to_setting)


@router.put("/settings", responses=MAY_WAIT)
async def want(form: SettingsForm, asked: Asking) -> OrderShown:
    """Want these values, and order them set. They are read back before they count as in force.

    422 with what would be right where the station's own description of a variable speaks against a
    value; 409 where stations of its model refused it.
    """
    commanded = await station_settings.want_values(
        asked.db,
        asked.commander.organization_id,
        asked.identity,
        [
            WantedValue(
                place=one.place,
                value=one.value,
                enforce=one.enforce,
                although_refused=one.although_refused,
            )
            for one in form.settings
        ],
        actor=asked.commander.actor,
        now=datetime.now(UTC),
    )
    return await asked.see_through(commanded)


@router.delete("/settings/{setting_id}", status_code=204)
async def drop(identity: Identity, setting_id: UUID, db: Db, commander: Commander) -> None:
    """Want nothing of this variable any more. Its value on the station stays."""
    await station_settings.drop_setting(
        db, commander.organization_id, identity, setting_id, actor=commander.actor
    )


def to_variable(seen: VariableSeen) -> VariableShown:
    """A row as the API shows it."""
    fields = {
        name: getattr(seen.variable, name)
        for name in VariableShown.model_fields
        if name != "setting"
    }
    setting = None if seen.setting is None else to_setting(seen.setting)
    return VariableShown(**fields, setting=setting)


def to_setting(row: StationSetting) -> SettingShown:
    """A row as the API shows it."""
    return SettingShown.model_validate(row)


def to_change(row: VariableChange) -> ChangeShown:
    """A row as the API shows it."""
    return ChangeShown.model_validate(row)


def to_report(row: StationReport) -> ReportShown:
    """A row as the API shows it."""
    return ReportShown(
        id=row.id,
        kind=row.kind,
        scope=row.scope,
        request_id=row.request_id,
        parts=len(row.parts),
        parts_expected=None if row.last_part is None else row.last_part + 1,
        started_at=row.started_at,
        changed_at=row.changed_at,
        completed_at=row.completed_at,
    )
