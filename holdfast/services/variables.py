"""Reading what stations' variables are, were and should be, and the reports they come in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.refusal import NotFound
from holdfast.services.scope import belongs, owned
from holdfast.services.slices import Slice, SliceAsked, take, take_rows
from holdfast.services.stations import find_station
from holdfast.store.tables import (
    Station,
    StationInventory,
    StationReport,
    StationSetting,
    StationVariable,
    VariableChange,
)
from holdfast.store.tables.variables import PLACE

OFFSET_MAX = 100_000
REPORTS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class VariablesAsked:
    """Which variables of a station. Names are compared without regard to case; `text` is looked
    for in the names and in the value."""

    component: str | None = None
    variable: str | None = None
    text: str | None = None
    changed_since: datetime | None = None
    settable: bool = False
    wanted: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableSeen:
    """A row of the inventory, and what is wanted in its place."""

    variable: StationVariable
    setting: StationSetting | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentCount:
    """A component and how many variables it has."""

    component: str
    variables: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VariablesPage:
    """A page of the inventory in the order of names, and what a page about it shows beside."""

    station: Station
    items: list[VariableSeen]
    total: int
    components: list[ComponentCount]
    reports: list[StationReport]
    inventory: StationInventory | None
    unreported: list[StationSetting]


async def list_variables(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    wanted: VariablesAsked,
    asked: SliceAsked,
) -> Slice[VariableSeen]:
    """In the order in which they were first reported. Raises NotFound."""
    station = await find_station(db, organization_id, identity)
    rows = await take_rows(
        db, _filtered(organization_id, station.id, wanted), StationVariable.id, asked
    )
    items = [VariableSeen(variable=row[0], setting=row[1]) for row in rows.items]
    return Slice(items=items, next=rows.next)


async def page_of_variables(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    wanted: VariablesAsked,
    *,
    offset: int,
    limit: int,
) -> VariablesPage:
    """By name, so many from `offset` on. Raises NotFound."""
    station = await find_station(db, organization_id, identity)
    found = _filtered(organization_id, station.id, wanted)
    rows = await db.execute(
        found.order_by(
            StationVariable.component,
            StationVariable.component_instance,
            StationVariable.evse,
            StationVariable.connector,
            StationVariable.variable,
            StationVariable.variable_instance,
            StationVariable.attribute,
        )
        .offset(min(offset, OFFSET_MAX))
        .limit(limit)
    )
    total = await db.scalar(select(func.count()).select_from(found.subquery()))
    return VariablesPage(
        station=station,
        items=[VariableSeen(variable=variable, setting=setting) for variable, setting in rows],
        total=total or 0,
        components=await _components(db, organization_id, station.id),
        reports=await list_reports(db, organization_id, station.id),
        inventory=await db.scalar(
            owned(StationInventory, organization_id).where(
                StationInventory.station_id == station.id
            )
        ),
        unreported=await _unreported(db, organization_id, station.id),
    )


async def get_variable(
    db: AsyncSession, organization_id: UUID, identity: str, variable_id: UUID
) -> VariableSeen:
    """One of a station. Raises NotFound."""
    station = await find_station(db, organization_id, identity)
    found = await db.execute(
        _filtered(organization_id, station.id, None).where(StationVariable.id == variable_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("variable", variable_id)
    return VariableSeen(variable=row[0], setting=row[1])


async def list_changes(
    db: AsyncSession, organization_id: UUID, identity: str, variable_id: UUID, asked: SliceAsked
) -> Slice[VariableChange]:
    """What a variable was and became, newest first. Raises NotFound."""
    seen = await get_variable(db, organization_id, identity, variable_id)
    statement = owned(VariableChange, organization_id).where(
        VariableChange.variable_id == seen.variable.id
    )
    return await take(db, statement, VariableChange.id, asked, newest_first=True)


async def list_reports(
    db: AsyncSession, organization_id: UUID, station_id: UUID
) -> list[StationReport]:
    """The newest reports in parts, under way or complete."""
    rows = await db.scalars(
        owned(StationReport, organization_id)
        .where(StationReport.station_id == station_id)
        .order_by(StationReport.changed_at.desc())
        .limit(REPORTS_SHOWN)
    )
    return list(rows)


async def list_settings(
    db: AsyncSession, organization_id: UUID, identity: str, asked: SliceAsked
) -> Slice[StationSetting]:
    """What is wanted of a station, newest first. Raises NotFound."""
    station = await find_station(db, organization_id, identity)
    statement = owned(StationSetting, organization_id).where(
        StationSetting.station_id == station.id
    )
    return await take(db, statement, StationSetting.id, asked, newest_first=True)


def same_place() -> ColumnElement[bool]:
    """Joins settings to the variables that they are about."""
    return and_(
        *(
            getattr(StationSetting, name).is_not_distinct_from(getattr(StationVariable, name))
            for name in PLACE
        )
    )


def _filtered(
    organization_id: UUID, station_id: UUID, wanted: VariablesAsked | None
) -> "Select[*tuple[Any, ...]]":
    statement = (
        select(StationVariable, StationSetting)
        .outerjoin(StationSetting, same_place())
        .where(belongs(StationVariable, organization_id), StationVariable.station_id == station_id)
    )
    if wanted is None:
        return statement
    return statement.where(*_conditions(wanted))


def _conditions(wanted: VariablesAsked) -> Sequence[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.component is not None:
        conditions.append(func.lower(StationVariable.component) == wanted.component.lower())
    if wanted.variable is not None:
        conditions.append(func.lower(StationVariable.variable) == wanted.variable.lower())
    if wanted.text is not None:
        conditions.append(
            or_(
                *(
                    column.icontains(wanted.text, autoescape=True)
                    for column in (
                        StationVariable.component,
                        StationVariable.variable,
                        StationVariable.component + "." + StationVariable.variable,
                        StationVariable.variable_instance,
                        StationVariable.value,
                    )
                )
            )
        )
    if wanted.changed_since is not None:
        conditions.append(StationVariable.changed_at >= wanted.changed_since)
    if wanted.settable:
        conditions.append(StationVariable.mutability == "read_write")
    if wanted.wanted:
        conditions.append(StationSetting.id.is_not(None))
    if not wanted.gone:
        conditions.append(StationVariable.gone_at.is_(None))
    return conditions


async def _components(
    db: AsyncSession, organization_id: UUID, station_id: UUID
) -> list[ComponentCount]:
    rows = await db.execute(
        select(StationVariable.component, func.count())
        .where(
            belongs(StationVariable, organization_id),
            StationVariable.station_id == station_id,
            StationVariable.gone_at.is_(None),
        )
        .group_by(StationVariable.component)
        .order_by(StationVariable.component)
    )
    return [ComponentCount(component=name, variables=count) for name, count in rows]


async def _unreported(
    db: AsyncSession, organization_id: UUID, station_id: UUID
) -> list[StationSetting]:
    """Settings of variables that the station never named."""
    rows = await db.scalars(
        owned(StationSetting, organization_id)
        .outerjoin(StationVariable, same_place())
        .where(StationSetting.station_id == station_id, StationVariable.id.is_(None))
        .order_by(StationSetting.id)
        .limit(100)
    )
    return list(rows)
