"""The public price of a charge point: what whoever pays ad hoc is charged there now.

Anybody may ask, without an account: a driver who scanned the code on the station. So this says
nothing that the price list on the station itself would not: no tariff's name or id, nothing of
other drivers' prices, nothing of who charges there.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.pricing.boundaries import boundaries_of
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.tariff.display import shown_price
from holdfast.domain.tariff.shown import ShownPrice
from holdfast.services.compiled_tariffs import compiled
from holdfast.services.estimates import Imagined, estimate
from holdfast.services.page_content import page_content
from holdfast.services.price_words.price_text import PriceText, price_text
from holdfast.services.price_words.reader import Reader, reader_of
from holdfast.services.scope import owned
from holdfast.services.shown_prices import (
    Showing,
    Slot,
    end_row,
    nobody_in_line,
    write,
)
from holdfast.services.spot_prices import curves
from holdfast.services.tariff_choice import PUBLIC, choose
from holdfast.store.tables import Evse, Organization, Site, Station
from holdfast.store.tables import ShownPrice as ShownRow

AHEAD = timedelta(days=8)
"""The display looks a week ahead, and an estimated session may go on from there."""

CHANNEL = "page"
LEDGER_LANGUAGE = "en"

KEPT_MAX = 256
"""Prices of this minute: windows and markets change on whole minutes, so strangers who ask again
and again cost no pricing."""

READERS_KEPT_MAX = 20
"""Of a price: languages and countries in which it is kept in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePoint:
    """A public place to charge. `operator` and `place` are names that people gave."""

    organization_id: UUID
    station_id: UUID
    site_id: UUID | None
    station: str
    evse: int
    operator: str
    place: str | None
    city: str | None
    zone: str
    max_power_w: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicPrice:
    """What holds there. `context` is that of a session that starts now."""

    version_id: UUID
    tariff: CompiledTariff
    context: PriceContext
    shown: ShownPrice
    _worded: dict[str, PriceText] = field(default_factory=dict, compare=False, repr=False)

    def words(self, reader: Reader) -> PriceText:
        """The price list for a reader, put into words once."""
        known = self._worded.get(reader.tag)
        if known is None:
            if len(self._worded) >= READERS_KEPT_MAX:
                self._worded.clear()
            known = self._worded[reader.tag] = price_text(self.shown, reader)
        return known

    def estimate(self, imagined: Imagined) -> dict[str, object]:
        """The price of a session that starts now, by the one pricing function (M4)."""
        return estimate(self.tariff, imagined, self.context)


_kept: OrderedDict[tuple[UUID, str, datetime], PublicPrice] = OrderedDict()


async def find_charge_point(db: AsyncSession, identity: str, evse: int) -> ChargePoint | None:
    """The EVSE of a station in service, of whatever organization; None where there is none."""
    row = (
        await db.execute(
            select(
                Station.organization_id,
                Station.id,
                Station.site_id,
                Station.identity,
                Evse.number,
                Organization.name,
                Site.name,
                Site.city,
                Site.time_zone,
                Evse.max_power_w,
            )
            .join(Organization, Organization.id == Station.organization_id)
            .join(Evse, (Evse.station_id == Station.id) & (Evse.number == evse))
            .outerjoin(Site, Site.id == Station.site_id)
            .where(
                Station.identity == identity,
                Station.retired_at.is_(None),
                Station.registration == "accepted",
            )
        )
    ).one_or_none()
    if row is None:
        return None
    return ChargePoint(
        organization_id=row[0],
        station_id=row[1],
        site_id=row[2],
        station=row[3],
        evse=row[4],
        operator=row[5],
        place=row[6],
        city=row[7],
        zone=row[8] or "UTC",
        max_power_w=row[9],
    )


async def public_price(db: AsyncSession, point: ChargePoint, at: datetime) -> PublicPrice | None:
    """What whoever pays ad hoc pays at the instant; None where no tariff applies to them.

    Raises TariffInvalid, UnknownZone.
    """
    choice = await choose(
        db,
        organization_id=point.organization_id,
        site_id=point.site_id,
        station_id=point.station_id,
        evse=point.evse,
        driver=PUBLIC,
        at=at,
    )
    if choice is None:
        return None
    key = (choice.version.id, point.zone, at.replace(second=0, microsecond=0))
    known = _kept.get(key)
    if known is not None:
        return known
    tariff = compiled(choice.version)
    context = await display_context(db, point.organization_id, tariff, zone=point.zone, at=at)
    known = _kept.get(key)  # of many who look at once, the first works it out
    if known is not None:
        return known
    found = PublicPrice(
        version_id=choice.version.id,
        tariff=tariff,
        context=context,
        shown=shown_price(tariff, context, at),
    )
    while len(_kept) >= KEPT_MAX:
        _kept.popitem(last=False)
    _kept[key] = found
    return found


async def display_context(
    db: AsyncSession,
    organization_id: UUID,
    tariff: CompiledTariff,
    *,
    zone: str,
    at: datetime,
    groups: Iterable[str] = (),
    known_at: datetime | None = None,
) -> PriceContext:
    """What a price that is shown at an instant depends on: the market as far as it is known, or as
    far as it was at an instant."""
    keys = frozenset(groups)
    feeds = boundaries_of(tariff.tariff, keys).feeds
    spot = await curves(db, organization_id, feeds, at, at + AHEAD, known_at=known_at)
    return PriceContext(zone=zone, user_groups=keys, spot=spot)


async def note_page(db: AsyncSession, point: ChargePoint, price: PublicPrice) -> None:
    """Into the ledger: this version is what the page shows from now on. A repeat changes nothing,
    and costs a stranger's look no words.

    One writer per station at a time, the publications among them; who comes second while it is
    written leaves it to them.
    """
    slot = Slot(channel=CHANNEL, station_id=point.station_id, evse=point.evse)
    if not await _is_new(db, point, price.version_id):
        return
    if not await nobody_in_line(db, point.station_id):
        return
    if not await _is_new(db, point, price.version_id):
        return
    now = price.shown.at.astimezone(UTC)
    words = price.words(reader_of(LEDGER_LANGUAGE))
    for row in await db.scalars(_open(point)):
        end_row(row, now)
    await write(
        db,
        point.organization_id,
        Showing(
            slot=slot,
            version_id=price.version_id,
            content=page_content(words, price.tariff, point.zone),
            text=words.plain,
            language=words.locale,
        ),
        publication_id=None,
        order_id=None,
        now=now,
    )


async def _is_new(db: AsyncSession, point: ChargePoint, version_id: UUID) -> bool:
    rows = (await db.scalars(_open(point))).all()
    return not any(row.version_id == version_id for row in rows)


def _open(point: ChargePoint) -> Select[ShownRow]:
    return owned(ShownRow, point.organization_id).where(
        ShownRow.channel == CHANNEL,
        ShownRow.station_id == point.station_id,
        ShownRow.evse == point.evse,
        ShownRow.until_at.is_(None),
    )
