"""Stations: made, found, described, given a password, retired.

What a station says of itself is written by the gateway alone (DESIGN 2, step 6); here is what
people say of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.passwords import hash_password, new_password
from holdfast.services.refusal import Conflict, Invalid, NotFound
from holdfast.services.scope import belongs, find, owned
from holdfast.services.slices import Slice, SliceAsked, take_rows
from holdfast.services.station_sockets import close_socket
from holdfast.store.tables import (
    Connector,
    Evse,
    Gateway,
    Site,
    Station,
    StationConnection,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSeen:
    """A station, whether a gateway holds its socket now, and its parts."""

    station: Station
    online: bool
    connection: StationConnection | None
    evses: list[Evse]
    connectors: list[Connector]


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFilter:
    """Every field that is set must hold. `status` is of any connector."""

    site_id: UUID | None = None
    status: str | None = None
    online: bool | None = None
    query: str | None = None
    registration: str | None = None
    retired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug:
    """A connector as people describe it."""

    number: int
    standard: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvsePlan:
    """An EVSE as people describe it."""

    number: int
    connectors: tuple[Plug, ...]
    max_power_w: int | None = None
    current_type: str | None = None


def is_online(lease_s: float) -> ColumnElement[bool]:
    """Of a row joined with StationConnection and Gateway: a live gateway holds the socket.

    An expired lease means that the gateway is gone, and its stations are offline (DESIGN 2.9).
    """
    return and_(
        StationConnection.boot_id.is_not(None),
        Gateway.ended_at.is_(None),
        Gateway.seen_at > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, lease_s),
    )


async def find_station(
    db: AsyncSession, organization_id: UUID, identity: str, *, lock: bool = False
) -> Station:
    """By OCPP identity. Raises NotFound."""
    statement = owned(Station, organization_id).where(Station.identity == identity)
    if lock:
        statement = statement.with_for_update()
    station = await db.scalar(statement)
    if station is None:
        raise NotFound("station", identity)
    return station


async def usable_station(db: AsyncSession, organization_id: UUID, identity: str) -> Station:
    """One that may be told something. Raises NotFound, Conflict (retired)."""
    station = await find_station(db, organization_id, identity)
    if station.retired_at is not None:
        raise Conflict(f"station {identity!r} is retired")
    return station


async def create_station(
    db: AsyncSession, organization_id: UUID, values: Mapping[str, Any]
) -> Station:
    """`values` are columns of the table. Raises NotFound (site), Conflict (identity taken)."""
    if values.get("site_id") is not None:
        await find(db, Site, organization_id, values["site_id"], "site")
    # Identities are unique per installation, so this one look goes beyond the organization.
    taken = await db.scalar(select(Station.id).where(Station.identity == values["identity"]))
    if taken is not None:
        raise Conflict(f"the identity {values['identity']!r} is taken")
    row = await db.scalars(
        insert(Station)
        .values(organization_id=organization_id, registration="accepted", **values)
        .returning(Station)
    )
    return row.one()


async def update_station(
    db: AsyncSession, organization_id: UUID, identity: str, values: Mapping[str, Any]
) -> Station:
    """Change the given columns. Raises NotFound."""
    if values.get("site_id") is not None:
        await find(db, Site, organization_id, values["site_id"], "site")
    station = await find_station(db, organization_id, identity, lock=True)
    for column, value in values.items():
        setattr(station, column, value)
    station.changed_at = datetime.now(UTC)
    await db.flush()
    return station


async def retire_station(db: AsyncSession, organization_id: UUID, identity: str) -> Station:
    """Its socket is closed and it is refused from then on. A repeat changes nothing. Raises
    NotFound."""
    station = await find_station(db, organization_id, identity, lock=True)
    if station.retired_at is None:
        station.retired_at = datetime.now(UTC)
        await db.flush()
        await close_socket(db, station.id)
    return station


async def rotate_password(
    db: AsyncSession, secret_key: str, organization_id: UUID, identity: str
) -> str:
    """A new password, returned this once. Raises NotFound.

    The password in use stays valid until the station has come with the new one (the gateway then
    forgets it). Rotated twice before that, it is still the one in use that stays, not the one that
    the station never learnt.
    """
    station = await find_station(db, organization_id, identity, lock=True)
    password = new_password()
    if station.previous_password_hash is None:
        station.previous_password_hash = station.password_hash
    station.password_hash = hash_password(secret_key, password)
    await db.flush()
    return password


async def describe_evses(
    db: AsyncSession, organization_id: UUID, identity: str, plans: list[EvsePlan]
) -> Station:
    """Set what the station is built of. What the station said of a connector stays.

    Raises NotFound, Invalid (a number twice).
    """
    numbers = [plan.number for plan in plans]
    if len(set(numbers)) != len(numbers):
        raise Invalid("evses", numbers, "use each number once")
    station = await find_station(db, organization_id, identity, lock=True)
    evses = {row.number: row for row in await _evses(db, station)}
    connectors = {(row.evse, row.number): row for row in await _connectors(db, station)}
    wanted: set[tuple[int, int]] = set()
    for plan in plans:
        evse = evses.pop(plan.number, None)
        if evse is None:
            evse = Evse(organization_id=organization_id, station_id=station.id, number=plan.number)
            db.add(evse)
        evse.max_power_w = plan.max_power_w
        evse.current_type = plan.current_type
        for plug in plan.connectors:
            place = (plan.number, plug.number)
            if place in wanted:
                raise Invalid("connectors", plug.number, "use each number once per EVSE")
            wanted.add(place)
            row = connectors.get(place)
            if row is None:
                row = Connector(
                    organization_id=organization_id,
                    station_id=station.id,
                    evse=plan.number,
                    number=plug.number,
                )
                db.add(row)
            row.standard = plug.standard
    for gone in (
        *evses.values(),
        *(row for place, row in connectors.items() if place not in wanted),
    ):
        await db.delete(gone)
    await db.flush()
    return station


async def see_station(
    db: AsyncSession, organization_id: UUID, identity: str, lease_s: float
) -> StationSeen:
    """With its parts and its connection. Raises NotFound."""
    statement = _seen(organization_id, lease_s).where(Station.identity == identity)
    row = (await db.execute(statement)).one_or_none()
    if row is None:
        raise NotFound("station", identity)
    return (await _with_parts(db, organization_id, [row]))[0]


async def list_stations(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    wanted: StationFilter,
    lease_s: float,
) -> Slice[StationSeen]:
    """Oldest first."""
    statement = _seen(organization_id, lease_s)
    if not wanted.retired:
        statement = statement.where(Station.retired_at.is_(None))
    if wanted.site_id is not None:
        statement = statement.where(Station.site_id == wanted.site_id)
    if wanted.registration is not None:
        statement = statement.where(Station.registration == wanted.registration)
    if wanted.online is not None:
        online = func.coalesce(is_online(lease_s), False)
        statement = statement.where(online == wanted.online)
    if wanted.status is not None:
        statement = statement.where(
            select(Connector.id)
            .where(Connector.station_id == Station.id, Connector.status == wanted.status)
            .exists()
        )
    if wanted.query is not None:
        statement = statement.where(
            or_(
                Station.identity.icontains(wanted.query, autoescape=True),
                Station.name.icontains(wanted.query, autoescape=True),
                Station.vendor.icontains(wanted.query, autoescape=True),
                Station.model.icontains(wanted.query, autoescape=True),
            )
        )
    rows = await take_rows(db, statement, Station.id, asked)
    return Slice(items=await _with_parts(db, organization_id, rows.items), next=rows.next)


async def station_is_online(db: AsyncSession, station: Station, lease_s: float) -> bool:
    """Whether a live gateway holds its socket now."""
    found = await db.scalar(
        select(is_online(lease_s))
        .select_from(StationConnection)
        .outerjoin(Gateway, Gateway.boot_id == StationConnection.boot_id)
        .where(
            belongs(StationConnection, station.organization_id),
            StationConnection.station_id == station.id,
        )
    )
    return bool(found)


def _seen(organization_id: UUID, lease_s: float) -> Select[Station, bool, StationConnection]:
    return (
        select(Station, func.coalesce(is_online(lease_s), False), StationConnection)
        .where(belongs(Station, organization_id))
        .outerjoin(StationConnection, StationConnection.station_id == Station.id)
        .outerjoin(Gateway, Gateway.boot_id == StationConnection.boot_id)
    )


async def _with_parts(
    db: AsyncSession, organization_id: UUID, rows: list[Any]
) -> list[StationSeen]:
    """The parts of all stations in two queries, not two for each."""
    ids = [row[0].id for row in rows]
    evses: dict[UUID, list[Evse]] = {}
    connectors: dict[UUID, list[Connector]] = {}
    for evse in await db.scalars(
        owned(Evse, organization_id).where(Evse.station_id.in_(ids)).order_by(Evse.number)
    ):
        evses.setdefault(evse.station_id, []).append(evse)
    for plug in await db.scalars(
        owned(Connector, organization_id)
        .where(Connector.station_id.in_(ids))
        .order_by(Connector.evse, Connector.number)
    ):
        connectors.setdefault(plug.station_id, []).append(plug)
    return [
        StationSeen(
            station=row[0],
            online=bool(row[1]),
            connection=row[2],
            evses=evses.get(row[0].id, []),
            connectors=connectors.get(row[0].id, []),
        )
        for row in rows
    ]


async def _evses(db: AsyncSession, station: Station) -> list[Evse]:
    return list(
        await db.scalars(owned(Evse, station.organization_id).where(Evse.station_id == station.id))
    )


async def _connectors(db: AsyncSession, station: Station) -> list[Connector]:
    return list(
        await db.scalars(
            owned(Connector, station.organization_id).where(Connector.station_id == station.id)
        )
    )
