"""The one settlement of an ended session: priced once, settled by exactly one rail (M1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import payment_workflow_id
from holdfast.contracts.payments import (
    CAPTURE_ASKED,
    RELEASE_ASKED,
    AmountSignal,
    ReasonSignal,
)
from holdfast.contracts.sessions import Settled, SettleOrder
from holdfast.domain.finding import Finding
from holdfast.domain.quality import session_findings
from holdfast.services.charges import charge_account
from holdfast.services.outbox import notify, tell
from holdfast.services.price_terms import in_line
from holdfast.services.session_course import MESSAGES_MISSING, end_of
from holdfast.services.session_decisions import waiver_of
from holdfast.services.session_price import Bill, bill_nothing, bill_session, blocking
from holdfast.services.timeline import open_review, record_event
from holdfast.store.tables import Account, AuditEntry, Payment, Session, Settlement

PAYMENT_DEADLINE = timedelta(hours=24)
# Below the least amount that cards take (docs.stripe.com/currencies) an account holder is not
# charged alone: the amount goes on the account's next invoice.
CARD_LEAST_MINOR = {
    "BGN": 100,
    "CZK": 1_500,
    "DKK": 250,
    "GBP": 30,
    "HUF": 17_500,
    "NOK": 300,
    "PLN": 200,
    "RON": 200,
    "SEK": 300,
}
CARD_LEAST_MINOR_ELSEWHERE = 50
GONE = ("released", "failed")


class SessionNotEnded(Exception):
    """Only an ended session can be settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """How it is settled: an outcome now, or a payment that decides."""

    outcome: str | None = None
    reason: str | None = None
    payment: Payment | None = None
    review: str | None = None
    taken_minor: int = 0


async def settle(
    db: AsyncSession,
    session: Session,
    order: SettleOrder,
    now: datetime,
    evidence: Sequence[Finding] = (),
) -> Settled:
    """Price and settle a locked session row; a repeat answers what was written the first time.
    `evidence`: what its signed meter values say against it.

    Raises `SessionNotEnded`, and what pricing raises. Writes nothing where a rule objects
    (`blocked`), unless a person decided to settle anyway, or waived it: then it is settled whatever
    its price is, and even where it has none.
    """
    existing = await db.get(Settlement, session.id)
    if existing is not None:
        return _told(existing)
    ended_at = end_of(session)
    if ended_at is None:
        raise SessionNotEnded(f"session {session.id} has not ended")
    waiver = await waiver_of(db, session)
    bill = await _bill(db, session, waiver, now)
    objections = blocking(
        (
            *bill.findings,
            *evidence,
            *session_findings(
                energy_wh=bill.energy_wh,
                started_at=session.started_at or ended_at,
                ended_at=ended_at,
                now=now,
            ),
        )
    )
    if objections and waiver is None and session.settle_anyway_audit_id is None:
        return Settled(
            blocked=objections[0].code,
            amount_minor=bill.amount_minor,
            currency=bill.currency,
            energy_wh=bill.energy_wh,
        )
    rail = await _rail(db, session, bill, waiver)
    settlement = _settlement(session, bill, rail, now)
    db.add(settlement)
    await db.flush()
    await _after(db, session, settlement, rail, now)
    return _told(settlement)


async def _bill(
    db: AsyncSession, session: Session, waiver: AuditEntry | None, now: datetime
) -> Bill:
    """What it costs. Where nobody pays, a price that cannot be found does not matter."""
    try:
        await in_line(db, session)
        return await bill_session(db, session, now)
    except SQLAlchemyError:
        raise
    except Exception as error:
        if waiver is None:
            raise
        note = f"waived; it could not be priced: {type(error).__name__}"
        return await bill_nothing(db, session, session.energy_wh, note)


