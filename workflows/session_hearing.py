"""What a charging session hears: each fact once, remembered until the run loop acts on it."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from holdfast.contracts.names import SESSION_STATE
from holdfast.contracts.sessions import (
    ChargingStateSignal,
    DecisionOrder,
    EventSignal,
    OperatorDecision,
    Resolution,
    StartRefusedSignal,
    StartSession,
    TransactionEndedSignal,
    TransactionStartedSignal,
    TransactionStatusSignal,
    TripwireSignal,
    note_decision,
)
from workflows.seen_events import SeenEvents, update_event_id
from workflows.step import Refused, step

DECISIONS_MAX = 20


class SessionHearing:
    """Handlers set state and return; only `resolve` waits, until the decision is in the rows."""

    def __init__(self, start: StartSession) -> None:
        self.session_id = start.session_id
        self.started = start.started_at is not None or start.ended_at is not None
        self.ended = start.ended_at is not None
        self.complete = start.complete
        self.state = start.initial_state()
        self.refusal: str | None = None
        self.tripwire: int | None = None
        self.heard_again = False
        self.suspensions = 0
        self.corrections = 0
        self.told: TransactionStatusSignal | None = None
        self.decisions: list[OperatorDecision] = []
        self.seen = SeenEvents()
        for decision in start.decisions:
            self.operator_decided(decision)

    @workflow.signal
    def transaction_started(self, fact: TransactionStartedSignal) -> None:
        """The station reported the start of what was ordered."""
        if self.seen.is_new(fact.event_id):
            self.started = True

    @workflow.signal
    def charging_state_changed(self, fact: ChargingStateSignal) -> None:
        """The car suspended or resumed. Informative: prices are cut from the rows."""
        if not self.seen.is_new(fact.event_id):
            return
        self.started = True
        self.heard_again = True
        suspended = fact.state in ("suspended_ev", "suspended_evse")
        if suspended and self.state != "suspended":
            self.suspensions += 1
        if not self.ended:
            self._move("suspended" if suspended else "idle" if fact.state == "idle" else "charging")

    @workflow.signal
    def transaction_ended(self, fact: TransactionEndedSignal) -> None:
        """The station reported the end. A repeated report changes nothing."""
        if self.seen.is_new(fact.event_id) and not self.ended:
            self.started = True
            self.ended = True
            self.complete = fact.complete

    @workflow.signal
    def tripwire_crossed(self, fact: TripwireSignal) -> None:
        """A planted tripwire was crossed; the rows say what it means."""
        if self.seen.is_new(fact.event_id):
            self.tripwire = max(fact.version, self.tripwire or 0)

    @workflow.signal
    def start_refused(self, fact: StartRefusedSignal) -> None:
        """The order to start was refused, or nobody could be told in time."""
        if self.seen.is_new(fact.event_id):
            self.refusal = fact.order_state

    @workflow.signal
    def gaps_closed(self, fact: EventSignal) -> None:
        """What the station still owed has come."""
        if self.seen.is_new(fact.event_id):
            self.complete = True
            self.corrections += 1

    @workflow.signal
    def meter_corrected(self, fact: EventSignal) -> None:
        """The energy changed after the end."""
        if self.seen.is_new(fact.event_id):
            self.corrections += 1

    @workflow.signal
    def transaction_status_told(self, fact: TransactionStatusSignal) -> None:
        """The station was asked about the transaction; the newest answer counts."""
        if self.seen.is_new(fact.event_id):
            self.told = fact

    @workflow.signal
    def operator_decided(self, decision: OperatorDecision) -> None:
        """A person decided, by the API."""
        if self.seen.is_new(decision.event_id) and len(self.decisions) < DECISIONS_MAX:
            self.decisions.append(decision)

    @workflow.update
    async def resolve(self, decision: Resolution) -> str:
        """The same decision, from the Temporal UI: written down first, as the API does, then heard.

        Fails where the session's state does not allow it.
        """
        event_id = update_event_id()
        order = DecisionOrder(
            session_id=self.session_id,
            event_id=event_id,
            action=decision.action,
            reason=decision.reason,
        )
        try:
            await step(note_decision, order, summary=f"note: {decision.action}")
        except Refused as error:
            raise ApplicationError(error.message, type=error.type, non_retryable=True) from error
        self.operator_decided(OperatorDecision(event_id=event_id, action=decision.action))
        return f"noted: {decision.action}"

    @resolve.validator
    def _may_resolve(self, decision: Resolution) -> None:
        if not decision.reason.strip():
            raise ApplicationError("say why: reason is empty", type="ReasonMissing")
        if decision.action == "force_end" and self.ended:
            raise ApplicationError("the session has ended", type="AlreadyEnded")
        if len(self.decisions) >= DECISIONS_MAX:
            raise ApplicationError("too many decisions are waiting", type="TooManyDecisions")

    def _move(self, state: str) -> None:
        if state != self.state:
            self.state = state
            workflow.upsert_search_attributes([SESSION_STATE.value_set(state)])
