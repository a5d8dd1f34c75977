"""Monitors on variables (OCPP 2.x block N): what a station watches by itself, and tells of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.orders import OrderKind
from holdfast.domain.variables import Place, written_name
from holdfast.services.refusal import Conflict, Invalid, NotFound
from holdfast.services.scope import owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.services.station_commands import Command, Commanded, command_station
from holdfast.services.stations import find_station, usable_station
from holdfast.store.tables import Station, StationEvent, StationMonitor, StationVariable

MONITORS_MAX = 50
VALID_FOR = timedelta(days=1)
ATTENTION_SEVERITY = 4  # error, and all that is worse
EVENTS_SHOWN = 20
EVENTS_FOR = timedelta(days=7)

MonitorType = Literal[
    "upper_threshold", "lower_threshold", "delta", "periodic", "periodic_clock_aligned"
]
MonitoringBase = Literal["all", "factory_default", "hard_wired_only"]
PERIODIC = ("periodic", "periodic_clock_aligned")
THRESHOLDS = ("upper_threshold", "lower_threshold")
NUMBERS = ("decimal", "integer")


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorAsked:
    """A monitor to set. `value`: a threshold, a difference, or seconds; `number`: the station's id
    of the one that it replaces."""

    place: Place
    type: MonitorType
    value: Decimal
    severity: int
    in_transactions_only: bool = False
    number: int | None = None


async def list_monitors(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    asked: SliceAsked,
    *,
    gone: bool = False,
) -> Slice[StationMonitor]:
    """As the station reported or confirmed them. Raises NotFound."""
    station = await find_station(db, organization_id, identity)
    statement = owned(StationMonitor, organization_id).where(
        StationMonitor.station_id == station.id
    )
    if not gone:
        statement = statement.where(StationMonitor.gone_at.is_(None))
    return await take(db, statement, StationMonitor.id, asked)


async def list_alarms(
    db: AsyncSession, organization_id: UUID, station_id: UUID, now: datetime
) -> list[StationEvent]:
    """Events of the last week that somebody must look at, newest first: of monitors, and of
    settings that do not stay."""
    rows = await db.scalars(
        owned(StationEvent, organization_id)
        .where(
            StationEvent.station_id == station_id,
            StationEvent.received_at >= now - EVENTS_FOR,
            StationEvent.kind.in_(("monitor", "drift")),
            StationEvent.severity <= ATTENTION_SEVERITY,
        )
        .order_by(StationEvent.received_at.desc())
        .limit(EVENTS_SHOWN)
    )
    return list(rows)


async def set_monitors(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    monitors: Sequence[MonitorAsked],
    *,
    actor: str,
    now: datetime,
) -> Commanded:
    """Order them; the station gives each its number. Raises NotFound, Conflict, Invalid."""
    if not 1 <= len(monitors) <= MONITORS_MAX:
        raise Invalid("monitors", len(monitors), f"set 1 to {MONITORS_MAX} at once")
    station = await _monitoring_station(db, organization_id, identity)
    for monitor in monitors:
        await _check(db, station, monitor)
    return await _order(
        db,
        station,
        "monitor",
        {"monitors": [_payload(monitor) for monitor in monitors]},
        details={"names": [written_name(*monitor.place) for monitor in monitors]},
        actor=actor,
        now=now,
    )


async def clear_monitors(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    numbers: Sequence[int],
    *,
    actor: str,
    now: datetime,
) -> Commanded:
    """Order the station to drop monitors by its numbers. Raises NotFound, Conflict, Invalid."""
    if not 1 <= len(numbers) <= MONITORS_MAX:
        raise Invalid("ids", len(numbers), f"clear 1 to {MONITORS_MAX} at once")
    station = await _monitoring_station(db, organization_id, identity)
    known = await db.scalars(
        owned(StationMonitor, organization_id)
        .where(StationMonitor.station_id == station.id, StationMonitor.number.in_(numbers))
        .with_only_columns(StationMonitor.number)
    )
    missing = set(numbers) - set(known)
    if missing:
        raise NotFound("monitor", min(missing))
    payload = {"ids": list(numbers)}
    return await _order(
        db, station, "clear_monitors", payload, details=payload, actor=actor, now=now
    )


async def set_level(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    severity: int,
    *,
    actor: str,
    now: datetime,
) -> Commanded:
    """Which events the station sends at all: of this severity and worse (N05)."""
    station = await _monitoring_station(db, organization_id, identity)
    payload = {"severity": severity}
    return await _order(
        db, station, "monitoring_level", payload, details=payload, actor=actor, now=now
    )


async def set_base(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    base: MonitoringBase,
    *,
    actor: str,
    now: datetime,
) -> Commanded:
    """Which monitors the station keeps: all, those of the factory, or the hard-wired (N03)."""
    station = await _monitoring_station(db, organization_id, identity)
    payload = {"base": base}
    return await _order(
        db, station, "monitoring_base", payload, details=payload, actor=actor, now=now
    )


async def ask_monitors(
    db: AsyncSession, organization_id: UUID, identity: str, *, actor: str, now: datetime
) -> Commanded:
    """Have the station report its monitors (N02)."""
    station = await _monitoring_station(db, organization_id, identity)
    payload: dict[str, Any] = {"components": [], "criteria": []}
    return await _order(db, station, "monitoring_report", payload, details={}, actor=actor, now=now)


async def _monitoring_station(db: AsyncSession, organization_id: UUID, identity: str) -> Station:
    station = await usable_station(db, organization_id, identity)
    if station.protocol == "ocpp1.6":
        raise Conflict("OCPP 1.6 knows no monitors; they are a part of OCPP 2.x")
    return station


async def _check(db: AsyncSession, station: Station, monitor: MonitorAsked) -> None:
    component, instance, evse, connector, variable, variable_instance = monitor.place
    known = await db.scalar(
        owned(StationVariable, station.organization_id).where(
            StationVariable.station_id == station.id,
            func.lower(StationVariable.component) == component.lower(),
            func.lower(StationVariable.variable) == variable.lower(),
            StationVariable.component_instance.is_not_distinct_from(instance),
            StationVariable.variable_instance.is_not_distinct_from(variable_instance),
            StationVariable.evse.is_not_distinct_from(evse),
            StationVariable.connector.is_not_distinct_from(connector),
            StationVariable.attribute == "actual",
        )
    )
    name = written_name(*monitor.place)
    if monitor.type in PERIODIC and monitor.value <= 0:
        raise Invalid("value", monitor.value, "a periodic monitor needs its seconds, above 0")
    if monitor.type == "delta" and monitor.value < 0:
        raise Invalid("value", monitor.value, "a difference is not negative")
    if known is None:
        return
    if known.supports_monitoring is False:
        raise Invalid("variable", name, "the station cannot monitor this variable")
    kind = (known.data_type or "").lower()
    if monitor.type in THRESHOLDS and kind and kind not in NUMBERS:
        raise Invalid("type", monitor.type, f"{name} is no number; watch it with delta (N04.FR.14)")


def _payload(monitor: MonitorAsked) -> dict[str, Any]:
    component, instance, evse, connector, variable, variable_instance = monitor.place
    # A whole number is sent as one: some stations mind "70.0".
    whole = monitor.value == monitor.value.to_integral_value()
    fields = {
        "id": monitor.number,
        "component": component,
        "component_instance": instance,
        "evse": evse,
        "connector": connector,
        "variable": variable,
        "variable_instance": variable_instance,
        "type": monitor.type,
        "value": int(monitor.value) if whole else float(monitor.value),
        "severity": monitor.severity,
        "transaction": monitor.in_transactions_only,
    }
    return {name: value for name, value in fields.items() if value is not None}


async def _order(
    db: AsyncSession,
    station: Station,
    kind: OrderKind,
    payload: Mapping[str, Any],
    *,
    details: Mapping[str, Any],
    actor: str,
    now: datetime,
) -> Commanded:
    return await command_station(
        db,
        station.organization_id,
        station.identity,
        Command(kind=kind, payload=payload, details=details),
        actor=actor,
        not_after=now + VALID_FOR,
    )
