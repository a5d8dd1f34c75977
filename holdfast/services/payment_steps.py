"""A payment's rows around each write to the provider: before the first send, and after it.

Stored first: the key and the exact parameters, committed. Written after: the operation's result,
the payment, the settlement's outcome and the session's end, in one transaction.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import session_workflow_id
from holdfast.contracts.payments import PaymentSeen
from holdfast.contracts.ports import Intent, ProviderRefused
from holdfast.contracts.sessions import TRIPWIRE_CROSSED, TripwireSignal
from holdfast.domain.currency import Currency
from holdfast.domain.money import Money
from holdfast.services.charges import new_operation
from holdfast.services.outbox import notify, tell
from holdfast.services.settlement import conclude
from holdfast.store.tables import Payment, PaymentOperation, Session, Settlement

FINAL = ("captured", "released", "failed")
# Stripe keeps a key for at least 24 hours; then the same key would do it again.
KEY_LIFE = timedelta(hours=23)


class PaymentNotFound(Exception):
    """No such payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A stored operation that is about to be sent, or sent again."""

    operation_id: UUID
    operation: str
    sequence: int
    key: str
    parameters: dict[str, Any]
    intent: str | None
    created_at: datetime
    stale: bool  # the key may be forgotten by now: read before writing


async def locked_payment(db: AsyncSession, payment_id: UUID) -> Payment:
    """The row, locked, and before it its session's: always in this order. Raises."""
    session_id = await db.scalar(select(Payment.session_id).where(Payment.id == payment_id))
    if session_id is not None:
        await db.get(Session, session_id, with_for_update=True)
    payment = await db.get(Payment, payment_id, with_for_update=True)
    if payment is None:
        raise PaymentNotFound(f"no payment {payment_id}")
    return payment


async def latest_operation(
    db: AsyncSession, payment: Payment, operation: str
) -> PaymentOperation | None:
    """The newest intention of this kind."""
    return await db.scalar(
        select(PaymentOperation)
        .where(PaymentOperation.payment_id == payment.id, PaymentOperation.operation == operation)
        .order_by(PaymentOperation.sequence.desc())
        .limit(1)
        .with_for_update()
    )


async def prepare(
    db: AsyncSession,
    payment: Payment,
    operation: str,
    parameters: dict[str, Any],
    now: datetime,
) -> Prepared:
    """The operation to send: the open one as it was stored, else a new one. Commit, then send.

    `parameters` are used only for a new intention: an open one keeps what was sent before, and an
    empty value repeats what an earlier one said (the amount and the card do not change).
    """
    row = await latest_operation(db, payment, operation)
    if row is None or row.outcome is not None:
        sequence = 1 if row is None else row.sequence + 1
        earlier = {} if row is None else dict(row.parameters)
        row = new_operation(payment, operation, sequence, parameters or earlier)
        db.add(row)
    stale = row.first_sent_at is not None and now - row.first_sent_at > KEY_LIFE
    row.first_sent_at = row.first_sent_at or now
    await db.flush()
    await db.refresh(row)
    return Prepared(
        operation_id=row.id,
        operation=operation,
        sequence=row.sequence,
        key=row.idempotency_key,
        parameters=dict(row.parameters),
        intent=payment.intent,
        created_at=row.created_at,
        stale=stale,
    )


async def finish_operation(
    db: AsyncSession,
    operation_id: UUID,
    outcome: str,
    result: dict[str, Any],
    now: datetime,
) -> None:
    """What became of it. The first answer stands."""
    row = await db.get(PaymentOperation, operation_id, with_for_update=True)
    if row is not None and row.outcome is None:
        row.outcome, row.result, row.finished_at = outcome, result, now


def refusal_json(refusal: ProviderRefused) -> dict[str, Any]:
    """What is kept of a refusal: codes, never a text that could name a person."""
    kept: dict[str, Any] = {"code": refusal.code, "decline_code": refusal.decline_code}
    if refusal.intent is not None:
        kept["intent"] = refusal.intent.to_json()
    return kept


