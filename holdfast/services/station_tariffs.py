"""Stations come to show the price that applies: orders for what differs, rows for what was asked.

OCPP 2.1: a default tariff per EVSE, where OCPP can say ours without pricing it otherwise. OCPP 2.x
with a display: a message with the price in words. OCPP 1.6 that says it displays prices: the
default price of the California application note. Pages show what applies by themselves; the ledger
keeps since when.

One function looks at one station whatever happened (a version, an assignment, an end, a repair):
it compares what applies with what the ledger says, and a repeat does nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.orders import OrderKind
from holdfast.domain.tariff import california
from holdfast.domain.tariff.station_tariff import Words, station_tariff
from holdfast.services import shown_prices
from holdfast.services.orders import place_order
from holdfast.services.price_looks import note_look
from holdfast.services.publications import SYSTEM, ensure, in_line
from holdfast.services.shown_prices import Showing, Slot
from holdfast.services.station_abilities import Abilities
from holdfast.services.station_prices import PlacePrice, Prices
from holdfast.store.tables import (
    Organization,
    ShownPrice,
    Station,
    StationConnection,
    TariffVersion,
)

ASKED_FOR = timedelta(days=30)
"""How long an order waits for its station; after that the daily look asks again."""

AGAIN_AFTER = timedelta(minutes=10)
"""A station that booted is told once more, at most so often."""

MESSAGE_ID = 1_600_001
"""Of the price on a display; each EVSE's follows. The same for ever, so that it is replaced."""

MESSAGE_LENGTH_MAX = 512
IMPOSSIBLE_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a slot is to show, and the order for it; None: nobody has to be asked."""

    showing: Showing
    kind: OrderKind | None = None
    payload: Mapping[str, Any] | None = None


def wanted_of(station: Station, abilities: Abilities, prices: list[PlacePrice]) -> list[Wanted]:
    """All that the station and its pages are to show. Pure."""
    wanted = [_page(station, price) for price in prices]
    if abilities.tariffs:
        wanted += [_default_tariff(station, price) for price in prices]
    if abilities.messages:
        wanted += _messages(station, prices)
    if abilities.california:
        wanted += _default_price(station, prices)
    return wanted


def _page(station: Station, price: PlacePrice) -> Wanted:
    words = price.words
    return Wanted(
        showing=Showing(
            slot=Slot(channel="page", station_id=station.id, evse=price.evse),
            version_id=price.version.id,
            content=shown_prices.page_content(words),
            text=words.plain,
            language=words.locale,
        )
    )


def _default_tariff(station: Station, price: PlacePrice) -> Wanted:
    said = station_tariff(
        price.compiled.tariff,
        tariff_id=f"{price.version.id}.{price.evse or 0}",
        descriptions=(Words(text=price.words.plain, language=price.words.locale),),
    )
    losses = "; ".join(loss.detail for loss in said.losses)
    showing = Showing(
        slot=Slot(channel="station_tariff", station_id=station.id, evse=price.evse),
        version_id=price.version.id,
        content=said.tariff if said.prices_alike else {},
        text=price.words.plain,
        language=price.words.locale,
        detail=losses or None,
        impossible=None if said.prices_alike else losses[:IMPOSSIBLE_LENGTH_MAX],
    )
    payload = {"evse": price.evse or 0, "tariff": said.tariff}
    return Wanted(showing=showing, kind="default_tariff", payload=payload)


def _messages(station: Station, prices: list[PlacePrice]) -> list[Wanted]:
    """One for the station where all EVSEs cost the same, else one for each."""
    if len({price.version.id for price in prices}) <= 1:
        return [_message(station, price, None) for price in prices[:1]]
    return [_message(station, price, price.evse) for price in prices]


def _message(station: Station, price: PlacePrice, evse: int | None) -> Wanted:
    words = price.words.short if evse is None else f"{evse}: {price.words.short}"
    text = words[:MESSAGE_LENGTH_MAX]
    message = {
        "id": MESSAGE_ID + (evse or 0),
        "priority": "normal",
        "format": "utf8",
        "language": price.words.locale,
        "content": text,
    }
    showing = Showing(
        slot=Slot(channel="display_message", station_id=station.id, evse=evse),
        version_id=price.version.id,
        content=message,
        text=text,
        language=price.words.locale,
    )
    return Wanted(showing=showing, kind="display_message", payload={"message": message})


def _default_price(station: Station, prices: list[PlacePrice]) -> list[Wanted]:
    """The key is the whole station's: where its connectors cost differently there is none."""
    if not prices:
        return []
    price, alike = prices[0], len({price.version.id for price in prices}) == 1
    text = price.words.short
    # Offline nobody says when another price begins: units only where one holds for good.
    steady = not price.shown.changes and all(
        line.when is None and not line.market for line in price.shown.lines
    )
    units = california.unit_prices(price.shown) if steady else None
    value = california.default_price(text, text, units)
    content = {california.DEFAULT_PRICE_KEY: value} if alike else {}
    showing = Showing(
        slot=Slot(channel="data_transfer", station_id=station.id),
        version_id=price.version.id,
        content=content,
        text=text if alike else None,
        language=price.words.locale,
        impossible=None if alike else "OCPP 1.6 has one default price for all connectors",
    )
    return [Wanted(showing=showing, kind="configure", payload={"variables": content})]


