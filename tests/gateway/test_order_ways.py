"""Orders on their whole way: placed, relayed, sent by a workflow through a real gateway, answered.

One gateway and one workers process serve all tests here; each has a station of its own.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from gateway import orders
from gateway.limits import FRAME_BYTES_MAX
from holdfast.services.orders import cancel_order
from holdfast.services.remote_start import StartAsked
from holdfast.services.station_commands import start_session
from tests.gateway.conftest import CARD
from tests.gateway.field import BOOT_16
from tests.gateway.ordering import Floor, open_floor


@pytest.fixture(scope="module")
async def floor(postgres_url: str, temporal_server: str, temporal: Client) -> AsyncIterator[Floor]:
    async with open_floor(postgres_url, temporal_server, temporal) as opened:
        yield opened


def entries(count: int) -> list[dict[str, Any]]:
    return [{"uid": f"CARD{n}", "type": "ISO14443", "status": "accepted"} for n in range(count)]


async def test_a_list_goes_in_parts_by_the_limit_that_the_station_told_over_the_wire(
    floor: Floor,
) -> None:
    async with floor.station() as station:
        told = {"key": "SendLocalListMaxLength", "value": "2", "readonly": True}
        station.answers["GetConfiguration"] = [{"configurationKey": [told]}]
        identity = station.wire.identity
        asked = await floor.place(
            identity, "read_configuration", {"names": ["SendLocalListMaxLength"]}
        )
        await floor.ended(asked)
        (row,) = await station.wire.rows("station_variables")
        assert (row["variable"], row["value"]) == ("SendLocalListMaxLength", "2")

        full = {"version": 9, "update": "full", "entries": entries(5)}
        order = await floor.ended(await floor.place(identity, "local_list", full))

    sent = [frame.payload for frame in station.frames if frame.action == "SendLocalList"]
    assert [len(part["localAuthorizationList"]) for part in sent] == [2, 2, 1]
    assert [part["listVersion"] for part in sent] == [7, 8, 9]
    assert (order.state, order.parts, order.parts_done) == ("accepted", 3, 3)
    assert station.at_most == 1


def got_variables(payload: dict[str, Any]) -> dict[str, Any]:
    """Every variable is 2."""
    results = [
        one | {"attributeStatus": "Accepted", "attributeValue": "2"}
        for one in payload["getVariableData"]
    ]
    return {"getVariableResult": results}


def set_variables(*refused: str) -> Any:
    """An answer that refuses these, and takes all others."""

    def answer(payload: dict[str, Any]) -> dict[str, Any]:
        results = []
        for one in payload["setVariableData"]:
            word = "Rejected" if one["variable"]["name"] in refused else "Accepted"
            place = {name: one[name] for name in ("component", "variable")}
            results.append(place | {"attributeStatus": word})
        return {"setVariableResult": results}

    return answer


async def test_a_refusal_in_the_middle_says_which_part_and_ends_the_order(floor: Floor) -> None:
    async with floor.station("ocpp2.0.1") as station:
        identity = station.wire.identity
        station.answers["GetVariables"] = [got_variables]
        names = ["DeviceDataCtrlr.ItemsPerMessage[SetVariables]"]
        await floor.ended(await floor.place(identity, "read_configuration", {"names": names}))
        known = await station.wire.rows("station_variables")
        assert [(row["variable_instance"], row["value"]) for row in known] == [
            ("SetVariables", "2")
        ]

        station.answers["SetVariables"] = [set_variables("C")] * 3
        wanted = {f"Ctrlr.{name}": "1" for name in "ABCDEF"}
        order = await floor.ended(await floor.place(identity, "configure", {"variables": wanted}))

    assert station.actions().count("SetVariables") == 2, "nothing is sent after a refusal"
    assert (order.state, order.parts, order.parts_done) == ("rejected", 3, 1)
    assert order.answer is not None
    assert [part["status"] for part in order.answer["parts"]] == ["Accepted", "Rejected"]
    assert [part["part"] for part in order.answer["parts"]] == [1, 2]


async def test_what_is_larger_than_a_frame_or_than_the_station_takes_is_refused_unsent(
    floor: Floor,
) -> None:
    async with floor.station("ocpp2.0.1") as station:
        identity = station.wire.identity
        huge = {"vendor_id": "acme", "data": "x" * FRAME_BYTES_MAX}
        too_large = await floor.ended(await floor.place(identity, "data_transfer", huge))

        station.answers["GetVariables"] = [
            lambda asked: {
                "getVariableResult": [
                    asked["getVariableData"][0]
                    | {"attributeStatus": "Accepted", "attributeValue": "400"}
                ]
            }
        ]
        names = ["DeviceDataCtrlr.BytesPerMessage[SetVariables]"]
        await floor.ended(await floor.place(identity, "read_configuration", {"names": names}))
        wanted = {"variables": {"Ctrlr.Banner": "x" * 900}}
        more_than_told = await floor.ended(await floor.place(identity, "configure", wanted))

    for order, said in ((too_large, "131072"), (more_than_told, "more than the station takes")):
        assert (order.state, order.sent_at) == ("rejected", None)
        assert order.answer is not None
        assert order.answer["error"]["code"] == "NotSupported"
        assert said in order.answer["error"]["text"]
    assert station.actions() == ["GetVariables"]


async def test_what_may_be_repeated_is_sent_again_after_silence_and_the_rest_is_not(
    floor: Floor,
) -> None:
    async with floor.station() as station:
        identity = station.wire.identity
        later = datetime.now(UTC) + timedelta(hours=1)  # the test sends them, not the relay
        station.silent = {"ClearCache", "Reset"}
        order_id = await floor.place(identity, "clear_cache", {}, relay_at=later)
        first = await floor.send(order_id, timeout_s=0.1)
        between = await floor.order(order_id)
        station.silent = {"Reset"}
        second = await floor.send(order_id)
        reset = await floor.place(identity, "reset", {"type": "soft"}, relay_at=later)
        once = await floor.send(reset, timeout_s=0.1)
        again = await floor.send(reset)

    assert (first.state, first.again_s) == ("waiting", 5.0)
    assert (between.state, between.attempts) == ("waiting", 1)
    assert between.retry_at is not None
    assert second.state == "accepted"
    assert (await floor.order(order_id)).attempts == 2
    assert (once.state, again.state) == ("timed_out", "timed_out")
    assert station.actions() == ["ClearCache", "ClearCache", "Reset"]


@pytest.mark.parametrize("kind", ["start", "stop", "unlock"])
async def test_the_station_is_asked_about_an_order_whose_outcome_nobody_knows(
    floor: Floor, kind: str
) -> None:
    protocol = "ocpp2.0.1" if kind == "stop" else "ocpp1.6"
    async with floor.station(protocol) as station:
        identity = station.wire.identity
        station.silent = {"RemoteStartTransaction", "RequestStopTransaction", "UnlockConnector"}
        if kind == "start":
            async with floor.field.sessions.begin() as db:
                now = datetime.now(UTC)
                commanded = await start_session(
                    db,
                    floor.field.organization,
                    identity,
                    StartAsked(evse=1, token_uid=CARD),
                    actor="test",
                    now=now,
                    not_after=now + timedelta(minutes=1),
                    settings=floor.field.app.settings,
                )
            order_id = commanded.order.id
        else:
            payload = {"evse": 1, "connector": 1} if kind == "unlock" else {"transaction_id": "T7"}
            order_id = await floor.place(identity, kind, payload)
        await station.got(1)
        # The socket closes with the call unanswered.
        await station.wire.close()
        assert (await floor.ended(order_id)).state == "timed_out"

    (question,) = [row for row in await station.wire.rows("orders") if row["about"] == order_id]
    async with floor.station(protocol, identity) as back:
        back.answers["GetTransactionStatus"] = [
            {"messagesInQueue": False, "ongoingIndicator": False}
        ]
        asked = (await back.got(1))[0]
        assert (await floor.until(question["id"], "accepted")).about == order_id

    if kind == "stop":
        assert (asked.action, asked.payload) == ("GetTransactionStatus", {"transactionId": "T7"})
    else:
        assert asked.action == "TriggerMessage"
        assert asked.payload == {"requestedMessage": "StatusNotification", "connectorId": 1}
    assert (await floor.order(order_id)).attempts == 1


@pytest.fixture
def patient_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes way for older orders for longer than a busy machine takes to bring them."""
    monkeypatch.setattr(orders, "WAY_S", 60.0)


