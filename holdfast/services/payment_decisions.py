"""What people decide of a payment: audited once, put on its session's timeline, kept in its row."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.payments import (
    DecisionNoted,
    PaymentAction,
    PaymentDecision,
    PaymentDecisionOrder,
)
from holdfast.services import audit, charges
from holdfast.services.outbox import notify
from holdfast.services.payment_steps import locked_payment
from holdfast.services.refusal import Conflict, NotFound
from holdfast.services.scope import owned
from holdfast.services.timeline import record_event
from holdfast.store.tables import Payment, Session


async def decide(
    db: AsyncSession,
    organization_id: UUID,
    payment_id: UUID,
    *,
    action: PaymentAction,
    reason: str,
    actor: str,
) -> Payment:
    """A decision by the API or the pages. Returns the payment that goes on.

    Raises NotFound, and Conflict where there is nothing to decide or no card to charge.
    """
    ours = owned(Payment, organization_id).where(Payment.id == payment_id)
    if await db.scalar(ours.with_only_columns(Payment.id)) is None:
        raise NotFound("payment", payment_id)
    payment = await locked_payment(db, payment_id)
    entry = await _write(db, payment, action=action, reason=reason, actor=actor)
    decision = PaymentDecision(event_id=f"audit-{entry}", action=action, audit_id=entry)
    try:
        return await charges.decide(db, payment, decision)
    except (charges.NothingToDecide, charges.NoCard) as error:
        raise Conflict(str(error)) from None


async def note(db: AsyncSession, payment: Payment, order: PaymentDecisionOrder) -> DecisionNoted:
    """A decision from the Temporal UI, of a locked payment; the same event id is noted once."""
    known = await audit.noted(db, payment.organization_id, _subject(payment), order.event_id)
    if known is not None:
        return DecisionNoted(audit_id=known)
    entry = await _write(
        db,
        payment,
        action=order.action,
        reason=order.reason,
        actor=audit.TEMPORAL_UI,
        event_id=order.event_id,
    )
    await notify(db, ["payments"])
    return DecisionNoted(audit_id=entry)


def decided(payment: Payment) -> tuple[PaymentDecision, ...]:
    """What a workflow that is built again must know, under the id of the signal."""
    entry = payment.write_off_audit_id
    if entry is None:
        return ()
    return (PaymentDecision(event_id=f"audit-{entry}", action="write_off", audit_id=entry),)


async def _write(
    db: AsyncSession,
    payment: Payment,
    *,
    action: PaymentAction,
    reason: str,
    actor: str,
    event_id: str | None = None,
) -> UUID:
    details = {"state": payment.state}
    if event_id is not None:
        details["event_id"] = event_id
    entry = await audit.record(
        db,
        payment.organization_id,
        actor=actor,
        action=f"payment.{action}",
        subject=_subject(payment),
        reason=reason,
        details=details,
    )
    if action == "write_off":
        payment.write_off_audit_id = payment.write_off_audit_id or entry
    session = None if payment.session_id is None else await db.get(Session, payment.session_id)
    if session is not None:
        await record_event(
            db,
            session,
            key=f"decided:audit-{entry}",
            kind=f"decided.payment_{action}",
            at=datetime.now(UTC),
            details={"reason": reason, "actor": actor},
        )
    return entry


def _subject(payment: Payment) -> str:
    return f"payment:{payment.id}"
