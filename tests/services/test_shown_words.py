"""A page that follows a market has one row in the ledger, which knows what it said at any time."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from holdfast.services import shown_prices, shown_words, spot_prices
from holdfast.services.price_words.reader import reader_of
from holdfast.services.public_prices import find_charge_point, public_price
from holdfast.services.shown_prices import Shown
from holdfast.services.slices import SliceAsked
from holdfast.store.database import Sessions
from holdfast.store.tables import ShownPrice, SpotPriceRow, Station
from tests.services.test_spot_prices import feed_of, interval
from tests.services.town import LATER, NOON, SPOT, Town, per_kwh

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BODY: dict[str, Any] = {
    "id": "v",
    "currency": "EUR",
    "elements": [{"price_components": [SPOT]}],
}
DISPLAY = ("DisplayMessageCtrlr", "Enabled", "true")


async def shown(town: Town, channel: str, at: datetime | None) -> Shown:
    async with town.sessions() as db:
        found = await shown_prices.list_shown(
            db, town.made.organization_id, SliceAsked(), evse=1, channel=channel, at=at
        )
        (one,) = (await shown_words.worded(db, found, at)).items
        return one


async def test_the_ledger_says_what_a_page_said_whenever_its_market_changed(
    db_sessions: Sessions, organization: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The database, which gives rows their ids, has another clock than this test.
    monkeypatch.setattr(shown_prices, "CLOCKS_APART", timedelta(days=3_650))
    town = await Town.of(db_sessions, organization, "ocpp2.0.1", BODY, [DISPLAY])
    market = [interval(hours, price) for hours, price in enumerate(("0.05", "0.30", "0.02"))]
    noon = market[0].starts_at
    async with db_sessions.begin() as db:
        feed = await feed_of(db, organization)
        await spot_prices.put_prices(db, organization, feed.key, market, now=noon, actor="key:1")
        for hours, written_at in ((0, noon), (1, noon), (2, noon + 2 * HOUR + 5 * MINUTE)):
            await db.execute(
                update(SpotPriceRow)
                .where(SpotPriceRow.starts_at == noon + hours * HOUR)
                .values(written_at=written_at)
            )
    publication = await town.begin()
    for hours in range(4):
        await town.tell(publication, noon + hours * HOUR)

    pages = [row for row in await town.ledger("page") if row.evse == 1]
    assert [(row.shown_at, row.until_at) for row in pages] == [(noon, None)]
    assert (pages[0].content["follows"], pages[0].content["zone"]) == (["DE-LU"], "Europe/Berlin")

    async def said(at: datetime) -> str:
        one = await shown(town, "page", at)
        content = shown_words.content_of(one)
        assert one.text == "\n".join((content["title"], *content["lines"], *content["notes"]))
        return (one.text or "").replace("\N{NO-BREAK SPACE}", " ")

    assert "0.15" in await said(noon + MINUTE)
    assert "0.40" in await said(noon + HOUR)
    assert "0.30" in await said(noon + 2 * HOUR + MINUTE), "nobody knew the market's price yet"
    assert "0.12" in await said(noon + 2 * HOUR + 6 * MINUTE)
    assert "0.30" in await said(noon + 3 * HOUR), "the fallback, where the market says nothing"
    assert (await shown(town, "page", None)).text == pages[0].text

    async with db_sessions() as db:
        identity = (await db.get_one(Station, town.made.station_id)).identity
        point = await find_charge_point(db, identity, 1)
        assert point is not None
        page = await public_price(db, point, noon + HOUR)
        assert page is not None
    row = pages[0]
    words = page.words(reader_of(row.language or ""))
    assert (await shown(town, "page", noon + HOUR)).text == words.plain


async def test_a_page_that_follows_a_market_has_a_new_row_for_another_version_or_language(
    db_sessions: Sessions, organization: UUID
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp2.0.1", BODY)
    first = await town.begin()
    await town.tell(first)
    async with db_sessions.begin() as db:
        await db.execute(update(ShownPrice).values(language="da-DK"))
    await town.tell(first, NOON + MINUTE)
    second = await town.begin(await town.version(per_kwh("0.60"), LATER))
    await town.tell(second, LATER)

    rows = [row for row in await town.ledger("page") if row.evse == 1]
    assert [(row.shown_at, row.until_at, "follows" in row.content) for row in rows] == [
        (NOON, NOON + MINUTE, True),
        (NOON + MINUTE, LATER, True),
        (LATER, None, False),
    ]


async def test_what_a_display_says_is_kept_once(db_sessions: Sessions, organization: UUID) -> None:
    town = await Town.of(db_sessions, organization, "ocpp2.0.1", per_kwh("0.50"), [DISPLAY])
    await town.tell(await town.begin())

    (row,) = await town.ledger("display_message")
    assert row.text is None
    assert len(row.key) == 2 * shown_prices.KEY_BYTES
    assert (await shown(town, "display_message", None)).text == row.content["content"]