@pytest.mark.usefixtures("patient_gateway")
async def test_twenty_that_waited_go_one_at_a_time_by_priority_and_then_by_age(
    floor: Floor,
) -> None:
    identity = await floor.field.make()
    placed = [
        (priority, n, await floor.place(identity, "trigger", trigger(n), priority=priority))
        for n, priority in enumerate([5, 7, 5, 2, 5, 9, 5, 5, 1, 5] * 2, start=1)
    ]
    async with floor.station(identity=identity) as station:
        station.pause_s = 0.01
        await station.got(20)
        for _, _, order_id in placed:
            await floor.until(order_id, "accepted")

    sent = [frame.payload["connectorId"] for frame in station.frames]
    assert sent == [n for _, n, _ in sorted(placed)]
    assert station.at_most == 1


def trigger(evse: int) -> dict[str, Any]:
    return {"message": "StatusNotification", "evse": evse}


@pytest.mark.usefixtures("patient_gateway")
async def test_a_younger_order_that_comes_directly_does_not_pass_an_older_one(
    floor: Floor,
) -> None:
    async with floor.station() as station:
        identity = station.wire.identity
        await floor.connected(identity)
        soon = datetime.now(UTC) + timedelta(seconds=1)
        await floor.place(identity, "trigger", trigger(1), relay_at=soon)
        await floor.place(identity, "trigger", trigger(2), priority=9, relay_at=soon)
        await floor.place(identity, "trigger", trigger(3), direct=True, priority=1)
        await floor.place(identity, "trigger", trigger(4), direct=True)
        await station.got(4)

    assert [frame.payload["connectorId"] for frame in station.frames] == [3, 1, 4, 2]


