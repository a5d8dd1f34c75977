"""Asking a station about its transaction (OCPP 2.x GetTransactionStatus, E14), and its answers."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import session_workflow_id
from holdfast.contracts.sessions import TRANSACTION_STATUS_TOLD, TransactionStatusSignal
from holdfast.services.orders import place_order
from holdfast.services.outbox import notify, tell
from holdfast.store.tables import Order, Organization, Session, Station

KIND = "transaction_status"
# Names the questions of a session: the same attempt is the same order.
QUESTIONS = UUID("3b1c7b0e-6a5d-4f0e-9c2a-7e1d8a4f5c21")
VALID_MIN_S = 30


async def ask(db: AsyncSession, session: Session, *, key: str, valid_s: int, now: datetime) -> bool:
    """Place the order; false where there is nobody to ask: OCPP 1.6 has no such question."""
    station = await db.get(Station, session.station_id)
    organization = await db.get(Organization, session.organization_id)
    if station is None or organization is None or session.transaction_id is None:
        return False
    if not (station.protocol or "").startswith("ocpp2"):
        return False
    await place_order(
        db,
        organization=organization,
        station=station,
        kind=KIND,
        payload={"transaction_id": session.transaction_id},
        not_after=now + timedelta(seconds=max(VALID_MIN_S, valid_s)),
        requested_by="system:session",
        session_id=session.id,
        order_id=uuid5(QUESTIONS, f"{session.id}:{key}"),
    )
    return True


def answer_of(order: Order) -> tuple[bool | None, bool | None]:
    """Whether the transaction goes on, and whether messages wait; None for what was not said."""
    response = (order.answer or {}).get("response")
    if order.state != "accepted" or not isinstance(response, dict):
        return None, None
    ongoing, waiting = response.get("ongoingIndicator"), response.get("messagesInQueue")
    return (
        ongoing if isinstance(ongoing, bool) else None,
        waiting if isinstance(waiting, bool) else None,
    )


async def tell_answer(db: AsyncSession, order: Order) -> None:
    """Tell the session of a finished question. Nothing for orders of other kinds."""
    if order.kind != KIND or order.session_id is None:
        return
    ongoing, waiting = answer_of(order)
    await tell(
        db,
        order.organization_id,
        session_workflow_id(order.session_id),
        operation="signal",
        name=TRANSACTION_STATUS_TOLD,
        message=TransactionStatusSignal(
            event_id=f"order:{order.id}",
            order_state=order.state,
            ongoing=ongoing,
            messages_waiting=waiting,
        ),
    )
    await notify(db, ["outbox"])


async def last_ongoing_at(db: AsyncSession, session: Session) -> datetime | None:
    """When the station last said that the transaction goes on: a sign of life."""
    rows = await db.scalars(
        select(Order)
        .where(
            Order.station_id == session.station_id,
            Order.session_id == session.id,
            Order.kind == KIND,
            Order.state == "accepted",
        )
        .order_by(Order.id.desc())
        .limit(1)
    )
    order = rows.first()
    return order.answered_at if order is not None and answer_of(order)[0] else None
