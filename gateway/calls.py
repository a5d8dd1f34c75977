"""Calls of ours to one station: one at a time, each with its answer (invariant G4)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gateway import envelope
from gateway.envelope import CallError, CallResult
from gateway.metrics import GatewayMetrics
from gateway.writing.entry import Peer

logger = structlog.get_logger()

WAITING_MAX = 8
SEND_TIMEOUT_S = 30.0  # for a frame to leave, to a station that does not read
GRACE_S = 3.0
# Not while the station is pending: OCPP 1.6 section 4.2, 2.0.1 B02.FR.05.
NOT_WHILE_PENDING = frozenset(
    {
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "RequestStartTransaction",
        "RequestStopTransaction",
    }
)

Log = Callable[[bool, str | None, str | None, bytes, str | None], None]


class CallsWaiting(Exception):
    """Too many orders wait for this station."""


class CallTimedOut(Exception):
    """The frame left, and no answer came in time."""


class NotAccepted(Exception):
    """The station's registration allows no such call; nothing was sent."""


class ConnectionLost(Exception):
    """The socket closed. Whether the call was sent is said by `sent`."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("the socket closed")
        self.sent = sent


class Calls:
    """The outbound half of a connection."""

    def __init__(
        self, socket: ServerConnection, peer: Peer, metrics: GatewayMetrics, log: Log
    ) -> None:
        self._socket = socket
        self._peer = peer
        self._metrics = metrics
        self._log = log
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._outstanding: tuple[str, str, asyncio.Future[CallResult | CallError]] | None = None
        self._spoke = asyncio.Event()  # the station had an answer: it is ready for calls
        self._closed = False
        # Messages that an unaccepted station of OCPP 2.x was asked for (2.0.1 B02.FR.09).
        self.asked_for: set[str] = set()

    def spoke(self) -> None:
        """An answer left: the station takes calls from now on."""
        self._spoke.set()

    def close(self) -> None:
        """The socket is closed: nobody waits for an answer any more."""
        self._closed = True
        if self._outstanding is not None and not self._outstanding[2].done():
            self._outstanding[2].set_exception(ConnectionLost(sent=True))

    async def call(
        self,
        action: str,
        payload: dict[str, Any],
        timeout_s: float,
        before: Callable[[], Awaitable[None]],
    ) -> CallResult | CallError:
        """Send one call and wait for its answer; the time runs from when the frame left.

        `before` runs when it is this call's turn; if it raises, nothing is sent.
        Raises CallsWaiting, NotAccepted, CallTimedOut, ConnectionLost.
        """
        if self._waiting >= WAITING_MAX:
            raise CallsWaiting
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        try:
            await self._ready()
            self._check_registration(action)
            await before()
            return await self._call(action, payload, timeout_s)
        finally:
            self._outstanding = None
            self._lock.release()

    def take_answer(self, answer: CallResult | CallError, frame: bytes) -> None:
        """Hand the answer to whoever waits for it; late ones are only logged."""
        self._metrics.frames.labels("answer").inc()
        outstanding = self._outstanding
        if outstanding is None or outstanding[0] != answer.message_id or outstanding[2].done():
            self._metrics.late_answers.inc()
            self._log(False, answer.message_id, None, frame, "no call waits for this answer")
            logger.info("late_answer", station=self._peer.identity)
            return
        self._log(False, answer.message_id, outstanding[1], frame, None)
        outstanding[2].set_result(answer)

    def _check_registration(self, action: str) -> None:
        """A pending station may be asked and configured, a rejected one is left alone (OCPP 1.6
        section 4.2, 2.0.1 B02 and B03)."""
        registration = self._peer.registration
        if registration == "accepted":
            return
        if registration != "pending" or action in NOT_WHILE_PENDING:
            raise NotAccepted

    async def _ready(self) -> None:
        # Some stations drop the socket over a call that comes before their boot was answered
        # (charger-quirks 2); others never boot, so the wait is short.
        try:
            async with asyncio.timeout(GRACE_S):
                await self._spoke.wait()
        except TimeoutError:
            self._spoke.set()

    async def _call(
        self, action: str, payload: dict[str, Any], timeout_s: float
    ) -> CallResult | CallError:
        if self._closed:
            raise ConnectionLost(sent=False)
        message_id = str(uuid4())
        answer: asyncio.Future[CallResult | CallError] = asyncio.get_running_loop().create_future()
        self._outstanding = (message_id, action, answer)
        if self._peer.registration != "accepted":
            self.asked_for |= asked_by(action, payload)
        frame = envelope.call(message_id, action, payload)
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.send(frame, text=True)
        except (ConnectionClosed, TimeoutError):
            # It may have left in part: whoever asks must look before sending again.
            raise ConnectionLost(sent=True) from None
        self._log(True, message_id, action, frame, None)
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise CallTimedOut from None


def asked_by(action: str, payload: dict[str, Any]) -> set[str]:
    """The messages that a call makes a station send (2.0.1 B02.FR.09: these three calls)."""
    if action in ("GetBaseReport", "GetReport"):
        return {"NotifyReport"}
    if action == "TriggerMessage":
        message = str(payload.get("requestedMessage", ""))
        # MessageTriggerEnumType names what is to be signed, not the message.
        return {"SignCertificate" if message.startswith("Sign") else message}
    return set()
