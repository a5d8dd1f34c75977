"""What an order's workflow asks of the rows: where the socket is, and the final state."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import session_workflow_id
from holdfast.contracts.orders import FinishOrder, OrderAnswer, Whereabouts
from holdfast.contracts.sessions import START_REFUSED, StartRefusedSignal
from holdfast.domain import order_policy
from holdfast.services import local_lists, transaction_questions
from holdfast.services.orders import OPEN_ORDER_STATES, place_order
from holdfast.services.outbox import notify, tell
from holdfast.store.tables import Gateway, Order, Organization, Session, Station, StationConnection

NOT_COMING = ("rejected", "expired", "superseded", "cancelled")
QUESTION_VALID = timedelta(minutes=10)


class OrderNotFound(Exception):
    """No such order."""


async def locate(db: AsyncSession, order_id: UUID, lease_s: float) -> Whereabouts:
    """The queue of the gateway that holds the socket, if its lease has not expired."""
    order = await db.get(Order, order_id)
    if order is None:
        raise OrderNotFound(f"no order {order_id}")
    if order.state not in OPEN_ORDER_STATES:
        return Whereabouts(closed=True, state=order.state)
    where = await whereabouts(db, order.station_id, lease_s)
    return where.model_copy(update={"state": order.state})


async def whereabouts(db: AsyncSession, station_id: UUID, lease_s: float) -> Whereabouts:
    """Where the station's socket is now."""
    row = (
        await db.execute(
            select(Gateway.task_queue, StationConnection.generation)
            .join(StationConnection, StationConnection.boot_id == Gateway.boot_id)
            .where(
                StationConnection.station_id == station_id,
                Gateway.ended_at.is_(None),
                Gateway.seen_at > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, lease_s),
            )
        )
    ).one_or_none()
    if row is None:
        return Whereabouts()
    return Whereabouts(task_queue=row.task_queue, generation=row.generation)


async def finish(db: AsyncSession, order: FinishOrder, now: datetime) -> OrderAnswer:
    """Write the final state unless the row has one; tell a session of a start that never comes;
    ask about an outcome that nobody knows.

    An order whose sender died may be `waiting` again, where its kind may be repeated.
    """
    row = await db.get(Order, order.order_id, with_for_update=True)
    if row is None:
        raise OrderNotFound(f"no order {order.order_id}")
    if row.state in OPEN_ORDER_STATES:
        again_s = _again(row, order.state, now)
        if again_s is not None:
            row.state, row.retry_at = "waiting", now + timedelta(seconds=again_s)
            await notify(db, ["orders"])
            return OrderAnswer(state="waiting", again_s=again_s)
        # What was sent may have been done: it cannot have expired unsent.
        row.state = "timed_out" if row.attempts > 0 else order.state
        row.answered_at, row.retry_at = row.answered_at or now, None
        await notify(db, ["orders"])
    if row.kind == "start" and row.session_id is not None and row.state in NOT_COMING:
        await tell(
            db,
            row.organization_id,
            session_workflow_id(row.session_id),
            operation="signal",
            name=START_REFUSED,
            message=StartRefusedSignal(event_id=f"order:{row.id}", order_state=row.state),
        )
        await notify(db, ["outbox"])
    await transaction_questions.tell_answer(db, row)
    await local_lists.order_ended(db, row, now)
    if row.state == "timed_out":
        await _ask(db, row, now)
    answer = row.answer or {}
    status = answer.get("status")
    return OrderAnswer(state=row.state, status=status if isinstance(status, str) else None)


def _again(row: Order, asked: str, now: datetime) -> float | None:
    """The pause before an order is sent again whose sender died with it in its hands."""
    if asked != "timed_out" or row.not_after <= now:
        return None
    if row.state == "waiting" and row.attempts == 0:
        return order_policy.PAUSES_S[0]  # its frame never left: any kind may go again
    if row.state == "waiting" and row.retry_at is not None:
        return max(0.0, (row.retry_at - now).total_seconds())
    return order_policy.pause_before_next(row.kind, row.attempts)


async def _ask(db: AsyncSession, row: Order, now: datetime) -> None:
    """Place the question about an outcome, once per order."""
    station = await db.get_one(Station, row.station_id)
    session = None if row.session_id is None else await db.get(Session, row.session_id)
    asked = order_policy.question(
        row.kind,
        row.payload,
        evse=None if session is None else session.evse,
        protocol=station.protocol,
    )
    if asked is None:
        return
    await place_order(
        db,
        organization=await db.get_one(Organization, row.organization_id),
        station=station,
        kind=asked.kind,
        payload=asked.payload,
        not_after=now + QUESTION_VALID,
        requested_by="system:orders",
        session_id=row.session_id,
        order_id=uuid5(row.id, "question"),
        about=row.id,
    )
