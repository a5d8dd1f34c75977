"""Monitors on variables of a station: what it watches by itself and tells of (OCPP 2.x)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import Field, model_validator

from api.routes.commands import MAY_WAIT
from api.routes.commands import Asked as Asking
from api.routes.fields import Identity, Input, Output
from api.routes.orders import OrderShown
from api.routes.variables import PlaceForm
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Reader
from holdfast.services import monitoring
from holdfast.services.monitoring import MonitorAsked
from holdfast.store.tables import StationMonitor

router = APIRouter(
    prefix="/stations/{identity}", tags=["variables and monitors"], route_class=IdempotentRoute
)

Severity = Annotated[int, Field(ge=0, le=9, description="0 danger to 9 debug.")]
MonitorNumber = Annotated[int, Field(ge=0, le=2**31 - 1)]


class MonitorForm(PlaceForm):
    """A monitor to set. `number`: the station's id of the one that it replaces."""

    type: monitoring.MonitorType
    value: Annotated[
        Decimal,
        Field(
            ge=Decimal(-1_000_000_000),
            le=Decimal(1_000_000_000),
            max_digits=20,
            description="A threshold, a difference, or seconds.",
        ),
    ]
    severity: Severity
    in_transactions_only: bool = False
    number: MonitorNumber | None = None


class MonitorsForm(Input):
    """Monitors to set."""

    monitors: Annotated[list[MonitorForm], Field(min_length=1, max_length=monitoring.MONITORS_MAX)]


class ClearForm(Input):
    """Monitors to clear, by the station's numbers of them."""

    numbers: Annotated[list[MonitorNumber], Field(min_length=1, max_length=monitoring.MONITORS_MAX)]


class MonitoringForm(Input):
    """One of both: which events are sent at all, or which monitors are kept."""

    level: Severity | None = None
    base: Literal["all", "factory_default", "hard_wired_only"] | None = None

    @model_validator(mode="after")
    def one_of_both(self) -> Self:
        """Each is an order of its own."""
        if (self.level is None) == (self.base is None):
            raise ValueError("name the level or the base")
        return self


class MonitorShown(Output):
    """A monitor as the station reported or confirmed it."""

    id: UUID
    number: int
    component: str
    component_instance: str | None
    evse: int | None
    connector: int | None
    variable: str
    variable_instance: str | None
    type: str
    value: str
    severity: int
    in_transactions_only: bool
    origin: str | None
    reported_at: datetime
    gone_at: datetime | None


@router.get("/monitors")
async def list_monitors(
    identity: Identity,
    db: Db,
    reader: Reader,
    asked: Asked,
    gone: Annotated[bool, Parameter(description="Also those it no longer has.")] = False,
) -> Page[MonitorShown]:
    """What the station watches."""
    rows = await monitoring.list_monitors(db, reader.organization_id, identity, asked, gone=gone)
    return page(rows, to_monitor)


@router.post("/monitors", responses=MAY_WAIT)
async def set_monitors(form: MonitorsForm, asked: Asking) -> OrderShown:
    """Set monitors; their numbers are the station's to give, and listed once it has."""
    commanded = await monitoring.set_monitors(
        asked.db,
        asked.commander.organization_id,
        asked.identity,
        [
            MonitorAsked(
                place=one.place,
                type=one.type,
                value=one.value,
                severity=one.severity,
                in_transactions_only=one.in_transactions_only,
                number=one.number,
            )
            for one in form.monitors
        ],
        actor=asked.commander.actor,
        now=datetime.now(UTC),
    )
    return await asked.see_through(commanded)


@router.post("/monitors/clear", responses=MAY_WAIT)
async def clear_monitors(form: ClearForm, asked: Asking) -> OrderShown:
    """Have the station drop monitors."""
    commanded = await monitoring.clear_monitors(
        asked.db,
        asked.commander.organization_id,
        asked.identity,
        form.numbers,
        actor=asked.commander.actor,
        now=datetime.now(UTC),
    )
    return await asked.see_through(commanded)


@router.post("/monitors/refresh", responses=MAY_WAIT)
async def refresh(asked: Asking) -> OrderShown:
    """Have the station report its monitors."""
    commanded = await monitoring.ask_monitors(
        asked.db,
        asked.commander.organization_id,
        asked.identity,
        actor=asked.commander.actor,
        now=datetime.now(UTC),
    )
    return await asked.see_through(commanded)


@router.put("/monitoring", responses=MAY_WAIT)
async def set_monitoring(form: MonitoringForm, asked: Asking) -> OrderShown:
    """Set the level (events of this severity and worse) or the base (which monitors are kept)."""
    actor, now = asked.commander.actor, datetime.now(UTC)
    organization_id, identity = asked.commander.organization_id, asked.identity
    if form.level is not None:
        commanded = await monitoring.set_level(
            asked.db, organization_id, identity, form.level, actor=actor, now=now
        )
    else:
        commanded = await monitoring.set_base(
            asked.db, organization_id, identity, form.base or "all", actor=actor, now=now
        )
    return await asked.see_through(commanded)


def to_monitor(row: StationMonitor) -> MonitorShown:
    """A row as the API shows it."""
    return MonitorShown.model_validate(row)
