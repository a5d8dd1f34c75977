"""A station played by hand: each frame is sent when a script says so, and each frame that comes is
judged by the specification's own schemas.

`async with Witness.connect(url, "CS1", "ocpp2.0.1") as witness: await witness.boot()`. For
conformance tests of any server; the fleet's stations live by themselves, this one does nothing that
it is not told.
"""

import asyncio
import contextlib
import ssl as tls
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

import orjson
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from simulator.stations.connection import open_socket
from simulator.stations.messages import (
    CALL,
    CALL_ERROR,
    CALL_RESULT,
    SEND,
    CallRefused,
    CallTimedOut,
    ConnectionGone,
    Json,
)
from simulator.stations.schemas import actions, error_codes, finding

WAIT_S = 30.0
BACKLOG_MAX = 10_000
MESSAGE_ID_LENGTH_MAX = 36
NO_MESSAGE_ID = "-1"
"""OCPP 2.0.1 part 4 section 4.2.3: the id of a CALLERROR for a frame whose id could not be read."""


class SchemaViolated(AssertionError):
    """The server sent something that the specification does not allow."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it came, and what is in it; `envelope` is None when it was not JSON."""

    text: str
    envelope: Any

    @property
    def kind(self) -> int | None:
        """2 to 6, as OCPP-J numbers its messages."""
        is_message = isinstance(self.envelope, list) and len(self.envelope) > 1
        return self.envelope[0] if is_message else None

    @property
    def message_id(self) -> str | None:
        return self.envelope[1] if self.kind is not None else None


Reply = Json | Callable[[Json], Json]


