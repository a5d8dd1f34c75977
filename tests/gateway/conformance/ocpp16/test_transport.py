"""OCPP-J 1.6: the websocket and the envelope."""

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from simulator.stations.connection import CannotConnect
from simulator.stations.messages import CallRefused
from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.ocpp16.test_core import start


async def test_j_3_1_an_identity_in_the_path_may_be_percent_encoded(central: Central) -> None:
    await central.add_station(identity="CS:north|7")

    async with connect(
        f"{central.url}/CS%3Anorth%7C7",
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
    ) as socket:
        assert socket.subprotocol == "ocpp1.6"


async def test_j_3_2_a_an_unknown_identity_is_not_found(central: Central) -> None:
    with pytest.raises(CannotConnect, match="404"):
        async with Witness(central.url, "NOBODY", "ocpp1.6"):
            pass


async def test_j_3_2_b_without_a_common_subprotocol_the_socket_is_closed_at_once(
    central: Central,
) -> None:
    identity = await central.add_station()

    async with connect(
        f"{central.url}/{identity}",
        subprotocols=["ocpp1.2", "soap"],  # type: ignore[list-item]
    ) as socket:
        assert socket.subprotocol is None
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_j_3_2_c_of_several_subprotocols_one_of_the_stations_is_chosen(
    central: Central,
) -> None:
    identity = await central.add_station()

    async with connect(
        f"{central.url}/{identity}",
        subprotocols=["ocpp1.5", "ocpp1.6"],  # type: ignore[list-item]
    ) as socket:
        assert socket.subprotocol == "ocpp1.6"


async def test_j_3_3_a_new_socket_of_a_station_takes_the_place_of_the_old_one(
    central: Central,
) -> None:
    async with (
        central.station("ocpp1.6") as old,
        Witness(central.url, old.identity, "ocpp1.6") as new,
    ):
        await old.closed()
        assert await new.call("Heartbeat", {})


async def test_j_4_1_a_answers_come_while_our_own_call_is_open(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        sending = central.send(await central.order(station, "reset", {"type": "soft"}))
        message_id, _ = await station.expect_call("Reset")

        answer = await asyncio.wait_for(station.call("Heartbeat", {}), 30)

        assert answer["currentTime"]
        await station.answer(message_id, {"status": "Accepted"})
        assert (await sending).state == "accepted"


async def test_j_4_1_b_a_second_call_waits_for_the_answer_to_the_first(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        orders = [
            central.send(await central.order(station, "unlock", {"evse": number, "connector": 1}))
            for number in (1, 2)
        ]
        first, _ = await station.expect_call("UnlockConnector")
        await station.expect_silence(0.15)
        await station.answer(first, {"status": "Unlocked"})
        second, _ = await station.expect_call("UnlockConnector")
        await station.answer(second, {"status": "Unlocked"})

        assert [(await order).state for order in orders] == ["accepted", "accepted"]


async def test_j_4_1_4_message_ids_are_strings_of_at_most_36_characters(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        sending = central.send(await central.order(station, "clear_cache", {}))
        message_id, _ = await station.expect_call("ClearCache")
        await station.answer(message_id, {"status": "Accepted"})
        await sending

    assert 0 < len(message_id) <= 36


async def test_j_4_1_3_other_message_types_are_ignored(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        await station.send_raw('[9,"x","Heartbeat",{}]')
        await station.call("Heartbeat", {})
        frames = [frame.kind for frame in station.frames]

    assert 3 in frames
    assert "x" not in [frame.message_id for frame in station.frames if frame.kind == 3]


async def test_j_4_2_1_the_answer_carries_the_id_of_its_call(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        await station.send_raw('[2,"first","Heartbeat",{}]')
        await station.send_raw('[2,"second","Heartbeat",{}]')

        assert await station.answer_to("second")
        assert await station.answer_to("first")


async def test_j_4_2_3_a_an_action_that_nobody_knows_is_not_implemented(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        with pytest.raises(CallRefused) as refused:
            await station.call("MakeCoffee", {})

    assert refused.value.code in ("NotImplemented", "NotSupported")


@pytest.mark.parametrize(
    "frame",
    ["{}", "[]", "no json", '[2,"a"]', '[2,"a', "null", "[2]", '[2,7,"Heartbeat",{}]'],
)
async def test_j_4_2_3_b_a_malformed_message_costs_no_connection(
    central: Central, frame: str
) -> None:
    async with central.station("ocpp1.6") as station:
        await station.send_raw(frame)

        assert await station.call("Heartbeat", {})


async def test_j_5_1_a_ping_gets_a_pong(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        await station.ping()


async def test_j_6_1_a_wrong_password_is_unauthorized_before_the_upgrade(central: Central) -> None:
    secret = "0123456789abcdef0123"  # noqa: S105 - of a station that exists for a moment
    async with central.station("ocpp1.6", password=secret) as station:
        with pytest.raises(CannotConnect, match="401"):
            async with Witness(central.url, station.identity, "ocpp1.6", password="wrong" * 4):
                pass
        with pytest.raises(CannotConnect, match="401"):
            async with Witness(central.url, station.identity, "ocpp1.6"):
                pass


@pytest.mark.parametrize("registration", ["pending", "rejected"])
async def test_4_2_d_nobody_charges_on_a_station_that_is_not_accepted(
    central: Central, registration: str
) -> None:
    async with central.station("ocpp1.6", boot=False, registration=registration) as station:
        await station.boot(accepted=False)
        answer: dict[str, Any] = await station.call("StartTransaction", start())

    assert answer["idTagInfo"]["status"] == "Invalid"
