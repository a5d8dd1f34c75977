"""A small OCPP server for tests, on `websockets` and the schemas of the `ocpp` package.

It checks every frame of a station against the schema and keeps all of them. What it finds wrong is
in `violations`; the fixture asserts that there are none.
"""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from ssl import SSLContext
from typing import Any
from urllib.parse import unquote

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from simulator.stations.schemas import PROTOCOLS, Part, finding
from tests.ports import stop_accepting

Json = dict[str, Any]
WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Received:
    """A call of a station, as it came."""

    identity: str
    message_id: str
    action: str
    payload: Json
    socket: int
    answered: bool


@dataclass
class BackOffice:
    """Answers everything with yes, unless told otherwise."""

    port: int = 0
    passwords: dict[str, str] = field(default_factory=dict)
    boots: list[Json] = field(default_factory=list)
    refused_tokens: set[str] = field(default_factory=set)
    silent: Counter[str] = field(default_factory=Counter)
    refusing: Counter[str] = field(default_factory=Counter)
    deaf_to: set[str] = field(default_factory=set)
    subprotocols: list[str] = field(default_factory=lambda: list(PROTOCOLS))
    delay_s: float = 0.0
    received: list[Received] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    unauthorized: int = 0
    closings: list[int | None] = field(default_factory=list)
    outstanding_most: int = 0
    strange_frames: int = 0
    transaction_ids: dict[str, int] = field(default_factory=dict)
    answers: dict[str, asyncio.Future[tuple[str, Any]]] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)
    sockets: dict[str, ServerConnection] = field(default_factory=dict)
    accepted_sockets: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _calls: int = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp/{{identity}}"

    def of(self, action: str, identity: str | None = None) -> list[Received]:
        """All calls of one kind, answered or not."""
        return [
            one
            for one in self.received
            if one.action == action and identity in (None, one.identity)
        ]

    def events(self, kind: str | None = None) -> list[Json]:
        """Payloads of 2.0.1 transaction events."""
        payloads = [one.payload for one in self.of("TransactionEvent")]
        return [one for one in payloads if kind in (None, one["eventType"])]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds; looked at after each frame and every 20 ms."""
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._news.clear()
                try:
                    async with asyncio.timeout(0.02):
                        await self._news.wait()
                except TimeoutError:
                    continue

    async def call(self, identity: str, action: str, payload: Json) -> Json:
        """Order a station; its answer is checked. A CALLERROR comes back as `{"error": code}`."""
        socket = self.sockets[identity]
        self._calls += 1
        message_id = f"b{self._calls}"
        answered: asyncio.Future[tuple[str, Any]] = asyncio.get_running_loop().create_future()
        self.answers[message_id] = answered
        self._check(2, action, socket, payload)
        await socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(WAIT_S):
            kind, answer = await answered
        if kind == "error":
            return {"error": answer}
        self._check(3, action, socket, answer)
        return dict(answer)

    async def hold(self, socket: ServerConnection) -> None:
        identity = unquote((socket.request.path if socket.request else "").rsplit("/", 1)[-1])
        self.accepted_sockets += 1
        number = self.accepted_sockets
        self.sockets[identity] = socket
        pending: set[asyncio.Task[None]] = set()
        try:
            async for frame in socket:
                try:
                    envelope = json.loads(frame)
                except (json.JSONDecodeError, RecursionError):
                    envelope = None
                if not _is_message(envelope):
                    self.strange_frames += 1
                    continue
                task = asyncio.create_task(self._take(identity, socket, number, envelope))
                pending.add(task)
                self.outstanding_most = max(self.outstanding_most, len(pending))
                task.add_done_callback(pending.discard)
        except ConnectionClosed:
            pass
        finally:
            self.closings.append(socket.close_code)
            for task in pending:
                task.cancel()

    async def _take(
        self, identity: str, socket: ServerConnection, number: int, frame: list[Any]
    ) -> None:
        if frame[0] in (3, 4):
            answered = self.answers.pop(frame[1], None)
            if answered is None:
                self.strange_frames += 1
                return
            answered.set_result(("answer" if frame[0] == 3 else "error", frame[2]))
            return
        kind, message_id, action, payload = frame
        if kind == 6:
            self._check(2, action, socket, payload)
            self.received.append(Received(identity, message_id, action, payload, number, False))
            return
        self._check(2, action, socket, payload)
        is_silent = action in self.deaf_to or self.silent[action] > 0
        self.silent[action] -= self.silent[action] > 0
        self.received.append(Received(identity, message_id, action, payload, number, not is_silent))
        self._news.set()
        if is_silent:
            return
        await asyncio.sleep(self.delay_s)
        if self.refusing[action] > 0:
            self.refusing[action] -= 1
            await socket.send(json.dumps([4, message_id, "InternalError", "", {}]))
            return
        if finding(str(socket.subprotocol), action, "request", payload) is not None:
            await socket.send(json.dumps([4, message_id, "GenericError", "", {}]))
            return
        answer = self._answer(identity, action, payload)
        self._check(3, action, socket, answer)
        await socket.send(json.dumps([3, message_id, answer]))

    def _check(self, kind: int, action: str, socket: ServerConnection, payload: Json) -> None:
        part: Part = "request" if kind == 2 else "answer"
        if wrong := finding(str(socket.subprotocol), action, part, payload):
            self.violations.append(wrong)

    def _answer(self, identity: str, action: str, payload: Json) -> Json:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        match action:
            case "BootNotification":
                usual: Json = {"status": "Accepted", "interval": 300}
                return {"currentTime": now} | (self.boots.pop(0) if self.boots else usual)
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize" if "idTag" in payload:
                return {"idTagInfo": {"status": self._verdict(payload["idTag"])}}
            case "Authorize":
                return {"idTokenInfo": {"status": self._verdict(payload["idToken"]["idToken"])}}
            case "StartTransaction":
                verdict = self._verdict(payload["idTag"])
                return {
                    "transactionId": self._transaction_id(identity, payload),
                    "idTagInfo": {"status": verdict},
                }
            case "TransactionEvent" if "idToken" in payload:
                return {"idTokenInfo": {"status": self._verdict(payload["idToken"]["idToken"])}}
            case "DataTransfer":
                return {"status": "Accepted"}
            case "SignCertificate":
                self.requests[identity] = payload["csr"]
                return {"status": "Accepted"}
            case "NotifyEVChargingNeeds" | "OpenPeriodicEventStream":
                return {"status": "Accepted"}
        return {}

    def _transaction_id(self, identity: str, payload: Json) -> int:
        # The natural key: a repeated start gets the first answer.
        key = json.dumps([identity, payload], sort_keys=True)
        return self.transaction_ids.setdefault(key, 7001 + len(self.transaction_ids))

    def _verdict(self, token: str) -> str:
        return "Invalid" if token in self.refused_tokens else "Accepted"

    def check_password(self, socket: ServerConnection, request: Request) -> Response | None:
        identity = unquote(request.path.rsplit("/", 1)[-1])
        expected = self.passwords.get(identity)
        if expected is None:
            return None
        credentials = base64.b64encode(f"{identity}:{expected}".encode()).decode()
        if request.headers.get("Authorization") == f"Basic {credentials}":
            return None
        self.unauthorized += 1
        return socket.respond(HTTPStatus.UNAUTHORIZED, "no\n")


def _is_message(envelope: Any) -> bool:
    match envelope:
        case [2 | 6, str(), str(), dict()] | [3, str(), dict()] | [4, str(), str(), *_]:
            return True
    return False


@asynccontextmanager
async def back_office(
    office: BackOffice | None = None, ssl: SSLContext | None = None
) -> AsyncIterator[BackOffice]:
    """Serve on a free port (or the port the office had before) while the block runs."""
    office = office or BackOffice()
    async with serve(
        office.hold,
        "127.0.0.1",
        office.port,
        subprotocols=[Subprotocol(name) for name in office.subprotocols],
        process_request=office.check_password,
        compression=None,
        close_timeout=0.5,
        ssl=ssl,
    ) as server:
        office.port = next(iter(server.sockets)).getsockname()[1]
        yield office
        await stop_accepting(server.sockets)  # stations come again and again
