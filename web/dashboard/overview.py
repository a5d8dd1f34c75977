"""The first page: how the network is now, what runs, and what needs a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.services.overview import Overview, read_overview
from holdfast.services.scope import belongs
from holdfast.store.tables import Connector, Session, Site, Station
from web.dashboard.presence import online
from web.dashboard.session_rows import SessionLine, select_sessions, session_lines
from web.live_page import LivePage
from web.viewer import Viewer
from web.visit import Desk, Visit
from web.wording import CONNECTOR, OFFLINE, Badge, badge

RECENT_SESSIONS = 8
STATIONS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """Nothing can be asked of the page, but what waits depends on who reads it."""

    reviewer: str | None

    def parameters(self) -> Mapping[str, str]:
        """None: the stream's own sign-in says who."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A station that needs a look, and why."""

    station: str
    site: str | None
    problem: Badge
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage:
    """Figures of today are of the UTC day, as the API's."""

    figures: Overview
    sessions: tuple[SessionLine, ...]
    troubles: tuple[Trouble, ...]
    troubles_more: int


async def read_page(
    desk: Desk, db: AsyncSession, organization_id: UUID, asked: Reading
) -> OverviewPage:
    """The figures of the API's overview, and two short lists."""
    lease_s = desk.settings.gateway_lease_s
    recent = await db.execute(
        select_sessions(organization_id).order_by(Session.id.desc()).limit(RECENT_SESSIONS)
    )
    troubles, more = await _troubles(db, organization_id, lease_s)
    return OverviewPage(
        figures=await read_overview(
            db,
            organization_id,
            now=desk.pages.now(),
            lease_s=lease_s,
            reviewer=asked.reviewer,
        ),
        sessions=session_lines(recent.all()),
        troubles=troubles,
        troubles_more=more,
    )


def read_by(viewer: Viewer, _parameters: Mapping[str, str]) -> Reading:
    """By whom it is read."""
    return Reading(viewer.reviewer)


OVERVIEW = LivePage(
    name="overview",
    topics=frozenset({"sessions", "stations", "payments"}),
    template="fragments/overview.html",
    parse=read_by,
    read=read_page,
)


async def show_overview(visit: Visit) -> Response:
    """GET /"""
    return await OVERVIEW.show(visit, "overview.html")


async def _troubles(
    db: AsyncSession, organization_id: UUID, lease_s: float
) -> tuple[tuple[Trouble, ...], int]:
    is_online = online(lease_s)
    faulted = (
        select(Connector.id)
        .where(Connector.station_id == Station.id, Connector.status == "faulted")
        .correlate(Station)
        .exists()
    )
    statement = (
        select(Station.identity, Site.name, Station.last_seen_at, Station.registration, is_online)
        .outerjoin(Site, Site.id == Station.site_id)
        .where(
            belongs(Station, organization_id),
            Station.retired_at.is_(None),
            # A station that never came is being built, not broken.
            or_(
                faulted,
                and_(~is_online, Station.last_seen_at.is_not(None)),
                Station.registration == "pending",
            ),
        )
        .order_by(Station.last_seen_at.desc().nulls_last(), Station.identity)
    )
    rows = (await db.execute(statement.limit(STATIONS_SHOWN))).all()
    total = await db.scalar(select(func.count()).select_from(statement.subquery()))
    return tuple(_trouble(*row) for row in rows), int(total or 0) - len(rows)


def _trouble(
    identity: str, site: str | None, seen_at: datetime | None, registration: str, is_online: bool
) -> Trouble:
    if registration == "pending":
        problem = Badge("Pending", "wait", "clock")
    else:
        problem = badge(CONNECTOR, "faulted") if is_online else OFFLINE
    return Trouble(station=identity, site=site, problem=problem, since=seen_at)
