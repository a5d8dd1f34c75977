"""Wanting a variable of a station to have a value: checked, recorded, ordered, and seen through.

The gateway moves a setting on from there: gateway/writing/settings.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain import variables as rules
from holdfast.domain.variables import Characteristics, Place
from holdfast.services import audit
from holdfast.services.outbox import notify
from holdfast.services.refusal import Conflict, Invalid, NotFound
from holdfast.services.scope import belongs, find, owned
from holdfast.services.station_commands import Command, Commanded, command_station
from holdfast.services.stations import find_station, usable_station
from holdfast.store.tables import ModelRefusal, Station, StationSetting, StationVariable

VALUES_MAX = 50
VALID_FOR = timedelta(days=7)
OCPP16 = "ocpp1.6"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedValue:
    """What somebody wants. `enforce`: set again by itself where the station loses it.
    `although_refused`: also where its model is known not to take it."""

    place: Place
    value: str
    enforce: bool = False
    although_refused: bool = False


async def want_values(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    wanted: Sequence[WantedValue],
    *,
    actor: str,
    now: datetime,
) -> Commanded:
    """Record what is wanted and order it. Raises NotFound, Conflict (retired; the model refuses
    it), Invalid (with the value and what would be right)."""
    if not 1 <= len(wanted) <= VALUES_MAX:
        raise Invalid("settings", len(wanted), f"set 1 to {VALUES_MAX} at once")
    station = await usable_station(db, organization_id, identity)
    variables: dict[str, str] = {}
    for one in wanted:
        place, sought = await _record(db, station, one, actor, now)
        name = rules.written_name(*place)
        if name in variables:
            raise Invalid("settings", name, "name each variable once")
        variables[name] = sought
    await notify(db, ["variables"])
    command = Command(
        kind="configure", payload={"variables": variables}, details={"names": sorted(variables)}
    )
    return await command_station(
        db, organization_id, identity, command, actor=actor, not_after=now + VALID_FOR
    )


async def note_wanted(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    variables: Mapping[str, str],
    *,
    actor: str,
    now: datetime,
) -> None:
    """Record what a plain `configure` sets, so that it is read back and its drift is seen. What is
    a secret, or not written as a name, is left out. Raises NotFound."""
    station = await find_station(db, organization_id, identity)
    for name, value in variables.items():
        place = rules.place_named(name, by_key=_by_key(station, name))
        if place is not None and not rules.is_secret(place[4]):
            known = await _known(db, station, place)
            place = place if known is None else _place_of(known)
            one = WantedValue(place=place, value=value)
            await _write(db, station, one, None, actor, now)


async def drop_setting(
    db: AsyncSession, organization_id: UUID, identity: str, setting_id: UUID, *, actor: str
) -> None:
    """Want nothing of the variable any more: its value stays as it is. Raises NotFound."""
    station = await find_station(db, organization_id, identity)
    setting = await find(db, StationSetting, organization_id, setting_id, "setting", lock=True)
    if setting.station_id != station.id:
        raise NotFound("setting", setting_id)
    await db.execute(delete(StationSetting).where(StationSetting.id == setting.id))
    await notify(db, ["variables"])
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="station.setting.drop",
        subject=f"station:{station.identity}",
        details={"name": rules.written_name(*_place_of(setting))},
    )


async def _record(
    db: AsyncSession, station: Station, one: WantedValue, actor: str, now: datetime
) -> tuple[Place, str]:
    """The variable's own spelling, and the value to set."""
    _check_place(station, one)
    known = await _known(db, station, one.place)
    place = one.place if known is None else _place_of(known)
    _check_value(station, one, known)
    refused = await _refused(db, station, place)
    offered = None
    if not one.although_refused:
        name = rules.written_name(*place)
        if None in refused:
            raise Conflict(f"stations of this model do not know {name}")
        if one.value in refused:
            raise Conflict(f"stations of this model did not take this value for {name}")
        items = {item for item in refused if item is not None}
        if rules.is_measurand_list(place[4]) and items:
            shorter = rules.without_refused(one.value, items)
            offered = shorter if shorter and shorter != one.value else None
    placed = WantedValue(place=place, value=one.value, enforce=one.enforce)
    await _write(db, station, placed, offered, actor, now)
    return place, offered or one.value


