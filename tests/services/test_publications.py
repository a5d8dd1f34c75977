"""Publications and their ledger on real rows: what stations are asked, and what they then show."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from holdfast.contracts.tariff_publications import ResolutionOrder
from holdfast.services import (
    partner_tariffs,
    publication_steps,
    publications,
    shown_prices,
    tariffs,
)
from holdfast.services.rebuild import startable_of
from holdfast.services.slices import SliceAsked
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    AuditEntry,
    Order,
    OutboxRow,
    Publication,
    TariffAssignment,
    TariffVersion,
    TariffVersionEnd,
)
from tests.services.town import LATER, NOON, SPOT, Town, per_kwh


async def test_a_station_shows_the_old_price_until_it_says_that_it_shows_the_new_one(
    db_sessions: Sessions, organization: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.50"))
    first = await town.begin()
    assert await town.begin() == first

    assert await town.tell(first) == 2
    assert await town.tell(first) == 0
    one, two = await town.orders("default_tariff")
    assert [one.payload["evse"], two.payload["evse"]] == [1, 2]
    assert one.payload["tariff"]["energy"]["prices"] == [{"priceKwh": 0.5}]
    assert one.payload["tariff"]["tariffId"] != two.payload["tariff"]["tariffId"]
    seen = await town.look(first)
    assert (seen.state, seen.asked, seen.shown) == ("live", 2, 3)  # two pages and partners at once

    await town.answer("default_tariff", "accepted", NOON)
    seen = await town.look(first)
    assert (seen.asked, seen.shown) == (0, 5)

    second = await town.begin(await town.version(per_kwh("0.60"), LATER))
    assert (await town.look(first)).ends_at == LATER
    assert await town.tell(second, LATER) == 2
    old = [row for row in await town.ledger("station_tariff") if row.state == "shown"]
    assert [row.until_at for row in old] == [None, None]
    assert (await town.look(first, LATER)).over

    shown_at = LATER + timedelta(minutes=5)
    await town.answer("default_tariff", "accepted", shown_at)
    await town.look(second, shown_at)
    rows = await town.ledger("station_tariff")
    assert [(row.shown_at, row.until_at) for row in rows] == [
        (NOON, shown_at),
        (NOON, shown_at),
        (shown_at, None),
        (shown_at, None),
    ]
    # The database, which gives rows their ids, has another clock than this test.
    monkeypatch.setattr(shown_prices, "CLOCKS_APART", timedelta(days=3_650))
    async with db_sessions() as db:
        between = await shown_prices.list_shown(
            db, organization, SliceAsked(), station_id=town.made.station_id, evse=1,
            channel="station_tariff", at=LATER + timedelta(minutes=1),
        )  # fmt: skip
    assert [one.number for one in between.items] == [1]
    assert between.items[0].row.text is not None
    assert "0" in between.items[0].row.text


async def test_partners_are_shown_what_the_public_pays_under_the_tariff_s_own_id(
    db_sessions: Sessions, organization: UUID
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp1.6", per_kwh("0.50"))
    first = await town.begin()
    await town.tell(first)
    await town.tell(first)
    second = await town.begin(await town.version(per_kwh("0.60"), LATER))
    await town.tell(second, LATER)

    before, after = await town.ledger("partner")
    assert (before.shown_at, before.until_at) == (NOON, LATER)
    for form in ("2.2.1", "2.3.0"):
        told = partner_tariffs.tariff_object(after, form)
        assert told["elements"][0]["price_components"][0]["price"] == 0.6
        assert told["last_updated"] == "2026-03-04T13:00:00Z"
        assert told["id"] == partner_tariffs.tariff_object(before, form)["id"]

    await town.unassign()
    await town.tell(second, LATER)
    assert (await town.ledger("partner"))[-1].until_at == LATER


async def test_a_refusal_stays_until_a_person_has_it_asked_again(
    db_sessions: Sessions, organization: UUID
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.50"))
    publication = await town.begin()
    await town.tell(publication)
    await town.answer("default_tariff", "rejected", NOON, "TooManyElements")
    seen = await town.look(publication)
    assert (seen.refused, await town.tell(publication)) == (2, 0)
    (row, _) = await town.ledger("station_tariff")
    assert row.detail is not None
    assert "TooManyElements" in row.detail

    async with db_sessions.begin() as db:
        order = ResolutionOrder(
            publication_id=publication, action="try_again", reason="mended", event_id="run:1"
        )
        for _ in range(2):  # the worker died before it could say that it was done
            await publication_steps.resolve(db, order, NOON)
        decided = await db.scalars(select(AuditEntry).where(AuditEntry.actor == "temporal-ui"))
        assert [entry.reason for entry in decided] == ["mended"]

    assert await town.tell(publication) == 2
    seen = await town.look(publication)
    assert (seen.refused, seen.asked) == (0, 2)


async def test_an_order_that_nobody_answered_is_asked_anew_and_never_called_shown(
    db_sessions: Sessions, organization: UUID
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.50"))
    publication = await town.begin()
    await town.tell(publication)
    await town.answer("default_tariff", "expired", LATER)

    assert (await town.look(publication, LATER)).asked == 0
    assert await town.tell(publication, LATER) == 2
    rows = await town.ledger("station_tariff")
    assert [(row.state, row.until_at) for row in rows] == [
        ("asked", LATER),
        ("asked", LATER),
        ("asked", None),
        ("asked", None),
    ]
    assert [row.shown_at for row in rows] == [None] * 4


async def test_where_nothing_applies_any_more_the_station_clears_it(
    db_sessions: Sessions, organization: UUID
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.50"))
    publication = await town.begin()
    await town.tell(publication)
    await town.answer("default_tariff", "accepted", NOON)
    await town.look(publication)
    await town.unassign()

    assert await town.tell(publication, LATER) == 2
    assert await town.tell(publication, LATER) == 0
    cleared = await town.orders("clear_tariffs")
    shown = await town.ledger("station_tariff")
    assert [order.payload["ids"] for order in cleared] == [
        [row.content["tariffId"]] for row in shown
    ]
    assert (await town.look(publication, LATER)).asked == 2

    await town.answer("clear_tariffs", "accepted", LATER)
    await town.look(publication, LATER)
    assert {row.until_at for row in await town.ledger("station_tariff")} == {LATER}
    assert {row.until_at for row in await town.ledger("page")} == {LATER}


async def test_a_price_that_ocpp_cannot_say_is_not_said_nearly(
    db_sessions: Sessions, organization: UUID
) -> None:
    body = {"id": "v", "currency": "EUR", "elements": [{"price_components": [SPOT]}]}
    town = await Town.of(db_sessions, organization, "ocpp2.1", body)
    publication = await town.begin()

    assert await town.tell(publication) == 0
    rows = await town.ledger("station_tariff")
    assert {row.state for row in rows} == {"unsupported"}
    assert "market" in (rows[0].detail or "")
    assert (await town.look(publication)).unsupported == 2


async def test_a_station_that_was_away_is_not_told_a_price_that_is_over_meanwhile(
    db_sessions: Sessions, organization: UUID
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.50"))
    first = await town.begin()
    assert await town.tell(first) == 2
    (early, late) = await town.orders("default_tariff")
    async with db_sessions.begin() as db:  # on its way when the next version comes
        await db.execute(update(Order).where(Order.id == early.id).values(state="sent"))
    spot = {"id": "v", "currency": "EUR", "elements": [{"price_components": [SPOT]}]}
    second = await town.begin(await town.version(spot, LATER))

    # It cannot be said in OCPP 2.1, so no newer tariff takes the place of the old one.
    assert await town.tell(second, LATER) == 2

    assert await town.orders("default_tariff") == []
    (taken_back,) = await town.orders("default_tariff", "superseded")
    assert taken_back.id == late.id
    async with db_sessions() as db:
        woken = await db.scalars(
            select(OutboxRow.workflow_id).where(OutboxRow.name == "station_connected")
        )
        assert woken.all() == [f"order-{late.id}"]
    cleared = await town.orders("clear_tariffs")
    assert [order.payload["evse"] for order in cleared] == [1, 2]
    assert [row.state for row in await town.ledger("station_tariff")] == [
        "withdrawn", "withdrawn", "unsupported", "unsupported",
    ]  # fmt: skip
    assert await town.tell(second, LATER) == 0

    town = Town(db_sessions, town.made)
    await town.unassign()
    await town.tell(second, LATER)
    assert {row.until_at for row in await town.ledger("station_tariff")} == {LATER}


async def test_a_display_shows_one_text_or_one_for_each_evse(
    db_sessions: Sessions, organization: UUID
) -> None:
    display = ("DisplayMessageCtrlr", "Enabled", "true")
    town = await Town.of(db_sessions, organization, "ocpp2.0.1", per_kwh("0.50"), [display])
    publication = await town.begin()
    assert await town.tell(publication) == 1
    (order,) = await town.orders("display_message")
    message = order.payload["message"]
    assert message["id"] == 1_600_001
    assert "0.50" in message["content"]
    await town.answer("display_message", "accepted", NOON)
    await town.look(publication)

    async with db_sessions.begin() as db:
        first = await db.get_one(TariffVersion, town.made.tariff_version_id)
        db.add(
            TariffAssignment(
                organization_id=organization,
                tariff_id=first.tariff_id,
                station_id=town.made.station_id,
                evse=2,
                ad_hoc=True,
                created_at=NOON,
            )
        )
    assert await town.tell(publication) == 0  # the same version, whatever chose it


async def test_an_ocpp_1_6_station_that_displays_prices_gets_a_default_price(
    db_sessions: Sessions, organization: UUID
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp1.6", per_kwh("0.50"))
    publication = await town.begin()
    assert await town.tell(publication) == 0

    await town.says(("", "CustomDisplayCostAndPrice", "true"))
    assert await town.tell(publication) == 1
    (order,) = await town.orders("configure")
    price = json.loads(order.payload["variables"]["DefaultPrice"])
    assert price["chargingPrice"] == {"kWhPrice": 0.5}
    assert "0.50" in price["priceText"]


async def test_a_version_taken_back_before_its_time_was_never_shown(
    db_sessions: Sessions, organization: UUID
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.50"))
    first = await town.begin()
    version_id = await town.version(per_kwh("0.60"), LATER)
    second = await town.begin(version_id)
    async with db_sessions.begin() as db:
        db.add(
            TariffVersionEnd(
                organization_id=organization, version_id=version_id, ends_at=NOON, ended_by="key:1"
            )
        )

    seen = await town.look(second)
    assert (seen.over, seen.withdrawn) == (True, True)
    async with db_sessions.begin() as db:
        ended = await publication_steps.end(db, second, "withdrawn", NOON)
    assert ended.state == "withdrawn"
    assert (await town.look(first, LATER)).ends_at is None


async def test_a_version_that_applies_again_goes_live_again_from_its_row(
    db_sessions: Sessions, organization: UUID
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.50"))
    first = await town.begin()
    await town.tell(first)
    version_id = await town.version(per_kwh("0.60"), LATER)
    await town.begin(version_id)
    after = LATER + timedelta(hours=1)
    async with db_sessions.begin() as db:
        await publication_steps.end(db, first, "ended", LATER)
        assert (await db.get_one(Publication, first)).state == "ended"
        assert await startable_of(db, f"publication-{first}") is None
        db.add(
            TariffVersionEnd(
                organization_id=organization, version_id=version_id, ends_at=after, ended_by="key:1"
            )
        )
        await db.flush()
        version = await db.get_one(TariffVersion, version_id)
        await publications.refresh(db, organization, [version.tariff_id], now=after)

    async with db_sessions() as db:
        startable = await startable_of(db, f"publication-{first}")
        assert startable is not None
        assert startable.message.model_dump()["rebuilt"] is True
        told = await db.scalars(
            select(OutboxRow.name).where(OutboxRow.workflow_id == f"publication-{first}")
        )
        assert "publication_changed" in told.all()


async def test_a_tariff_is_retired_while_a_step_of_its_publication_writes(
    db_sessions: Sessions, organization: UUID
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.30"))
    async with db_sessions.begin() as db:
        await db.execute(update(TariffAssignment).values(until_at=NOON))
        version = await db.get_one(TariffVersion, town.made.tariff_version_id)
        publication_id = (await publications.begin(db, version, "key:1")).id

    async with db_sessions() as step, db_sessions() as person:
        await publications.in_line(step, organization)
        publication = await step.get_one(Publication, publication_id)
        publication.state = "publishing"
        await step.flush()
        retiring = asyncio.create_task(
            tariffs.retire_tariff(person, organization, version.tariff_id, now=LATER)
        )
        await asyncio.sleep(0.1)  # it holds the tariff by now, and stands in line
        assert not retiring.done()
        # Postgres looks at the tariff again, for the row was written in this transaction already.
        publication.state = "live"
        await step.commit()

        assert (await retiring).retired_at == LATER
        await person.commit()
