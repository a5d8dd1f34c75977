"""Payments: lists, one with what was sent for it, holds for ad hoc sessions, decisions."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field

from api.routes.fields import Currency, Input, Output, PaymentMethod, Reason
from holdfast.contracts.names import payment_workflow_id
from holdfast.contracts.payments import PaymentAction
from holdfast.domain.currency import Currency as KnownCurrency
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import PaymentDecider, PaymentTaker, Reader
from holdfast.http.problems import Problem
from holdfast.services import accounts, audit, charges, payment_decisions, payment_reads
from holdfast.settings import Settings
from holdfast.store.tables import Account, Payment

router = APIRouter(prefix="/payments", tags=["payments"], route_class=IdempotentRoute)

State = Literal["created", "action_required", "held", "captured", "released", "failed"]
HOLD_MINOR_MAX = 10_000_000


class PaymentShown(Output):
    """Money for one session: a hold taken before it, or a charge after it."""

    id: UUID
    kind: str
    state: str
    currency: str
    asked_minor: int
    held_minor: int
    captured_minor: int
    session: UUID | None
    account: UUID | None
    intent: str | None
    capture_before: datetime | None
    decline_code: str | None
    next_action_url: str | None
    attention: str | None
    workflow_id: str
    created_at: datetime
    changed_at: datetime
    closed_at: datetime | None


class OperationShown(Output):
    """Something that was sent to the provider; `outcome` null: not known yet."""

    id: UUID
    operation: str
    sequence: int
    idempotency_key: str
    created_at: datetime
    first_sent_at: datetime | None
    outcome: str | None
    result: dict[str, Any] | None
    finished_at: datetime | None


class NewHold(Input):
    """A hold before an ad hoc session. With a Stripe payment method it is confirmed at once."""

    currency: Currency
    amount_minor: Annotated[int, Field(ge=50, le=HOLD_MINOR_MAX)] | None = None
    payment_method: PaymentMethod | None = None
    account: Annotated[UUID | None, Field(description="Whose saved card to hold on.")] = None


class DecisionForm(Input):
    """`retry` a declined charge with the account's present card, or `write_off`."""

    action: PaymentAction
    reason: Reason


@router.get("")
async def list_payments(
    db: Db,
    reader: Reader,
    asked: Asked,
    state: State | None = None,
    session: UUID | None = None,
    attention: bool | None = None,
) -> Page[PaymentShown]:
    """Newest first."""
    rows = await payment_reads.list_payments(
        db, reader.organization_id, asked, state=state, session_id=session, attention=attention
    )
    return page(rows, to_payment)


@router.post("", status_code=202)
async def ask_hold(new: NewHold, request: Request, db: Db, taker: PaymentTaker) -> PaymentShown:
    """Ask for a hold; its workflow takes it. Read the payment until it is `held`."""
    settings: Settings = request.app.state.settings
    KnownCurrency.of(new.currency)
    account: Account | None = None
    if new.account is not None:
        account = await accounts.get_account(db, taker.organization_id, new.account)
        if account.stripe_payment_method is None and new.payment_method is None:
            raise Problem(409, "no-card", "the account has no saved card: attach one first")
    row = await charges.place_hold(
        db,
        organization_id=taker.organization_id,
        amount_minor=new.amount_minor or settings.hold_minor,
        currency=new.currency,
        payment_method=new.payment_method,
        account=account,
    )
    await _audit(
        db,
        taker.organization_id,
        taker.actor,
        "hold",
        row,
        details={"amount_minor": row.asked_minor, "currency": row.currency},
    )
    return to_payment(row)


@router.get("/{payment_id}")
async def read_payment(payment_id: UUID, db: Db, reader: Reader) -> PaymentShown:
    """One payment."""
    return to_payment(await payment_reads.get_payment(db, reader.organization_id, payment_id))


@router.get("/{payment_id}/operations")
async def list_operations(payment_id: UUID, db: Db, reader: Reader) -> Page[OperationShown]:
    """What was sent to the provider, oldest first."""
    rows = await payment_reads.list_operations(db, reader.organization_id, payment_id)
    return Page(items=[OperationShown.model_validate(row) for row in rows])


@router.post("/{payment_id}/decision", status_code=202)
async def decide_payment(
    payment_id: UUID, form: DecisionForm, db: Db, decider: PaymentDecider
) -> PaymentShown:
    """Decide on a payment that needs it. The answer is the payment that goes on."""
    goes_on = await payment_decisions.decide(
        db,
        decider.organization_id,
        payment_id,
        action=form.action,
        reason=form.reason,
        actor=decider.actor,
    )
    return to_payment(goes_on)


def to_payment(row: Payment) -> PaymentShown:
    """The answer."""
    renamed = ("session", "account", "workflow_id")
    columns = {
        name: getattr(row, name) for name in PaymentShown.model_fields if name not in renamed
    }
    return PaymentShown(
        **columns,
        session=row.session_id,
        account=row.account_id,
        workflow_id=payment_workflow_id(row.id),
    )


async def _audit(
    db: Db,
    organization_id: UUID,
    actor: str,
    verb: str,
    row: Payment,
    *,
    details: dict[str, Any],
    reason: str | None = None,
) -> UUID:
    return await audit.record(
        db,
        organization_id,
        actor=actor,
        action=f"payment.{verb}",
        subject=f"payment:{row.id}",
        details=details,
        reason=reason,
    )
