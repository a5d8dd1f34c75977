"""OCPP 2.0.1 C01 to C16 without contracts: who may charge, and what stations are told of it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from simulator.stations.messages import Json
from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import CARD, Central
from tests.gateway.conformance.told import ACCEPTED, REJECTED, begun, transaction_event

V201 = "ocpp2.0.1"
BUTTON = {"idToken": "", "type": "NoAuthorization"}
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


async def told(station: Witness, uid: str, kind: str = "ISO14443", **more: Any) -> Json:
    """The answer to an Authorize: idTokenInfo."""
    asked = {"idToken": {"idToken": uid, "type": kind} | more}
    answer = await station.call("Authorize", asked)
    return dict(answer["idTokenInfo"])


async def presented(station: Witness, kind: str = "Started", **more: Any) -> Json:
    """The answer to an event of a transaction of its own."""
    payload = transaction_event(kind, f"T{uuid4().hex}", **more)
    return await station.call("TransactionEvent", payload)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({}, "Accepted"),
        ({"status": "blocked"}, "Blocked"),
        ({"status": "expired"}, "Expired"),
        ({"valid_until": YESTERDAY}, "Expired"),
        ({"site_ids": f'["{uuid4()}"]'}, "NotAtThisLocation"),
    ],
    ids=["good", "blocked", "expired", "past its end", "of another site"],
)
async def test_c01_fr_07_the_status_of_a_token_is_told_with_the_reason(
    central: Central, values: dict[str, Any], word: str
) -> None:
    uid = uuid4().hex.upper()
    await central.add_token(uid, **values)

    async with central.station(V201) as station:
        assert (await told(station, uid))["status"] == word
        assert (await told(station, "NOBODY"))["status"] == "Unknown"


async def test_c01_fr_08_the_drivers_language_and_a_message_in_it_are_told(
    central: Central,
) -> None:
    await central.add_token("SPEAKS", language="nl", message="Welkom")

    async with central.station(V201) as station:
        info = await told(station, "SPEAKS")

    assert info["language1"] == "nl"
    assert info["personalMessage"] == {"format": "UTF8", "language": "nl", "content": "Welkom"}


async def test_c01_fr_25_tokens_are_equal_by_uid_and_kind_alone(central: Central) -> None:
    await central.add_token("EQUAL1", type="ISO14443")
    extra: dict[str, Any] = {"additionalInfo": [{"additionalIdToken": "X", "type": "visible"}]}

    async with central.station(V201) as station:
        assert (await told(station, "equal1"))["status"] == "Accepted"
        assert (await told(station, "EQUAL1", **extra))["status"] == "Accepted"
        assert (await told(station, "EQUAL1", "KeyCode"))["status"] == "Unknown"
        assert (await told(station, "EQUAL1", "eMAID"))["status"] == "Unknown"


@pytest.mark.parametrize("kind", ["Started", "Updated", "Ended"])
async def test_c02_fr_02_a_transaction_of_a_button_is_accepted(central: Central, kind: str) -> None:
    async with central.station(V201) as station:
        answer = await presented(station, kind, idToken=BUTTON)

    assert answer == {"idTokenInfo": {"status": "Accepted"}}


async def test_c02_fr_02_the_session_of_a_button_has_no_driver(central: Central) -> None:
    transaction_id = f"T{uuid4().hex}"
    async with central.station(V201) as station:
        payload = transaction_event("Started", transaction_id, idToken=BUTTON)
        await station.call("TransactionEvent", payload)

    row = await central.database.row(
        'SELECT token_id, token_uid, token_type, "authorization" FROM sessions '
        "WHERE transaction_id = %s",
        transaction_id,
    )
    assert (row["token_id"], row["token_uid"]) == (None, None)
    assert (row["token_type"], row["authorization"]) == ("NoAuthorization", "accepted")


async def test_c04_fr_01_a_pin_is_verified(central: Central) -> None:
    await central.add_token("1234", type="KeyCode")

    async with central.station(V201) as station:
        assert (await told(station, "1234", "KeyCode"))["status"] == "Accepted"
        assert (await told(station, "4321", "KeyCode"))["status"] in ("Invalid", "Unknown")


async def test_c06_fr_04_a_local_token_is_verified(central: Central) -> None:
    await central.add_token("TICKET1", type="Local")

    async with central.station(V201) as station:
        assert (await told(station, "TICKET1", "Local"))["status"] == "Accepted"
        assert (await told(station, "TICKET2", "Local"))["status"] in ("Invalid", "Unknown")


GROUP = {"idToken": "FAMILY", "type": "Central"}


@pytest.fixture(scope="module")
async def family(central: Central) -> tuple[str, str]:
    """Two cards of one group."""
    for uid in ("FAMILY1", "FAMILY2"):
        await central.add_token(uid, group_id="FAMILY")
    return "FAMILY1", "FAMILY2"


async def test_c09_fr_02_the_group_of_a_token_is_told(
    central: Central, family: tuple[str, str]
) -> None:
    async with central.station(V201) as station:
        for uid in family:
            assert await told(station, uid) == {"status": "Accepted", "groupIdToken": GROUP}
        assert "groupIdToken" not in await told(station, CARD)


async def test_c09_fr_09_the_group_is_told_in_a_transaction_too(
    central: Central, family: tuple[str, str]
) -> None:
    async with central.station(V201) as station:
        answer = await presented(station, token=family[0])

    assert answer["idTokenInfo"] == {"status": "Accepted", "groupIdToken": GROUP}


async def test_c09_fr_10_the_group_is_told_in_a_local_list(central: Central) -> None:
    entry = {"uid": "FAMILY1", "type": "ISO14443", "status": "accepted", "group_id": "FAMILY"}
    order = {"version": 1, "update": "full", "entries": [entry]}
    async with central.station(V201) as station:
        _, payload, _ = await central.ordered(station, "local_list", order, ACCEPTED)

    (sent,) = payload["localAuthorizationList"]
    assert sent["idTokenInfo"]["groupIdToken"] == GROUP


async def test_c09_fr_12_another_card_of_the_group_may_stop(
    central: Central, family: tuple[str, str]
) -> None:
    transaction_id = f"T{uuid4().hex}"
    async with central.station(V201) as station:
        for number, (kind, uid) in enumerate(zip(("Started", "Ended"), family, strict=True)):
            payload = transaction_event(kind, transaction_id, number, token=uid)
            answer = await station.call("TransactionEvent", payload)

    assert answer["idTokenInfo"] == {"status": "Accepted", "groupIdToken": GROUP}
    row = await central.database.row(
        "SELECT token_uid, ended_at FROM sessions WHERE transaction_id = %s", transaction_id
    )
    assert (row["token_uid"], row["ended_at"] is not None) == ("FAMILY1", True)


async def test_c09_fr_13_a_group_is_a_token_of_the_central_system(
    central: Central, family: tuple[str, str]
) -> None:
    async with central.station(V201) as station:
        assert (await told(station, family[0]))["groupIdToken"]["type"] == "Central"


async def test_c10_fr_13_until_when_a_cache_may_hold_a_token_is_told(central: Central) -> None:
    until = datetime(2099, 5, 1, 12, tzinfo=UTC)
    await central.add_token("SEASON2", valid_until=until)
    await central.add_token("GONE2", status="blocked")

    async with central.station(V201) as station:
        season, gone = await told(station, "SEASON2"), await told(station, "GONE2")
        usual = await told(station, CARD)

    assert datetime.fromisoformat(season["cacheExpiryDateTime"]) == until
    # At once: a cache must not hold a card as blocked that is freed tomorrow.
    expiry = datetime.fromisoformat(gone["cacheExpiryDateTime"])
    assert abs(datetime.now(UTC) - expiry) < timedelta(minutes=1)
    assert "cacheExpiryDateTime" not in usual


async def test_c10_fr_05_an_event_with_a_token_is_answered_with_its_status(
    central: Central,
) -> None:
    async with central.station(V201) as station:
        with_token = await presented(station, token=CARD)
        without = await presented(station)

    assert with_token["idTokenInfo"]["status"] == "Accepted"
    assert "idTokenInfo" not in without


@pytest.mark.parametrize(
    ("answer", "state"), [(ACCEPTED, "accepted"), (REJECTED, "rejected")], ids=["yes", "no"]
)
async def test_c11_fr_01_a_stations_cache_is_cleared(
    central: Central, answer: dict[str, str], state: str
) -> None:
    async with central.station(V201) as station:
        action, payload, done = await central.ordered(station, "clear_cache", {}, answer)

    assert (action, payload) == ("ClearCache", {})
    assert done.state == state


@pytest.mark.parametrize("offline", [False, True])
async def test_c12_fr_03_a_token_that_a_cache_let_charge_is_verified(
    central: Central, offline: bool
) -> None:
    uid = uuid4().hex.upper()
    await central.add_token(uid, status="blocked")

    async with central.station(V201) as station:
        good = await presented(station, token=CARD, offline=offline)
        blocked = await presented(station, token=uid, offline=offline)
        late = await presented(station, "Updated", token=uid, offline=offline)

    assert good["idTokenInfo"]["status"] == "Accepted"
    assert [one["idTokenInfo"]["status"] for one in (blocked, late)] == ["Blocked"] * 2


async def test_c15_fr_03_a_token_nobody_knows_that_charged_offline_is_told_as_unknown(
    central: Central,
) -> None:
    transaction_id = f"T{uuid4().hex}"
    async with central.station(V201) as station:
        payload = transaction_event("Started", transaction_id, token="NOBODY", offline=True)  # noqa: S106 - of a card
        answer = await station.call("TransactionEvent", payload)

    assert answer["idTokenInfo"]["status"] == "Unknown"
    row = await central.database.row(
        "SELECT token_uid, reported_offline FROM sessions WHERE transaction_id = %s",
        transaction_id,
    )
    assert (row["token_uid"], row["reported_offline"]) == ("NOBODY", True)


async def test_c16_fr_01_a_master_pass_is_told_by_its_group(central: Central) -> None:
    await central.add_token("POLICE1", group_id="MASTERS")

    async with central.station(V201) as station:
        transaction_id = await begun(station)
        info = await told(station, "POLICE1")
        ended = transaction_event(
            "Ended",
            transaction_id,
            1,
            token="POLICE1",  # noqa: S106 - of a card
            info={"stoppedReason": "MasterPass"},
        )
        answer = await station.call("TransactionEvent", ended)

    assert info["groupIdToken"] == {"idToken": "MASTERS", "type": "Central"}
    assert answer["idTokenInfo"]["status"] == "Accepted"
