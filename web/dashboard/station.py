"""One station: what it is, what its connectors do, its orders and its message log, live."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.contracts.names import order_workflow_id
from holdfast.http.permissions import Permission
from holdfast.services.refusal import NotFound
from holdfast.services.scope import owned
from holdfast.services.sessions import is_running
from holdfast.store.tables import Connector, Evse, Order, Session, Site, Station, StationConnection
from web.dashboard.command_fields import PATIENCE_S
from web.dashboard.command_forms import DAILY
from web.dashboard.commands import cost_currency
from web.dashboard.message_log import LoggedMessage, read_log
from web.dashboard.presence import online
from web.dashboard.session_rows import SessionLine, select_sessions, session_line
from web.live_page import LivePage, uuid_or_none
from web.viewer import Viewer
from web.visit import Desk, Visit
from web.wording import CONNECTOR, ORDER, REGISTRATION, Badge, badge, words

ORDERS_SHOWN = 8
RECENT_SESSIONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StationAsked:
    """`with_messages`: the viewer may read raw messages. `order` is the one just placed."""

    identity: str
    with_messages: bool
    order_id: UUID | None = None

    def parameters(self) -> Mapping[str, str]:
        """As the stream's URL has them."""
        values = {"identity": self.identity}
        if self.order_id is not None:
            values["order"] = str(self.order_id)
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """A connector, and the session that runs on it."""

    evse: int
    number: int
    standard: str | None
    badge: Badge
    since: datetime | None
    error_code: str | None
    max_power_w: int | None
    current_type: str | None
    session: SessionLine | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """An order and what came of it. `status` is the station's own word."""

    id: UUID
    kind: str
    badge: Badge
    status: str | None
    problem: str | None
    requested_by: str
    created_at: datetime
    answered_at: datetime | None
    not_after: datetime
    workflow_url: str
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Who holds the socket. Address and times are of the last one where there is none."""

    is_online: bool
    protocol: str | None
    remote_address: str | None
    connected_at: datetime | None
    disconnected_at: datetime | None
    generation: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationView:
    """The page. `log` is None where the viewer may not read messages."""

    identity: str
    name: str | None
    site: str | None
    registration: Badge
    pending: bool
    retired: bool
    facts: tuple[tuple[str, str], ...]
    status: Badge | None
    booted_at: datetime | None
    last_seen_at: datetime | None
    connection: Connection
    outlets: tuple[Outlet, ...]
    sessions: tuple[SessionLine, ...]
    orders: tuple[OrderLine, ...]
    log: tuple[LoggedMessage, ...] | None
    currency: str | None

    @property
    def stoppable(self) -> tuple[SessionLine, ...]:
        """Its sessions that an order can stop."""
        return tuple(line for line in self.sessions if line.is_open and line.started_at)


def parse_station(viewer: Viewer, parameters: Mapping[str, str]) -> StationAsked:
    """The identity comes from the path, or from the stream's query."""
    return StationAsked(
        identity=parameters.get("identity", ""),
        with_messages=viewer.may(Permission.READ_MESSAGES),
        order_id=uuid_or_none(parameters.get("order")),
    )


async def read_station(
    desk: Desk, db: AsyncSession, organization_id: UUID, asked: StationAsked
) -> StationView:
    """Raises NotFound."""
    row = (
        await db.execute(
            owned(Station, organization_id)
            .outerjoin(Site, Site.id == Station.site_id)
            .outerjoin(StationConnection, StationConnection.station_id == Station.id)
            .where(Station.identity == asked.identity)
            .with_only_columns(
                Station, Site.name, StationConnection, online(desk.settings.gateway_lease_s)
            )
        )
    ).one_or_none()
    if row is None:
        raise NotFound("station", asked.identity)
    station: Station = row[0]
    sessions = (
        await db.execute(
            select_sessions(organization_id)
            .where(Session.station_id == station.id)
            .order_by(is_running().desc(), Session.id.desc())
            .limit(RECENT_SESSIONS)
        )
    ).all()
    lines = tuple(session_line(session) for session in sessions)
    currency = await cost_currency(db, station, desk.pages.now())
    return StationView(
        identity=station.identity,
        name=station.name,
        site=row[1],
        registration=badge(REGISTRATION, station.registration),
        pending=station.registration == "pending" and station.retired_at is None,
        retired=station.retired_at is not None,
        facts=_facts(station),
        status=None if station.status is None else badge(CONNECTOR, station.status),
        booted_at=station.booted_at,
        last_seen_at=station.last_seen_at,
        connection=_connection(row[2], bool(row[3])),
        outlets=await _outlets(db, organization_id, station.id, lines),
        sessions=lines,
        orders=await _orders(desk, db, organization_id, station.id, asked.order_id),
        log=await read_log(db, organization_id, station) if asked.with_messages else None,
        currency=None if currency is None else currency.code,
    )


