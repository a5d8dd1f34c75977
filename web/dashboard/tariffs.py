"""Tariffs as they are in force: what they cost, where they apply. Reading only."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceComponent,
    Restrictions,
    TariffElement,
    TariffInvalid,
)
from holdfast.services.scope import owned
from holdfast.store.tables import Site, Station, Tariff, TariffAssignment, TariffVersion
from web.visit import Visit

TARIFFS_MAX = 500
PER = {
    DimensionType.ENERGY: "kWh",
    DimensionType.TIME: "h",
    DimensionType.PARKING_TIME: "h",
    DimensionType.FLAT: "session",
}
NAMES = {
    DimensionType.ENERGY: "Energy",
    DimensionType.TIME: "Charging time",
    DimensionType.PARKING_TIME: "Parking time",
    DimensionType.FLAT: "Per session",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A price: so much per unit, plus VAT."""

    name: str
    price: str
    per: str
    vat: str | None
    when: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffCard:
    """A tariff with its newest version. `problem` where that version cannot be read."""

    name: str
    currency: str
    retired: bool
    version: int | None
    valid_from: datetime | None
    components: tuple[Component, ...]
    idle_grace_s: int
    applies_to: tuple[str, ...]
    problem: str | None


async def show_tariffs(visit: Visit) -> Response:
    """GET /tariffs"""
    organization_id = visit.viewer.organization_id
    tariffs = await visit.db.scalars(
        owned(Tariff, organization_id)
        .order_by(Tariff.retired_at.is_not(None), Tariff.name)
        .limit(TARIFFS_MAX)
    )
    versions = await visit.db.scalars(
        owned(TariffVersion, organization_id)
        .ext(distinct_on(TariffVersion.tariff_id))
        .order_by(TariffVersion.tariff_id, TariffVersion.number.desc())
        .limit(TARIFFS_MAX)
    )
    newest = {version.tariff_id: version for version in versions}
    places = await _places(visit.db, organization_id)
    cards = tuple(
        _card(tariff, newest.get(tariff.id), places.get(tariff.id, ())) for tariff in tariffs
    )
    return visit.page("tariffs.html", cards=cards)


async def _places(db: AsyncSession, organization_id: UUID) -> dict[UUID, tuple[str, ...]]:
    rows = await db.execute(
        owned(TariffAssignment, organization_id)
        .outerjoin(Site, Site.id == TariffAssignment.site_id)
        .outerjoin(Station, Station.id == TariffAssignment.station_id)
        .with_only_columns(TariffAssignment.tariff_id, Site.name, Station.identity)
        .order_by(Site.name.nulls_first(), Station.identity.nulls_first())
    )
    places: dict[UUID, tuple[str, ...]] = {}
    for tariff_id, site, identity in rows:
        place = site or identity or "All stations"
        places[tariff_id] = (*places.get(tariff_id, ()), place)
    return places


def _card(tariff: Tariff, version: TariffVersion | None, places: tuple[str, ...]) -> TariffCard:
    components: tuple[Component, ...] = ()
    idle_grace_s, problem = 0, None
    if version is not None:
        try:
            value = tariff_from_json(version.body)
        except (TariffInvalid, ValueError) as error:
            problem = str(error)[:200]
        else:
            idle_grace_s = value.idle_grace_s
            components = tuple(
                _component(component, element)
                for element in value.elements
                for component in element.price_components
            )
    return TariffCard(
        name=tariff.name,
        currency=tariff.currency,
        retired=tariff.retired_at is not None,
        version=None if version is None else version.number,
        valid_from=None if version is None else version.valid_from,
        components=components,
        idle_grace_s=idle_grace_s,
        applies_to=places,
        problem=problem,
    )


def _component(component: PriceComponent, element: TariffElement) -> Component:
    return Component(
        name=NAMES[component.type],
        price=_price(component.price),
        per=PER[component.type],
        vat=None if component.vat is None else _plain(component.vat),
        when=_when(element.restrictions),
    )


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _price(value: Decimal) -> str:
    """All its decimals, and at least two."""
    text = _plain(value)
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(2, '0')}"


def _when(restrictions: Restrictions | None) -> str:
    """A restriction in words; empty where there is none."""
    if restrictions is None:
        return ""
    parts = []
    if restrictions.start_time or restrictions.end_time:
        start, end = restrictions.start_time, restrictions.end_time
        parts.append(
            f"{start.strftime('%H:%M') if start else '00:00'} to "
            f"{end.strftime('%H:%M') if end else '24:00'}"
        )
    if restrictions.day_of_week:
        parts.append(", ".join(day.value[:3].title() for day in restrictions.day_of_week))
    for name, low, high, unit in (
        ("energy", restrictions.min_kwh, restrictions.max_kwh, "kWh"),
        ("duration", restrictions.min_duration, restrictions.max_duration, "s"),
        ("power", restrictions.min_power, restrictions.max_power, "kW"),
        ("current", restrictions.min_current, restrictions.max_current, "A"),
        ("date", restrictions.start_date, restrictions.end_date, ""),
    ):
        if low is not None:
            parts.append(f"{name} from {low} {unit}".strip())
        if high is not None:
            parts.append(f"{name} below {high} {unit}".strip())
    if restrictions.reservation is not None:
        parts.append("reservations only")
    return "; ".join(parts)
