"""What a person has a station show: the ledger knows it from the station's answer on, and by whom;
and it no longer says that the published price is shown there."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from holdfast.domain.tariff import california
from holdfast.services.price_answers import note_answers
from holdfast.services.shown_prices import list_shown
from holdfast.services.slices import SliceAsked
from holdfast.services.station_commands import Command, command_station
from holdfast.services.told_by_hand import HandCleared, HandShown, told_by_hand
from holdfast.store.database import Sessions
from holdfast.store.tables import Order, ShownPrice, Station
from tests.services.town import LATER, NOON, Town, per_kwh
from workers.price_looks import PriceLooks

MINUTE = timedelta(minutes=1)
DEAR = {
    "tariffId": "dear",
    "currency": "EUR",
    "description": [{"format": "UTF8", "language": "de", "content": "9 €/kWh"}],
}
USER_PRICE = json.dumps({"idToken": "04A1B2C3", "priceText": "0.30/kWh"})
TEXT = {"format": "UTF8", "language": "de", "content": "9,00 EUR/kWh"}


async def by_hand(town: Town, kind: Any, payload: dict[str, Any]) -> UUID:
    """As the API and the pages do it."""
    async with town.sessions.begin() as db:
        station = await db.get_one(Station, town.made.station_id)
        commanded = await command_station(
            db,
            town.made.organization_id,
            station.identity,
            Command(kind=kind, payload=payload),
            actor="key:ada",
            not_after=LATER + timedelta(days=1),
        )
        return commanded.order.id


async def answered(town: Town, order_id: UUID, state: str, at: Any) -> None:
    async with town.sessions.begin() as db:
        await db.execute(
            update(Order)
            .where(Order.id == order_id)
            .values(state=state, answered_at=at, answer={"status": "Accepted"})
        )
    await PriceLooks(town.sessions).round(at)


async def claims(town: Town, channel: str) -> list[tuple[Any, ...]]:
    """What the ledger says that the station shows now: EVSE, whether it is published, by whom."""
    rows = [row for row in await town.ledger(channel) if row.state == "shown" and not row.until_at]
    return [(row.evse, row.version_id is not None, row.shown_by) for row in rows]


async def test_a_look_of_one_organization_notes_no_answers_of_another(
    db_sessions: Sessions, organization: UUID
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.50"))
    order_id = await by_hand(town, "default_tariff", {"evse": 1, "tariff": DEAR})
    async with db_sessions.begin() as db:
        await db.execute(
            update(Order).where(Order.id == order_id).values(state="accepted", answered_at=NOON)
        )

    for whose, shown in ((uuid4(), []), (town.made.organization_id, [(1, False, "key:ada")])):
        async with db_sessions.begin() as db:
            await note_answers(db, [], NOON, organization_id=whose)
        assert await claims(town, "station_tariff") == shown


async def test_a_tariff_by_hand_takes_the_published_ones_place_when_the_station_accepted_it(
    db_sessions: Sessions, organization: UUID
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.50"))
    publication = await town.begin()
    await town.tell(publication)
    await town.answer("default_tariff", "accepted", NOON)
    await town.look(publication)

    refused = await by_hand(town, "default_tariff", {"evse": 1, "tariff": DEAR})
    assert await claims(town, "station_tariff") == [(1, True, None), (2, True, None)]
    await answered(town, refused, "rejected", NOON + MINUTE)
    assert await claims(town, "station_tariff") == [(1, True, None), (2, True, None)]
    one = await by_hand(town, "default_tariff", {"evse": 1, "tariff": DEAR})
    await answered(town, one, "accepted", NOON + 2 * MINUTE)
    assert await claims(town, "station_tariff") == [(2, True, None), (1, False, "key:ada")]
    both = await by_hand(
        town, "call", {"action": "SetDefaultTariff", "payload": {"evseId": 0, "tariff": DEAR}}
    )
    await answered(town, both, "accepted", NOON + 3 * MINUTE)
    assert await claims(town, "station_tariff") == [(1, False, "key:ada"), (2, False, "key:ada")]
    ended = [row for row in await town.ledger("station_tariff") if row.ended_by]
    assert [(row.evse, row.version_id is None, row.until_at) for row in ended] == [
        (1, False, NOON + 2 * MINUTE),
        (2, False, NOON + 3 * MINUTE),
        (1, True, NOON + 3 * MINUTE),
    ]
    async with db_sessions() as db:
        found = await list_shown(db, organization, SliceAsked(), station_id=town.made.station_id)
        assert {(one.tariff, one.row.text) for one in found.items if one.number is None} == {
            (None, "9 €/kWh")
        }

    # The next look brings the published price back, and the hand's rows end with it.
    assert await town.tell(publication, LATER) == 2
    await town.answer("default_tariff", "accepted", LATER + MINUTE)
    await town.look(publication, LATER + MINUTE)
    assert await claims(town, "station_tariff") == [(1, True, None), (2, True, None)]


async def test_what_is_cleared_by_hand_is_shown_no_longer_and_what_was_not_sent_changes_nothing(
    db_sessions: Sessions, organization: UUID
) -> None:
    display = ("DisplayMessageCtrlr", "Enabled", "true")
    town = await Town.of(db_sessions, organization, "ocpp2.1", per_kwh("0.50"), [display])
    publication = await town.begin()
    await town.tell(publication)
    for kind in ("default_tariff", "display_message"):
        await town.answer(kind, "accepted", NOON)
    await town.look(publication)
    (_, other) = await town.ledger("station_tariff")

    await answered(town, await by_hand(town, "clear_tariffs", {"ids": []}), "expired", NOON)
    assert len(await claims(town, "station_tariff")) == 2
    cleared = await by_hand(town, "clear_tariffs", {"ids": [other.content["tariffId"]]})
    await answered(town, cleared, "accepted", NOON + MINUTE)
    assert await claims(town, "station_tariff") == [(1, True, None)]
    assert (await town.ledger("station_tariff"))[1].ended_by == "key:ada"

    beside = {"id": 7, "priority": "NormalCycle", "message": TEXT}
    for message, order in ((beside, "SetDisplayMessage"), (7, "ClearDisplayMessage")):
        payload = {"message": message} if order == "SetDisplayMessage" else {"id": message}
        placed = await by_hand(town, "call", {"action": order, "payload": payload})
        await answered(town, placed, "accepted", NOON + 2 * MINUTE)
    shown = await town.ledger("display_message")
    assert [(row.text, row.version_id is None, row.until_at is None) for row in shown[1:]] == [
        ("9,00 EUR/kWh", True, False)
    ]
    assert await claims(town, "display_message") == [(None, True, None)], "ours stood beside it"


async def test_what_one_driver_is_told_by_hand_is_noted_without_the_driver(
    db_sessions: Sessions, organization: UUID
) -> None:
    town = await Town.of(db_sessions, organization, "ocpp1.6", per_kwh("0.50"))
    said = {"vendorId": california.VENDOR, "messageId": "SetUserPrice", "data": USER_PRICE}
    placed = await by_hand(town, "call", {"action": "DataTransfer", "payload": said})
    await answered(town, placed, "accepted", NOON)
    value = california.default_price("9 EUR", "", None)
    key = await by_hand(town, "configure", {"variables": {"DefaultPrice": value}})
    await answered(town, key, "accepted", NOON)

    once, lasting = await town.ledger("data_transfer")
    assert (once.text, once.shown_at, once.until_at) == ("0.30/kWh", NOON, NOON)
    assert "04A1B2C3" not in json.dumps(once.content)
    assert (lasting.text, lasting.until_at, lasting.shown_by) == ("9 EUR", None, "key:ada")
    async with db_sessions() as db:
        assert len((await db.scalars(select(ShownPrice))).all()) == 2


@pytest.mark.parametrize(
    ("kind", "payload", "told"),
    [
        ("reset", {"type": "soft"}, None),
        ("call", {"action": "Reset", "payload": {"type": "Soft"}}, None),
        ("call", {"action": "SetDefaultTariff", "payload": "?"}, None),
        ("configure", {"variables": {"HeartbeatInterval": "60"}}, None),
        ("display_message", {"message": {"id": 7, "content": "Bay 12 is closed"}}, None),
        ("data_transfer", {"vendor_id": "com.vendor", "data": USER_PRICE}, None),
        ("data_transfer", {"vendor_id": california.VENDOR, "data": "{"}, None),
        ("clear_tariffs", {}, HandCleared(channel="station_tariff", id_field="tariffId")),
        (
            "call",
            {"action": "ClearTariffs", "payload": {"tariffIds": ["a"], "evseId": 2}},
            HandCleared(channel="station_tariff", evse=2, id_field="tariffId", ids=("a",)),
        ),
        (
            "call",
            {"action": "ChangeConfiguration", "payload": {"key": "defaultprice", "value": "free"}},
            HandShown(channel="data_transfer", content={"DefaultPrice": "free"}),
        ),
        (
            "configure",
            {"variables": {"DefaultPrice": california.default_price("", "", None)}},
            HandCleared(channel="data_transfer"),
        ),
        (
            "display_message",
            {"message": {"id": 1_600_003, "content": "closed", "language": "en"}},
            HandShown(
                channel="display_message",
                evse=2,
                content={"id": 1_600_003, "content": "closed"},
                text="closed",
                language="en",
            ),
        ),
    ],
)
def test_orders_are_read_for_prices(
    kind: str, payload: dict[str, Any], told: HandShown | HandCleared | None
) -> None:
    assert told_by_hand(kind, payload) == told


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("[" * 50_000, None),
        ('{"cost": NaN}', None),
        ('{"cost": 1e999}', None),
        ('{"priceText": "\\ud800"}', None),
        ('{"cost": {"a": "\\u0000"}}', None),
        ('{"priceText": "9\\u0000 EUR"}', "9 EUR"),
    ],
)
def test_what_only_some_can_read_or_keep_is_no_error_of_ours(data: str, told: str | None) -> None:
    shown = told_by_hand(
        "data_transfer",
        {"vendor_id": california.VENDOR, "message_id": "SetUserPrice", "data": data},
    )
    lasting = told_by_hand("configure", {"variables": {"DefaultPrice": data}})

    assert isinstance(shown, HandShown) == (told is not None)
    assert isinstance(lasting, HandShown)
    assert {one.text for one in (shown, lasting) if isinstance(one, HandShown)} == {told}


@pytest.mark.parametrize("evse", [-1, 1_001, 10**30, True, 2.0, "1"])
def test_an_evse_that_no_station_has_is_not_taken_for_the_whole_station(evse: object) -> None:
    for action in ("SetDefaultTariff", "ClearTariffs"):
        said = {"evseId": evse, "tariff": DEAR}
        assert told_by_hand("call", {"action": action, "payload": said}) is None