STATION = LivePage(
    name="station",
    topics=frozenset({"stations", "sessions", "orders", "frames"}),
    template="fragments/station.html",
    more="fragments/station_log.html",
    parse=parse_station,
    read=read_station,
)


async def show_station(visit: Visit) -> Response:
    """GET /stations/{identity}"""
    asked = StationAsked(
        identity=visit.request.path_params["identity"],
        with_messages=visit.viewer.may(Permission.READ_MESSAGES),
        order_id=uuid_or_none(visit.request.query_params.get("order")),
    )
    return await STATION.show_asked(
        visit, "station.html", asked, commands=DAILY, patience=PATIENCE_S
    )


async def _outlets(
    db: AsyncSession, organization_id: UUID, station_id: UUID, sessions: tuple[SessionLine, ...]
) -> tuple[Outlet, ...]:
    rows = await db.execute(
        owned(Connector, organization_id)
        .outerjoin(
            Evse, (Evse.station_id == Connector.station_id) & (Evse.number == Connector.evse)
        )
        .where(Connector.station_id == station_id, Connector.evse > 0)
        .with_only_columns(Connector, Evse)
        .order_by(Connector.evse, Connector.number)
    )
    running = {line.evse: line for line in reversed(sessions) if line.is_open}
    return tuple(
        Outlet(
            evse=connector.evse,
            number=connector.number,
            standard=connector.standard,
            badge=badge(CONNECTOR, connector.status),
            since=connector.status_at,
            error_code=connector.error_code,
            max_power_w=None if evse is None else evse.max_power_w,
            current_type=None if evse is None else evse.current_type,
            session=running.get(connector.evse),
        )
        for connector, evse in rows
    )


async def _orders(
    desk: Desk, db: AsyncSession, organization_id: UUID, station_id: UUID, new: UUID | None
) -> tuple[OrderLine, ...]:
    rows = await db.scalars(
        owned(Order, organization_id)
        .where(Order.station_id == station_id)
        .order_by(Order.id.desc())
        .limit(ORDERS_SHOWN)
    )
    return tuple(_order_line(desk, row, new) for row in rows)


def _order_line(desk: Desk, order: Order, new: UUID | None) -> OrderLine:
    answer = order.answer or {}
    error = answer.get("error")
    response = answer.get("response")
    status = response.get("status") if isinstance(response, dict) else answer.get("status")
    return OrderLine(
        id=order.id,
        kind=words(order.kind),
        badge=badge(ORDER, order.state),
        status=None if status is None else str(status)[:80],
        problem=None if not error else str(error)[:200],
        requested_by=order.requested_by,
        created_at=order.created_at,
        answered_at=order.answered_at,
        not_after=order.not_after,
        workflow_url=desk.temporal_url(order_workflow_id(order.id)),
        is_new=order.id == new,
    )


def _facts(station: Station) -> tuple[tuple[str, str], ...]:
    told = (
        ("Vendor", station.vendor),
        ("Model", station.model),
        ("Serial number", station.serial_number),
        ("Firmware", station.firmware_version),
        ("Firmware update", None if station.firmware_status is None else station.firmware_status),
        ("Boot reason", station.boot_reason),
        ("Protocol", station.protocol),
    )
    return tuple((name, value) for name, value in told if value)


def _connection(row: StationConnection | None, is_online: bool) -> Connection:
    return Connection(
        is_online=is_online,
        protocol=None if row is None else row.protocol,
        remote_address=None if row is None else row.remote_address,
        connected_at=None if row is None else row.connected_at,
        disconnected_at=None if row is None else row.disconnected_at,
        generation=None if row is None else row.generation,
    )
