"""Orders on their last step: from the row to the socket, and the answer back to the row.

Runs as an activity on this process's own queue. `sent` is written before the first frame leaves,
so an order is never blindly sent twice; whatever happens before that is NotConnectedHere or
NotAccepted: nothing was sent. An order may take several calls on one turn. Only a kind that may be
repeated (`domain.order_policy`) waits to be sent again after an answer that did not come.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from gateway import envelope
from gateway.calls import WAITING_MAX as IN_HAND_MAX
from gateway.calls import CallsWaiting, CallTimedOut, ConnectionLost, NotAccepted
from gateway.connection import Connection
from gateway.dialect import Call, NotInThisVersion, OrderContext
from gateway.envelope import CallError, CallResult
from gateway.limits import CALLS_MAX, FRAME_BYTES_MAX, LIMITED_KINDS, Limits, read_limits
from gateway.metrics import GatewayMetrics
from gateway.order_answers import is_for_later, parts_of, verdict
from gateway.order_facts import AnswerFacts
from gateway.order_queue import WAY_S, OrderQueue
from gateway.order_rows import Ending, OrderRows, OrderSeen, OrderTaken
from gateway.postgres import Pool
from gateway.registry import Registry
from gateway.sendable import sendable, with_fewer_measurands
from holdfast.contracts.orders import OrderAnswer, SendOrder
from holdfast.domain import order_policy

logger = structlog.get_logger()

NOT_CONNECTED_HERE = "NotConnectedHere"
NOT_ACCEPTED = "NotAccepted"
TURN_TIMEOUT_S = 4.0  # to be this station's one outstanding call; later another try is better
HEARTBEAT_S = 5.0
MESSAGE_ID_LENGTH = 36

Secrets = Callable[[UUID], Awaitable[str]]
Answers = list[CallResult | CallError]


class NotSendable(Exception):
    """The order cannot be put into frames for this station; the text says why."""


@dataclass(frozen=True)
class Orders:
    """Sends orders on the sockets of this process.

    `facts` records what answers tell; `secrets` reads the pending password of a station.
    """

    pool: Pool
    registry: Registry
    metrics: GatewayMetrics
    facts: AnswerFacts | None = None
    secrets: Secrets | None = None
    _queues: WeakKeyDictionary[Connection, OrderQueue] = field(default_factory=WeakKeyDictionary)

    @property
    def rows(self) -> OrderRows:
        """Where orders are."""
        return OrderRows(self.pool)

    @activity.defn(name="orders.send")
    async def send(self, order: SendOrder) -> OrderAnswer:
        """One order, answered or not. See contracts.orders.send_order."""
        station_id = order.station_id
        if station_id is None:
            station_id = (await self._look(order.order_id)).station_id
        connection = self.registry.find(station_id, order.generation)
        if connection is None:
            return await self._not_taken(order.order_id, "no socket of this generation here")
        with self._queue(connection).holding(order.order_id):
            return await self._in_turn(order, connection)

    def _queue(self, connection: Connection) -> OrderQueue:
        return self._queues.setdefault(connection, OrderQueue())

    async def _in_turn(self, order: SendOrder, connection: Connection) -> OrderAnswer:
        """Wait for the turn, and give it up for older orders that are about to come."""
        accepted = connection.peer.registration == "accepted"
        if not accepted:
            await self._check_acceptance(order, connection)
        queue, now = self._queue(connection), asyncio.get_running_loop().time
        asked_at = now()
        while True:
            try:
                async with connection.calls.turn(order.priority, order.order_id.int):
                    if now() > asked_at + TURN_TIMEOUT_S:
                        raise _not_here("the station was busy with other calls")
                    # What an unaccepted station may not be asked yet keeps nobody waiting.
                    taken = await self._take(order, queue.absent if accepted else None)
                    if taken is not None:
                        return await self._with_turn(order, connection, taken)
            except CallsWaiting:
                raise _not_here("too many orders wait for this station") from None
            elders = await self._elders(order, queue.absent) if accepted else []
            if not elders:
                return await self._not_taken(
                    order.order_id, "it is no longer waiting, or the socket is no longer newest"
                )
            if now() > asked_at + WAY_S:
                queue.give_up(elders)
            else:
                await queue.moves()
                if not queue.in_hand.issuperset(elders) and queue.may_wake():
                    self._wake_next(connection, least=1)

    async def _take(self, order: SendOrder, absent: Collection[UUID] | None) -> OrderTaken | None:
        try:
            return await self.rows.take(order.order_id, order.generation, absent)
        except Exception as error:
            # Should the commit have come through after all, the next attempt finds `sent`.
            raise _not_here(f"the order could not be marked: {type(error).__name__}") from error

    async def _elders(self, order: SendOrder, absent: Collection[UUID]) -> list[UUID]:
        try:
            return await self.rows.elders(order.order_id, absent)
        except Exception as error:
            raise _not_here(f"older orders are not known: {type(error).__name__}") from error

    async def _with_turn(
        self, order: SendOrder, connection: Connection, taken: OrderTaken
    ) -> OrderAnswer:
        try:
            calls = await self._calls(taken, connection)
        except NotSendable as problem:
            told = {"code": "NotSupported", "text": str(problem)[:500]}
            ending = Ending(
                state="rejected", answer={"status": "error", "error": told}, unsent=True
            )
            return await self._finish(order, connection, ending, "NotSupported")
        answers: Answers = []
        beating = asyncio.create_task(_heartbeat()) if len(calls) > 1 else None
        try:
            return await self._converse(order, connection, taken, (calls, answers))
        except NotAccepted:
            await self._put_back(order, connection)
            raise _not_accepted() from None
        except (CallTimedOut, ConnectionLost) as silence:
            lost = isinstance(silence, ConnectionLost)
            self.metrics.calls.labels("lost" if lost else "timeout").inc()
            answer = {"status": "timeout"} | parts_of(calls, answers)
            return await self._later(order, connection, taken, ("timed_out", answer))
        finally:
            if beating is not None:
                beating.cancel()

    async def _calls(self, taken: OrderTaken, connection: Connection) -> Sequence[Call]:
        """The frames to be, checked. Raises NotSendable."""
        station_id = connection.peer.station_id
        context = OrderContext(
            session=taken.session,
            request_id=taken.request_id,
            limits=await self._limits(taken.kind, station_id),
            secret=await self._secret(taken.kind, station_id),
        )
        try:
            calls = connection.peer.dialect.translate_order(taken.kind, taken.payload, context)
        except NotInThisVersion as error:
            raise NotSendable(str(error)) from error
        except KeyError as error:
            raise NotSendable(f"the order's payload lacks {error}") from error
        except (ValueError, TypeError, AttributeError) as error:
            # Placed by something that wrote another shape: it must not be tried for ever.
            raise NotSendable(f"the order's payload has another shape: {error}") from error
        calls = tuple(sendable(call, connection.peer.quirks) for call in calls)
        if len(calls) > CALLS_MAX:
            raise NotSendable(f"it would take {len(calls)} calls; at most {CALLS_MAX} are sent")
        for call in calls:
            size = len(envelope.call("x" * MESSAGE_ID_LENGTH, call.action, call.payload))
            if size > FRAME_BYTES_MAX:
                raise NotSendable(
                    f"its {call.action} has {size} bytes; a frame has at most {FRAME_BYTES_MAX}"
                )
        return calls

    async def _limits(self, kind: str, station_id: UUID) -> Limits:
        if kind not in LIMITED_KINDS:
            return Limits()
        try:
            return await read_limits(self.pool, station_id)
        except Exception as error:
            logger.warning("limits_not_read", error=type(error).__name__)
            return Limits()

    async def _secret(self, kind: str, station_id: UUID) -> str | None:
        if kind != "password" or self.secrets is None:
            return None
        try:
            return await self.secrets(station_id)
        except Exception as error:
            raise NotSendable(f"no new password to send: {type(error).__name__}") from error

    async def _converse(
        self,
        order: SendOrder,
        connection: Connection,
        taken: OrderTaken,
        talk: tuple[Sequence[Call], Answers],
    ) -> OrderAnswer:
        """Call after call, until one is refused."""
        calls, answers = talk
        accepted = connection.peer.dialect.accepted_statuses
        for call in calls:
            if len(calls) > 1:
                await self.rows.progress(order.order_id, len(calls), len(answers))
            connection.calls.check_registration(call.action)
            told, answer = await self._ask(connection, call, order.timeout_s, taken.kind)
            answers.append(answer)
            self.metrics.calls.labels(
                "error" if isinstance(answer, CallError) else "answered"
            ).inc()
            so_far = verdict(calls, answers, accepted)
            if isinstance(answer, CallResult) and self.facts is not None:
                await self.facts.record(connection, told, answer, datetime.now(UTC))
            if so_far.state == "rejected" and is_for_later(answer):
                return await self._later(
                    order, connection, taken, ("rejected", so_far.answer), so_far.status
                )
            if so_far.state == "rejected":
                break
        done = len(answers) - (so_far.state == "rejected")
        ending = Ending(
            state=so_far.state,
            answer=so_far.answer,
            parts=len(calls) if len(calls) > 1 else None,
            parts_done=done,
        )
        return await self._finish(order, connection, ending, so_far.status)

    async def _ask(
        self, connection: Connection, call: Call, timeout_s: float, kind: str
    ) -> tuple[Call, CallResult | CallError]:
        """What was asked in the end, and its answer. What is asked word for word stays so."""
        answer = await connection.calls.call(call.action, call.payload, timeout_s)
        less = with_fewer_measurands(call, answer) if kind == "configure" else None
        if less is None:
            return call, answer
        connection.calls.check_registration(less.action)
        return less, await connection.calls.call(less.action, less.payload, timeout_s)

    async def _later(
        self,
        order: SendOrder,
        connection: Connection,
        taken: OrderTaken,
        end: tuple[str, dict[str, Any]],
        status: str | None = None,
    ) -> OrderAnswer:
        """Send it again after a pause, if its kind allows; else it ends so."""
        state, answer = end
        pause_s = order_policy.pause_before_next(taken.kind, taken.attempts)
        if pause_s is not None and await self.rows.again(order.order_id, pause_s, answer):
            self._wake_next(connection)
            return OrderAnswer(state="waiting", status=status, again_s=pause_s)
        ending = Ending(state=state, answer=answer, parts=answer.get("parts_total"))
        return await self._finish(order, connection, ending, status)

    async def _finish(
        self, order: SendOrder, connection: Connection, ending: Ending, status: str | None
    ) -> OrderAnswer:
        if await self.rows.finish(order.order_id, ending):
            self._wake_next(connection)
        return OrderAnswer(state=ending.state, status=status)

    async def _put_back(self, order: SendOrder, connection: Connection) -> None:
        """Taken, and not sent after all: the registration changed meanwhile."""
        await self.rows.again(order.order_id, 0.0, {})

    def _wake_next(self, connection: Connection, *, least: int = 0) -> None:
        """Somebody else's turn may come now: in the background. `least`: so many have a place even
        where many are in hand."""
        station_id = connection.peer.station_id
        in_hand = set(self._queue(connection).in_hand)
        places = max(least, IN_HAND_MAX - len(in_hand) + 1)
        if places <= 0:
            return
        event = f"turn:{station_id}:{datetime.now(UTC).timestamp()}"
        task = asyncio.create_task(self._wake(station_id, in_hand, places, event))
        _WAKING.add(task)
        task.add_done_callback(_WAKING.discard)

    async def _wake(self, station_id: UUID, in_hand: set[UUID], places: int, event: str) -> None:
        try:
            await self.rows.wake_next(station_id, in_hand, places, event)
        except Exception as error:
            # Each workflow looks again by itself, only later.
            logger.warning("next_order_not_woken", error=type(error).__name__)

    async def _check_acceptance(self, order: SendOrder, connection: Connection) -> None:
        seen = await self._look(order.order_id)
        registration = connection.peer.registration
        if not order_policy.allowed_before_acceptance(seen.kind, seen.payload, registration):
            raise _not_accepted()

    async def _not_taken(self, order_id: UUID, problem: str) -> OrderAnswer:
        """Why it was not sent: it is over, nobody knows whether it was, or it is for elsewhere."""
        seen = await self._look(order_id)
        if seen.state == "sent":
            # A frame left and nobody wrote an answer. What may be repeated is; the rest is asked
            # about, never sent again.
            return await self._orphaned(order_id, seen)
        if seen.state != "waiting":
            return OrderAnswer(state=seen.state)
        if seen.late:
            return OrderAnswer(state=await self.rows.expire(order_id))
        raise _not_here(problem)

    async def _orphaned(self, order_id: UUID, seen: OrderSeen) -> OrderAnswer:
        answer = {"status": "timeout"}
        pause_s = order_policy.pause_before_next(seen.kind, seen.attempts)
        if pause_s is not None and await self.rows.again(order_id, pause_s, answer):
            return OrderAnswer(state="waiting", again_s=pause_s)
        await self.rows.finish(order_id, Ending(state="timed_out", answer=answer))
        return OrderAnswer(state="timed_out")

    async def _look(self, order_id: UUID) -> OrderSeen:
        seen = await self.rows.look(order_id)
        if seen is None:
            raise ApplicationError("no such order", type="OrderNotFound", non_retryable=True)
        return seen


_WAKING: set[asyncio.Task[None]] = set()


async def _heartbeat() -> None:
    """A conversation of many calls: the server hears soon if this process is gone."""
    with suppress(asyncio.CancelledError):
        while True:
            activity.heartbeat()
            await asyncio.sleep(HEARTBEAT_S)


def _not_here(text: str) -> ApplicationError:
    return ApplicationError(text, type=NOT_CONNECTED_HERE, non_retryable=True)


def _not_accepted() -> ApplicationError:
    return ApplicationError(
        "the station's registration allows no such order yet",
        type=NOT_ACCEPTED,
        non_retryable=True,
    )
