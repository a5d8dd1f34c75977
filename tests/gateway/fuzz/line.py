"""A station's socket with a judge on it: every frame that comes is held against the specification.

It counts: an answer to nothing, two answers to one call, two calls of the server at once and a
payload or an error code that the version does not have are all `findings`.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, Self, cast

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from simulator.stations.schemas import Protocol, error_codes, finding
from tests.gateway.fuzz.frames import Meaning, Sent, meaning

WAIT_S = 30.0
UNREADABLE_ID = "-1"

Hook = Callable[[str, int], Awaitable[None]]


class Line:
    """One socket. `answered` runs for each answer as it comes, before the next one is read."""

    def __init__(self, socket: ClientConnection, protocol: str, answered: Hook | None) -> None:
        self.socket = socket
        self.protocol = cast(Protocol, protocol)
        self.findings: list[str] = []
        self.answers: dict[str, list[bytes]] = defaultdict(list)
        self.refused: Counter[str] = Counter()
        self.calls: asyncio.Queue[tuple[str, str, dict[str, Any]]] = asyncio.Queue()
        self.owed: set[str] = set()  # calls of the server that wait for our answer
        self._asked: dict[str, list[str]] = defaultdict(list)
        self._seen: list[bytes] = []
        self._answered = answered
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(
        cls, port: int, identity: str, protocol: str, answered: Hook | None = None
    ) -> Self:
        """Connect as this station."""
        socket = await connect(
            f"ws://127.0.0.1:{port}/ocpp/{identity}",
            subprotocols=[protocol],  # type: ignore[list-item]
            compression=None,
            ping_interval=None,
            close_timeout=2,
        )
        return cls(socket, protocol, answered)

    async def send(self, sent: Sent) -> Meaning:
        """Send a frame as it is; what it means."""
        read = meaning(self.protocol, sent.content)
        if read.kind == 2:
            self._asked[read.message_id].append(read.action)
        self._seen.append(sent.content)
        await self.socket.send(sent.content, text=not sent.binary)
        return read

    async def post(self, message_id: str, action: str, payload: Any) -> None:
        """Send a call without waiting."""
        await self.send(Sent(orjson.dumps([2, message_id, action, payload])))

    async def ask(self, message_id: str, action: str, payload: Any) -> bytes:
        """Send a call; the frame of its answer."""
        await self.post(message_id, action, payload)
        return (await self.heard(message_id))[-1]

    async def answer(self, message_id: str, payload: Any) -> None:
        """CALLRESULT to a call of the server."""
        self.owed.discard(message_id)
        await self.send(Sent(orjson.dumps([3, message_id, payload])))

    async def heard(self, message_id: str) -> list[bytes]:
        """Every answer to this id, once there are as many as calls. Raises TimeoutError,
        ConnectionResetError."""
        async with asyncio.timeout(WAIT_S), self._news:
            while len(self.answers[message_id]) < len(self._asked[message_id]):
                if self._reader.done():
                    raise ConnectionResetError(f"closed with {self.socket.close_code}")
                await self._news.wait()
        return self.answers[message_id]

    async def is_alive(self) -> bool:
        """Whether a heartbeat is answered."""
        try:
            await self.ask(f"heartbeat-{len(self._seen)}", "Heartbeat", {})
        except (ConnectionClosed, ConnectionResetError):
            return False
        return True

    async def closed(self) -> int | None:
        """Wait for the server to close; its code."""
        async with asyncio.timeout(WAIT_S):
            await asyncio.shield(self._reader)
        return self.socket.close_code

    async def close(self) -> None:
        await self.socket.close()
        await self._reader

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self.close()
        if kind is None:
            assert self.findings == []

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                raw = await self.socket.recv(decode=False)
                found = await self._take(bytes(raw))
                if found is not None:
                    self.findings.append(f"{found} in {raw[:300]!r}")
        async with self._news:
            self._news.notify_all()

    async def _take(self, raw: bytes) -> str | None:
        try:
            items = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return "no JSON"
        match items:
            case [3, str(message_id), dict(payload)]:
                found = self._judge_result(message_id, payload)
            case [4, str(message_id), str(code), str(text), dict()]:
                self.refused[message_id] += 1
                found = self._judge_error(message_id, code, text)
            case [2, str(message_id), str(action), dict(payload)]:
                return self._take_call(message_id, action, payload)
            case _:
                return "no message that a server sends"
        if self._answered is not None:
            await self._answered(message_id, items[0])
        async with self._news:
            self.answers[message_id].append(raw)
            self._news.notify_all()
        return found

    def _take_call(self, message_id: str, action: str, payload: dict[str, Any]) -> str | None:
        second = bool(self.owed)
        self.owed.add(message_id)
        self.calls.put_nowait((message_id, action, payload))
        if second:
            return "a second call at once (G4)"
        return finding(self.protocol, action, "request", payload)

    def _judge_result(self, message_id: str, payload: dict[str, Any]) -> str | None:
        asked = self._asked.get(message_id, [])
        if not asked or self._is_overdone(message_id):
            return "an answer to nothing"
        wrong = [finding(self.protocol, action, "answer", payload) for action in asked]
        return wrong[0] if all(wrong) else None

    def _judge_error(self, message_id: str, code: str, text: str) -> str | None:
        if code not in error_codes(self.protocol):
            return f"an error code that {self.protocol} does not have"
        if len(text) > 255:
            return "a description over 255 characters"
        if message_id in self._asked:
            return "an error to nothing" if self._is_overdone(message_id) else None
        # What could not be read may show its id all the same.
        shown = any(message_id.encode() in seen for seen in self._seen)
        return None if shown or message_id == UNREADABLE_ID else "an error to nothing"

    def _is_overdone(self, message_id: str) -> bool:
        """Whether every call of this id has its answer; under "-1" come errors of others, too."""
        asked, answered = self._asked[message_id], self.answers[message_id]
        return message_id != UNREADABLE_ID and len(answered) >= len(asked)
