"""Stations that are new, came back empty or say more of themselves are told within a round, and
words that follow a market change with it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, update

from holdfast.services import spot_prices
from holdfast.services.price_looks import due_stations
from holdfast.services.slot_steps import AGAIN_AFTER
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    Evse,
    OutboxRow,
    Publication,
    Station,
    StationConnection,
)
from tests.services.test_spot_prices import feed_of
from tests.services.test_spot_prices import interval as interval_of
from tests.services.town import NOON, SPOT, Town, per_kwh
from workers.price_looks import PriceLooks

DISPLAY = ("DisplayMessageCtrlr", "Enabled", "true")
ROUND = timedelta(seconds=10)
HOUR = timedelta(hours=1)
PACE = AGAIN_AFTER + ROUND


async def comes(town: Town, at: datetime, *, boots: bool = True) -> None:
    """A new connection, with a boot or without."""
    async with town.sessions.begin() as db:
        connection = await db.get(StationConnection, town.made.station_id)
        if connection is None:
            connection = StationConnection(
                station_id=town.made.station_id,
                organization_id=town.made.organization_id,
                generation=1,
            )
            db.add(connection)
        connection.boot_id, connection.connected_at = uuid4(), at
        if boots:
            station = await db.get_one(Station, town.made.station_id)
            station.booted_at = at + timedelta(seconds=1)


async def alter(town: Town, **values: Any) -> None:
    async with town.sessions.begin() as db:
        await db.execute(update(Station).values(**values))


async def is_due(town: Town, now: datetime) -> bool:
    async with town.sessions() as db:
        return await due_stations(db, now, 10) == [town.made.station_id]


async def told_of_changes(town: Town) -> int:
    async with town.sessions() as db:
        statement = select(func.count()).select_from(OutboxRow)
        return await db.scalar(statement.where(OutboxRow.name == "publication_changed")) or 0


async def test_a_station_that_comes_after_its_price_went_live_is_told_with_the_next_round(
    db_sessions: Sessions, organization: UUID
) -> None:
    looks = PriceLooks(db_sessions)
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.50"))
    await alter(town, retired_at=NOON)
    publication = await town.begin()
    await town.tell(publication)
    await alter(town, retired_at=None)
    await looks.round(NOON)
    assert not await town.orders("default_tariff"), "it is not there"

    await comes(town, NOON)
    await looks.round(NOON + ROUND)
    assert len(await town.orders("default_tariff")) == 2
    assert len(await town.ledger("page")) == 2
    assert not await is_due(town, NOON + 2 * ROUND)

    await town.answer("default_tariff", "accepted", NOON + 2 * ROUND)
    await looks.round(NOON + 3 * ROUND)
    rows = await town.ledger("station_tariff")
    assert {(row.state, row.shown_at) for row in rows} == {("shown", NOON + 2 * ROUND)}
    assert await told_of_changes(town) == 0

    async with db_sessions.begin() as db:
        db.add(Evse(organization_id=organization, station_id=town.made.station_id, number=3))
    await looks.round(NOON + 4 * ROUND)
    (order,) = await town.orders("default_tariff")
    assert order.payload["evse"] == 3


async def test_a_station_that_may_have_forgotten_its_price_is_told_again_and_not_all_day(
    db_sessions: Sessions, organization: UUID
) -> None:
    looks = PriceLooks(db_sessions)
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.50"))
    await comes(town, NOON)
    await town.tell(await town.begin())
    await town.answer("default_tariff", "accepted", NOON + ROUND)
    await looks.round(NOON + ROUND)

    await comes(town, NOON + 2 * ROUND, boots=False)
    await looks.round(NOON + 3 * ROUND)
    await comes(town, NOON + 4 * ROUND)
    await looks.round(NOON + 5 * ROUND)
    assert not await town.orders("default_tariff"), "told a moment ago"

    await looks.round(NOON + PACE)
    again = await town.orders("default_tariff")
    assert [order.payload["evse"] for order in again] == [1, 2]
    states = [row.state for row in await town.ledger("station_tariff")]
    assert states == ["shown", "shown", "asked", "asked"]
    await looks.round(NOON + PACE + ROUND)
    assert len(await town.orders("default_tariff")) == 2

    answered = NOON + PACE + 2 * ROUND
    await town.answer("default_tariff", "accepted", answered)
    await looks.round(answered)
    spans = [(row.shown_at, row.until_at) for row in await town.ledger("station_tariff")]
    assert spans == [(NOON + ROUND, answered)] * 2 + [(answered, None)] * 2
    await looks.round(answered + 2 * PACE)
    assert not await town.orders("default_tariff")


async def test_a_station_that_says_of_a_display_gets_the_words(
    db_sessions: Sessions, organization: UUID
) -> None:
    looks = PriceLooks(db_sessions)
    town = await Town.of(db_sessions, organization, "ocpp2.0.1", per_kwh("0.50"))
    await comes(town, NOON)
    await town.tell(await town.begin())
    await looks.round(NOON)
    assert not await town.orders("display_message")

    await town.says(DISPLAY)
    await looks.round(NOON + ROUND)
    assert len(await town.orders("display_message")) == 1


async def test_a_refusal_wakes_its_publication_once(
    db_sessions: Sessions, organization: UUID
) -> None:
    looks = PriceLooks(db_sessions)
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.50"))
    await comes(town, NOON)
    await town.tell(await town.begin())
    await town.answer("default_tariff", "rejected", NOON, "TooManyElements")
    await looks.round(NOON + ROUND)
    await looks.round(NOON + 2 * ROUND)

    assert {row.state for row in await town.ledger("station_tariff")} == {"refused"}
    assert await told_of_changes(town) == 1
    assert not await town.orders("default_tariff")


async def test_a_price_that_cannot_be_read_keeps_no_other_station_waiting(
    db_sessions: Sessions, organization: UUID
) -> None:
    looks = PriceLooks(db_sessions)
    town = await Town.of(db_sessions, organization, "ocpp2.1", {"id": "v", "currency": "EUR"})
    await comes(town, NOON)
    await town.begin()
    async with db_sessions.begin() as db:
        await db.execute(update(Publication).values(state="live"))

    assert not await looks.round(NOON)
    assert not await is_due(town, NOON + ROUND)
    assert await is_due(town, NOON + HOUR)
    assert not await town.ledger("page")


async def test_a_display_follows_the_market_at_the_edges_where_the_words_change(
    db_sessions: Sessions, organization: UUID
) -> None:
    looks = PriceLooks(db_sessions)
    body = {"id": "v", "currency": "EUR", "elements": [{"price_components": [SPOT]}]}
    town = await Town.of(db_sessions, organization, "ocpp2.0.1", body, [DISPLAY])
    market = [interval_of(hours, price) for hours, price in ((0, "0.05"), (1, "0.05"), (2, "0.30"))]
    noon = market[0].starts_at
    async with db_sessions.begin() as db:
        feed = await feed_of(db, organization)
        await spot_prices.put_prices(db, organization, feed.key, market, now=noon, actor="key:1")
    await comes(town, noon)
    await town.tell(await town.begin(), noon)
    (first,) = await town.orders("display_message")
    await town.answer("display_message", "accepted", noon)

    await looks.round(noon + ROUND)
    assert await is_due(town, noon + HOUR)
    await looks.round(noon + HOUR)  # another hour at the same price
    assert not await town.orders("display_message")
    assert not await is_due(town, noon + 2 * HOUR - ROUND)

    await looks.round(noon + 2 * HOUR)
    (second,) = await town.orders("display_message")
    assert first.payload["message"]["id"] == second.payload["message"]["id"]
    assert first.payload["message"]["content"] != second.payload["message"]["content"]
    await looks.round(noon + 3 * HOUR)  # the market says nothing: the tariff's own fallback
    (third,) = await town.orders("display_message")
    await town.answer("display_message", "accepted", noon + 3 * HOUR)
    await looks.round(noon + 3 * HOUR + ROUND)

    rows = await town.ledger("display_message")
    assert [(row.order_id, row.state, row.until_at) for row in rows] == [
        (first.id, "shown", noon + 3 * HOUR),
        (second.id, "withdrawn", noon + 3 * HOUR),
        (third.id, "shown", None),
    ]
    pages = [row for row in await town.ledger("page") if row.evse == 1]
    assert [(row.shown_at, row.until_at) for row in pages] == [(noon, None)]
    assert await is_due(town, noon + 3 * HOUR + HOUR / 4), "the market may speak at any time"
