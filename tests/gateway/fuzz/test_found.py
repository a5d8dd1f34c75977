"""What fuzzing found once, and the one frame that may close a socket."""

import orjson
import pytest
from websockets.exceptions import ConnectionClosed

from tests.gateway.fuzz.conftest import Pair
from tests.gateway.fuzz.frames import Sent

FRAME_BYTES_MAX = 128 * 1024
TOO_BIG = 1009
VARIABLE = '"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"}'


def padded(length: int) -> bytes:
    frame = b'[2,"big","DataTransfer",{"vendorId":"Acme","data":"%s"}]'
    return frame % (b"x" * (length - len(frame) + 2))


async def test_a_frame_of_128_kib_is_taken_and_a_longer_one_closes_the_socket(pair: Pair) -> None:
    identity, _ = await pair.add_station()
    async with await pair.line(identity, "ocpp1.6") as line:
        await line.send(Sent(padded(FRAME_BYTES_MAX)))
        assert len(await line.heard("big")) == 1
        assert await line.is_alive()
        with pytest.raises((ConnectionClosed, ConnectionResetError)):
            await line.ask("more", "DataTransfer", {"vendorId": "x" * FRAME_BYTES_MAX})
        assert await line.closed() == TOO_BIG


@pytest.mark.parametrize("number", ["1e400", "NaN", "9" * 400, '"\\ud800"'])
async def test_a_stop_with_a_value_beyond_the_parser_is_confirmed_and_kept(
    pair: Pair, number: str
) -> None:
    identity, station_id = await pair.add_station()
    async with await pair.line(identity, "ocpp1.6") as line:
        start = {"connectorId": 1, "idTag": "CARD0001", "meterStart": 5, "timestamp": ""}
        given = orjson.loads(await line.ask("start", "StartTransaction", start))[2]
        stop = f'{{"transactionId":{given["transactionId"]},"meterStop":{number}}}'
        await line.send(Sent(f'[2,"stop","StopTransaction",{stop}]'.encode()))
        # The judge reads JSON strictly; NaN is none, and confirmed all the same.
        if number != "NaN":
            await line.heard("stop")
        await line.ask("last", "DataTransfer", {"vendorId": "Acme"})
        assert line.answers["stop"] == [b'[3,"stop",{}]']
        line.findings.clear()
    (row,) = await pair.rows("SELECT ended_at FROM sessions WHERE station_id = %s", station_id)
    assert row["ended_at"] is not None


@pytest.mark.parametrize("depth", [1, 300, 700])
async def test_a_secret_in_a_frame_that_is_hard_to_read_is_answered_and_not_logged(
    pair: Pair, depth: int
) -> None:
    identity, station_id = await pair.add_station()
    deep = "[" * depth + "]" * depth
    part = f'{{{VARIABLE},"variableAttribute":[{{"value":"hunter2"}}]}}'
    payload = f'{{"requestId":1,"seqNo":0,"n":1e400,"reportData":[{part},{deep}]}}'
    async with await pair.line(identity, "ocpp2.0.1") as line:
        await line.send(Sent(f'[2,"report","NotifyReport",{payload}]'.encode()))
        assert await line.heard("report") == [b'[3,"report",{}]']
    rows = await pair.rows(
        "SELECT frame FROM frames WHERE station_id = %s AND action = 'NotifyReport'", station_id
    )
    assert len(rows) == 1
    assert b"hunter2" not in rows[0]["frame"]
    assert b"hidden" in rows[0]["frame"]
