"""Stations that send MeterValues as fast as they are answered, from a process of their own.

`python -m benchmarks.meter_load PORT CONNECTIONS SECONDS PREFIX` prints one line of JSON. Messages
are filled into a text that was encoded once, and answers only counted, so that the load costs
little beside the server; what it costs is part of what it prints.
"""

import asyncio
import sys
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import cast

import orjson
import uvloop

VALUES = (
    ("Energy.Active.Import.Register", "Wh", ""),
    ("Power.Active.Import", "W", ""),
    ("Current.Import", "A", "L1"),
    ("Current.Import", "A", "L2"),
    ("Current.Import", "A", "L3"),
    ("Voltage", "V", "L1"),
    ("Voltage", "V", "L2"),
    ("Voltage", "V", "L3"),
)
SAMPLED = orjson.dumps(
    [
        {"measurand": measurand, "unit": unit, "value": "VALUE"}
        | ({"phase": phase} if phase else {})
        for measurand, unit, phase in VALUES
    ]
).replace(b"VALUE", b"%(value)d.5")
MESSAGE = (
    b'[2,"%(value)d","MeterValues",{"connectorId":1,"transactionId":%(transaction)d,'
    b'"meterValue":[{"timestamp":"%(at)s","sampledValue":' + SAMPLED + b"}]}]"
)
WARM_UP_S = 2.0


def frame(payload: bytes) -> bytes:
    """A masked text frame (RFC 6455 section 5.2) whose mask is zero."""
    size = len(payload)
    head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload


class Station(asyncio.Protocol):
    """One outstanding call at a time, each with its own time and register."""

    def __init__(self, load: "Load", name: str) -> None:
        self.load = load
        self.name = name
        self.buffer = b""
        self.upgraded = False
        self.number = 0
        self.transaction = 0
        self.began = datetime.now(UTC) - timedelta(days=2)
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not derived from asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        key = b64encode(self.name.encode().ljust(16, b"x")[:16]).decode()
        self.transport.write(
            f"GET /ocpp/{self.name} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.upgraded:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            assert b" 101 " in head, head
            self.upgraded, self.buffer = True, rest
            self.start()
        while len(self.buffer) >= 2:
            size, head_size = self.buffer[1], 2
            if size == 126:
                size, head_size = int.from_bytes(self.buffer[2:4], "big"), 4
            if len(self.buffer) < head_size + size:
                return
            payload = self.buffer[head_size : head_size + size]
            self.buffer = self.buffer[head_size + size :]
            self.answered(payload)

    def start(self) -> None:
        """A transaction of its own."""
        payload = {
            "connectorId": 1,
            "idTag": "BENCH",
            "timestamp": self.began.isoformat(),
            "meterStart": 0,
        }
        self.transport.write(frame(orjson.dumps([2, "0", "StartTransaction", payload])))

    def answered(self, payload: bytes) -> None:
        """Count it, and send the next."""
        assert payload.startswith(b"[3,"), payload
        if self.number == 0:
            self.transaction = orjson.loads(payload)[2]["transactionId"]
        else:
            self.load.count(time.perf_counter() - self.sent_at)
        self.number += 1
        if not self.load.over:
            self.send()

    def send(self) -> None:
        """MeterValues with eight sampled values."""
        at = self.began + timedelta(seconds=self.number)
        body = MESSAGE % {
            b"value": self.number,
            b"transaction": self.transaction,
            b"at": at.strftime("%Y-%m-%dT%H:%M:%SZ").encode(),
        }
        self.sent_at = time.perf_counter()
        self.transport.write(frame(body))


class Load:
    """Answers and their times, after the warm-up."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.times: list[float] = []
        self.answered = 0  # from the first on, the warm-up too
        self.counting = False
        self.over = False

    def count(self, seconds: float) -> None:
        """One message was answered, so many seconds after it was sent."""
        self.answered += 1
        if self.counting:
            self.times.append(seconds)


async def main(port: int, connections: int, seconds: float, prefix: str) -> None:
    """Run, and print what came of it."""
    loop = asyncio.get_running_loop()
    load = Load(seconds)
    for number in range(connections):
        await loop.create_connection(
            lambda number=number: Station(load, f"{prefix}{number}"),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
    await asyncio.sleep(WARM_UP_S)
    load.counting = True
    began, spent = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    took, spent = time.perf_counter() - began, time.process_time() - spent
    load.over = True
    assert load.times, "nothing was answered"
    times = sorted(load.times)
    result = {
        "per_second": len(times) / took,
        "p50_ms": 1000 * times[len(times) // 2],
        "p99_ms": 1000 * times[len(times) * 99 // 100],
        "answered": load.answered,
        "load_us": 1e6 * spent / len(times),
    }
    print(orjson.dumps(result).decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
