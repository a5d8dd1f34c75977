"""Session steps: one transaction each, on the session's locked row."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.final_errors import final
from holdfast.contracts.late_truth import LateOrder, LateResult
from holdfast.contracts.ports import SignatureChecker
from holdfast.contracts.sessions import (
    Asked,
    AskOrder,
    AttentionOrder,
    Cancelled,
    CancelOrder,
    Check,
    CheckOrder,
    DecisionOrder,
    EndOrder,
    SessionOrder,
    SessionPlan,
    Settled,
    SettleOrder,
    StopOrder,
)
from holdfast.domain.finding import Finding
from holdfast.services import (
    evidence,
    late_truth,
    session_decisions,
    session_steps,
    settlement,
    tripwires,
)
from holdfast.services.outbox import notify
from holdfast.services.refusal import Conflict
from holdfast.services.session_price import UNPRICEABLE
from holdfast.services.session_steps import SessionNotFound
from holdfast.services.settlement import SessionNotEnded
from holdfast.services.timeline import open_review
from holdfast.settings import Settings
from holdfast.store.database import Sessions as DatabaseSessions
from holdfast.store.tables import Session

# Repeating does not help with these: a person must change a tariff, a site or the rows.
EXPECTED = (Conflict, SessionNotFound, SessionNotEnded, *UNPRICEABLE)


@dataclass(frozen=True)
class Sessions:
    """The sessions activities, with the database and settings that the worker hands in."""

    sessions: DatabaseSessions
    settings: Settings
    signatures: SignatureChecker | None = None  # null: signed values are kept, not verified

    @activity.defn(name="sessions.begin")
    async def begin_session(self, order: SessionOrder) -> SessionPlan:
        """Freeze the tariff version and plant the first tripwires."""
        async with self._locked(order.session_id) as (db, session):
            return await session_steps.begin(db, session, self.settings, _now())

    @activity.defn(name="sessions.check")
    async def check_session(self, order: CheckOrder) -> Check:
        """Say what a crossed tripwire means; plant the next one where the session goes on."""
        async with self._locked(order.session_id) as (db, session):
            return await tripwires.judge(
                db,
                session,
                self.settings,
                _now(),
                version=order.version,
                stopping=order.stopping,
            )

    @activity.defn(name="sessions.stop")
    async def stop_session(self, order: StopOrder) -> None:
        """Place an order to stop; its own workflow sees it through."""
        async with self._locked(order.session_id) as (db, session):
            await session_steps.stop(db, session, order, _now())

    @activity.defn(name="sessions.ask")
    async def ask_transaction(self, order: AskOrder) -> Asked:
        """Order the question; its answer comes as a signal."""
        async with self._locked(order.session_id) as (db, session):
            return await session_steps.ask(db, session, order, _now())

    @activity.defn(name="sessions.end")
    async def end_session(self, order: EndOrder) -> None:
        """End at the last register, in our own name."""
        async with self._locked(order.session_id) as (db, session):
            await session_steps.end(db, session, order, _now())

    @activity.defn(name="sessions.cancel")
    async def cancel_session(self, order: CancelOrder) -> Cancelled:
        """Close a session that never started and let its payment be released."""
        async with self._locked(order.session_id) as (db, session):
            closed = await session_steps.cancel(db, session, order, _now())
            return Cancelled(closed=closed)

    @activity.defn(name="sessions.settle")
    async def settle_session(self, order: SettleOrder) -> Settled:
        """Price from the frozen version, write the one settlement, hand over to the payment."""
        verdicts = await self._verdicts(order.session_id)
        async with self._locked(order.session_id) as (db, session):
            findings = await _findings(db, session, verdicts)
            return await settlement.settle(db, session, order, _now(), findings)

    @activity.defn(name="sessions.reprice")
    async def reprice_session(self, order: LateOrder) -> LateResult:
        """Price the same version again; open a review task where the total differs, or where it
        cannot be priced: it then stays as it was settled, and its late facts stay open."""
        verdicts = await self._verdicts(order.session_id)
        try:
            async with self._locked(order.session_id) as (db, session):
                findings = await _findings(db, session, verdicts)
                return await late_truth.reprice(db, session, _now(), findings)
        except ApplicationError as refused:
            if refused.type == SessionNotFound.__name__:
                raise
            async with self._locked(order.session_id) as (db, session):
                details = {"error": refused.type or ""}
                await open_review(db, session, kind="cannot_reprice", details=details)
                energy_wh = session.energy_wh
            return LateResult(difference_minor=0, energy_wh=energy_wh, review_opened=True)

    @activity.defn(name="sessions.decide")
    async def note_decision(self, order: DecisionOrder) -> None:
        """Write a decision from the Temporal UI into the audit log, the timeline and the row."""
        async with self._locked(order.session_id) as (db, session):
            await session_decisions.note(db, session, order)

    @activity.defn(name="sessions.attention")
    async def raise_attention(self, order: AttentionOrder) -> None:
        """Write or clear the attention that lists and pages show."""
        async with self.sessions.begin() as db:
            await db.execute(
                update(Session).where(Session.id == order.session_id).values(attention=order.reason)
            )
            await notify(db, ["sessions"])

    async def _verdicts(self, session_id: UUID) -> evidence.Verdicts | None:
        """Verified before the session's row is locked: the gateway's writer waits on that lock."""
        if self.signatures is None:
            return None
        async with self.sessions() as db:
            return await evidence.verdicts_of(db, session_id, self.signatures)

    @asynccontextmanager
    async def _locked(self, session_id: UUID) -> AsyncIterator[tuple[AsyncSession, Session]]:
        """One activity, one transaction; expected refusals become typed and final."""
        async with final(*EXPECTED), self.sessions.begin() as db:
            yield db, await session_steps.locked_session(db, session_id)


async def _findings(
    db: AsyncSession, session: Session, verdicts: evidence.Verdicts | None
) -> tuple[Finding, ...]:
    """What signed values say against the bill. One that came meanwhile fails the attempt, and the
    next one verifies it too."""
    if verdicts is None:
        return ()
    return (await evidence.judge(db, session, verdicts, _now())).findings


def _now() -> datetime:
    return datetime.now(UTC)