async def _rail(db: AsyncSession, session: Session, bill: Bill, waiver: AuditEntry | None) -> Rail:
    """Exactly one of: nothing to pay, waived, the hold, the account, nobody."""
    # Locked: a hold that is being cancelled at this moment must be seen as gone, or the settlement
    # would wait for a payment that has already ended.
    hold = (
        None
        if session.payment_id is None
        else await db.get(Payment, session.payment_id, with_for_update=True, populate_existing=True)
    )
    if hold is not None and hold.state == "captured":
        return _taken_elsewhere(hold, bill, waived=waiver is not None)
    if waiver is not None:
        return Rail(outcome="waived", reason=waiver.reason, payment=hold)
    if bill.amount_minor <= 0:
        return Rail(outcome="free", reason="it costs nothing", payment=hold)
    if hold is not None:
        if hold.state in GONE:
            return Rail(
                outcome="uncollectible", reason=f"the hold is {hold.state}", review="hold_gone"
            )
        if hold.currency != bill.currency:
            return Rail(
                outcome="uncollectible",
                reason=f"held in {hold.currency}, priced in {bill.currency}",
                review="currency_differs",
                payment=hold,
            )
        return Rail(payment=hold)
    account = None if session.account_id is None else await db.get(Account, session.account_id)
    if account is None:
        kind = "unknown_token" if session.token_id is None else "token_without_account"
        return Rail(outcome="uncollectible", reason=kind, review=kind)
    return await _account_rail(db, session, account, bill)


def _taken_elsewhere(hold: Payment, bill: Bill, *, waived: bool) -> Rail:
    """Somebody captured the hold at the provider before it was priced. Taken is taken: what the
    driver should not have paid, or still owes, is a person's to put right."""
    owed_minor = 0 if waived else bill.amount_minor
    review = None
    if hold.captured_minor != owed_minor or hold.currency != bill.currency:
        review = "refund_due" if hold.captured_minor > owed_minor else "amount_differs"
    return Rail(
        outcome="captured",
        reason="the hold was captured at the provider before the session was priced",
        payment=hold,
        review=review,
        taken_minor=hold.captured_minor,
    )


async def _account_rail(db: AsyncSession, session: Session, account: Account, bill: Bill) -> Rail:
    if account.billing == "free":
        return Rail(outcome="free", reason="the account charges for free")
    if account.billing == "invoice":
        return Rail(outcome="invoiced")
    if account.stripe_customer is None or account.stripe_payment_method is None:
        return Rail(
            outcome="uncollectible", reason="the account has no card", review="account_without_card"
        )
    if bill.amount_minor < CARD_LEAST_MINOR.get(bill.currency, CARD_LEAST_MINOR_ELSEWHERE):
        return Rail(outcome="invoiced", reason="below the least card amount: on the next invoice")
    payment = await charge_account(
        db, session, account, amount_minor=bill.amount_minor, currency=bill.currency
    )
    return Rail(payment=payment)


def _settlement(session: Session, bill: Bill, rail: Rail, now: datetime) -> Settlement:
    settled_minor = bill.amount_minor if rail.outcome == "invoiced" else rail.taken_minor
    return Settlement(
        session_id=session.id,
        organization_id=session.organization_id,
        tariff_version_id=session.tariff_version_id,
        currency=bill.currency,
        energy_wh=bill.energy_wh,
        amount_minor=bill.amount_minor,
        excl_vat=bill.excl_vat,
        incl_vat=bill.incl_vat,
        breakdown=bill.breakdown,
        priced_at=now,
        deadline_at=now + PAYMENT_DEADLINE,
        payment_id=None if rail.payment is None else rail.payment.id,
        outcome=rail.outcome,
        settled_minor=None if rail.outcome is None else settled_minor,
        settled_at=None if rail.outcome is None else now,
        reason=rail.reason,
    )


