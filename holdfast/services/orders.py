"""Placing orders: the row and its start in one transaction; the workflow sees it through."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts import orders as contract
from holdfast.contracts.names import order_workflow_id
from holdfast.services.outbox import notify, tell
from holdfast.store.tables import Order, Organization, Station

OPEN_ORDER_STATES = ("waiting", "sent")
PAYLOAD_CHARACTERS_MAX = 65_536


class UnknownOrderKind(ValueError):
    """Not one of `contracts.orders.ORDER_KINDS`."""


class OrderTooLarge(ValueError):
    """The payload would not fit into one frame to a station."""


def start_message(
    order: Order, organization: Organization, station: Station, *, rebuilt: bool = False
) -> contract.StartOrder:
    """What starts the order's workflow: ids only, the payload stays in the row."""
    return contract.StartOrder(
        order_id=order.id,
        organization=organization.slug,
        organization_id=organization.id,
        station_id=station.id,
        station=station.identity,
        site_id=station.site_id,
        session_id=order.session_id,
        kind=order.kind,
        not_after=order.not_after,
        rebuilt=rebuilt,
    )


async def place_order(
    db: AsyncSession,
    *,
    organization: Organization,
    station: Station,
    kind: str,
    payload: Mapping[str, Any],
    not_after: datetime,
    requested_by: str,
    session_id: UUID | None = None,
    order_id: UUID | None = None,
) -> Order:
    """Insert the order and the start of its workflow. Does not commit.

    `order_id` makes placing repeatable: an order that is already there is returned as it is.
    Raises `UnknownOrderKind`, `OrderTooLarge`.
    """
    if kind not in contract.ORDER_KINDS:
        raise UnknownOrderKind(f"{kind!r} is no kind of order")
    if len(repr(payload)) > PAYLOAD_CHARACTERS_MAX:
        raise OrderTooLarge(f"the payload is larger than {PAYLOAD_CHARACTERS_MAX} characters")
    if order_id is not None:
        placed = await db.scalar(select(Order).where(Order.id == order_id))
        if placed is not None:
            return placed
    order = Order(
        organization_id=organization.id,
        station_id=station.id,
        session_id=session_id,
        kind=kind,
        payload=dict(payload),
        requested_by=requested_by,
        not_after=not_after,
    )
    if order_id is not None:
        order.id = order_id
    db.add(order)
    await db.flush()
    await db.refresh(order)
    await tell(
        db,
        organization.id,
        order_workflow_id(order.id),
        operation="start",
        name=contract.WORKFLOW,
        message=start_message(order, organization, station),
    )
    await notify(db, ["orders", "outbox"])
    return order