@dataclass(slots=True, kw_only=True)
class Look:
    """What one look at a station finds besides prices. `due_at`: when it is looked at next."""

    station: Station
    awake_since: datetime | None
    due_at: datetime | None = None

    def due(self, instants: Iterable[datetime | None]) -> None:
        """The soonest of these and of those before."""
        known = [at for at in (self.due_at, *instants) if at is not None]
        self.due_at = min(known, default=None)

    def is_forgotten(self, row: ShownPrice, now: datetime) -> bool:
        """Whether the station may have lost what it confirmed: it booted since, and a memory that
        was wiped says nothing of it. Told again it changes nothing. Never more often than now and
        then: some stations boot all day."""
        told = row.state == "shown" and row.order_id is not None
        if not told or self.awake_since is None or row.shown_at is None:
            return False
        if row.shown_at >= self.awake_since:
            return False
        self.due([row.asked_at + AGAIN_AFTER])
        return row.asked_at + AGAIN_AFTER <= now


@dataclass(slots=True)
class Round:
    """One look at several stations of an organization, in the caller's transaction."""

    db: AsyncSession
    organization: Organization
    now: datetime
    prices: Prices
    _publications: dict[UUID, UUID] = field(default_factory=dict)

    async def bring_up_to_date(self, station: Station, abilities: Abilities) -> int:
        """Place orders for what the station shows otherwise; how many.

        Raises TariffInvalid, UnknownZone.
        """
        await in_line(self.db, self.organization.id)
        await shown_prices.in_line(self.db, station.id)
        orders = 0
        rows = await shown_prices.open_rows(self.db, self.organization.id, station.id)
        prices = [] if station.retired_at else await self.prices.of_station(self.db, station)
        look = Look(station=station, awake_since=await self._awake_since(station))
        look.due([price.changes_at for price in prices])
        for wanted in wanted_of(station, abilities, prices):
            orders += await self._show(look, wanted, rows.pop(wanted.showing.slot, []))
        for left in rows.values():
            for row in left:
                orders += await self._take_down(station, row)
        await note_look(self.db, station, self.now, due_at=look.due_at)
        await self.db.flush()
        return orders

    async def _awake_since(self, station: Station) -> datetime | None:
        """Since when it remembers for certain: its boot, or the connection that it booted on (a
        boot notification that was asked for is no boot)."""
        connection = await self.db.get(StationConnection, station.id)
        if station.booted_at is None or connection is None or connection.connected_at is None:
            return None
        return min(station.booted_at, connection.connected_at)

    async def _show(self, look: Look, wanted: Wanted, rows: list[ShownPrice]) -> int:
        station, last = look.station, rows[-1] if rows else None
        cleared = last is not None and last.clearing_order_id is not None
        same = last is not None and not cleared and shown_prices.is_same(last, wanted.showing)
        if last is not None and same and not (wanted.kind and look.is_forgotten(last, self.now)):
            return 0
        order_id, orders, impossible = None, 0, wanted.showing.impossible is not None
        if wanted.kind is not None and not impossible:
            order_id = await self._order(station, wanted.kind, wanted.payload or {})
            orders = 1
        for row in rows:
            if row.state != "shown" or wanted.kind is None:
                shown_prices.end_row(row, self.now)
            elif impossible:
                orders += await self._take_down(station, row)
        await self.db.flush()
        await shown_prices.write(
            self.db,
            self.organization.id,
            wanted.showing,
            publication_id=await self._publication(wanted.showing.version_id),
            order_id=order_id,
            now=self.now,
        )
        return orders

    async def _take_down(self, station: Station, row: ShownPrice) -> int:
        """Nothing applies there. What a station shows stays shown until it took it down."""
        clearing = _clearing(row)
        if clearing is None or row.state in ("refused", "unsupported") or station.retired_at:
            shown_prices.end_row(row, self.now)
            return 0
        if row.clearing_order_id is not None:
            return 0
        row.clearing_order_id = await self._order(station, *clearing)
        if row.state == "asked":
            shown_prices.end_row(row, self.now)
        return 1

    async def _order(self, station: Station, kind: OrderKind, payload: Mapping[str, Any]) -> UUID:
        order = await place_order(
            self.db,
            organization=self.organization,
            station=station,
            kind=kind,
            payload=payload,
            not_after=self.now + ASKED_FOR,
            requested_by=SYSTEM,
        )
        return order.id

    async def _publication(self, version_id: UUID) -> UUID:
        """Of a version that applies: it is live, or goes live again."""
        if version_id not in self._publications:
            version = await self.db.get_one(TariffVersion, version_id)
            self._publications[version_id] = (await ensure(self.db, version)).id
        return self._publications[version_id]


def _clearing(row: ShownPrice) -> tuple[OrderKind, dict[str, Any]] | None:
    if row.channel == "station_tariff":
        return "clear_tariffs", {"ids": [row.content["tariffId"]], "evse": row.evse}
    if row.channel == "display_message":
        return "clear_display_message", {"id": row.content["id"]}
    if row.channel == "data_transfer":
        nothing = california.default_price("", "", None)
        return "configure", {"variables": {california.DEFAULT_PRICE_KEY: nothing}}
    return None