async def apply_intent(db: AsyncSession, payment: Payment, intent: Intent, now: datetime) -> None:
    """Write what the provider has, and what follows from it for the settlement."""
    currency = Currency.of(payment.currency)
    if payment.state in FINAL and intent.status != "succeeded":
        return
    payment.intent = intent.id
    payment.changed_at = now
    payment.decline_code = intent.decline_code
    payment.next_action_url = intent.next_action_url
    payment.capture_before = intent.capture_before or payment.capture_before
    if intent.status == "requires_capture":
        payment.state = "held"
        payment.held_minor = Money.from_stripe(intent.capturable, currency).amount_minor
    elif intent.status == "succeeded":
        taken = Money.from_stripe(intent.received, currency).amount_minor
        if payment.kind == "hold":
            payment.held_minor = max(payment.held_minor, taken)
        payment.captured_minor = taken
        _close(payment, "captured", now)
        await conclude(db, payment, outcome="captured", settled_minor=taken, reason=None, now=now)
    elif intent.status == "canceled":
        await _cancelled(db, payment, intent, now)
    elif intent.status.startswith("requires_"):
        if payment.kind == "off_session":
            await decline(db, payment, intent.decline_code or intent.status, now)
        else:
            payment.state = "action_required"
    await notify(db, ["payments"])


async def _cancelled(db: AsyncSession, payment: Payment, intent: Intent, now: datetime) -> None:
    expired = intent.cancellation_reason == "automatic"
    _close(payment, "failed" if expired or payment.held_minor == 0 else "released", now)
    await _tell_running(db, payment)
    # Only a settlement that still waits for this hold is told; one that was free stays free.
    await conclude(
        db,
        payment,
        outcome="uncollectible",
        settled_minor=0,
        reason="the hold expired" if expired else "the hold was cancelled",
        now=now,
    )


async def _tell_running(db: AsyncSession, payment: Payment) -> None:
    """Nobody pays for a session whose hold is gone: have its limits looked at now, as if its
    tripwire had been crossed. The cost that a hold allows is then zero, and it is stopped."""
    session = await db.scalar(
        select(Session).where(
            Session.payment_id == payment.id,
            Session.started_at.is_not(None),
            Session.ended_at.is_(None),
            Session.ended_by_us_at.is_(None),
            Session.closed_at.is_(None),
        )
    )
    if session is None:
        return
    await tell(
        db,
        session.organization_id,
        session_workflow_id(session.id),
        operation="signal",
        name=TRIPWIRE_CROSSED,
        message=TripwireSignal(
            event_id=f"hold_gone:{payment.id}", version=session.tripwire_version
        ),
    )
    await notify(db, ["outbox"])


async def decline(
    db: AsyncSession, payment: Payment, code: str, now: datetime, *, reason: str | None = None
) -> None:
    """The card said no, or a person gave up (`reason`): a result of the business, not an error."""
    payment.decline_code = code
    payment.changed_at = now
    _close(payment, "failed", now)
    await conclude(
        db,
        payment,
        outcome="uncollectible",
        settled_minor=0,
        reason=reason or f"declined: {code}",
        now=now,
    )
    await notify(db, ["payments"])


def give_up(payment: Payment, now: datetime) -> None:
    """Nothing was ever sent to the provider: there is nothing to give back."""
    _close(payment, "released", now)


def _close(payment: Payment, state: str, now: datetime) -> None:
    payment.state = state
    payment.closed_at = payment.closed_at or now
    payment.attention = None
    payment.changed_at = now


async def seen(db: AsyncSession, payment: Payment) -> PaymentSeen:
    """The row as the workflow needs it."""
    claimed = False
    if payment.kind == "hold":
        session = await db.scalar(
            select(Session.id).where(Session.payment_id == payment.id, Session.closed_at.is_(None))
        )
        waiting = await db.scalar(
            select(Settlement.session_id).where(
                Settlement.payment_id == payment.id, Settlement.outcome.is_(None)
            )
        )
        claimed = session is not None or waiting is not None
    return PaymentSeen(
        state=payment.state,
        held_minor=payment.held_minor,
        captured_minor=payment.captured_minor,
        capture_before=payment.capture_before,
        decline_code=payment.decline_code,
        claimed=claimed,
    )
