"""Which tariff version applies at each of many places: `tariff_choice`, for all of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.scope import belongs
from holdfast.services.tariff_choice import (
    CONSIDERED_MAX,
    Choice,
    Driver,
    choose,
    chosen,
    holds,
    judged,
    of_audience,
    rank,
    with_versions,
)
from holdfast.store.tables import TariffAssignment


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePlace:
    """An EVSE (None: the station names none), by what an assignment may name of it."""

    site_id: UUID | None
    station_id: UUID
    evse: int | None


async def choose_each(
    db: AsyncSession,
    *,
    organization_id: UUID,
    places: Sequence[ChargePlace],
    driver: Driver,
    at: datetime,
) -> dict[ChargePlace, Choice]:
    """As `choose`, of many places by one query; those where nothing applies are left out. A second
    query where nothing held somewhere, and only where something was assigned later, more."""
    stations = {place.station_id for place in places}
    asked = (
        belongs(TariffAssignment, organization_id)
        & of_audience(driver)
        & or_(
            TariffAssignment.station_id.in_(stations),
            TariffAssignment.site_id.in_({place.site_id for place in places if place.site_id}),
            and_(TariffAssignment.station_id.is_(None), TariffAssignment.site_id.is_(None)),
        )
    )
    found = with_versions(asked & holds(at), at).order_by(TariffAssignment.id.desc())
    rows_of: dict[tuple[UUID | None, int | None], list[Any]] = {}
    for row in await db.execute(found.limit(CONSIDERED_MAX * (len(places) + 1))):
        named = row[0].station_id or row[0].site_id, row[0].evse
        rows_of.setdefault(named, []).append(row)
    choices: dict[ChargePlace, Choice] = {}
    for place in places:
        names = {
            (None, None),
            (place.site_id, None),
            (place.station_id, None),
            (place.station_id, place.evse),
        }
        rows = [row for name in names for row in rows_of.get(name, ())]
        choice = chosen(judged(sorted(rows, key=lambda row: rank(row[0])), at))
        if choice is not None:
            choices[place] = choice
    nowhere = [place for place in places if place not in choices]
    later = select(TariffAssignment.id).where(asked, TariffAssignment.created_at > at).limit(1)
    if nowhere and await db.scalar(later) is not None:
        for place in nowhere:
            choice = await choose(
                db,
                organization_id=organization_id,
                site_id=place.site_id,
                station_id=place.station_id,
                evse=place.evse,
                driver=driver,
                at=at,
            )
            if choice is not None:
                choices[place] = choice
    return choices
