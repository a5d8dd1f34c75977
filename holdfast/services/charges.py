"""New payments: a hold before a session, a charge after it. The row and its workflow's start.

What will be sent to the provider is fixed here, with its idempotency key, before anything is sent.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import payment_workflow_id
from holdfast.contracts.payments import OPERATOR_DECIDED, WORKFLOW, PaymentDecision, StartPayment
from holdfast.domain.currency import Currency
from holdfast.domain.money import Money
from holdfast.services.outbox import notify, tell
from holdfast.store.tables import (
    Account,
    Organization,
    Payment,
    PaymentOperation,
    Session,
    Settlement,
    Station,
)

ASKS_FOR_DECISION = "provider: "
"""What the attention of a payment begins with when its workflow waits for a person."""


class NoCard(Exception):
    """The account has no saved card."""


class NothingToDecide(Exception):
    """The payment is in no state in which a decision would change anything."""


def idempotency_key(payment_id: UUID, operation: str, sequence: int) -> str:
    """From the business, never from chance: the same intention always has the same key."""
    return f"holdfast:{payment_id}:{operation}:{sequence}"


def new_operation(
    payment: Payment, operation: str, sequence: int, parameters: dict[str, Any]
) -> PaymentOperation:
    """A write to the provider, exactly as it will be sent, however often."""
    return PaymentOperation(
        organization_id=payment.organization_id,
        payment_id=payment.id,
        operation=operation,
        sequence=sequence,
        idempotency_key=idempotency_key(payment.id, operation, sequence),
        parameters=parameters,
    )


def intent_parameters(payment: Payment, account: Account | None) -> dict[str, Any]:
    """What creates the intent of a payment. No return address: cards only, no redirects."""
    amount = Money(payment.asked_minor, Currency.of(payment.currency)).chargeable()
    parameters: dict[str, Any] = {
        "amount": amount.to_stripe(),
        "currency": payment.currency.lower(),
        "allowed_payment_method_types": ["card"],
        "metadata": {"payment_id": str(payment.id)},
    }
    if payment.session_id is not None:
        parameters["metadata"]["session_id"] = str(payment.session_id)
    if payment.kind == "hold":
        parameters["capture_method"] = "manual"
    else:
        parameters |= {"confirm": True, "off_session": True}
    if account is not None and account.stripe_customer is not None:
        parameters["customer"] = account.stripe_customer
        if account.stripe_payment_method is not None:
            parameters["payment_method"] = account.stripe_payment_method
            parameters["confirm"] = True
    return parameters


async def charge_account(
    db: AsyncSession, session: Session, account: Account, *, amount_minor: int, currency: str
) -> Payment:
    """A charge of the account's saved card, off session. Raises `NoCard`."""
    if account.stripe_customer is None or account.stripe_payment_method is None:
        raise NoCard(f"account {account.id} has no saved card")
    payment = Payment(
        organization_id=session.organization_id,
        kind="off_session",
        session_id=session.id,
        account_id=account.id,
        currency=currency,
        asked_minor=amount_minor,
    )
    db.add(payment)
    await db.flush()
    await db.refresh(payment)
    db.add(new_operation(payment, "charge", 1, intent_parameters(payment, account)))
    await start(db, payment)
    return payment


async def place_hold(
    db: AsyncSession,
    *,
    organization_id: UUID,
    amount_minor: int,
    currency: str,
    payment_method: str | None = None,
    account: Account | None = None,
    hold_timeout_s: int = 900,
) -> Payment:
    """A hold for an ad hoc session. With a payment method it is confirmed at once, else the
    driver confirms it at the provider's page. Remember it as `sessions.payment_id`."""
    payment = Payment(
        organization_id=organization_id,
        kind="hold",
        account_id=None if account is None else account.id,
        currency=currency,
        asked_minor=amount_minor,
    )
    db.add(payment)
    await db.flush()
    await db.refresh(payment)
    parameters = intent_parameters(payment, account)
    if payment_method is not None:
        parameters |= {"payment_method": payment_method, "confirm": True}
    db.add(new_operation(payment, "hold", 1, parameters))
    await start(db, payment, hold_timeout_s=hold_timeout_s)
    return payment


async def start(db: AsyncSession, payment: Payment, *, hold_timeout_s: int = 900) -> None:
    """Put the start of its workflow into the outbox."""
    message = await start_message(db, payment, hold_timeout_s=hold_timeout_s)
    await tell(
        db,
        payment.organization_id,
        payment_workflow_id(payment.id),
        operation="start",
        name=WORKFLOW,
        message=message,
    )
    await notify(db, ["payments", "outbox"])


async def start_message(
    db: AsyncSession, payment: Payment, *, hold_timeout_s: int = 900, rebuilt: bool = False
) -> StartPayment:
    """What starts a payment's workflow: of its organization the slug, of its session the place."""
    slug = await db.scalar(
        select(Organization.slug).where(Organization.id == payment.organization_id)
    )
    place = (
        await db.execute(
            select(Station.identity, Session.site_id)
            .join(Session, Session.station_id == Station.id)
            .where(Session.id == payment.session_id)
        )
    ).one_or_none()
    return StartPayment.model_validate(
        {
            "station": None if place is None else place.identity,
            "site_id": None if place is None else place.site_id,
            "payment_id": payment.id,
            "organization": slug or "",
            "organization_id": payment.organization_id,
            "kind": payment.kind,
            "amount_minor": payment.asked_minor,
            "currency": payment.currency,
            "session_id": payment.session_id,
            "state": payment.state,
            "hold_timeout_s": hold_timeout_s,
            "rebuilt": rebuilt,
        }
    )


async def decide(db: AsyncSession, payment: Payment, decision: PaymentDecision) -> Payment:
    """A person's decision on a payment. `retry` of a failed one charges what its session cost to
    the account's present card; while the workflow is open the decision is its to act on.

    Returns the payment that goes on. Raises `NothingToDecide`, `NoCard`.
    """
    if payment.closed_at is None:
        asks = (payment.attention or "").startswith(ASKS_FOR_DECISION)
        if decision.action == "write_off" and not asks:
            raise NothingToDecide(f"payment {payment.id} is {payment.state} and needs no decision")
        await tell(
            db,
            payment.organization_id,
            payment_workflow_id(payment.id),
            operation="signal",
            name=OPERATOR_DECIDED,
            message=decision,
        )
        return payment
    if payment.state != "failed" or decision.action != "retry" or payment.session_id is None:
        raise NothingToDecide(f"payment {payment.id} is {payment.state} and closed")
    session = await db.get(Session, payment.session_id, with_for_update=True)
    account = None if payment.account_id is None else await db.get(Account, payment.account_id)
    if session is None or account is None:
        raise NoCard("only an account's saved card can be charged again")
    settlement = await db.get(Settlement, session.id)
    if settlement is None:
        raise NothingToDecide(f"session {session.id} is not priced yet: it may cost less, or more")
    again = await db.scalar(
        select(Payment).where(
            Payment.session_id == session.id,
            Payment.kind == "off_session",
            Payment.state != "failed",
        )
    )
    if again is not None:
        return again
    if settlement.outcome != "uncollectible":
        raise NothingToDecide(f"session {session.id} is settled: {settlement.outcome}")
    # Not what was asked before: a hold is larger than the price.
    return await charge_account(
        db, session, account, amount_minor=settlement.amount_minor, currency=settlement.currency
    )
