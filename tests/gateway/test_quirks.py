"""Quirks 1 to 11 of the list of charger quirks: the socket and the envelope; see
`test_quirks_of_payloads` for 12 to 22. Against the real gateway, over a socket.

The numbers are those of the project's collection of what independent charger stacks do. What only
some models need is a rule of data (`holdfast.domain.quirks`) with tests of its own.
"""

import json

import pytest

from gateway.dialect import OrderContext
from gateway.v16.orders import translate_order as order_16
from tests.gateway.conftest import CARD
from tests.gateway.field import BOOT_16, Field, frame, stamp


async def test_quirk_01_no_boot_after_a_reconnect_is_needed(field: Field) -> None:
    async with field.station() as station:
        await station.call("BootNotification", BOOT_16)
        number = (await station.start())["transactionId"]
        identity = station.identity
    async with field.station(identity=identity) as station:
        await station.status(1, "Finishing", 30)
        await station.stop(number, 30, 4000)
        assert (await station.start(40))["transactionId"] != number

        assert await station.energies() == [3000, 0]


async def test_quirk_02_a_station_is_left_alone_until_its_boot_is_answered(field: Field) -> None:
    async with field.station() as station:
        with pytest.raises(TimeoutError):
            await station.receive(0.15)
        answer = await station.call("BootNotification", BOOT_16)
    assert answer["status"] == "Accepted"
    # One that never boots by itself is asked to.
    (call,) = order_16("trigger", {"message": "BootNotification"}, OrderContext())
    assert (call.action, call.payload["requestedMessage"]) == ("TriggerMessage", "BootNotification")


@pytest.mark.parametrize("path", ["/ocpp/{}/", "/ocpp///{}", "/ocpp/{}?token=1"])
async def test_quirk_03_odd_paths_and_headers_are_forgiven(field: Field, path: str) -> None:
    identity = await field.make(subprotocol="ocpp1.6")
    async with field.station(
        None,
        identity=identity,
        path=path.format(identity),
        headers={"Origin": "http://192.0.2.1"},
    ) as station:
        assert station.socket.subprotocol is None
        await station.alive()


async def test_quirk_04_a_second_socket_wins_and_the_end_of_the_first_is_none_of_its_business(
    field: Field,
) -> None:
    async with field.station() as first, field.station(identity=first.identity) as second:
        number = (await second.start())["transactionId"]
        await first.close()
        await second.stop(number, 5, 2000)
        await second.alive()

        assert await second.energies() == [1000]
        (connection,) = await second.rows("station_connections")
        assert connection["disconnected_at"] is None


async def test_quirk_05_a_boot_ends_no_transaction(field: Field) -> None:
    async with field.station() as station:
        number = (await station.start())["transactionId"]
        identity = station.identity
    async with field.station(identity=identity) as station:
        await station.call("BootNotification", BOOT_16)
        await station.meter(number, 5, 1700)

        row = await station.session()
        assert (row["ended_at"], row["energy_wh"]) == (None, 700)


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_quirk_06_with_and_without_compression(field: Field, compression: str | None) -> None:
    async with field.station(compression=compression) as station:
        await station.alive()


async def test_quirk_07_an_error_for_an_id_of_nobody_and_an_unknown_action_harm_nothing(
    field: Field,
) -> None:
    async with field.station() as station:
        await station.raw('[4,"-1","GenericError","",{}]')
        await station.raw('[4,"-1","FormationViolation","",{}]')
        await station.raw('[3,"999",{}]')
        await station.raw(frame("u", "Teleport", {}))
        assert (await station.receive())[:3] == [4, "u", "NotImplemented"]
        await station.alive()


async def test_quirk_08_message_ids_begin_again_at_every_connection(field: Field) -> None:
    numbers = []
    identity = await field.make()
    for minutes in (0, 10):
        async with field.station(identity=identity) as station:
            start = {
                "connectorId": 1,
                "idTag": CARD,
                "timestamp": stamp(minutes),
                "meterStart": 0,
            }
            answer = await station.call("StartTransaction", start, "1")
            await station.call("Heartbeat", {}, "2")
            numbers.append(answer["transactionId"])
    assert len(set(numbers)) == 2


async def test_quirk_09_calls_that_are_sent_without_waiting_are_answered_in_order(
    field: Field,
) -> None:
    async with field.station() as station:
        await station.post("BootNotification", BOOT_16, "1")
        word = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
        await station.post("StatusNotification", word, "2")
        start = {"connectorId": 1, "idTag": CARD, "timestamp": stamp(), "meterStart": 0}
        await station.post("StartTransaction", start, "3")
        await station.post("Heartbeat", {}, "4")
        answers = [await station.receive() for _ in range(4)]
    # A heartbeat is answered from memory: it need not wait for what is being stored.
    assert [answer[1] for answer in answers if answer[1] != "4"] == ["1", "2", "3"]
    assert {answer[0] for answer in answers} == {3}


@pytest.mark.parametrize(
    "text",
    ['[2, "1" ,"Heartbeat" , {} ]', '[2,"1","Heartb', '[,2,"1","Heartbeat",{}]', "{}", "[]", " "],
)
async def test_quirk_10_bad_json_never_costs_the_socket(field: Field, text: str) -> None:
    async with field.station() as station:
        await station.raw(text)
        if text.endswith("{} ]"):
            assert (await station.receive())[:2] == [3, "1"]
        await station.alive()


async def test_quirk_11_answers_are_compact_and_in_the_order_of_the_specification(
    field: Field,
) -> None:
    async with field.station() as station:
        await station.post("BootNotification", BOOT_16, "b")
        boot = str(await station.socket.recv())
        start = {"connectorId": 1, "idTag": CARD, "timestamp": stamp(), "meterStart": 0}
        await station.post("StartTransaction", start, "s")
        answer = str(await station.socket.recv())
    assert boot == json.dumps(json.loads(boot), separators=(",", ":"))
    assert list(json.loads(boot)[2]) == ["currentTime", "interval", "status"] or list(
        json.loads(boot)[2]
    ) == ["status", "currentTime", "interval"]
    assert answer.startswith('[3,"s",{"idTagInfo":{"status":"Accepted"')
    assert " " not in answer
