"""Truth that came after the settlement: price the same version again and let a person decide."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.late_truth import LateResult
from holdfast.contracts.names import session_workflow_id
from holdfast.contracts.sessions import WORKFLOW, SettleOrder
from holdfast.domain.finding import Finding
from holdfast.services.outbox import tell
from holdfast.services.rebuild import session_message
from holdfast.services.session_course import end_of
from holdfast.services.session_price import bill_session, blocking
from holdfast.services.session_steps import order_stop
from holdfast.services.settlement import settle
from holdfast.services.timeline import open_review, record_event
from holdfast.store.tables import LateFact, Session, Settlement

STOP_VALID_S = 300


async def reprice(
    db: AsyncSession, session: Session, now: datetime, evidence: Sequence[Finding] = ()
) -> LateResult:
    """Take the open late facts of a locked session into account. `evidence`: what its signed meter
    values, verified once more, say against its energy.

    With a settlement: price again; a difference in money or energy opens a review task. Without
    one, the session was closed as never started and then it did start: settle it if it has ended,
    else stop it and let a workflow see it through. Never a free silent session.
    """
    settlement = await db.get(Settlement, session.id)
    if settlement is None:
        result = await _late_session(db, session, now, evidence)
    else:
        result = await _compare(db, session, settlement, now)
        # It is settled: what would have stopped the settlement is now a person's to look at.
        objections = blocking(evidence)
        for found in objections:
            await open_review(db, session, kind=found.code, details={"detail": found.detail})
        if objections:
            result = result.model_copy(update={"review_opened": True})
    await db.execute(
        update(LateFact)
        .where(LateFact.session_id == session.id, LateFact.state == "open")
        .values(state="applied", decided_at=now, decided_by="system:late_truth")
    )
    return result


async def _compare(
    db: AsyncSession, session: Session, settlement: Settlement, now: datetime
) -> LateResult:
    # From all that is stored now, by what the settlement was priced by: never by patching it.
    bill = await bill_session(db, session, now, recorded=settlement.breakdown)
    difference = bill.amount_minor - settlement.amount_minor
    changed = difference != 0 or bill.energy_wh != settlement.energy_wh
    if changed:
        details = {
            "settled_minor": settlement.amount_minor,
            "repriced_minor": bill.amount_minor,
            "difference_minor": difference,
            "currency": bill.currency,
            "settled_energy_wh": settlement.energy_wh,
            "energy_wh": bill.energy_wh,
        }
        await open_review(db, session, kind="late_truth", details=details)
        key = f"repriced:{bill.amount_minor}:{bill.energy_wh}"
        await record_event(db, session, key=key, kind="repriced", at=now, details=details)
    return LateResult(difference_minor=difference, energy_wh=bill.energy_wh, review_opened=changed)


async def _late_session(
    db: AsyncSession, session: Session, now: datetime, evidence: Sequence[Finding]
) -> LateResult:
    if end_of(session) is not None:
        settled = await settle(db, session, SettleOrder(session_id=session.id), now, evidence)
        if settled.blocked is not None:
            await open_review(db, session, kind="quality", details={"finding": settled.blocked})
        return LateResult(
            difference_minor=settled.amount_minor,
            energy_wh=settled.energy_wh,
            review_opened=settled.blocked is not None,
        )
    if session.started_at is None:
        return LateResult(difference_minor=0, energy_wh=0, review_opened=False)
    session.closed_at = None
    await order_stop(
        db,
        session,
        key="late_start",
        requested_by="system:late_truth",
        valid_s=STOP_VALID_S,
        now=now,
    )
    await open_review(db, session, kind="late_start", details={"end_reason": session.end_reason})
    await record_event(db, session, key="reopened", kind="reopened", at=now)
    await tell(
        db,
        session.organization_id,
        session_workflow_id(session.id),
        operation="start",
        name=WORKFLOW,
        message=await session_message(db, session),
    )
    return LateResult(difference_minor=0, energy_wh=session.energy_wh, review_opened=True)
