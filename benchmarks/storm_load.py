"""Stations that all come back in the same second, from a process of their own.

`python -m benchmarks.storm_load PORT STATIONS PREFIX start|resume` prints one line of JSON. `start`
connects and begins a transaction on each; `resume` boots, reports a status, and sends what was
queued meanwhile: two MeterValues. A station that is refused waits as long as it was told to.
"""

import asyncio
import random
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import uvloop

from benchmarks.meter_load import frame

GIVE_UP_S = 150.0
ANSWER_S = 45.0
REFUSED_WAIT_S = 10.0
QUEUED = 2


class Refused(Exception):
    """An upgrade got another status; `wait_s` is what it said."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(str(wait_s))
        self.wait_s = wait_s


class Storm:
    """What happened to all."""

    def __init__(self) -> None:
        self.refused = 0
        self.dropped = 0
        self.ready_s: list[float] = []
        self.upgraded_s: list[float] = []
        self.began = time.perf_counter()


class Station:
    """One station, whose messages follow one another."""

    def __init__(self, storm: Storm, port: int, name: str) -> None:
        self.storm = storm
        self.port = port
        self.name = name
        self.number = 0
        self.transaction: int | None = None

    async def run(self, messages: list[tuple[str, dict[str, Any]]]) -> None:
        """Until each message has its answer, over as many sockets as it takes."""
        while True:
            try:
                await self.once(messages)
            except Refused as refused:
                self.storm.refused += 1
                await asyncio.sleep(refused.wait_s)
            except (OSError, EOFError, TimeoutError):
                self.storm.dropped += 1
                await asyncio.sleep(random.uniform(0.5, 2.0))  # noqa: S311 - a back-off
            else:
                return

    async def once(self, messages: list[tuple[str, dict[str, Any]]]) -> None:
        """One socket."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(
                f"GET /ocpp/{self.name} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
            )
            async with asyncio.timeout(ANSWER_S):
                head = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                raise Refused(retry_after(head))
            self.storm.upgraded_s.append(time.perf_counter() - self.storm.began)
            while self.number < len(messages):
                action, payload = messages[self.number]
                writer.write(frame(orjson.dumps([2, str(self.number), action, payload])))
                async with asyncio.timeout(ANSWER_S):
                    answer = await read_frame(reader)
                assert answer[0] == 3, answer
                if action == "StartTransaction":
                    self.transaction = answer[2]["transactionId"]
                self.number += 1
        except BaseException:
            writer.close()
            raise
        self.writer = writer
        self.storm.ready_s.append(time.perf_counter() - self.storm.began)


def retry_after(head: bytes) -> float:
    """Seconds that a refusal asks for."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"retry-after:"):
            return float(line.partition(b":")[2])
    return REFUSED_WAIT_S


async def read_frame(reader: asyncio.StreamReader) -> list[Any]:
    """The next text frame; pings are left unanswered, the run is shorter than their deadline."""
    while True:
        first, size = await reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        payload = await reader.readexactly(size)
        if first & 0x0F == 8:
            raise EOFError
        if first & 0x0F == 1:
            found = orjson.loads(payload)
            assert isinstance(found, list)
            return found


def start(now: datetime) -> list[tuple[str, dict[str, Any]]]:
    """A transaction begins."""
    at = (now - timedelta(hours=1)).isoformat()
    return [
        ("StartTransaction", {"connectorId": 1, "idTag": "B", "timestamp": at, "meterStart": 0}),
    ]


def resume(now: datetime, transaction: int) -> list[tuple[str, dict[str, Any]]]:
    """What a station says that comes back in the middle of a transaction."""
    values = [
        (
            "MeterValues",
            {
                "connectorId": 1,
                "transactionId": transaction,
                "meterValue": [
                    {
                        "timestamp": (now - timedelta(seconds=60 * back)).isoformat(),
                        "sampledValue": [{"value": str(1_000 * (QUEUED - back + 1))}],
                    }
                ],
            },
        )
        for back in range(QUEUED, 0, -1)
    ]
    status = {
        "connectorId": 1,
        "status": "Charging",
        "errorCode": "NoError",
        "timestamp": now.isoformat(),
    }
    return [
        ("BootNotification", {"chargePointVendor": "Bench", "chargePointModel": "Storm"}),
        ("StatusNotification", status),
        *values,
    ]


async def main(port: int, count: int, prefix: str, stage: str) -> None:
    """All at once; `resume` reads the transactions' numbers from its standard input."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    now = datetime.now(UTC)
    numbers: dict[str, int] = orjson.loads(sys.stdin.read()) if stage == "resume" else {}
    storm = Storm()
    stations = [Station(storm, port, f"{prefix}{number}") for number in range(count)]
    async with asyncio.timeout(GIVE_UP_S):
        await asyncio.gather(
            *(
                station.run(start(now) if stage == "start" else resume(now, numbers[station.name]))
                for station in stations
            )
        )
    ready = sorted(storm.ready_s)
    upgraded = sorted(storm.upgraded_s)
    result = {
        "took_s": time.perf_counter() - storm.began,
        "p50_s": ready[len(ready) // 2],
        "p99_s": ready[len(ready) * 99 // 100],
        "upgraded_p50_s": upgraded[len(upgraded) // 2],
        "refused": storm.refused,
        "dropped": storm.dropped,
        "transactions": {station.name: station.transaction for station in stations},
        "cpu_s": time.process_time(),
    }
    print(orjson.dumps(result).decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
