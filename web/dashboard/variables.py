"""The variables of one station: as they are, as they should be, and the reports they come in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.domain.variables import is_secret, items_of, written_name
from holdfast.services import monitoring
from holdfast.services.refusal import Invalid, NotFound
from holdfast.services.slices import SliceAsked
from holdfast.services.station_commands import Command, command_station
from holdfast.services.station_settings import WantedValue, drop_setting, want_values
from holdfast.services.variables import (
    VariablesAsked,
    VariableSeen,
    VariablesPage,
    get_variable,
    list_changes,
    page_of_variables,
)
from holdfast.store.tables import (
    StationEvent,
    StationMonitor,
    StationSetting,
    StationVariable,
    VariableChange,
)
from web.live_page import LivePage, bounded, count_or, uuid_or_none
from web.rendering import segment
from web.viewer import Viewer
from web.visit import Desk, Visit, back_to
from web.wording import Badge

PER_PAGE: Final = 50
PAGES_MAX: Final = 2_000
CHANGES_SHOWN: Final = 50
MONITORS_SHOWN: Final = 100
REPORT_VALID: Final = timedelta(days=1)
FIELDS: Final = ("component", "text", "show")

SETTING: Final = {
    "pending": Badge("Pending", "wait", "clock"),
    "in_force": Badge("In force", "good", "check"),
    "needs_reboot": Badge("Needs a reboot", "wait", "restart"),
    "rejected": Badge("Rejected by this model", "bad", "ban"),
    "drifted": Badge("Drifted", "bad", "alert"),
}
MUTABILITY: Final = {
    "read_only": "Read only",
    "read_write": "Settable",
    "write_only": "Write only",
}
SOURCES: Final = {
    "report": "in a report",
    "get": "read",
    "set": "set",
    "event": "told in an event",
}
SHOWS: Final = (
    ("settable", "What may be set"),
    ("wanted", "What is wanted"),
    ("gone", "Also what is gone"),
)
# An input's type by data type; every other type is plain text.
CONTROLS: Final = {"boolean": "choice", "optionlist": "choice", "integer": "number"} | {
    "decimal": "number"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VariablesFilter:
    """`values` are the fields as they were written."""

    identity: str
    values: tuple[tuple[str, str], ...] = ()
    page: int = 1

    def value(self, name: str) -> str:
        """A field as it was written; empty where it was not."""
        return dict(self.values).get(name, "")

    def parameters(self) -> Mapping[str, str]:
        """As the stream's URL has them."""
        return {"station": self.identity, **dict(self.values), "page": str(self.page)}

    def query(self, **more: str) -> str:
        """As the page's own URL has them."""
        return urlencode(dict(self.values) | more)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableLine:
    """A variable for people. `value` None: not told, or a secret."""

    id: UUID
    name: str
    component: str
    attribute: str
    value: str | None
    secret: bool
    unit: str | None
    mutability: str
    setting: Badge | None
    wanted: str | None
    reason: str | None
    reported_at: datetime
    source: str
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A report under way, or the last that was complete."""

    kind: str
    parts: int
    expected: int | None
    completed_at: datetime | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VariablesView:
    """A page of them, the components to choose from, and what stands beside."""

    identity: str
    retired: bool
    lines: tuple[VariableLine, ...]
    total: int
    page: int
    pages: int
    components: tuple[tuple[str, int], ...]
    progress: Progress | None
    known: int
    unreported: tuple[StationSetting, ...]
    monitors: tuple[StationMonitor, ...]
    monitoring: bool
    alarms: tuple[StationEvent, ...]


def parse_variables(_viewer: Viewer, parameters: Mapping[str, str]) -> VariablesFilter:
    """The station of a stream is in its query; a page has it in its path."""
    return VariablesFilter(
        identity=parameters.get("station", ""),
        values=tuple((name, parameters[name]) for name in FIELDS if parameters.get(name)),
        page=count_or(parameters.get("page"), 1, PAGES_MAX),
    )


async def read_variables(
    desk: Desk, db: AsyncSession, organization_id: UUID, asked: VariablesFilter
) -> VariablesView:
    """Raises NotFound."""
    component = asked.value("component")
    show = asked.value("show")
    found = await page_of_variables(
        db,
        organization_id,
        asked.identity,
        VariablesAsked(
            component=None if not component else "" if component == "-" else component,
            text=asked.value("text") or None,
            settable=show == "settable",
            wanted=show == "wanted",
            gone=show == "gone",
        ),
        offset=(asked.page - 1) * PER_PAGE,
        limit=PER_PAGE,
    )
    monitors = await monitoring.list_monitors(
        db, organization_id, asked.identity, SliceAsked(limit=MONITORS_SHOWN)
    )
    return VariablesView(
        identity=asked.identity,
        retired=found.station.retired_at is not None,
        lines=tuple(_line(seen) for seen in found.items),
        total=found.total,
        page=asked.page,
        pages=max(1, -(-found.total // PER_PAGE)),
        components=tuple((one.component, one.variables) for one in found.components),
        progress=_progress(found),
        known=sum(one.variables for one in found.components),
        unreported=tuple(found.unreported),
        monitors=tuple(monitors.items),
        monitoring=found.station.protocol not in (None, "ocpp1.6"),
        alarms=tuple(
            await monitoring.list_alarms(db, organization_id, found.station.id, desk.pages.now())
        ),
    )


VARIABLES = LivePage(
    name="variables",
    topics=frozenset({"variables"}),
    template="fragments/variables.html",
    parse=parse_variables,
    read=read_variables,
)


async def show_variables(visit: Visit) -> Response:
    """GET /stations/{identity}/variables"""
    parameters = bounded(visit.request.query_params)
    parameters["station"] = visit.request.path_params["identity"]
    asked = parse_variables(visit.viewer, parameters)
    return await VARIABLES.show_asked(visit, "variables.html", asked, shows=SHOWS)


async def show_variable(visit: Visit) -> Response:
    """GET /stations/{identity}/variables/{id}: one, its history, and how to set it."""
    identity, variable_id = _named(visit)
    seen = await get_variable(visit.db, visit.viewer.organization_id, identity, variable_id)
    after = uuid_or_none(visit.request.query_params.get("before"))
    changes = await list_changes(
        visit.db,
        visit.viewer.organization_id,
        identity,
        variable_id,
        SliceAsked(limit=CHANGES_SHOWN, after=after),
    )
    return visit.page(
        "variable.html",
        identity=identity,
        line=_line(seen),
        variable=seen.variable,
        setting=seen.setting,
        control=control_of(seen.variable),
        options=options_of(seen.variable),
        settable=_settable(seen.variable),
        changes=tuple(_changed(change) for change in changes.items),
        older=changes.next,
        at_newest=after is None,
    )


async def post_refresh(visit: Visit) -> Response:
    """POST /stations/{identity}/variables/refresh: have the station tell all of them again."""
    identity = visit.request.path_params["identity"]
    payload: dict[str, Any] = {"base": "full"}
    await command_station(
        visit.db,
        visit.viewer.organization_id,
        identity,
        Command(kind="base_report", payload=payload, details=payload),
        actor=visit.viewer.actor,
        not_after=visit.desk.pages.now() + REPORT_VALID,
    )
    return back_to(
        f"/stations/{segment(identity)}/variables",
        "The station is asked for all. They appear here as it tells them.",
    )


async def post_monitors(visit: Visit) -> Response:
    """POST /stations/{identity}/monitors/refresh: have the station tell its monitors."""
    identity = visit.request.path_params["identity"]
    await monitoring.ask_monitors(
        visit.db,
        visit.viewer.organization_id,
        identity,
        actor=visit.viewer.actor,
        now=visit.desk.pages.now(),
    )
    return back_to(
        f"/stations/{segment(identity)}/variables#monitors",
        "The station is asked for its monitors. They appear below as it tells them.",
    )


async def post_setting(visit: Visit) -> Response:
    """POST /stations/{identity}/variables/{id}: want a value of it, or nothing any more."""
    identity, variable_id = _named(visit)
    seen = await get_variable(visit.db, visit.viewer.organization_id, identity, variable_id)
    variable = seen.variable
    said = "Nothing is wanted of it any more."
    if visit.form.get("decision") == "drop":
        if seen.setting is None:
            raise NotFound("setting", variable.variable)
        await drop_setting(
            visit.db,
            visit.viewer.organization_id,
            identity,
            seen.setting.id,
            actor=visit.viewer.actor,
        )
    else:
        if "value" not in visit.form:
            raise Invalid("value", "", "give the value that it should have")
        wanted = WantedValue(
            place=(
                variable.component,
                variable.component_instance,
                variable.evse,
                variable.connector,
                variable.variable,
                variable.variable_instance,
            ),
            value=visit.form["value"].strip(),
            enforce=visit.form.get("enforce") == "yes",
            although_refused=visit.form.get("although_refused") == "yes",
        )
        await want_values(
            visit.db,
            visit.viewer.organization_id,
            identity,
            [wanted],
            actor=visit.viewer.actor,
            now=visit.desk.pages.now(),
        )
        said = "Noted. The station is told now, or when it is back."
    return back_to(f"/stations/{segment(identity)}/variables/{variable_id}", said)


def control_of(variable: StationVariable) -> str:
    """The input that fits its data type: choice, number or text."""
    kind = CONTROLS.get((variable.data_type or "").casefold(), "text")
    return "text" if kind == "choice" and not options_of(variable) else kind


def options_of(variable: StationVariable) -> list[str]:
    """The values to choose from; empty where any may be."""
    if (variable.data_type or "").casefold() == "boolean":
        return ["true", "false"]
    return items_of(variable.values_list)


def _settable(variable: StationVariable) -> bool:
    return (
        variable.attribute == "actual"
        and variable.mutability != "read_only"
        and variable.gone_at is None
        and not is_secret(variable.variable, variable.mutability)
    )


def _named(visit: Visit) -> tuple[str, UUID]:
    written = visit.request.path_params["id"]
    variable_id = uuid_or_none(written)
    if variable_id is None:
        raise NotFound("variable", written)
    return visit.request.path_params["identity"], variable_id


def _line(seen: VariableSeen) -> VariableLine:
    row, setting = seen.variable, seen.setting
    name = written_name(
        row.component,
        row.component_instance,
        row.evse,
        row.connector,
        row.variable,
        row.variable_instance,
    )
    return VariableLine(
        id=row.id,
        name=name,
        component=row.component,
        attribute="" if row.attribute == "actual" else row.attribute.replace("_", " "),
        value=row.value,
        secret=is_secret(row.variable, row.mutability),
        unit=row.unit,
        mutability=MUTABILITY.get(row.mutability or "", "Not said"),
        setting=None if setting is None else SETTING[setting.state],
        wanted=None if setting is None else setting.wanted,
        reason=None if setting is None else setting.reason,
        reported_at=row.reported_at,
        source=SOURCES.get(row.source, row.source),
        gone=row.gone_at is not None,
    )


def _changed(change: VariableChange) -> dict[str, object]:
    return {
        "at": change.at,
        "was": change.was,
        "became": change.became,
        "source": SOURCES.get(change.source, change.source),
    }


def _progress(found: VariablesPage) -> Progress | None:
    under_way = [report for report in found.reports if report.completed_at is None]
    shown = under_way or found.reports
    if not shown:
        return None
    newest = shown[0]
    return Progress(
        kind="Monitors" if newest.kind == "monitors" else "Variables",
        parts=len(newest.parts),
        expected=None if newest.last_part is None else newest.last_part + 1,
        completed_at=newest.completed_at,
        changed_at=newest.changed_at,
    )
