"""Stations: made, found, described, given a password, retired."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request

from api.routes.fields import Because, Identity
from api.routes.fields import Query as QueryText
from api.routes.station_forms import (
    Credentials,
    Evses,
    NewStation,
    Registration,
    StationChange,
    StationMade,
    StationShown,
    to_plan,
    to_station,
)
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import NetworkWriter, Reader
from holdfast.services import audit, local_lists, stations
from holdfast.services.outbox import notify
from holdfast.services.stations import StationFilter
from holdfast.settings import Settings

router = APIRouter(prefix="/stations", tags=["stations"], route_class=IdempotentRoute)

Status = Literal[
    "available",
    "preparing",
    "charging",
    "suspended_ev",
    "suspended_evse",
    "finishing",
    "occupied",
    "reserved",
    "unavailable",
    "faulted",
]


@router.get("")
async def list_stations(
    request: Request,
    db: Db,
    reader: Reader,
    asked: Asked,
    site: UUID | None = None,
    status: Annotated[Status | None, Query(description="Of any connector.")] = None,
    online: bool | None = None,
    query: Annotated[
        QueryText | None, Query(description="Part of identity, name, vendor or model.")
    ] = None,
    registration: Registration | None = None,
    retired: bool = False,
) -> Page[StationShown]:
    """Oldest first."""
    wanted = StationFilter(
        site_id=site,
        status=status,
        online=online,
        query=query,
        registration=registration,
        retired=retired,
    )
    rows = await stations.list_stations(db, reader.organization_id, asked, wanted, _lease(request))
    return page(rows, to_station)


@router.post("", status_code=201)
async def make_station(
    new: NewStation, request: Request, db: Db, writer: NetworkWriter
) -> StationMade:
    """Make a station, accepted from its first connection on, with a password of its own."""
    values = {
        "identity": new.identity,
        "name": new.name,
        "site_id": new.site,
        "subprotocol": new.subprotocol,
    }
    await stations.create_station(db, writer.organization_id, values)
    if new.evses:
        plans = [to_plan(form) for form in new.evses]
        await stations.describe_evses(db, writer.organization_id, new.identity, plans)
    await local_lists.station_changed(db, writer.organization_id, new.identity, datetime.now(UTC))
    password = None
    if new.authentication == "password":
        password = await stations.rotate_password(
            db, _secret(request), writer.organization_id, new.identity
        )
    await _audit(
        db,
        writer,
        "create",
        new.identity,
        {"authentication": new.authentication, "site": str(new.site) if new.site else None},
    )
    shown = await _shown(request, db, writer, new.identity)
    return StationMade(**shown.model_dump(), password=password)


@router.get("/{identity}")
async def read_station(
    identity: Identity, request: Request, db: Db, reader: Reader
) -> StationShown:
    """One station with its parts."""
    return await _shown(request, db, reader, identity)


@router.patch("/{identity}")
async def change_station(
    identity: Identity, change: StationChange, request: Request, db: Db, writer: NetworkWriter
) -> StationShown:
    """Only the fields that are sent are changed."""
    values = change.model_dump(exclude_unset=True)
    if "site" in values:
        values["site_id"] = values.pop("site")
    if values.get("registration", "") is None:
        del values["registration"]
    await stations.update_station(db, writer.organization_id, identity, values)
    if values.keys() & {"site_id", "registration"}:
        await local_lists.station_changed(db, writer.organization_id, identity, datetime.now(UTC))
    named = {name: str(value) if value is not None else None for name, value in values.items()}
    await _audit(db, writer, "change", identity, named)
    return await _shown(request, db, writer, identity)


@router.put("/{identity}/evses")
async def describe_evses(
    identity: Identity, forms: Evses, request: Request, db: Db, writer: NetworkWriter
) -> StationShown:
    """Set what the station is built of; parts that are not named are removed."""
    plans = [to_plan(form) for form in forms]
    await stations.describe_evses(db, writer.organization_id, identity, plans)
    await _audit(db, writer, "describe", identity, {"evses": len(plans)})
    return await _shown(request, db, writer, identity)


@router.post("/{identity}/credentials")
async def rotate_password(
    identity: Identity, request: Request, db: Db, writer: NetworkWriter
) -> Credentials:
    """A new password. The one in use works until the station has come with the new one."""
    password = await stations.rotate_password(
        db, _secret(request), writer.organization_id, identity
    )
    await _audit(db, writer, "rotate_password", identity, {})
    return Credentials(identity=identity, password=password)


@router.post("/{identity}/retire")
async def retire_station(
    identity: Identity, because: Because, request: Request, db: Db, writer: NetworkWriter
) -> StationShown:
    """Its socket is closed and it is refused from then on. Its sessions stay."""
    await stations.retire_station(db, writer.organization_id, identity)
    await _audit(db, writer, "retire", identity, {}, reason=because.reason)
    return await _shown(request, db, writer, identity)


async def _shown(request: Request, db: Db, reader: Reader, identity: str) -> StationShown:
    seen = await stations.see_station(db, reader.organization_id, identity, _lease(request))
    return to_station(seen)


def _lease(request: Request) -> float:
    settings: Settings = request.app.state.settings
    return settings.gateway_lease_s


def _secret(request: Request) -> str:
    settings: Settings = request.app.state.settings
    return settings.secret_key.get_secret_value()


async def _audit(
    db: Db,
    writer: NetworkWriter,
    verb: str,
    identity: str,
    details: Mapping[str, object],
    *,
    reason: str | None = None,
) -> None:
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action=f"station.{verb}",
        subject=f"station:{identity}",
        reason=reason,
        details=details,
    )
    await notify(db, ["stations"])
