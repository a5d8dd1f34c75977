"""Where and for whom tariffs apply, in words: one line per assignment that holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.scope import owned
from holdfast.services.tariff_choice import Audience, Place, audience_of, holds, place_of, rank
from holdfast.store.tables import Account, Site, Station, TariffAssignment, UserGroup

ASSIGNMENTS_MAX = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Applies:
    """`place_url` where the place has a page."""

    id: UUID
    audience: str
    place: str
    station: str | None
    place_url: str | None
    since: datetime
    rank: tuple[int, int]

    @property
    def text(self) -> str:
        """Both on one line."""
        return f"{self.audience}: {self.place}"


async def applies(
    db: AsyncSession, organization_id: UUID, tariff_ids: Iterable[UUID], at: datetime
) -> dict[UUID, tuple[Applies, ...]]:
    """Of each tariff that applies anywhere, the closest assignment first."""
    rows = await db.execute(
        owned(TariffAssignment, organization_id)
        .outerjoin(Site, Site.id == TariffAssignment.site_id)
        .outerjoin(Station, Station.id == TariffAssignment.station_id)
        .outerjoin(UserGroup, UserGroup.id == TariffAssignment.user_group_id)
        .outerjoin(Account, Account.id == TariffAssignment.account_id)
        .where(TariffAssignment.tariff_id.in_(list(tariff_ids)), holds(at))
        .with_only_columns(
            TariffAssignment, Site.name, Station.identity, UserGroup.name, Account.name
        )
        .order_by(Site.name, Station.identity, TariffAssignment.evse, TariffAssignment.id)
        .limit(ASSIGNMENTS_MAX)
    )
    found: dict[UUID, list[Applies]] = {}
    for row, site, station, group, account in rows:
        found.setdefault(row.tariff_id, []).append(
            Applies(
                id=row.id,
                audience=_audience(row, group, account),
                place=_place(row, site, station),
                station=station,
                place_url=None if station is None else f"/stations/{station}",
                since=row.created_at,
                rank=rank(row),
            )
        )
    return {
        tariff_id: tuple(sorted(items, key=lambda item: item.rank))
        for tariff_id, items in found.items()
    }


def _audience(row: TariffAssignment, group: str | None, account: str | None) -> str:
    kind = audience_of(row)
    if kind is Audience.ACCOUNT:
        return f"Account {account}"
    if kind is Audience.USER_GROUP:
        return f"Group {group}"
    return "Ad hoc payment" if kind is Audience.AD_HOC else "Everybody"


def _place(row: TariffAssignment, site: str | None, station: str | None) -> str:
    kind = place_of(row)
    if kind is Place.EVSE:
        return f"{station}, EVSE {row.evse}"
    if kind is Place.STATION:
        return str(station)
    return "All stations" if kind is Place.ORGANIZATION else str(site)
