"""One websocket to the back office: envelopes, message ids and answers. No OCPP action is known.

Source: OCPP-J 1.6 and OCPP 2.0.1 part 4 (Basic auth, subprotocol, CALL, CALLRESULT, CALLERROR).
"""

import asyncio
import base64
import json
import logging
import random
import ssl as tls
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from simulator.stations.messages import (
    CALL,
    CALL_ERROR,
    CALL_RESULT,
    SEND,
    Answer,
    CallRefused,
    CallTimedOut,
    ConnectionGone,
    Json,
    Message,
    NotImplementedHere,
    PayloadWrong,
)
from simulator.stations.quirks import Quirks
from simulator.stations.weather import Weather

FRAME_BYTES_MAX = 1 << 20
OUTSTANDING_MAX = 64
OPEN_TIMEOUT_S = 10.0
AS_THE_BOOK_SAYS = Quirks()

logger = logging.getLogger(__name__)

# The library reports every handshake and closing; a fleet that reconnects all day drowns in it.
_library_log = logging.getLogger("simulator.stations.websockets")
_library_log.setLevel(logging.CRITICAL)


class CannotConnect(Exception):
    """No socket: nobody listens, the upgrade was refused, or the subprotocol was not agreed."""


class Connection:
    """An open socket. `listen` reads until it closes; `call` may be used while it does."""

    def __init__(
        self,
        socket: ClientConnection,
        answer: Callable[[str, Json], Answer],
        *,
        format_error: str,
        call_timeout_s: float,
        quirks: Quirks = AS_THE_BOOK_SAYS,
        weather: Weather | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._quirks = quirks
        self._weather = weather or Weather()
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not secrets
        self._socket = socket
        self._answer = answer
        self._format_error = format_error
        self._call_timeout_s = call_timeout_s
        self._outstanding: dict[str, asyncio.Future[Json]] = {}
        self.late_answers = 0
        self.closed = asyncio.Event()

    async def call(self, message: Message) -> Json:
        """Send under a new message id and wait for the answer.

        Raises `CallRefused`, `CallTimedOut` or `ConnectionGone`.
        """
        if len(self._outstanding) >= OUTSTANDING_MAX:
            raise ConnectionGone("too many calls outstanding")
        message_id = str(uuid4())
        answered: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._outstanding[message_id] = answered
        try:
            payload = message.payload or (None if self._is_null(message) else {})
            await self._send([CALL, message_id, message.action, payload])
            async with asyncio.timeout(self._call_timeout_s):
                return await answered
        except TimeoutError as error:
            raise CallTimedOut(message.action) from error
        finally:
            self._outstanding.pop(message_id, None)

    async def send(self, message: Message) -> None:
        """OCPP 2.1 SEND: there is no answer to wait for. Raises `ConnectionGone`."""
        await self._send([SEND, str(uuid4()), message.action, message.payload])

    async def send_raw(self, frame: str | bytes) -> None:
        """Send exactly this. Raises `ConnectionGone`."""
        try:
            await self._socket.send(frame)
        except ConnectionClosed as error:
            raise ConnectionGone("closed") from error

    def _is_null(self, message: Message) -> bool:
        return self._quirks.null_heartbeat and message.action == "Heartbeat"

    async def listen(self) -> None:
        """Take frames until the socket closes, then fail whatever still waits."""
        try:
            async for frame in self._socket:
                await self._take(frame)
        except (ConnectionClosed, ConnectionGone):
            pass
        finally:
            self.closed.set()
            for answered in self._outstanding.values():
                if not answered.done():
                    answered.set_exception(ConnectionGone("closed"))
                    # Retrieved here too: the caller may itself have been cancelled meanwhile.
                    answered.exception()

    async def close(self) -> None:
        """Say goodbye with a close frame."""
        await self._socket.close()

    def abort(self) -> None:
        """Vanish without a close frame, as a station does that loses power."""
        self._socket.transport.abort()

    async def _send(self, envelope: list[Any]) -> None:
        text = orjson.dumps(envelope).decode()
        if self._quirks.spaced_json:
            text = json.dumps(envelope, separators=(" , ", " : "))
        await self._weather.carry(len(text), self._rng)
        await self.send_raw(text)

    async def _take(self, frame: str | bytes) -> None:
        await self._weather.carry(len(frame), self._rng)
        try:
            envelope = orjson.loads(frame)
        except orjson.JSONDecodeError:
            logger.warning("a frame was not JSON")
            return
        match envelope:
            case [2, str(message_id), str(action), dict(payload)]:
                await self._take_call(message_id, action, payload)
            case [3, str(message_id), dict(payload)]:
                self._settle(message_id, payload)
            case [4, str(message_id), str(code), *_]:
                self._settle(message_id, CallRefused(code))
            case _:
                logger.warning("a frame was no OCPP envelope")

    def _settle(self, message_id: str, outcome: Json | CallRefused) -> None:
        if message_id in self._outstanding and self._weather.loses_answer():
            return
        answered = self._outstanding.get(message_id)
        if answered is None or answered.done():
            self.late_answers += 1
        elif isinstance(outcome, CallRefused):
            answered.set_exception(outcome)
        else:
            answered.set_result(outcome)

    async def _take_call(self, message_id: str, action: str, payload: Json) -> None:
        try:
            answer = self._answer(action, payload)
        except NotImplementedHere:
            if self._quirks.silent_on_unknown:
                return
            nowhere = "-1" if self._quirks.minus_one_errors else message_id
            await self._refuse(nowhere, "NotImplemented", action[:50])
        except PayloadWrong as error:
            await self._refuse(message_id, self._format_error, str(error))
        else:
            await self._send([CALL_RESULT, message_id, answer.payload])
            if answer.then is not None:
                answer.then()

    async def _refuse(self, message_id: str, code: str, description: str) -> None:
        await self._send([CALL_ERROR, message_id, code, description[:255], {}])


async def open_socket(
    url: str,
    identity: str,
    *,
    protocol: str,
    password: str | None,
    ping_interval_s: float | None,
    ssl: tls.SSLContext | None = None,
) -> ClientConnection:
    """Dial `url` (with `{identity}` in it) and agree on the subprotocol. Raises `CannotConnect`."""
    headers = {}
    tls_options: dict[str, Any] = {} if ssl is None else {"ssl": ssl}
    if password is not None:
        credentials = base64.b64encode(f"{identity}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
    try:
        socket = await connect(
            url.replace("{identity}", quote(identity, safe="")),
            subprotocols=[Subprotocol(protocol)],
            additional_headers=headers,
            compression=None,
            max_size=FRAME_BYTES_MAX,
            open_timeout=OPEN_TIMEOUT_S,
            ping_interval=ping_interval_s,
            close_timeout=2,
            proxy=None,
            # Without a context of its own, a wss URL is checked against the system's roots.
            **tls_options,
            user_agent_header=None,
            logger=_library_log,
        )
    except (OSError, TimeoutError, ValueError, WebSocketException) as error:
        raise CannotConnect(str(error) or type(error).__name__) from error
    if socket.subprotocol != protocol:
        await socket.close()
        raise CannotConnect(f"the server did not take {protocol}")
    return socket
