"""Placing orders: the row and its start in one transaction; the workflow sees it through."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from holdfast.contracts import orders as contract
from holdfast.contracts.names import order_workflow_id
from holdfast.domain import order_policy
from holdfast.services.outbox import Told, notify, tell_all
from holdfast.services.refusal import Conflict, NotFound, TooMany
from holdfast.services.scope import belongs
from holdfast.store.tables import Order, Organization, Station
from holdfast.store.tables.orders import ORDER_REQUEST_NUMBERS

OPEN_ORDER_STATES = ("waiting", "sent")
PAYLOAD_CHARACTERS_MAX = 1_048_576  # a list of tokens is split over many frames
WAITING_MAX = 200  # per station
BY_OURSELVES = "system:"


class UnknownOrderKind(ValueError):
    """Not one of `contracts.orders.ORDER_KINDS`."""


class OrderTooLarge(ValueError):
    """The payload is larger than any station could be told in reasonable time."""


class TooManyWaiting(TooMany):
    """So many orders wait for this station that no more are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """What a station is to be told; the fields are as for `place_order`."""

    station: Station
    kind: str
    payload: Mapping[str, Any]
    not_after: datetime
    requested_by: str
    session_id: UUID | None = None
    order_id: UUID | None = None
    priority: int | None = None
    about: UUID | None = None


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
        priority=order.priority,
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
    priority: int | None = None,
    about: UUID | None = None,
    relay_at: datetime | None = None,
) -> Order:
    """Insert the order and the start of its workflow. Does not commit.

    `order_id` makes placing repeatable: an order that is already there is returned as it is.
    Older orders that still wait to change the same thing are superseded. `priority`: 1 goes first,
    9 last. `about`: the order whose outcome it asks about. `relay_at`: the caller starts the
    workflow itself; the relay does it from then on, should the caller not have come to it.
    Raises `UnknownOrderKind`, `OrderTooLarge`, `TooManyWaiting`.
    """
    _check_order(kind, payload)
    if order_id is not None:
        placed = await db.scalar(select(Order).where(Order.id == order_id))
        if placed is not None:
            return placed
    # A car that must stop is never turned away. Nor is a step of a process of ours, of which each
    # has one under way: that one station is full must not keep a stolen card from being blocked.
    if kind != "stop" and order_id is None and not requested_by.startswith(BY_OURSELVES):
        await _check_room(db, station)
    new = NewOrder(
        station=station,
        kind=kind,
        payload=payload,
        not_after=not_after,
        requested_by=requested_by,
        session_id=session_id,
        order_id=order_id,
        priority=priority,
        about=about,
    )
    (order,) = await place_orders(db, organization, [new], relay_at=relay_at)
    return order


async def place_orders(
    db: AsyncSession,
    organization: Organization,
    asked: Sequence[NewOrder],
    *,
    relay_at: datetime | None = None,
) -> list[Order]:
    """As `place_order`, many at once, in a number of statements that does not grow with them.

    For steps of processes of ours: nobody looks whether they are there already, or whether many
    wait for the station. Raises `UnknownOrderKind`, `OrderTooLarge`.
    """
    if not asked:
        return []
    for new in asked:
        _check_order(new.kind, new.payload)
    ids = await db.scalars(
        select(func.uuidv7()).select_from(func.generate_series(1, len(asked)).alias())
    )
    rows = []
    for new, row_id in zip(asked, ids.all(), strict=True):
        number = None
        if new.kind in order_policy.NUMBERED:
            number = await db.scalar(select(ORDER_REQUEST_NUMBERS.next_value()))
        rows.append(_values(organization.id, new, new.order_id or row_id) | {"request_id": number})
    placed = await db.scalars(
        insert(Order).returning(Order).execution_options(render_nulls=True), rows
    )
    by_id = {order.id: order for order in placed.all()}
    orders = [by_id[row["id"]] for row in rows]
    starts = [
        _start(order, start_message(order, organization, new.station), relay_at)
        for order, new in zip(orders, asked, strict=True)
    ]
    await tell_all(db, organization.id, starts)
    await _supersede(db, organization.id, orders)
    await notify(db, ["orders", "outbox"])
    return orders


