"""One station's socket: frames in, answers out, and our own calls beside them.

Reading never waits for an outbound answer; inbound messages are recorded and answered in order;
at most one call of ours is outstanding (invariant G4).
"""

import asyncio
import contextlib
import time
from collections import deque
from datetime import UTC, datetime

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gateway import adjusting, envelope
from gateway.asking import Asking
from gateway.calls import Calls
from gateway.dialect import Handler, Outcome, Payload, Questions, Reading
from gateway.envelope import BadEnvelope, Call, CallResultError
from gateway.metrics import GatewayMetrics
from gateway.pinging import stop_pings
from gateway.quirks import QuirkBook
from gateway.reading import Unreadable, content_of
from gateway.schemas import Violation, format_violation, violation
from gateway.totals import Totals
from gateway.writing.entry import Entry, LogLine, Nobody, Peer, key_digest, transaction_of
from gateway.writing.writer import Writer
from holdfast.contracts.facts import Fact, StationBooted
from holdfast.domain.quirks import Described, Quirk

logger = structlog.get_logger()

PENDING_MAX = 32  # messages of one station that wait for their commit
UNSENT_MAX = 2 * PENDING_MAX  # with answers that wait for the station to read them
CROWDED_PAUSE_S = 0.05  # after a frame that is only logged, while the log is behind
POLICY_VIOLATION = 1008  # RFC 6455
ANOTHER = "the serial number is not the certificate's"
BOOT = "BootNotification"
HEARTBEAT = "Heartbeat"


class Slot:
    """An answer's place in the order of arrival; `frame` is None until it may leave."""

    __slots__ = ("action", "frame", "message_id", "since", "transaction_id")

    def __init__(self, message_id: str, action: str | None, frame: bytes | None = None) -> None:
        self.message_id = message_id
        self.action = action
        self.frame = frame
        self.transaction_id: str | None = None
        self.since = time.perf_counter()


