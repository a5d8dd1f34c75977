"""OCPP 2.0.1 block O: messages on the station's display."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.told import ACCEPTED, begun, events, refused_unsent

PROTOCOL = "ocpp2.0.1"
FROM = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
TO = FROM + timedelta(hours=1)
TEXT = {"id": 3, "content": "Closed tonight"}


async def shown(central: Central, message: dict[str, Any]) -> dict[str, Any]:
    """The message as it is sent to a station that accepts it."""
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "display_message", {"message": message}, ACCEPTED
        )
    assert (action, done.state) == ("SetDisplayMessage", "accepted")
    return dict(payload["message"])


@pytest.mark.parametrize(
    ("priority", "word"),
    [("always_front", "AlwaysFront"), ("in_front", "InFront"), ("normal", "NormalCycle")],
)
async def test_o01_fr_01_a_message_of_each_priority_is_set(
    central: Central, priority: str, word: str
) -> None:
    message = await shown(central, TEXT | {"priority": priority})

    assert message == {
        "id": 3,
        "priority": word,
        "message": {"format": "UTF8", "content": "Closed tonight"},
    }


@pytest.mark.parametrize("word", ["ASCII", "HTML", "URI", "UTF8"])
async def test_o01_fr_02_a_message_of_each_format_and_a_language_is_set(
    central: Central, word: str
) -> None:
    message = await shown(central, TEXT | {"format": word.lower(), "language": "de"})

    assert message["message"] == {
        "format": word,
        "language": "de",
        "content": "Closed tonight",
    }


@pytest.mark.parametrize("word", ["Charging", "Faulted", "Idle", "Unavailable"])
async def test_o01_fr_03_a_message_is_set_for_each_state(central: Central, word: str) -> None:
    assert (await shown(central, TEXT | {"state": word.lower()}))["state"] == word


async def test_o01_fr_04_a_message_of_no_transaction_names_none(central: Central) -> None:
    assert "transactionId" not in await shown(central, TEXT)


async def test_o01_fr_05_a_message_may_have_a_begin_and_an_end(central: Central) -> None:
    message = await shown(central, TEXT | {"from": FROM.isoformat(), "to": TO.isoformat()})

    assert datetime.fromisoformat(message["startDateTime"]) == FROM
    assert datetime.fromisoformat(message["endDateTime"]) == TO


@pytest.mark.parametrize(
    "status",
    [
        "NotSupportedMessageFormat",
        "Rejected",
        "NotSupportedPriority",
        "NotSupportedState",
    ],
)
async def test_o01_fr_06_each_refusal_of_a_message_is_understood(
    central: Central, status: str
) -> None:
    async with central.station(PROTOCOL) as station:
        _, _, done = await central.ordered(
            station, "display_message", {"message": TEXT}, {"status": status}
        )

    assert (done.state, done.status) == ("rejected", status)


async def test_o01_fr_07_what_2_0_1_has_no_word_for_is_never_sent(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        for wrong in ({"format": "qrcode"}, {"state": "discharging"}, {"priority": "loud"}):
            order = {"message": TEXT | wrong}
            await refused_unsent(central, station, "display_message", order)


async def test_o02_fr_01_a_message_of_a_transaction_names_it(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        transaction_id = await begun(station)
        order = {"message": TEXT | {"transaction_id": transaction_id}}
        _, payload, done = await central.ordered(station, "display_message", order, ACCEPTED)

    assert payload["message"]["transactionId"] == transaction_id
    assert done.state == "accepted"


async def test_o02_fr_02_a_transaction_that_a_station_does_not_know_is_understood(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        order = {"message": TEXT | {"transaction_id": "gone"}}
        _, _, done = await central.ordered(
            station, "display_message", order, {"status": "UnknownTransaction"}
        )

    assert (done.state, done.status) == ("rejected", "UnknownTransaction")


async def asked(
    central: Central, order: dict[str, Any], status: str = "Accepted"
) -> tuple[dict[str, Any], Any]:
    """What GetDisplayMessages says, and how the order ends."""
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "display_messages", order, {"status": status}
        )
    assert action == "GetDisplayMessages"
    assert payload.pop("requestId") > 0
    return payload, done


async def test_o03_fr_01_all_messages_are_asked_for_by_naming_nothing(central: Central) -> None:
    payload, done = await asked(central, {})

    assert payload == {}
    assert done.state == "accepted"


async def test_o03_fr_02_each_part_of_the_messages_is_confirmed_and_kept(central: Central) -> None:
    info = {
        "id": 3,
        "priority": "NormalCycle",
        "message": {"format": "UTF8", "content": "Closed tonight"},
    }
    async with central.station(PROTOCOL) as station:
        _, payload, _ = await central.ordered(station, "display_messages", {}, ACCEPTED)
        number = payload["requestId"]
        for tbc in (True, False):
            told = {"requestId": number, "tbc": tbc, "messageInfo": [info]}
            assert await station.call("NotifyDisplayMessages", told) == {}
        kept = await events(central, station, "display_messages")

    assert [row["request_id"] for row in kept] == [number, number]
    assert kept[0]["details"]["messageInfo"] == [info]


@pytest.mark.parametrize(
    ("order", "payload"),
    [
        ({"ids": [3, 4]}, {"id": [3, 4]}),
        ({"priority": "in_front"}, {"priority": "InFront"}),
        ({"state": "idle"}, {"state": "Idle"}),
        (
            {"ids": [3], "priority": "always_front", "state": "charging"},
            {"id": [3], "priority": "AlwaysFront", "state": "Charging"},
        ),
    ],
)
async def test_o04_fr_01_some_messages_are_asked_for_by_id_priority_and_state(
    central: Central, order: dict[str, Any], payload: dict[str, Any]
) -> None:
    assert (await asked(central, order))[0] == payload


async def test_o04_fr_02_a_station_without_such_messages_is_understood(central: Central) -> None:
    _, done = await asked(central, {"ids": [9]}, "Unknown")
    assert (done.state, done.status) == ("accepted", "Unknown")


@pytest.mark.parametrize(("status", "state"), [("Accepted", "accepted"), ("Unknown", "rejected")])
async def test_o05_fr_01_a_message_is_cleared_by_its_id(
    central: Central, status: str, state: str
) -> None:
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "clear_display_message", {"id": 3}, {"status": status}
        )

    assert (action, payload) == ("ClearDisplayMessage", {"id": 3})
    assert (done.state, done.status) == (state, status)


async def test_o06_fr_01_a_message_is_replaced_under_its_id(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        for content in ("Closed tonight", "Open again"):
            order = {"message": TEXT | {"content": content}}
            _, payload, done = await central.ordered(station, "display_message", order, ACCEPTED)
            assert (payload["message"]["id"], payload["message"]["message"]["content"]) == (
                3,
                content,
            )
            assert done.state == "accepted"
