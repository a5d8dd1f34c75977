"""What an order's workflow asks of the rows: where the socket is, and the final state."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import session_workflow_id
from holdfast.contracts.orders import FinishOrder, OrderAnswer, Whereabouts
from holdfast.contracts.sessions import START_REFUSED, StartRefusedSignal
from holdfast.services.orders import OPEN_ORDER_STATES
from holdfast.services.outbox import notify, tell
from holdfast.store.tables import Gateway, Order, StationConnection

NOT_COMING = ("rejected", "expired", "cancelled")


class OrderNotFound(Exception):
    """No such order."""


async def locate(db: AsyncSession, order_id: UUID, lease_s: float) -> Whereabouts:
    """The queue of the gateway that holds the socket, if its lease has not expired."""
    order = await db.get(Order, order_id)
    if order is None:
        raise OrderNotFound(f"no order {order_id}")
    if order.state not in OPEN_ORDER_STATES:
        return Whereabouts(closed=True, state=order.state)
    row = (
        await db.execute(
            select(Gateway.task_queue, StationConnection.generation)
            .join(StationConnection, StationConnection.boot_id == Gateway.boot_id)
            .where(
                StationConnection.station_id == order.station_id,
                Gateway.ended_at.is_(None),
                Gateway.seen_at > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, lease_s),
            )
        )
    ).one_or_none()
    if row is None:
        return Whereabouts(state=order.state)
    return Whereabouts(task_queue=row.task_queue, generation=row.generation, state=order.state)


async def finish(db: AsyncSession, order: FinishOrder, now: datetime) -> OrderAnswer:
    """Write the final state unless the row has one; tell a session of a start that never comes."""
    row = await db.get(Order, order.order_id, with_for_update=True)
    if row is None:
        raise OrderNotFound(f"no order {order.order_id}")
    if row.state in OPEN_ORDER_STATES:
        # What was sent may have been done: it cannot have expired unsent.
        row.state = "unknown" if row.state == "sent" else order.state
        row.answered_at = row.answered_at or now
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
    answer = row.answer or {}
    status = answer.get("status")
    return OrderAnswer(state=row.state, status=status if isinstance(status, str) else None)