class Connection:
    """A connected station, at one generation."""

    def __init__(
        self,
        socket: ServerConnection,
        peer: Peer,
        generation: int,
        writer: Writer,
        metrics: GatewayMetrics,
        *,
        questions: Questions | None = None,
        book: QuirkBook | None = None,
        totals: Totals | None = None,
    ) -> None:
        self.peer = peer
        self._book = book
        self.generation = generation
        self._socket = socket
        self._writer = writer
        self._metrics = metrics
        self._pending: deque[Slot] = deque()
        self._unconfirmed = 0  # of OCPP 2.1, without an answer, that wait for their commit
        self._room = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self.calls = Calls(socket, peer, metrics, self._log)
        self._asking = Asking(questions)
        self._totals = totals
        self._reading = True
        self._closed = False

    @property
    def is_open(self) -> bool:
        """Whether an answer can still be sent."""
        return not self._closed

    async def run(self) -> None:
        """Read until the socket closes."""
        self.calls.begin()
        try:
            while self._reading:
                frame = await self._receive()
                try:
                    await self._take(frame)
                except Exception:
                    # Our fault, and no reason to hang up: the station sends it again.
                    logger.exception("frame_broke", station=self.peer.identity)
            await self._socket.wait_closed()
        except ConnectionClosed:
            pass
        finally:
            self._closed = True
            self._room.set()
            self.calls.close()
            self._asking.cancel()

    def apply_quirks(self) -> None:
        """The rules, or what it says of itself, may have changed."""
        if self._book is not None:
            self._book.apply(self.peer)
        if self.peer.quirks.has(Quirk.NO_PINGS):
            stop_pings(self._socket)

    def stop_reading(self) -> None:
        """Frames that come from now on are not taken; their senders will send them again."""
        self._reading = False

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye; `run` returns once the socket is closed."""
        await self._socket.close(code, reason)

    async def sent_all(self) -> None:
        """Wait until every answer that may leave has left."""
        if self._sender is not None and not self._sender.done():
            await asyncio.wait([self._sender])

    async def _receive(self) -> bytes:
        # Not decoded: the parser checks the encoding, and a bad one is answered, not punished.
        return await self._socket.recv(decode=False)

    async def _take(self, frame: bytes) -> None:
        if not self._reading:
            return
        received_at = datetime.now(UTC)
        self._writer.saw(self.peer.station_id, received_at)
        message = envelope.parse(frame, sends=self.peer.dialect.sends)
        if isinstance(message, Call):
            await self._take_call(message, frame, received_at)
            return
        if isinstance(message, BadEnvelope):
            await self._take_bad(message, frame)
        elif isinstance(message, CallResultError):
            self._metrics.frames.labels("result_error").inc()
            finding = f"the station refuses our answer: {message.code}"
            self._log(False, message.message_id, None, frame, finding)
        else:
            self.calls.take_answer(message, frame)
        await self._let_others()

    async def _let_others(self) -> None:
        """What is not recorded waits for nothing: a flood of it would leave the others no turn, and
        push their frames out of the log."""
        await asyncio.sleep(CROWDED_PAUSE_S if self._writer.crowded else 0)

    async def _take_bad(self, bad: BadEnvelope, frame: bytes) -> None:
        self._metrics.frames.labels("bad_envelope").inc()
        self._log(False, bad.message_id, None, frame, bad.problem)
        is_oldest = self.peer.dialect.protocol == "ocpp1.6"
        if not bad.answer or (bad.unknown_type and is_oldest):
            return  # OCPP-J 1.6 section 4.1.3: what has another type is ignored
        code = "FormationViolation" if is_oldest else "RpcFrameworkError"
        if bad.unknown_type:
            code = "MessageTypeNotSupported"
        if self._unaccepted(None):  # B01.FR.10: also for what is malformed
            code = "SecurityError"
        await self._refuse(bad.message_id, None, code, bad.problem)

    async def _take_call(self, call: Call, frame: bytes, received_at: datetime) -> None:
        dialect = self.peer.dialect
        handler = dialect.handlers.get(call.action)
        self._metrics.frames.labels(call.action if handler else "unknown").inc()
        wrong = self._refusal(call, handler)
        if wrong is not None or handler is None:
            text = wrong.text if wrong else "unknown"
            self._log(False, call.message_id, call.action, frame, text)
            if wrong is not None and not call.unconfirmed:
                await self._refuse(call.message_id, call.action, wrong.code, wrong.text)
            await self._let_others()
            return
        if call.action == HEARTBEAT:
            self._log(False, call.message_id, call.action, frame)
            outcome = Outcome(at=received_at)
            payload = handler.answer(Fact(at=received_at), outcome)
            answer = envelope.call_result(call.message_id, payload)
            await self._wait_for_room(UNSENT_MAX)
            # At once, before older messages: it is answered from memory even with no database.
            self._pending.appendleft(Slot(call.message_id, call.action, answer))
            self._flush()
            await self._let_others()
            return
        await self._enqueue(call, frame, received_at, handler)

    def _refusal(self, call: Call, handler: Handler | None) -> Violation | None:
        """Why a call is not even recorded: not allowed yet, unknown, or of the wrong form."""
        peer = self.peer
        if self._unaccepted(call.action):
            return Violation("SecurityError", "the station is not accepted")
        if handler is None:
            return Violation("NotImplemented", "this action is not implemented")
        if call.unconfirmed and not (handler.unconfirmed or handler.lenient):
            return Violation("NotSupported", "this action is not sent unconfirmed")
        if handler.lenient:
            return None
        return violation(peer.dialect.protocol, call.action, call.payload)

    def _unaccepted(self, action: str | None) -> bool:
        """2.x: nothing but the boot, and while pending what it was asked for (B02.FR.09, B03)."""
        peer = self.peer
        if peer.registration == "accepted" or not peer.dialect.unaccepted_are_refused:
            return False
        if action == BOOT:
            return False
        return peer.registration != "pending" or action not in self.calls.asked_for

    def _read(
        self, call: Call, received_at: datetime, handler: Handler
    ) -> tuple[Reading | None, str | None, str | None]:
        """What it says, what was odd about it, and why it could not be read."""
        try:
            reading, finding = adjusting.read(
                handler, call.action, call.payload, received_at, self.peer.quirks
            )
        except Unreadable as unreadable:
            return None, None, str(unreadable)
        except Exception as error:
            # A reader that a payload can break is our fault, and the message is kept all the same.
            logger.exception("reader_broke", action=call.action, station=self.peer.identity)
            return None, None, f"reader: {type(error).__name__}"
        return reading, finding, None

    async def _enqueue(
        self, call: Call, frame: bytes, received_at: datetime, handler: Handler
    ) -> None:
        reading, finding, problem = self._read(call, received_at, handler)
        if problem is not None and not handler.lenient:
            code = format_violation(self.peer.dialect.protocol)
            self._log(False, call.message_id, call.action, frame, problem)
            if not call.unconfirmed:
                await self._refuse(call.message_id, call.action, code, problem)
            return
        if handler.lenient:
            found = violation(self.peer.dialect.protocol, call.action, call.payload)
            if found is not None:
                finding = f"{finding}; {found.text}" if finding else found.text
        if reading is not None and self._is_another(reading.fact):
            self._log(False, call.message_id, call.action, frame, ANOTHER)
            logger.warning("another_station", station=self.peer.identity)
            await self.close(POLICY_VIOLATION, ANOTHER)
            return
        # What cannot be read has no natural key: its whole content stands for it.
        key = (
            (None if handler.asks else reading.fact.key)
            if reading
            else f"unreadable|{call.action}|{content_of(call.payload, frame)}"
        )
        slot = Slot(call.message_id, call.action)
        entry = Entry(
            peer=self.peer,
            owner=Nobody() if call.unconfirmed else self,
            message_id=call.message_id,
            action=call.action,
            frame=frame,
            received_at=received_at,
            handler=handler,
            fact=reading.fact if reading else None,
            key=key_digest(key),
            twin=key_digest(reading.twin) if reading else None,
            finding=finding,
            problem=problem,
        )
        await self._wait_for_room(PENDING_MAX)
        if call.unconfirmed:
            self._unconfirmed += 1
            entry.settled = self._kept
        elif handler.asks and self._asking.take():
            entry.settled = lambda: self._asking.ask(
                entry, lambda payload: self._tell(slot, payload)
            )
        else:
            entry.settled = lambda: self._committed(slot, entry)
            self._pending.append(slot)
        await self._writer.submit(entry)

    def _is_another(self, fact: Fact) -> bool:
        """2.0.1 B01.FR.11: the boot's serial number must be that of the certificate, unless the
        certificate names the identity instead."""
        peer = self.peer
        if not isinstance(fact, StationBooted) or fact.serial_number is None:
            return False
        if not peer.certified_names or peer.dialect.protocol == "ocpp1.6":
            return False
        return not {fact.serial_number, peer.identity} & set(peer.certified_names)

    async def _wait_for_room(self, pending_max: int) -> None:
        """Not reading on is what slows down a station that is faster than its answers."""
        while len(self._pending) + self._unconfirmed >= pending_max and self.is_open:
            self._room.clear()
            await self._room.wait()

    def _kept(self) -> None:
        """What is never answered is recorded."""
        self._unconfirmed -= 1
        self._room.set()

    def _committed(self, slot: Slot, entry: Entry) -> None:
        if self._totals is None:
            self._settled(slot, entry)
        else:
            self._totals.tell(entry, lambda: self._settled(slot, entry))

    def _settled(self, slot: Slot, entry: Entry) -> None:
        """The commit is through: the answer may leave, in its turn. What could not be stored gets
        none, and gives up its place to those behind it."""
        if entry.answer is None:
            with contextlib.suppress(ValueError):
                self._pending.remove(slot)
            self._room.set()
            self._flush()
            return
        answer = entry.answer
        if isinstance(entry.fact, StationBooted):
            self.peer.registration = str(answer.get("status", "")).lower() or "pending"
            self._booted(entry.fact)
        slot.transaction_id = transaction_of(entry.fact, answer)
        slot.frame = envelope.call_result(slot.message_id, answer)
        self._metrics.answer_seconds.observe(time.perf_counter() - slot.since)
        self._flush()

    def _booted(self, fact: StationBooted) -> None:
        self.peer.described = Described(
            vendor=fact.vendor, model=fact.model, firmware=fact.firmware_version
        )
        self.apply_quirks()

    def _tell(self, slot: Slot, answer: Payload) -> None:
        """The answer to a question: out of turn, since those behind it did not wait."""
        slot.frame = envelope.call_result(slot.message_id, answer)
        self._metrics.answer_seconds.observe(time.perf_counter() - slot.since)
        self._pending.appendleft(slot)
        self._flush()

    async def _refuse(self, message_id: str, action: str | None, code: str, text: str) -> None:
        await self._wait_for_room(UNSENT_MAX)
        frame = envelope.call_error(message_id, code, text)
        self._pending.append(Slot(message_id, action, frame))
        self._flush()

    def _flush(self) -> None:
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_ready())

    async def _send_ready(self) -> None:
        try:
            while self._pending and (frame := self._pending[0].frame) is not None:
                slot = self._pending.popleft()
                self._room.set()
                await self._socket.send(frame, text=True)
                self._log(
                    True, slot.message_id, slot.action, frame, transaction_id=slot.transaction_id
                )
                self.calls.spoke(boot=slot.action == BOOT)
        except ConnectionClosed:
            self._pending.clear()
            self._room.set()

    def _log(
        self,
        outbound: bool,
        message_id: str | None,
        action: str | None,
        frame: bytes,
        finding: str | None = None,
        *,
        transaction_id: str | None = None,
    ) -> None:
        at = datetime.now(UTC)
        self._writer.log(
            LogLine(self.peer, at, outbound, message_id, action, frame, finding, transaction_id)
        )
