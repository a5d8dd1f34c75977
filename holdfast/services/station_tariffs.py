"""Stations come to show the price that applies: orders for what differs, rows for what was asked.

OCPP 2.1: a default tariff per EVSE, where OCPP can say ours without pricing it otherwise. OCPP 2.x
with a display: a message with the price in words. OCPP 1.6 that says it displays prices: the
default price of the California application note. Pages show what applies by themselves; the ledger
keeps since when.

One look at stations whatever happened (a version, an assignment, an end, a repair): it compares
what applies with what the ledger says (`slot_steps`), and a repeat does nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff import california
from holdfast.domain.tariff.station_tariff import Words, station_tariff
from holdfast.services import shown_prices
from holdfast.services.orders import NewOrder, place_orders, take_back_orders
from holdfast.services.page_content import page_content
from holdfast.services.price_looks import note_looks
from holdfast.services.publications import SYSTEM, ensure, in_line
from holdfast.services.scope import belongs
from holdfast.services.shown_prices import Entry, Showing, Slot
from holdfast.services.slot_steps import Steps, Wanted, steps_to_clear, steps_to_show
from holdfast.services.station_abilities import Abilities
from holdfast.services.station_prices import PlacePrice, Prices
from holdfast.store.tables import Organization, Station, StationConnection, TariffVersion

ASKED_FOR = timedelta(days=30)
"""How long an order waits for its station; after that the daily look asks again."""

MESSAGE_ID = 1_600_001
"""Of the price on a display; each EVSE's follows. The same for ever, so that it is replaced."""

MESSAGE_LENGTH_MAX = 512
IMPOSSIBLE_LENGTH_MAX = 500


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
            content=page_content(words, price.compiled, price.shown.zone),
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
    return Wanted(showing=showing, order=("default_tariff", payload))


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
    return Wanted(showing=showing, order=("display_message", {"message": message}))


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
    return [Wanted(showing=showing, order=("configure", {"variables": content}))]


@dataclass(slots=True)
class Round:
    """One look at several stations of an organization, in the caller's transaction."""

    db: AsyncSession
    organization: Organization
    now: datetime
    prices: Prices
    _publications: dict[UUID, UUID] = field(default_factory=dict)

    async def bring_up_to_date(
        self, stations: Sequence[Station], abilities: Mapping[UUID, Abilities]
    ) -> int:
        """Place orders for what these stations show otherwise; how many. The number of statements
        does not grow with the stations.

        Raises TariffInvalid, UnknownZone.
        """
        ids = [station.id for station in stations]
        await in_line(self.db, self.organization.id)
        await shown_prices.in_line(self.db, ids)
        rows = await shown_prices.open_rows(self.db, self.organization.id, ids)
        prices = await self.prices.of_stations(
            self.db, [station for station in stations if station.retired_at is None]
        )
        awake_since = await self._awake_since(stations)
        plan: list[tuple[Station, Steps]] = []
        due_at: dict[Station, datetime | None] = {}
        for station in stations:
            here = prices.get(station.id, [])
            steps = [
                steps_to_show(
                    wanted, rows.pop(wanted.showing.slot, []), awake_since[station.id], self.now
                )
                for wanted in wanted_of(station, abilities[station.id], here)
            ]
            left = [slot for slot in rows if slot.station_id == station.id]
            retired = station.retired_at is not None
            steps += [steps_to_clear(rows.pop(slot), retired=retired) for slot in left]
            plan += [(station, one) for one in steps]
            due_at[station] = _soonest(
                *_changes_told(abilities[station.id], here), *(one.again_at for one in steps)
            )
        orders = await self._carry_out(plan)
        await note_looks(self.db, due_at, self.now)
        return orders

    async def _awake_since(self, stations: Sequence[Station]) -> dict[UUID, datetime | None]:
        """Since when each remembers for certain: its boot, or the connection that it booted on (a
        boot notification that was asked for is no boot)."""
        rows = await self.db.execute(
            select(StationConnection.station_id, StationConnection.connected_at).where(
                belongs(StationConnection, self.organization.id),
                StationConnection.station_id.in_([station.id for station in stations]),
            )
        )
        connected_at = {station_id: at for station_id, at in rows}
        return {
            station.id: None
            if station.booted_at is None or connected_at.get(station.id) is None
            else _soonest(station.booted_at, connected_at[station.id])
            for station in stations
        }

    async def _carry_out(self, plan: Sequence[tuple[Station, Steps]]) -> int:
        """All orders, then all rows; how many orders.

        What was asked for and is not wanted any more is taken back: a station that was away would
        else come to show it, and nobody would know.
        """
        ended = [row for _, steps in plan for row in steps.ended]
        await take_back_orders(
            self.db,
            self.organization.id,
            [row.order_id for row in ended if row.state == "asked" and row.order_id is not None],
        )
        placed = await place_orders(
            self.db,
            self.organization,
            [
                NewOrder(
                    station=station,
                    kind=kind,
                    payload=payload,
                    not_after=self.now + ASKED_FOR,
                    requested_by=SYSTEM,
                )
                for station, steps in plan
                for kind, payload in steps.orders()
            ],
        )
        ids, entries = iter([order.id for order in placed]), []
        for _, steps in plan:
            if steps.shown is not None:
                entry = Entry(
                    showing=steps.shown.showing,
                    publication_id=await self._publication(steps.shown.showing.version_id),
                    order_id=next(ids) if steps.shown.asked else None,
                )
                entries.append(entry)
            for row in steps.cleared:
                row.clearing_order_id = next(ids)
        for row in ended:
            shown_prices.end_row(row, self.now)
        await self.db.flush()
        await shown_prices.write_all(self.db, self.organization.id, entries, self.now)
        return len(placed)

    async def _publication(self, version_id: UUID) -> UUID:
        """Of a version that applies: it is live, or goes live again."""
        if version_id not in self._publications:
            version = await self.db.get_one(TariffVersion, version_id)
            self._publications[version_id] = (await ensure(self.db, version)).id
        return self._publications[version_id]


def _changes_told(abilities: Abilities, prices: Sequence[PlacePrice]) -> list[datetime | None]:
    """When the words of a market's prices change next, where a display has them: a page changes by
    itself, and a default tariff follows no market."""
    told = abilities.messages or abilities.california
    return [price.changes_at for price in prices] if told else []


def _soonest(*instants: datetime | None) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)