async def _after(
    db: AsyncSession,
    session: Session,
    settlement: Settlement,
    rail: Rail,
    now: datetime,
) -> None:
    """What follows from the rail: signals to the payment, tasks, timeline, the row."""
    session.attention = None
    session.wake_at = None
    if rail.payment is not None and rail.payment.kind == "hold":
        rail.payment.session_id = session.id
        if rail.outcome != "captured":
            await _tell_hold(db, session, settlement, rail.payment, rail)
    if rail.outcome is not None:
        session.closed_at = now
        await record_event(
            db,
            session,
            key="settled",
            kind=f"settled.{rail.outcome}",
            at=now,
            details=_outcome(settlement),
        )
    if session.sequence_gaps:
        # It was asked, waited for, and settled on what there is.
        await open_review(
            db, session, kind=MESSAGES_MISSING, details={"messages": session.sequence_gaps}
        )
    if rail.review is not None:
        details: dict[str, object] = {
            "amount_minor": settlement.amount_minor,
            "currency": settlement.currency,
        }
        if rail.taken_minor:
            details["taken_minor"] = rail.taken_minor
        await open_review(db, session, kind=rail.review, details=details)
    await record_event(
        db,
        session,
        key="priced",
        kind="priced",
        at=now,
        details={
            "amount_minor": settlement.amount_minor,
            "currency": settlement.currency,
            "energy_wh": settlement.energy_wh,
        },
    )
    await notify(db, ["sessions", "payments", "outbox"])


def _outcome(settlement: Settlement) -> dict[str, object]:
    """A settlement as the timeline has it: what was taken, in its currency, and why."""
    return {
        "amount_minor": settlement.settled_minor,
        "currency": settlement.currency,
        "reason": settlement.reason,
    }


async def _tell_hold(
    db: AsyncSession, session: Session, settlement: Settlement, hold: Payment, rail: Rail
) -> None:
    message: AmountSignal | ReasonSignal
    if rail.outcome is None:
        name = CAPTURE_ASKED
        message = AmountSignal(
            event_id=f"settle:{session.id}", amount_minor=settlement.amount_minor
        )
    else:
        name = RELEASE_ASKED
        # The outcome's word: a waiver's reason is what a person wrote, and stays in the rows.
        message = ReasonSignal(event_id=f"settle:{session.id}", reason=rail.outcome)
    await tell(
        db,
        session.organization_id,
        payment_workflow_id(hold.id),
        operation="signal",
        name=name,
        message=message,
    )


def _told(settlement: Settlement) -> Settled:
    return Settled(
        outcome=settlement.outcome,
        amount_minor=settlement.amount_minor,
        currency=settlement.currency,
        energy_wh=settlement.energy_wh,
        payment_id=settlement.payment_id,
    )


async def conclude(
    db: AsyncSession,
    payment: Payment,
    *,
    outcome: str,
    settled_minor: int,
    reason: str | None,
    now: datetime,
) -> None:
    """The payment decided: write the outcome of its session and close it. Repeats change nothing.

    An outcome stands. Only money that was taken after all changes it: what was uncollectible is
    then paid, and what should have been free or waived is to be given back (`refund_due`).
    """
    if payment.session_id is None:
        return
    session = await db.get(Session, payment.session_id, with_for_update=True)
    settlement = await db.scalar(
        select(Settlement).where(Settlement.session_id == payment.session_id).with_for_update()
    )
    if session is None or settlement is None:
        return
    before = settlement.outcome
    if before is not None and (outcome != "captured" or before == "captured"):
        return
    settlement.outcome = outcome
    settlement.settled_minor = settled_minor
    settlement.settled_at = now
    settlement.payment_id = payment.id
    settlement.reason = reason
    session.closed_at = session.closed_at or now
    await record_event(
        db,
        session,
        key=f"settled:{payment.id}",
        kind=f"settled.{outcome}",
        at=now,
        details=_outcome(settlement),
    )
    not_owed = before is not None and before != "uncollectible"
    if not_owed or outcome == "uncollectible" or settled_minor != settlement.amount_minor:
        kind = "uncollectible" if outcome == "uncollectible" else "amount_differs"
        await open_review(
            db,
            session,
            kind="refund_due" if not_owed else kind,
            details={
                "outcome_before": before,
                "priced_minor": settlement.amount_minor,
                "settled_minor": settled_minor,
                "currency": settlement.currency,
                "reason": reason,
            },
        )
    await notify(db, ["sessions", "payments"])