def _values(organization_id: UUID, new: NewOrder, order_id: UUID) -> dict[str, Any]:
    thing = order_policy.object_of(new.kind, new.payload)
    return {
        "id": order_id,
        "organization_id": organization_id,
        "station_id": new.station.id,
        "session_id": new.session_id,
        "kind": new.kind,
        "payload": dict(new.payload),
        "requested_by": new.requested_by,
        "not_after": new.not_after,
        "priority": new.priority or order_policy.priority(new.kind),
        "object": None if thing is None else thing.key,
        "about": new.about,
    }


async def take_back_orders(
    db: AsyncSession, organization_id: UUID, order_ids: Sequence[UUID]
) -> None:
    """What nobody wants any more is not sent, also where no newer order takes its place: for steps
    of processes of ours. One that was sent already goes its way."""
    if not order_ids:
        return
    taken = await db.scalars(
        update(Order)
        .where(belongs(Order, organization_id), Order.id.in_(order_ids), Order.state == "waiting")
        .values(state="superseded", answered_at=func.now(), retry_at=None)
        .returning(Order)
        .execution_options(synchronize_session=False)
    )
    await tell_all(db, organization_id, [_wake(one, "superseded") for one in taken.all()])
    await notify(db, ["orders", "outbox"])


async def cancel_order(
    db: AsyncSession, organization_id: UUID, order_id: UUID, now: datetime
) -> Order:
    """A person no longer wants it. Raises NotFound, and Conflict once it was sent or is over."""
    order = await db.scalar(
        select(Order)
        .where(belongs(Order, organization_id), Order.id == order_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if order is None:
        raise NotFound("order", order_id)
    if order.state != "waiting":
        raise Conflict(f"only an order that waits can be cancelled; this one is {order.state}")
    order.state, order.answered_at, order.retry_at = "cancelled", now, None
    await db.flush()
    await tell_all(db, order.organization_id, [_wake(order, "cancelled")])
    await notify(db, ["orders", "outbox"])
    return order


def _start(order: Order, message: contract.StartOrder, relay_at: datetime | None) -> Told:
    return Told(
        workflow_id=order_workflow_id(order.id),
        operation="start",
        name=contract.WORKFLOW,
        message=message,
        due_at=relay_at,
    )


def _check_order(kind: str, payload: Mapping[str, Any]) -> None:
    if kind not in contract.ORDER_KINDS:
        raise UnknownOrderKind(f"{kind!r} is no kind of order")
    if len(repr(payload)) > PAYLOAD_CHARACTERS_MAX:
        raise OrderTooLarge(f"the payload is larger than {PAYLOAD_CHARACTERS_MAX} characters")


async def _check_room(db: AsyncSession, station: Station) -> None:
    waiting = await db.scalar(
        select(func.count())
        .select_from(Order)
        .where(Order.station_id == station.id, Order.state == "waiting")
    )
    if (waiting or 0) >= WAITING_MAX:
        raise TooManyWaiting(
            f"{WAITING_MAX} orders wait for this station already: cancel some, or wait until it "
            "has taken them"
        )


async def _supersede(db: AsyncSession, organization_id: UUID, orders: Sequence[Order]) -> None:
    """Older orders for the same things end here, unsent; their workflows look again and see it."""
    replacing = [order.id for order in orders if _replaces(order)]
    if not replacing:
        return
    newer = aliased(Order)
    older = await db.scalars(
        update(Order)
        .where(
            newer.id.in_(replacing),
            Order.station_id == newer.station_id,
            Order.kind == newer.kind,
            Order.object == newer.object,
            Order.state == "waiting",
            Order.id != newer.id,
            # Of those that are placed at once, the last one counts.
            Order.id.not_in(replacing) | (Order.id < newer.id),
        )
        .values(state="superseded", superseded_by=newer.id, answered_at=func.now(), retry_at=None)
        .returning(Order)
        .execution_options(synchronize_session=False)
    )
    woken = [_wake(one, "superseded") for one in older.all()]
    await tell_all(db, organization_id, woken)


def _replaces(order: Order) -> bool:
    thing = order_policy.object_of(order.kind, order.payload)
    return thing is not None and thing.replaces


def _wake(order: Order, why: str) -> Told:
    return Told(
        workflow_id=order_workflow_id(order.id),
        operation="signal",
        name=contract.STATION_CONNECTED,
        message=contract.EventSignal(event_id=f"{why}:{order.id}"),
    )
