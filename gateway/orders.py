"""Orders on their last step: from the row to the socket, and the answer back to the row.

Runs as an activity on this process's own queue. `sent` is written before the frame leaves, so an
order is never sent twice; whatever happens before that is NotConnectedHere: nothing was sent.
"""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import structlog
from psycopg.types.json import Jsonb
from temporalio import activity
from temporalio.exceptions import ApplicationError

from gateway.calls import CallsWaiting, CallTimedOut, ConnectionLost, NotAccepted
from gateway.connection import Connection
from gateway.dialect import Call, NotInThisVersion, SessionOfOrder
from gateway.envelope import CallError, CallResult
from gateway.metrics import GatewayMetrics
from gateway.postgres import Pool
from gateway.registry import Registry
from gateway.writing.station_saving import notify
from holdfast.contracts.orders import OrderAnswer, SendOrder

logger = structlog.get_logger()

NOT_CONNECTED_HERE = "NotConnectedHere"
TURN_TIMEOUT_S = 4.0  # to be this station's one outstanding call; later another try is better
WRITE_ATTEMPTS = 8
WRITE_PAUSE_S = 0.5

_ORDER = """
SELECT o.station_id, o.kind, o.payload, o.state, o.not_after <= now(), o.session_id IS NOT NULL,
       s.evse, s.token_uid, s.token_type, s.remote_start_number
FROM orders o LEFT JOIN sessions s ON s.id = o.session_id WHERE o.id = %s
"""
_EXPIRE = """
UPDATE orders SET state = 'expired', answered_at = now() WHERE id = %s AND state = 'waiting'
"""
_SENT = """
UPDATE orders o SET state = 'sent', sent_at = now(), attempts = attempts + 1
WHERE o.id = %s AND o.state = 'waiting' AND o.not_after > now() AND EXISTS (
    SELECT 1 FROM station_connections c
    WHERE c.station_id = o.station_id AND c.generation = %s
) RETURNING 1
"""
_ANSWERED = """
UPDATE orders SET state = %s, answered_at = now(), answer = %s
WHERE id = %s AND state IN ('waiting', 'sent', 'unknown')
"""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order and, for a start, what it needs of its session."""

    station_id: UUID
    kind: str
    payload: dict[str, Any]
    state: str
    late: bool
    session: SessionOfOrder | None


@dataclass(frozen=True)
class Orders:
    """Sends orders on the sockets of this process."""

    pool: Pool
    registry: Registry
    metrics: GatewayMetrics

    @activity.defn(name="orders.send")
    async def send(self, order: SendOrder) -> OrderAnswer:
        """One call, answered or not. See contracts.orders.send_order."""
        row = await self._read(order.order_id)
        if row.state == "sent":
            # A frame left and nobody wrote an answer: it is asked about, never sent again.
            return await self._finish(order.order_id, "unknown", None, {"status": "timeout"})
        if row.state != "waiting":
            return OrderAnswer(state=row.state)
        if row.late:
            return await self._expire(order.order_id)
        connection = self.registry.find(row.station_id, order.generation)
        if connection is None:
            raise _not_here("no socket of this generation here")
        try:
            call = connection.peer.dialect.translate_order(row.kind, row.payload, row.session)
        except (NotInThisVersion, KeyError) as error:
            answer = {"status": "error", "error": {"code": "NotSupported", "text": str(error)}}
            return await self._finish(order.order_id, "rejected", "NotSupported", answer)
        return await self._call(order, connection, call)

    async def _call(self, order: SendOrder, connection: Connection, call: Call) -> OrderAnswer:
        turn = asyncio.get_running_loop().time() + TURN_TIMEOUT_S

        async def before() -> None:
            if asyncio.get_running_loop().time() > turn:
                raise _not_here("the station was busy with other calls")
            await self._mark_sent(order)

        try:
            answer = await connection.call(call.action, call.payload, order.timeout_s, before)
        except CallsWaiting:
            raise _not_here("too many orders wait for this station") from None
        except NotAccepted:
            raise _not_here("the station's registration allows no such call yet") from None
        except CallTimedOut:
            self.metrics.calls.labels("timeout").inc()
            return await self._finish(order.order_id, "unknown", None, {"status": "timeout"})
        except ConnectionLost:
            self.metrics.calls.labels("lost").inc()
            return await self._finish(order.order_id, "unknown", None, {"status": "timeout"})
        if isinstance(answer, CallError):
            self.metrics.calls.labels("error").inc()
            error = {"code": answer.code, "text": answer.description, "details": answer.details}
            wrong = {"status": "error", "error": error}
            return await self._finish(order.order_id, "rejected", answer.code, wrong)
        self.metrics.calls.labels("answered").inc()
        word = status_of(answer)
        accepted = word is None or word in connection.peer.dialect.accepted_statuses
        if call.action in ("GetConfiguration", "DataTransfer") and word != "Rejected":
            accepted = True
        return await self._finish(
            order.order_id,
            "accepted" if accepted else "rejected",
            word,
            {"status": "accepted", "response": answer.payload},
        )

    async def _read(self, order_id: UUID) -> OrderRow:
        async with self.pool.connection() as connection:
            row = await (await connection.execute(_ORDER, (order_id,))).fetchone()
        if row is None:
            raise ApplicationError("no such order", type="OrderNotFound", non_retryable=True)
        session = None
        if row[5]:
            session = SessionOfOrder(
                evse=row[6], token_uid=row[7], token_type=row[8], remote_start_number=row[9]
            )
        return OrderRow(row[0], row[1], row[2], row[3], row[4], session)

    async def _mark_sent(self, order: SendOrder) -> None:
        try:
            async with self.pool.connection() as connection, connection.transaction():
                cursor = await connection.execute(_SENT, (order.order_id, order.generation))
                sent = await cursor.fetchone()
                await notify(connection, {"orders"})
        except Exception as error:
            # Should the commit have come through after all, the next attempt finds `sent`.
            raise _not_here(f"the order could not be marked: {type(error).__name__}") from error
        if sent is None:
            raise _not_here("the order is no longer waiting, or the socket is no longer newest")

    async def _expire(self, order_id: UUID) -> OrderAnswer:
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(_EXPIRE, (order_id,))
            await notify(connection, {"orders"})
        return OrderAnswer(state="expired")

    async def _finish(
        self, order_id: UUID, state: str, word: str | None, answer: dict[str, Any]
    ) -> OrderAnswer:
        """Write what came of it; a database that is away for a moment must not lose an answer."""
        for attempt in range(1, WRITE_ATTEMPTS + 1):
            try:
                async with self.pool.connection() as connection, connection.transaction():
                    await connection.execute(
                        _ANSWERED, (state, Jsonb(answer, orjson.dumps), order_id)
                    )
                    await notify(connection, {"orders"})
                break
            except Exception as error:
                logger.warning("answer_not_written", error=type(error).__name__, attempt=attempt)
                if attempt == WRITE_ATTEMPTS:
                    raise
                await asyncio.sleep(WRITE_PAUSE_S)
        return OrderAnswer(state=state, status=word)


def status_of(answer: CallResult) -> str | None:
    """The station's own word. Get/SetVariables answer per variable: the first that is not Accepted
    stands for all."""
    status = answer.payload.get("status")
    if isinstance(status, str):
        return status
    for name in ("setVariableResult", "getVariableResult"):
        results = answer.payload.get(name)
        if isinstance(results, list):
            words = [item.get("attributeStatus") for item in results if isinstance(item, dict)]
            refused = [str(word) for word in words if word not in ("Accepted", "RebootRequired")]
            return refused[0] if refused else "Accepted"
    return None


def _not_here(text: str) -> ApplicationError:
    return ApplicationError(text, type=NOT_CONNECTED_HERE, non_retryable=True)
