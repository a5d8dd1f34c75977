"""Payments, read: the rows and the operations that were sent for them."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.scope import find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.store.tables import Payment, PaymentOperation

OPERATIONS_MAX = 500


async def list_payments(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    state: str | None = None,
    session_id: UUID | None = None,
    attention: bool | None = None,
) -> Slice[Payment]:
    """Newest first."""
    statement = owned(Payment, organization_id)
    if state is not None:
        statement = statement.where(Payment.state == state)
    if session_id is not None:
        statement = statement.where(Payment.session_id == session_id)
    if attention is not None:
        raised = Payment.attention.is_not(None)
        statement = statement.where(raised if attention else ~raised)
    return await take(db, statement, Payment.id, asked, newest_first=True)


async def get_payment(
    db: AsyncSession, organization_id: UUID, payment_id: UUID, *, lock: bool = False
) -> Payment:
    """Raises NotFound."""
    return await find(db, Payment, organization_id, payment_id, "payment", lock=lock)


async def list_operations(
    db: AsyncSession, organization_id: UUID, payment_id: UUID
) -> list[PaymentOperation]:
    """What was sent to the provider, oldest first. Raises NotFound."""
    await get_payment(db, organization_id, payment_id)
    rows = await db.scalars(
        owned(PaymentOperation, organization_id)
        .where(PaymentOperation.payment_id == payment_id)
        .order_by(PaymentOperation.id)
        .limit(OPERATIONS_MAX)
    )
    return list(rows)
