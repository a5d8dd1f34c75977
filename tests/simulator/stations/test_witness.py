"""The scripted witness: says what it is told, and judges what it hears."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from simulator.stations.messages import CallRefused, CallTimedOut, ConnectionGone
from simulator.stations.schemas import PROTOCOLS, actions
from simulator.stations.witness import SchemaViolated, Witness
from tests.simulator.stations.back_office import BackOffice


@asynccontextmanager
async def parrot(*frames: str) -> AsyncIterator[str]:
    """A server that says these frames, whatever it hears; a frame may hold the id it was asked."""

    async def hold(socket: ServerConnection) -> None:
        async for asked in socket:
            message_id = orjson.loads(asked)[1]
            for frame in frames:
                await socket.send(frame.replace("$ID", message_id))

    async with serve(
        hold, "127.0.0.1", 0, subprotocols=[Subprotocol(one) for one in PROTOCOLS]
    ) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def test_a_witness_boots_and_calls_are_answered(office: BackOffice) -> None:
    async with Witness.connect(office.url, "W1", "ocpp2.0.1") as witness:
        answer = await witness.boot()
        beat = await witness.call("Heartbeat", {})

    assert answer["status"] == "Accepted"
    assert "currentTime" in beat


async def test_a_call_of_the_server_is_awaited_by_its_action_and_answered(
    office: BackOffice,
) -> None:
    async with Witness.connect(office.url, "W2", "ocpp1.6") as witness:
        await witness.boot()
        witness.answer_always({"GetLocalListVersion": {"listVersion": 0}})
        asked = asyncio.create_task(office.call("W2", "Reset", {"type": "Soft"}))
        message_id, payload = await witness.expect_call("Reset", 2)
        await witness.answer(message_id, {"status": "Rejected"})
        version = await office.call("W2", "GetLocalListVersion", {})
        refused = asyncio.create_task(office.call("W2", "ClearCache", {}))
        message_id, _ = await witness.expect_call("ClearCache", 2)
        await witness.refuse(message_id, "NotSupported", "no cache")

        assert (payload, await asked) == ({"type": "Soft"}, {"status": "Rejected"})
        assert version == {"listVersion": 0}
        assert await refused == {"error": "NotSupported"}


@pytest.mark.parametrize(
    ("frame", "what"),
    [
        ('[3,"$ID",{"currentTime":"yesterday"}]', "currentTime"),
        ('[3,"$ID",{}]', "currentTime"),
        ('[3,"another",{"currentTime":"2026-01-01T00:00:00Z"}]', "an answer to nothing"),
        ('[4,"$ID","Whatever","",{}]', "no error code Whatever"),
        ('[2,"x","Reset",{"type":"Sideways"}]', "Reset request: type"),
        ('[2,"x","Fly",{}]', "no action Fly"),
        (f'[2,"{"x" * 37}","ClearCache",{{}}]', "too long"),
        ('[6,"x","NotifyPeriodicEventStream",{}]', "no OCPP message"),
        ("[2,", "no OCPP message"),
        ('[3,"$ID"]', "no OCPP message"),
    ],
)
async def test_a_server_that_breaks_the_specification_is_caught(frame: str, what: str) -> None:
    async with parrot(frame) as url:
        with pytest.raises(SchemaViolated, match=what):
            async with Witness.connect(url, "W3", "ocpp1.6") as witness:
                await witness.call("Heartbeat", {})


async def test_a_violation_that_nobody_read_is_raised_at_the_end(office: BackOffice) -> None:
    bad = '[2,"x","Fly",{}]'
    good = '[3,"$ID",{"currentTime":"2026-01-01T00:00:00Z"}]'
    async with parrot(good, bad) as url:
        with pytest.raises(SchemaViolated):
            async with Witness.connect(url, "W4", "ocpp2.1") as witness:
                await witness.call("Heartbeat", {})


async def test_an_error_silence_and_a_close_are_told_apart(office: BackOffice) -> None:
    async with (
        parrot('[4,"$ID","NotSupported","not here",{}]') as url,
        Witness.connect(url, "W5", "ocpp2.1") as witness,
    ):
        with pytest.raises(CallRefused) as refused:
            await witness.call("Heartbeat", {})
        with pytest.raises(CallTimedOut):
            await witness.expect_call("Reset", 0.05)
        await witness.expect_silence(0.02)
        await witness.ping()
        await witness.close()
        with pytest.raises(ConnectionGone):
            await witness.receive()

    assert (refused.value.code, refused.value.description) == ("NotSupported", "not here")


def test_the_judge_knows_every_action_of_each_version() -> None:
    counts = {protocol: len(actions(protocol)) for protocol in PROTOCOLS}

    assert counts == {"ocpp1.6": 39, "ocpp2.0.1": 64, "ocpp2.1": 91}
    assert "NotifyPeriodicEventStream" in actions("ocpp2.1")
