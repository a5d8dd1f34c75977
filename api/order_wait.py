"""Orders from a request: placed and committed, started at once where Temporal is there, waited for.

The row and its outbox row are committed before anything else happens, so that nothing below can
lose the order: a direct start only saves the relay's moment, and waiting only reads (DESIGN 2.8).
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from api.notices import Notices
from api.temporal_link import TemporalLink
from holdfast.contracts.names import order_workflow_id
from holdfast.contracts.orders import WORKFLOW, StartOrder
from holdfast.services.order_reads import Seen, see_order
from holdfast.services.order_steps import whereabouts
from holdfast.services.orders import OPEN_ORDER_STATES, start_message
from holdfast.store.database import Sessions
from holdfast.store.tables import Order, Organization, Station

LOOK_EVERY_S = 0.25
RELAY_AFTER = timedelta(seconds=3)  # longer than a direct start may take (temporal_link.py)
WAITERS_MAX = 500


def relay_at(wait_s: float) -> datetime | None:
    """When the relay starts an order's workflow, should the direct start not have come to it: two
    who start it at once only delay each other. None: nobody starts it directly."""
    return datetime.now(UTC) + RELAY_AFTER if wait_s > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOrder:
    """What to wait for, without a connection in hand."""

    organization_id: UUID
    order_id: UUID
    start: StartOrder

    @classmethod
    def of(cls, order: Order, organization: Organization, station: Station) -> "PlacedOrder":
        """From rows that are about to be committed."""
        return cls(
            organization_id=organization.id,
            order_id=order.id,
            start=start_message(order, organization, station),
        )


class OrderWait:
    """Waits for orders on behalf of requests."""

    def __init__(
        self, sessions: Sessions, notices: Notices, temporal: TemporalLink, lease_s: float
    ) -> None:
        self._sessions = sessions
        self._notices = notices
        self._temporal = temporal
        self._lease_s = lease_s
        self._waiting = asyncio.Semaphore(WAITERS_MAX)

    @classmethod
    def of(cls, request: Request) -> "OrderWait":
        """The process's own."""
        waiter: OrderWait = request.app.state.order_wait
        return waiter

    async def see_through(self, db: AsyncSession, placed: PlacedOrder, wait_s: float) -> Seen:
        """Commit, start, wait at most `wait_s`; the order as it is then."""
        with self._notices.subscribe() as subscription:
            start = placed.start
            if wait_s > 0:
                # Read before the commit: the workflow's first attempt need not ask for it.
                where = await whereabouts(db, start.station_id, self._lease_s)
                start = start.model_copy(
                    update={"task_queue": where.task_queue, "generation": where.generation}
                )
            await db.commit()
            deadline = asyncio.get_running_loop().time() + wait_s
            if wait_s > 0:
                await self._temporal.try_start(WORKFLOW, order_workflow_id(placed.order_id), start)
            # With too many waiting already, this one gets its answer at once.
            if self._waiting.locked():
                return await self._look(placed)
            async with self._waiting:
                seen = await self._look(placed)
                while seen[0].state in OPEN_ORDER_STATES:
                    left_s = deadline - asyncio.get_running_loop().time()
                    if left_s <= 0:
                        break
                    await subscription.wait(min(left_s, LOOK_EVERY_S))
                    seen = await self._look(placed)
            return seen

    async def read(self, db: AsyncSession, placed: PlacedOrder) -> Seen:
        """The order in a transaction that is still open."""
        return await see_order(db, placed.organization_id, placed.order_id)

    async def _look(self, placed: PlacedOrder) -> Seen:
        async with self._sessions() as db:
            return await see_order(db, placed.organization_id, placed.order_id)
