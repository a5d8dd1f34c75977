"""The list of stations: filtered and paged by Postgres, live."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.services.scope import belongs, owned
from holdfast.store.tables import Connector, Site, Station
from web.dashboard.presence import online
from web.live_page import LivePage, count_or, uuid_or_none
from web.viewer import Viewer
from web.visit import Desk, Visit
from web.wording import CONNECTOR, Badge, badge

PAGE_LENGTH = 50
PAGE_MAX = 10_000
SITES_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFilter:
    """`status` is a connector's, `online` "yes" or "no", `text` part of an identity or name."""

    site_id: UUID | None = None
    status: str | None = None
    online: str | None = None
    text: str | None = None
    page: int = 1

    def parameters(self) -> Mapping[str, str]:
        """As the URL has them."""
        return self.on_page(self.page)

    def on_page(self, page: int) -> dict[str, str]:
        """The same, for another page."""
        values = {
            "site": None if self.site_id is None else str(self.site_id),
            "status": self.status,
            "online": self.online,
            "q": self.text,
            "page": None if page == 1 else str(page),
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug:
    """A connector of a line. `label`: its EVSE, and its own number where that has several."""

    label: str
    badge: Badge


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLine:
    """One station of the list."""

    identity: str
    name: str | None
    site: str | None
    model: str | None
    protocol: str | None
    is_online: bool
    registration: str
    retired: bool
    last_seen_at: datetime | None
    plugs: tuple[Plug, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StationList:
    """A page of the list; `total` counts what the filter lets through."""

    lines: tuple[StationLine, ...]
    total: int
    page: int
    pages: int
    asked: StationFilter

    @property
    def first(self) -> int:
        """The number of the first line, from 1."""
        return (self.page - 1) * PAGE_LENGTH + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An option of a filter."""

    value: str
    word: str


def parse_stations(_viewer: Viewer, parameters: Mapping[str, str]) -> StationFilter:
    """What cannot be read filters nothing."""
    status, online_asked = parameters.get("status"), parameters.get("online")
    return StationFilter(
        site_id=uuid_or_none(parameters.get("site")),
        status=status if status in CONNECTOR else None,
        online=online_asked if online_asked in ("yes", "no") else None,
        text=parameters.get("q"),
        page=count_or(parameters.get("page"), 1, PAGE_MAX),
    )


async def read_stations(
    desk: Desk, db: AsyncSession, organization_id: UUID, asked: StationFilter
) -> StationList:
    """Count, clamp the page, read it, and the connectors of its stations."""
    is_online = online(desk.settings.gateway_lease_s)
    found = _filtered(organization_id, asked, desk.settings.gateway_lease_s)
    total = int(await db.scalar(select(func.count()).select_from(found.subquery())) or 0)
    pages = max(1, -(-total // PAGE_LENGTH))
    page = min(asked.page, pages)
    rows = (
        await db.execute(
            found.outerjoin(Site, Site.id == Station.site_id)
            .with_only_columns(Station, Site.name, is_online)
            .order_by(Station.identity)
            .offset((page - 1) * PAGE_LENGTH)
            .limit(PAGE_LENGTH)
        )
    ).all()
    plugs = await read_plugs(db, organization_id, [row[0].id for row in rows])
    lines = tuple(_line(row[0], row[1], row[2], plugs.get(row[0].id, ())) for row in rows)
    return StationList(lines=lines, total=total, page=page, pages=pages, asked=asked)


async def read_plugs(
    db: AsyncSession, organization_id: UUID, station_ids: list[UUID]
) -> dict[UUID, tuple[Plug, ...]]:
    """The connectors of some stations, in order."""
    rows = (
        await db.scalars(
            owned(Connector, organization_id)
            .where(Connector.station_id.in_(station_ids))
            .order_by(Connector.evse, Connector.number)
        )
    ).all()
    several = Counter((row.station_id, row.evse) for row in rows)
    plugs: dict[UUID, tuple[Plug, ...]] = {}
    for row in rows:
        alone = several[row.station_id, row.evse] == 1
        label = str(row.evse) if alone else f"{row.evse}.{row.number}"
        plug = Plug(label=label, badge=badge(CONNECTOR, row.status))
        plugs[row.station_id] = (*plugs.get(row.station_id, ()), plug)
    return plugs


async def read_sites(db: AsyncSession, organization_id: UUID) -> tuple[Choice, ...]:
    """The sites that a list can be narrowed to."""
    rows = await db.scalars(
        owned(Site, organization_id)
        .where(Site.retired_at.is_(None))
        .order_by(Site.name)
        .limit(SITES_MAX)
    )
    return tuple(Choice(value=str(site.id), word=site.name) for site in rows)


STATIONS = LivePage(
    name="stations",
    topics=frozenset({"stations"}),
    template="fragments/stations.html",
    parse=parse_stations,
    read=read_stations,
)


async def show_stations(visit: Visit) -> Response:
    """GET /stations"""
    return await STATIONS.show(
        visit,
        "stations.html",
        sites=await read_sites(visit.db, visit.viewer.organization_id),
        statuses=tuple(Choice(value=name, word=item.word) for name, item in CONNECTOR.items()),
    )


def _filtered(organization_id: UUID, asked: StationFilter, lease_s: float) -> Select[Station]:
    found = owned(Station, organization_id).where(Station.retired_at.is_(None))
    if asked.site_id is not None:
        found = found.where(Station.site_id == asked.site_id)
    if asked.online is not None:
        is_online = online(lease_s)
        found = found.where(is_online if asked.online == "yes" else ~is_online)
    if asked.status is not None:
        with_status = select(Connector.station_id).where(
            belongs(Connector, organization_id), Connector.status == asked.status
        )
        found = found.where(Station.id.in_(with_status))
    if asked.text is not None:
        found = found.where(
            or_(
                Station.identity.icontains(asked.text, autoescape=True),
                Station.name.icontains(asked.text, autoescape=True),
                Station.serial_number.icontains(asked.text, autoescape=True),
            )
        )
    return found


def _line(
    station: Station, site: str | None, is_online: bool, plugs: tuple[Plug, ...]
) -> StationLine:
    return StationLine(
        identity=station.identity,
        name=station.name,
        site=site,
        model=" ".join(part for part in (station.vendor, station.model) if part) or None,
        protocol=station.protocol,
        is_online=is_online,
        registration=station.registration,
        retired=station.retired_at is not None,
        last_seen_at=station.last_seen_at,
        plugs=plugs,
    )
