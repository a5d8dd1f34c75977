"""Order steps on the shared queue; the sending itself is the gateway's (`gateway/orders.py`)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.final_errors import final
from holdfast.contracts.orders import FinishOrder, OrderAnswer, OrderRef, Whereabouts
from holdfast.services import order_steps
from holdfast.services.order_steps import OrderNotFound
from holdfast.store.database import Sessions


@dataclass(frozen=True)
class Orders:
    """The orders activities, with the database that the worker hands in."""

    sessions: Sessions
    lease_s: float

    @activity.defn(name="orders.locate")
    async def locate_station(self, order: OrderRef) -> Whereabouts:
        """Which gateway holds the station's socket now."""
        async with final(OrderNotFound), self.sessions() as db:
            return await order_steps.locate(db, order.order_id, self.lease_s)

    @activity.defn(name="orders.finish")
    async def finish_order(self, order: FinishOrder) -> OrderAnswer:
        """Write the final state, and tell the session of a start that will not come."""
        async with final(OrderNotFound), self.sessions.begin() as db:
            return await order_steps.finish(db, order, datetime.now(UTC))
