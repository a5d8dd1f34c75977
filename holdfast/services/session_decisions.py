"""What people decide of a session: audited once, put on its timeline, and kept in its row.

The row is what steps and a rebuilt workflow go by: what Temporal was told may be lost with it.
"""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import session_workflow_id
from holdfast.contracts.sessions import (
    OPERATOR_DECIDED,
    QUALITY,
    Decision,
    DecisionOrder,
    OperatorDecision,
)
from holdfast.domain.session_state import SessionState
from holdfast.services import audit
from holdfast.services.outbox import notify, tell
from holdfast.services.refusal import Conflict
from holdfast.services.scope import find
from holdfast.services.sessions import SessionSeen, see_session, state_of
from holdfast.services.timeline import record_event
from holdfast.store.tables import AuditEntry, Session, SessionEvent, Settlement


async def decide(
    db: AsyncSession,
    organization_id: UUID,
    session_id: UUID,
    *,
    action: Decision,
    reason: str,
    actor: str,
) -> SessionSeen:
    """A decision by the API or the pages: written down, then told to the session's workflow.

    Raises NotFound, and Conflict where the session's state does not allow it.
    """
    session = await find(db, Session, organization_id, session_id, "session", lock=True)
    entry = await _write(db, session, action=action, reason=reason, actor=actor)
    await tell(
        db,
        organization_id,
        session_workflow_id(session_id),
        operation="signal",
        name=OPERATOR_DECIDED,
        message=OperatorDecision(event_id=f"audit-{entry}", action=action),
    )
    await notify(db, ["sessions", "outbox"])
    return await see_session(db, organization_id, session_id)


async def note(db: AsyncSession, session: Session, order: DecisionOrder) -> None:
    """A decision from the Temporal UI, of a locked session; the same event id is noted once.

    Raises Conflict where the session's state does not allow it.
    """
    if await db.get(SessionEvent, (session.id, _event_key(order.event_id))) is not None:
        return
    await _write(
        db,
        session,
        action=order.action,
        reason=order.reason,
        actor=audit.TEMPORAL_UI,
        event_id=order.event_id,
    )
    await notify(db, ["sessions"])


async def waiver_of(db: AsyncSession, session: Session) -> AuditEntry | None:
    """Who waived it, and why; None where nobody did."""
    if session.waive_audit_id is None:
        return None
    return await db.get_one(AuditEntry, session.waive_audit_id)


async def forced_by(db: AsyncSession, session: Session) -> str:
    """Who forced its end."""
    if session.force_end_audit_id is None:
        return "system:session"
    return (await db.get_one(AuditEntry, session.force_end_audit_id)).actor


def decided(session: Session) -> tuple[OperatorDecision, ...]:
    """What a workflow that is built again must know. The ids are those of the signals, so that one
    which is still in the outbox is heard once."""
    kept: tuple[tuple[Decision, UUID | None], ...] = (
        ("waive", session.waive_audit_id),
        ("settle_anyway", session.settle_anyway_audit_id),
        ("force_end", session.force_end_audit_id),
    )
    return tuple(
        OperatorDecision(event_id=f"audit-{entry}", action=action)
        for action, entry in kept
        if entry is not None
    )


async def _write(
    db: AsyncSession,
    session: Session,
    *,
    action: Decision,
    reason: str,
    actor: str,
    event_id: str | None = None,
) -> UUID:
    """Audit log, row and timeline; the first decision of a kind is the one that steps go by."""
    _refuse_what_cannot_be(session, await db.get(Settlement, session.id), action)
    entry = await audit.record(
        db,
        session.organization_id,
        actor=actor,
        action=f"session.{action}",
        subject=f"session:{session.id}",
        reason=reason,
        details={"attention": session.attention} if session.attention else None,
    )
    if action == "waive":
        session.waive_audit_id = session.waive_audit_id or entry
    elif action == "force_end":
        session.force_end_audit_id = session.force_end_audit_id or entry
    elif action == "settle_anyway":
        session.settle_anyway_audit_id = session.settle_anyway_audit_id or entry
    await record_event(
        db,
        session,
        key=_event_key(event_id or f"audit-{entry}"),
        kind=f"decided.{action}",
        at=datetime.now(UTC),
        details={"reason": reason, "actor": actor},
    )
    return entry


def _event_key(event_id: str) -> str:
    return f"decided:{event_id}"


def _refuse_what_cannot_be(
    session: Session, settlement: Settlement | None, action: Decision
) -> None:
    state = state_of(session, settlement)
    if session.closed_at is not None or state is SessionState.SETTLED:
        raise Conflict(f"the session is over: it is {state.value}")
    if state is SessionState.PRICED:
        raise Conflict("the session is priced and its payment decides: decide on the payment")
    if action == "force_end" and state is SessionState.ENDED:
        raise Conflict("the session has ended already")
    if action == "settle_anyway" and not (session.attention or "").startswith(QUALITY):
        # Decided in advance, it would switch the quality gate off for what nobody has seen yet.
        raise Conflict("no finding of the quality gate blocks the session: nothing to override")
