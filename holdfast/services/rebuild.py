"""Every workflow that should be running, from the rows alone: Temporal may lose all it has."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts import late_truth, orders, payments, sessions
from holdfast.contracts.message import Message
from holdfast.contracts.names import (
    late_truth_workflow_id,
    order_workflow_id,
    payment_workflow_id,
    session_workflow_id,
)
from holdfast.contracts.payments import AmountSignal, ReasonSignal, StartPayment
from holdfast.services.charges import start_message as payment_start
from holdfast.services.orders import OPEN_ORDER_STATES
from holdfast.services.orders import start_message as order_start
from holdfast.store.tables import (
    LateFact,
    Order,
    Organization,
    Payment,
    Session,
    Settlement,
    Station,
)

PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Startable:
    """A workflow that must be running, and what starts it."""

    name: str
    workflow_id: str
    message: Message


async def session_message(db: AsyncSession, session: Session) -> sessions.StartSession:
    """What starts a session's workflow again; its rows hold all that its signals said."""
    slug = await db.scalar(
        select(Organization.slug).where(Organization.id == session.organization_id)
    )
    identity = await db.scalar(select(Station.identity).where(Station.id == session.station_id))
    return sessions.StartSession(
        session_id=session.id,
        organization=slug or "",
        organization_id=session.organization_id,
        site_id=session.site_id,
        station=identity or "",
        evse=session.evse,
        connector=session.connector,
        started_at=session.started_at,
        ended_at=session.ended_at or session.ended_by_us_at,
        complete=session.sequence_gaps == 0,
        rebuilt=True,
    )


async def payment_message(db: AsyncSession, payment: Payment) -> StartPayment:
    """What starts a payment's workflow again, with what was asked of it meanwhile."""
    message = await payment_start(db, payment, rebuilt=True)
    settlement = await db.scalar(select(Settlement).where(Settlement.payment_id == payment.id))
    if payment.kind != "hold":
        return message
    if settlement is not None and settlement.outcome is None:
        asked = AmountSignal(
            event_id=f"settle:{settlement.session_id}", amount_minor=settlement.amount_minor
        )
        return message.model_copy(update={"settle": asked})
    session = await db.scalar(select(Session).where(Session.payment_id == payment.id))
    if settlement is not None or (session is not None and session.closed_at is not None):
        subject = settlement.session_id if settlement is not None else payment.id
        release = ReasonSignal(event_id=f"settle:{subject}", reason="the session is closed")
        return message.model_copy(update={"release": release})
    return message


async def order_message(db: AsyncSession, order: Order) -> orders.StartOrder:
    """What starts an order's workflow again."""
    organization = await db.get_one(Organization, order.organization_id)
    station = await db.get_one(Station, order.station_id)
    return order_start(order, organization, station, rebuilt=True)


async def late_message(db: AsyncSession, session: Session) -> late_truth.StartLateTruth:
    """What starts LateTruth of a session."""
    start = await session_message(db, session)
    return late_truth.StartLateTruth(
        session_id=session.id,
        organization=start.organization,
        organization_id=session.organization_id,
        station=start.station,
        site_id=session.site_id,
    )


async def _open_sessions(db: AsyncSession, after: UUID) -> list[Startable]:
    settled = exists().where(Settlement.session_id == Session.id)
    rows = await db.scalars(
        select(Session)
        .where(Session.closed_at.is_(None), ~settled, Session.id > after)
        .order_by(Session.id)
        .limit(PAGE)
    )
    return [
        Startable(
            name=sessions.WORKFLOW,
            workflow_id=session_workflow_id(row.id),
            message=await session_message(db, row),
        )
        for row in rows
    ]


async def _open_payments(db: AsyncSession, after: UUID) -> list[Startable]:
    rows = await db.scalars(
        select(Payment)
        .where(Payment.closed_at.is_(None), Payment.id > after)
        .order_by(Payment.id)
        .limit(PAGE)
    )
    return [
        Startable(
            name=payments.WORKFLOW,
            workflow_id=payment_workflow_id(row.id),
            message=await payment_message(db, row),
        )
        for row in rows
    ]


async def _open_orders(db: AsyncSession, after: UUID) -> list[Startable]:
    rows = await db.scalars(
        select(Order)
        .where(Order.state.in_(OPEN_ORDER_STATES), Order.id > after)
        .order_by(Order.id)
        .limit(PAGE)
    )
    return [
        Startable(
            name=orders.WORKFLOW,
            workflow_id=order_workflow_id(row.id),
            message=await order_message(db, row),
        )
        for row in rows
    ]


async def _late(db: AsyncSession, after: UUID) -> list[Startable]:
    rows = await db.scalars(
        select(Session)
        .where(
            Session.id.in_(select(LateFact.session_id).where(LateFact.state == "open")),
            Session.id > after,
        )
        .order_by(Session.id)
        .limit(PAGE)
    )
    return [
        Startable(
            name=late_truth.WORKFLOW,
            workflow_id=late_truth_workflow_id(row.id),
            message=await late_message(db, row),
        )
        for row in rows
    ]


async def startables(db: AsyncSession) -> AsyncIterator[Startable]:
    """Every workflow that the rows say should be running, in pages."""
    for page in (_open_sessions, _open_payments, _open_orders, _late):
        after = UUID(int=0)
        while found := await page(db, after):
            for startable in found:
                yield startable
            after = UUID(found[-1].workflow_id.split("-", 1)[1])
            if len(found) < PAGE:
                break


async def startable_of(db: AsyncSession, workflow_id: str) -> Startable | None:
    """The workflow of this id, if its rows say that it should be running; else None."""
    prefix, _, text = workflow_id.partition("-")
    key = UUID(text)
    if prefix == "session":
        session = await db.get(Session, key)
        settled = await db.get(Settlement, key)
        if session is None or session.closed_at is not None or settled is not None:
            return None
        message: Message = await session_message(db, session)
        return Startable(name=sessions.WORKFLOW, workflow_id=workflow_id, message=message)
    if prefix == "payment":
        payment = await db.get(Payment, key)
        if payment is None or payment.closed_at is not None:
            return None
        message = await payment_message(db, payment)
        return Startable(name=payments.WORKFLOW, workflow_id=workflow_id, message=message)
    if prefix == "order":
        order = await db.get(Order, key)
        if order is None or order.state not in OPEN_ORDER_STATES:
            return None
        message = await order_message(db, order)
        return Startable(name=orders.WORKFLOW, workflow_id=workflow_id, message=message)
    return None