def _check_place(station: Station, one: WantedValue) -> None:
    component, variable = one.place[0], one.place[4]
    if rules.is_secret(variable):
        raise Invalid(
            "variable",
            variable,
            "a secret is not set as a variable; rotate the station's password instead",
        )
    if station.protocol == OCPP16 and component:
        raise Invalid("component", component, "a key of OCPP 1.6 has no component; leave it empty")
    if station.protocol not in (None, OCPP16) and not component:
        raise Invalid("component", component, "name the component of the variable")


def _check_value(station: Station, one: WantedValue, known: StationVariable | None) -> None:
    longest = (
        rules.SETTING_LENGTH_MAX_V16 if station.protocol == OCPP16 else rules.SETTING_LENGTH_MAX
    )
    if len(one.value) > longest:
        raise Invalid("value", one.value, f"use at most {longest} characters")
    if known is None:
        return
    problem = rules.problem_with(
        one.value,
        Characteristics(
            mutability=known.mutability,
            data_type=known.data_type,
            values_list=known.values_list,
            min_limit=known.min_limit,
            max_limit=known.max_limit,
        ),
    )
    if problem is not None:
        raise Invalid("value", one.value, f"{rules.written_name(*one.place)}: {problem}")


async def _known(db: AsyncSession, station: Station, place: Place) -> StationVariable | None:
    """The variable of the inventory, whatever the case of its names."""
    component, instance, evse, connector, variable, variable_instance = place
    rows = await db.scalars(
        owned(StationVariable, station.organization_id).where(
            StationVariable.station_id == station.id,
            func.lower(StationVariable.component) == component.lower(),
            func.lower(StationVariable.variable) == variable.lower(),
            func.lower(StationVariable.component_instance).is_not_distinct_from(
                None if instance is None else instance.lower()
            ),
            func.lower(StationVariable.variable_instance).is_not_distinct_from(
                None if variable_instance is None else variable_instance.lower()
            ),
            StationVariable.evse.is_not_distinct_from(evse),
            StationVariable.connector.is_not_distinct_from(connector),
            StationVariable.attribute == "actual",
        )
    )
    return rows.first()


async def _refused(db: AsyncSession, station: Station, place: Place) -> set[str | None]:
    """The values that its model did not take; None: it does not know the variable."""
    if station.vendor is None or station.model is None:
        return set()
    rows = await db.scalars(
        select(ModelRefusal.value).where(
            belongs(ModelRefusal, station.organization_id),
            ModelRefusal.vendor == station.vendor,
            ModelRefusal.model == station.model,
            ModelRefusal.firmware_version.is_not_distinct_from(station.firmware_version),
            func.lower(ModelRefusal.component) == place[0].lower(),
            func.lower(ModelRefusal.variable) == place[4].lower(),
        )
    )
    return set(rows)


async def _write(
    db: AsyncSession,
    station: Station,
    one: WantedValue,
    offered: str | None,
    actor: str,
    now: datetime,
) -> None:
    component, instance, evse, connector, variable, variable_instance = one.place
    values = {
        "wanted": one.value,
        "offered": offered,
        "wanted_since": now,
        "wanted_by": actor,
        "enforce": one.enforce,
        "attempts": 0,
        "state": "pending",
        "state_at": now,
        "reason": None,
    }
    await db.execute(
        insert(StationSetting)
        .values(
            organization_id=station.organization_id,
            station_id=station.id,
            component=component,
            component_instance=instance,
            evse=evse,
            connector=connector,
            variable=variable,
            variable_instance=variable_instance,
            **values,
        )
        .on_conflict_do_update(constraint="uq_station_settings_place", set_=values)
    )


def _place_of(row: StationVariable | StationSetting) -> Place:
    return (
        row.component,
        row.component_instance,
        row.evse,
        row.connector,
        row.variable,
        row.variable_instance,
    )


def _by_key(station: Station, name: str) -> bool:
    return station.protocol == OCPP16 or (station.protocol is None and "." not in name)