class Witness:
    """One socket. Everything that waits gives up after `wait_s` seconds with `CallTimedOut`."""

    def __init__(
        self,
        url: str,
        identity: str,
        protocol: str,
        *,
        password: str | None = None,
        ssl: tls.SSLContext | None = None,
        wait_s: float = WAIT_S,
    ) -> None:
        """`url` has `{identity}` in it, or ends where the identity goes."""
        self._url = url if "{identity}" in url else url.rstrip("/") + "/{identity}"
        self.identity = identity
        self.protocol = protocol
        self.wait_s = wait_s
        self._password = password
        self._ssl = ssl
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._backlog: deque[Frame] = deque()
        self._news = asyncio.Condition()
        self._asked: dict[str, str] = {}
        self._owed: dict[str, str] = {}
        self._replies: dict[str, Reply] = {}
        self._finding: str | None = None
        self.frames: list[Frame] = []
        self.close_code: int | None = None
        self.close_reason: str | None = None

    @classmethod
    def connect(
        cls,
        url: str,
        identity: str,
        protocol: str,
        password: str | None = None,
        ssl: tls.SSLContext | None = None,
    ) -> Self:
        """For `async with`. Entering raises `CannotConnect` when the upgrade is refused."""
        return cls(url, identity, protocol, password=password, ssl=ssl)

    async def __aenter__(self) -> Self:
        self._socket = await open_socket(
            self._url,
            self.identity,
            protocol=self.protocol,
            password=self._password,
            ping_interval_s=None,
            ssl=self._ssl,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self.close()
        if kind is None:
            self._raise_finding()

    # What the script says

    async def call(self, action: str, payload: Json, *, message_id: str | None = None) -> Json:
        """Send a CALL and return the payload of its CALLRESULT. Our own side is not judged.

        Raises `CallRefused` with the code, `CallTimedOut`, `ConnectionGone`, `SchemaViolated`.
        """
        message_id = message_id or str(uuid4())
        await self.send_raw(orjson.dumps([CALL, message_id, action, payload]).decode())
        return await self.answer_to(message_id)

    async def answer_to(self, message_id: str, timeout_s: float | None = None) -> Json:
        """The answer to a CALL that was sent by `send_raw`. Raises as `call` does."""
        frame = await self._take(
            lambda one: one.kind in (CALL_RESULT, CALL_ERROR) and one.message_id == message_id,
            f"an answer to {self._asked.get(message_id, message_id)}",
            timeout_s,
        )
        if frame.kind == CALL_ERROR:
            raise CallRefused(*frame.envelope[2:4])
        return dict(frame.envelope[2])

    async def send(self, action: str, payload: Json) -> None:
        """An OCPP 2.1 SEND: nothing comes back."""
        await self.send_raw(orjson.dumps([SEND, str(uuid4()), action, payload]).decode())

    async def send_raw(self, frame: str | bytes) -> None:
        """Send these very characters (text), or these bytes as a binary frame."""
        self._remember(frame)
        try:
            await self._open().send(frame)
        except ConnectionClosed as error:
            raise ConnectionGone("closed") from error

    async def receive(self, timeout_s: float | None = None) -> Frame:
        """The next frame of any kind that nothing else has taken."""
        return await self._take(lambda _: True, "a frame", timeout_s)

    async def expect_call(self, action: str, timeout_s: float | None = None) -> tuple[str, Json]:
        """The server's next CALL of this action: its message id and payload.

        Other frames stay for whoever asks for them. `answer` or `refuse` it: until then the server
        sends no other.
        """
        frame = await self._take(
            lambda one: one.kind == CALL and one.envelope[2] == action,
            f"a call {action}",
            timeout_s,
        )
        return str(frame.message_id), dict(frame.envelope[3])

    async def expect_silence(self, seconds: float) -> None:
        """Nothing at all may come in this time; what came before counts. Raises AssertionError."""
        with contextlib.suppress(CallTimedOut):
            frame = await self.receive(seconds)
            raise AssertionError(f"not silent: {frame.text[:200]}")

    async def answer(self, message_id: str, payload: Json) -> None:
        """CALLRESULT to a call of the server."""
        self._owed.pop(message_id, None)
        await self.send_raw(orjson.dumps([CALL_RESULT, message_id, payload]).decode())

    async def refuse(self, message_id: str, code: str, text: str = "") -> None:
        """CALLERROR to a call of the server."""
        self._owed.pop(message_id, None)
        await self.send_raw(orjson.dumps([CALL_ERROR, message_id, code, text, {}]).decode())

    def answer_always(self, replies: Mapping[str, Reply]) -> None:
        """From now on these actions of the server are answered at once, by a payload or by a
        function of the call's payload, and are not seen by `expect_call`."""
        self._replies |= replies

    async def boot(self, *, accepted: bool = True) -> Json:
        """BootNotification in the words of the version; returns the answer and checks its status.

        `accepted=False` expects Pending or Rejected instead."""
        if self.protocol == "ocpp1.6":
            payload: Json = {"chargePointVendor": "Witness", "chargePointModel": "W-1"}
        else:
            station = {"vendorName": "Witness", "model": "W-1"}
            payload = {"reason": "PowerUp", "chargingStation": station}
        answer = await self.call("BootNotification", payload)
        if (answer["status"] == "Accepted") is not accepted:
            raise AssertionError(f"the boot was answered {answer['status']}")
        return answer

    async def ping(self) -> None:
        """A websocket ping, and its pong. Raises `CallTimedOut`."""
        try:
            async with asyncio.timeout(self.wait_s):
                await (await self._open().ping())
        except TimeoutError as error:
            raise CallTimedOut("ping") from error

    async def closed(self, timeout_s: float | None = None) -> int | None:
        """Wait until the server closes; returns its close code. Raises `CallTimedOut`."""
        if self._reader is not None:
            try:
                async with asyncio.timeout(timeout_s or self.wait_s):
                    await asyncio.shield(self._reader)
            except TimeoutError as error:
                raise CallTimedOut("the close") from error
        return self.close_code

    async def close(self) -> None:
        """Say goodbye with a close frame; safe to call twice."""
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await self._reader

    def abort(self) -> None:
        """Vanish without a close frame."""
        self._open().transport.abort()

    # How frames come in

    def _open(self) -> ClientConnection:
        if self._socket is None:
            raise ConnectionGone("not connected")
        return self._socket

    def _remember(self, frame: str | bytes) -> None:
        try:
            envelope = orjson.loads(frame)
        except orjson.JSONDecodeError:
            return
        match envelope:
            case [2, str(message_id), str(action), *_]:
                self._asked[message_id] = action

    async def _read(self) -> None:
        socket = self._open()
        try:
            async for raw in socket:
                text = raw if isinstance(raw, str) else raw.decode(errors="replace")
                await self._take_in(text, is_text=isinstance(raw, str))
        except ConnectionClosed:
            pass
        finally:
            self.close_code, self.close_reason = socket.close_code, socket.close_reason
            async with self._news:
                self._news.notify_all()

    async def _take_in(self, text: str, *, is_text: bool) -> None:
        try:
            frame = Frame(text, orjson.loads(text))
        except orjson.JSONDecodeError:
            frame = Frame(text, None)
        wrong = self._judge(frame) if is_text else "a binary frame"
        self.frames.append(frame)
        if wrong is not None and self._finding is None:
            self._finding = f"{wrong} in {text[:300]}"
        if frame.kind == CALL and frame.envelope[2] in self._replies and wrong is None:
            reply = self._replies[frame.envelope[2]]
            payload = reply(frame.envelope[3]) if callable(reply) else reply
            await self.answer(str(frame.message_id), payload)
            return
        async with self._news:
            if len(self._backlog) >= BACKLOG_MAX:
                self._backlog.popleft()
            self._backlog.append(frame)
            self._news.notify_all()

    def _judge(self, frame: Frame) -> str | None:
        """The specification's verdict. OCPP-J 1.6 section 4, 2.0.1 and 2.1 part 4."""
        match frame.envelope:
            case [2, str(message_id), str(action), dict(payload)]:
                if not 1 <= len(message_id) <= MESSAGE_ID_LENGTH_MAX:
                    return "a message id that is too long, or empty"
                if message_id in self._owed:
                    return "a message id that is in use"
                if action not in actions(self.protocol):
                    return f"{self.protocol} has no action {action[:50]}"
                self._owed[message_id] = action
                return finding(self.protocol, action, "request", payload)
            case [3, str(message_id), dict(payload)]:
                asked = self._asked.get(message_id)
                if asked is None:
                    return "an answer to nothing"
                return finding(self.protocol, asked, "answer", payload)
            case [4, str(message_id), str(code), str(text), dict()]:
                return self._judge_error(message_id, code, text)
            case [5, str(), str(), str(), dict()] if self.protocol == "ocpp2.1":
                return None
            case [6, str(), str(action), dict(payload)] if self.protocol == "ocpp2.1":
                return finding(self.protocol, action, "request", payload)
        return "no OCPP message"

    def _judge_error(self, message_id: str, code: str, text: str) -> str | None:
        if message_id not in self._asked and message_id != NO_MESSAGE_ID:
            return "an error for nothing"
        if code not in error_codes(self.protocol):
            return f"{self.protocol} has no error code {code[:50]}"
        return "a description over 255 characters" if len(text) > 255 else None

    def _raise_finding(self) -> None:
        if self._finding is not None:
            finding_, self._finding = self._finding, None
            raise SchemaViolated(finding_)

    async def _take(
        self, wanted: Callable[[Frame], bool], what: str, timeout_s: float | None
    ) -> Frame:
        try:
            async with asyncio.timeout(self.wait_s if timeout_s is None else timeout_s):
                async with self._news:
                    while True:
                        self._raise_finding()
                        for frame in self._backlog:
                            if wanted(frame):
                                self._backlog.remove(frame)
                                return frame
                        if self._reader is None or self._reader.done() or self._is_gone():
                            raise ConnectionGone(f"closed ({self.close_code}) before {what}")
                        await self._news.wait()
        except TimeoutError as error:
            raise CallTimedOut(f"no sign of {what}") from error

    def _is_gone(self) -> bool:
        return self.close_code is not None
