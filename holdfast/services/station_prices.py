"""What the public pays at each EVSE of a station at an instant: the versions and their words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from babel import Locale, UnknownLocaleError
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.pricing.boundaries import boundaries_of
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.context import SpotCurve
from holdfast.domain.tariff.display import shown_price
from holdfast.domain.tariff.shown import ShownPrice
from holdfast.services.compiled_tariffs import compiled
from holdfast.services.place_choices import ChargePlace, choose_each
from holdfast.services.price_words.price_text import PriceText, price_text
from holdfast.services.price_words.reader import Reader, reader_of
from holdfast.services.public_prices import display_context
from holdfast.services.scope import owned
from holdfast.services.tariff_choice import PUBLIC
from holdfast.store.tables import Evse, Site, Station, TariffVersion

UTC_ZONE = "UTC"
MARKET_LATE = timedelta(minutes=15)
"""After so long it is looked whether a market said meanwhile what it had not said."""

LANGUAGE_FALLBACK = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacePrice:
    """A version at an EVSE (None: the station names none), in values and in words.

    `changes_at`: when a market's price changes, and with it the words; None where none is in it.
    """

    evse: int | None
    version: TariffVersion
    compiled: CompiledTariff
    shown: ShownPrice
    words: PriceText
    changes_at: datetime | None = None


@dataclass(slots=True)
class Prices:
    """Prices of many stations at one instant; a version is put into words once per zone and
    language."""

    at: datetime
    _worded: dict[tuple[UUID, str, str], tuple[ShownPrice, PriceText, datetime | None]] = field(
        default_factory=dict
    )

    async def of_stations(
        self, db: AsyncSession, stations: Sequence[Station]
    ) -> dict[UUID, list[PlacePrice]]:
        """Of stations of one organization, each by EVSE, ascending; an EVSE at which nothing
        applies is left out.

        Raises TariffInvalid, UnknownZone.
        """
        if not stations:
            return {}
        organization_id = stations[0].organization_id
        sites = await _sites(db, organization_id, stations)
        places = await _places(db, organization_id, stations)
        chosen = await choose_each(
            db, organization_id=organization_id, places=places, driver=PUBLIC, at=self.at
        )
        prices: dict[UUID, list[PlacePrice]] = {station.id: [] for station in stations}
        for place, choice in ((place, chosen.get(place)) for place in places):
            if choice is not None:
                site = None if place.site_id is None else sites[place.site_id]
                worded = await self._worded_at(db, choice.version, place.evse, site)
                prices[place.station_id].append(worded)
        return prices

    async def _worded_at(
        self, db: AsyncSession, version: TariffVersion, evse: int | None, site: Site | None
    ) -> PlacePrice:
        zone = UTC_ZONE if site is None else site.time_zone
        reader = local_reader(None if site is None else site.country)
        tariff, key = compiled(version), (version.id, zone, reader.tag)
        if key not in self._worded:
            context = await display_context(
                db, version.organization_id, tariff, zone=zone, at=self.at
            )
            shown = shown_price(tariff, context, self.at)
            feeds = boundaries_of(tariff.tariff, context.user_groups).feeds
            changes_at = min(
                (_changes_at(context.spot.get(feed), self.at) for feed in feeds), default=None
            )
            self._worded[key] = (shown, price_text(shown, reader), changes_at)
        shown, words, changes_at = self._worded[key]
        return PlacePrice(
            evse=evse,
            version=version,
            compiled=tariff,
            shown=shown,
            words=words,
            changes_at=changes_at,
        )


async def _sites(
    db: AsyncSession, organization_id: UUID, stations: Sequence[Station]
) -> dict[UUID, Site]:
    ids = {station.site_id for station in stations if station.site_id is not None}
    rows = await db.scalars(owned(Site, organization_id).where(Site.id.in_(ids)))
    return {site.id: site for site in rows.all()}


async def _places(
    db: AsyncSession, organization_id: UUID, stations: Sequence[Station]
) -> list[ChargePlace]:
    numbers: dict[UUID, list[int | None]] = {}
    rows = await db.execute(
        owned(Evse, organization_id)
        .with_only_columns(Evse.station_id, Evse.number, maintain_column_froms=True)
        .where(Evse.station_id.in_([station.id for station in stations]))
        .order_by(Evse.station_id, Evse.number)
    )
    for station_id, number in rows:
        numbers.setdefault(station_id, []).append(number)
    return [
        ChargePlace(site_id=station.site_id, station_id=station.id, evse=number)
        for station in stations
        for number in numbers.get(station.id, [None])
    ]


def _changes_at(curve: SpotCurve | None, at: datetime) -> datetime:
    later = None if curve is None else curve.changes_after(at)
    if curve is not None and curve.at(at) is not None and later is not None:
        return later
    # A fallback is shown: the market may speak at any time.
    return min(later or at + MARKET_LATE, at + MARKET_LATE)


def local_reader(country: str | None) -> Reader:
    """Who most likely reads a display in a country (ISO 3166-1 alpha-2), by Unicode's likely
    subtags; English where no country is known."""
    if country is None:
        return reader_of(LANGUAGE_FALLBACK)
    try:
        locale = Locale.parse(f"und_{country.upper()}", resolve_likely_subtags=True)
    except (UnknownLocaleError, ValueError):
        return reader_of(LANGUAGE_FALLBACK)
    return reader_of(f"{locale.language}-{country.upper()}")
