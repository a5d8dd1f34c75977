"""Calls of ours to one station: one at a time, each with its answer (invariant G4)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Protocol
from uuid import uuid4

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gateway import envelope
from gateway.envelope import CallError, CallResult
from gateway.metrics import GatewayMetrics
from gateway.reading import TRANSACTION_ID_LENGTH_MAX
from gateway.turns import TooManyTurns, Turns
from gateway.writing.entry import Peer
from holdfast.domain.quirks import Quirk

logger = structlog.get_logger()

WAITING_MAX = 8
SEND_TIMEOUT_S = 30.0  # for a frame to leave, to a station that does not read
GRACE_S = 3.0
TRIGGER_TIMEOUT_S = 30.0
# Not while the station is pending: OCPP 1.6 section 4.2, 2.0.1 B02.FR.05.
NOT_WHILE_PENDING = frozenset(
    {
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "RequestStartTransaction",
        "RequestStopTransaction",
    }
)


class Log(Protocol):
    """The message log: direction, message id, action, frame and finding."""

    def __call__(
        self,
        outbound: bool,
        message_id: str | None,
        action: str | None,
        frame: bytes,
        finding: str | None = None,
        *,
        transaction_id: str | None = None,
    ) -> None:
        """Keep one line."""


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
        self._turns = Turns(WAITING_MAX)
        self._outstanding: tuple[str, str, asyncio.Future[CallResult | CallError]] | None = None
        self._spoke = asyncio.Event()  # the station had an answer: it is ready for calls
        self._boot_answered = asyncio.Event()
        self._began_at = asyncio.get_running_loop().time()
        self._triggering: asyncio.Task[None] | None = None
        self._transaction_id: str | None = None  # of the outstanding call
        self._closed = False
        # Messages that an unaccepted station of OCPP 2.x was asked for (2.0.1 B02.FR.09).
        self.asked_for: set[str] = set()

    def begin(self) -> None:
        """The socket is read from now on: a station that may not boot by itself is asked to."""
        wait_s = self._peer.quirks.seconds(Quirk.TRIGGER_BOOT)
        if wait_s is not None:
            self._triggering = asyncio.create_task(self._trigger_boot(wait_s))

    def spoke(self, *, boot: bool = False) -> None:
        """An answer left (`boot`: to its BootNotification): the station takes calls from now on."""
        self._spoke.set()
        if boot:
            self._boot_answered.set()

    def close(self) -> None:
        """The socket is closed: nobody waits for an answer any more."""
        self._closed = True
        if self._triggering is not None:
            self._triggering.cancel()
        if self._outstanding is not None and not self._outstanding[2].done():
            self._outstanding[2].set_exception(ConnectionLost(sent=True))

    @contextlib.asynccontextmanager
    async def turn(self, priority: int, age: int = 0) -> AsyncIterator[None]:
        """Wait until the station is free and ready for calls; it is the caller's until the end.

        `age`: among those of one priority the smaller number goes first. Raises CallsWaiting.
        """
        try:
            async with self._turns.taken(priority, age):
                await self._ready()
                yield
        except TooManyTurns:
            raise CallsWaiting from None

    async def call(
        self, action: str, payload: dict[str, Any], timeout_s: float
    ) -> CallResult | CallError:
        """Send one call on one's turn and wait for its answer; the time runs from when the frame
        left. Raises CallTimedOut, ConnectionLost."""
        try:
            return await self._call(action, payload, timeout_s)
        finally:
            self._outstanding = None

    def take_answer(self, answer: CallResult | CallError, frame: bytes) -> None:
        """Hand the answer to whoever waits for it; late ones are only logged."""
        self._metrics.frames.labels("answer").inc()
        outstanding = self._outstanding
        if outstanding is None or outstanding[0] != answer.message_id or outstanding[2].done():
            self._metrics.late_answers.inc()
            self._log(False, answer.message_id, None, frame, "no call waits for this answer")
            logger.info("late_answer", station=self._peer.identity)
            return
        self._log(
            False, answer.message_id, outstanding[1], frame, transaction_id=self._transaction_id
        )
        outstanding[2].set_result(answer)

    def check_registration(self, action: str) -> None:
        """A pending station may be asked and configured, a rejected one is left alone (OCPP 1.6
        section 4.2, 2.0.1 B02 and B03). Raises NotAccepted."""
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
        await self._wait_as_quirks_say()

    async def _wait_as_quirks_say(self) -> None:
        """What this model needs beyond that before its first call."""
        quirks = self._peer.quirks
        now = asyncio.get_running_loop().time
        boot_s = quirks.seconds(Quirk.NO_CALLS_BEFORE_BOOT)
        if boot_s is not None:
            # Not for ever: after a reconnect a station need not boot.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._began_at + boot_s):
                    await self._boot_answered.wait()
        delay_s = quirks.seconds(Quirk.FIRST_CALL_DELAY)
        if delay_s is not None:
            await asyncio.sleep(max(0.0, self._began_at + delay_s - now()))

    async def _trigger_boot(self, wait_s: int) -> None:
        """Other calls of ours wait meanwhile: none may come before the boot."""
        payload = {"requestedMessage": "BootNotification"}
        with contextlib.suppress(TooManyTurns, NotAccepted, CallTimedOut, ConnectionLost):
            async with self._turns.taken(1):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._boot_answered.wait()
                if not self._boot_answered.is_set():
                    self.check_registration("TriggerMessage")
                    await self.call("TriggerMessage", payload, TRIGGER_TIMEOUT_S)

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
        self._transaction_id = transaction_in(payload)
        frame = envelope.call(message_id, action, payload)
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.send(frame, text=True)
        except (ConnectionClosed, TimeoutError):
            # It may have left in part: whoever asks must look before sending again.
            raise ConnectionLost(sent=True) from None
        self._log(True, message_id, action, frame, transaction_id=self._transaction_id)
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise CallTimedOut from None


def transaction_in(payload: dict[str, Any]) -> str | None:
    """The transaction that a call of ours speaks of: by itself, or by its charging profile."""
    for name in ("csChargingProfiles", "chargingProfile"):
        profile = payload.get(name)
        if isinstance(profile, dict) and profile.get("transactionId") is not None:
            return str(profile["transactionId"])[:TRANSACTION_ID_LENGTH_MAX]
    found = payload.get("transactionId")
    return None if found is None else str(found)[:TRANSACTION_ID_LENGTH_MAX]


def asked_by(action: str, payload: dict[str, Any]) -> set[str]:
    """The messages that a call makes a station send (2.0.1 B02.FR.09: these three calls)."""
    if action in ("GetBaseReport", "GetReport"):
        return {"NotifyReport"}
    if action == "TriggerMessage":
        message = str(payload.get("requestedMessage", ""))
        # MessageTriggerEnumType names what is to be signed, not the message.
        return {"SignCertificate" if message.startswith("Sign") else message}
    return set()