async def test_an_order_for_a_pending_station_goes_once_its_boot_is_accepted(floor: Floor) -> None:
    identity = await floor.field.make("pending")
    async with floor.station(identity=identity) as station:
        charging = await floor.place(identity, "unlock", {"evse": 1, "connector": 1})
        reading = await floor.place(identity, "read_configuration", {"names": ["A"]})
        station.answers["GetConfiguration"] = [{"configurationKey": []}]
        # It is younger, and is not kept waiting by what the station may not be asked yet.
        assert (await floor.until(reading, "accepted")).attempts == 1
        assert (await floor.order(charging)).state == "waiting"
        await floor.field.database.rows(
            "UPDATE stations SET registration = 'accepted' WHERE identity = %s", identity
        )
        await station.wire.post("BootNotification", BOOT_16)
        assert (await floor.until(charging, "accepted")).attempts == 1

    assert station.actions()[:1] == ["GetConfiguration"]
    assert "UnlockConnector" in station.actions()


async def test_an_order_for_a_station_that_is_away_ends_as_what_became_of_it(
    floor: Floor,
) -> None:
    identity = await floor.field.make()
    older = await floor.place(identity, "configure", {"variables": {"A": "1"}})
    newer = await floor.place(identity, "configure", {"variables": {"A": "2"}})
    late = await floor.place(
        identity, "clear_cache", {}, not_after=datetime.now(UTC) + timedelta(seconds=0.3)
    )
    async with floor.field.sessions.begin() as db:
        await cancel_order(db, floor.field.organization, newer, datetime.now(UTC))

    ended = [await floor.ended(order_id) for order_id in (older, newer, late)]

    assert [order.state for order in ended] == ["superseded", "cancelled", "expired"]
    assert [order.attempts for order in ended] == [0, 0, 0]
    assert ended[0].superseded_by == newer
    async with floor.station(identity=identity) as station:
        await station.wire.post("Heartbeat", {})
        sent = await floor.place(identity, "reset", {"type": "soft"})
        await floor.ended(sent)
    assert station.actions() == ["Reset"], "nothing of what was over is sent"


async def test_an_order_whose_time_passes_in_the_gateways_hands_expires_unsent(
    floor: Floor,
) -> None:
    async with floor.station() as station:
        identity = station.wire.identity
        station.pause_s = 0.6
        await floor.place(identity, "reset", {"type": "soft"})
        await station.got(1)
        late = await floor.place(
            identity, "unlock", {"evse": 1}, not_after=datetime.now(UTC) + timedelta(seconds=0.4)
        )
        order = await floor.ended(late)

    assert (order.state, order.attempts) == ("expired", 0)
    assert station.actions() == ["Reset"]
