"""The ChargingSession workflow: what starts it, what it hears, what it asks for."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from temporalio import activity, workflow

from holdfast.contracts.message import Message, declared

WORKFLOW = "ChargingSession"

# Signals: facts, in the past tense. Their names are all that the event list of the UI shows.
TRANSACTION_STARTED = "transaction_started"
CHARGING_STATE_CHANGED = "charging_state_changed"
TRANSACTION_ENDED = "transaction_ended"
TRIPWIRE_CROSSED = "tripwire_crossed"
START_REFUSED = "start_refused"
GAPS_CLOSED = "gaps_closed"
METER_CORRECTED = "meter_corrected"
TRANSACTION_STATUS_TOLD = "transaction_status_told"
OPERATOR_DECIDED = "operator_decided"

QUALITY = "quality: "
"""What the attention of a session begins with while the quality gate blocks its settlement."""


def tripwire_event_id(session_id: UUID, version: int) -> str:
    """The id of the signal of a planted version: whoever fires it, it is heard once."""
    return f"tripwire:{session_id}:{version}"


Decision = Literal["force_end", "waive", "retry", "settle_anyway"]


class OperatorDecision(Message):
    """What a person decided: who and why is in the audit log, and the decision in the row."""

    event_id: str
    action: Decision


class Resolution(Message):
    """What a person types into the update `resolve` in the Temporal UI; anything else typed there
    is ignored. The reason is written to the audit log and goes nowhere else."""

    action: Decision
    reason: str = ""  # refused in words where it is empty


class DecisionOrder(Message):
    """Write down a decision from the Temporal UI, as the API would; the same event id once."""

    session_id: UUID
    event_id: str
    action: Decision
    reason: str


class StartSession(Message):
    """What is known when the workflow starts, or is built again from its rows."""

    session_id: UUID
    organization: str  # slug
    organization_id: UUID
    site_id: UUID | None = None
    station: str  # OCPP identity
    evse: int
    connector: int | None = None
    started_at: datetime | None = None  # null: ordered, not yet reported
    ended_at: datetime | None = None
    complete: bool = True  # false: the station still owes messages
    start_timeout_s: int = 300
    rebuilt: bool = False
    decisions: tuple[OperatorDecision, ...] = ()  # when built again: what people had decided

    def initial_state(self) -> str:
        """The search attribute at the start; the workflow writes it again only on change."""
        if self.ended_at is not None:
            return "ended"
        return "authorised" if self.started_at is None else "charging"


class TransactionStartedSignal(Message):
    """The station reported the start of an ordered session."""

    event_id: str
    at: datetime


class ChargingStateSignal(Message):
    """The car suspended or resumed (debounced; informative)."""

    event_id: str
    at: datetime
    state: str


class TransactionEndedSignal(Message):
    """The station reported the end. `complete` is false while it owes earlier messages."""

    event_id: str
    at: datetime
    reason: str | None = None
    complete: bool = True


class TripwireSignal(Message):
    """A planted tripwire was crossed. The activity that checks decides what it means."""

    event_id: str
    version: int


class StartRefusedSignal(Message):
    """The order to start was rejected, or could not be delivered in time."""

    event_id: str
    order_state: str


class TransactionStatusSignal(Message):
    """What came of asking the station about the transaction (2.x GetTransactionStatus, E14).

    `ongoing` and `messages_waiting` are null where it did not answer, or did not say.
    """

    event_id: str
    order_state: str
    ongoing: bool | None = None
    messages_waiting: bool | None = None


class EventSignal(Message):
    """A fact without more to say (gaps closed, meter corrected): look at the rows again."""

    event_id: str


class SessionOrder(Message):
    """Names a session."""

    session_id: UUID


class SessionPlan(Message):
    """How this session is to be watched, from settings and its tariff."""

    final_wait_s: int
    stop_retry_s: int
    tariff_version_id: UUID | None = None
    tripwire_version: int = 0
    ended: bool = False  # the row knows an end that no signal told yet
    complete: bool = True
    start_left_s: int = 300  # of the time in which an ordered session must start


Verdict = Literal["go_on", "stop", "silent", "zombie"]


class CheckOrder(Message):
    """A tripwire fired: look at the rows and say what it means; replants where it goes on."""

    session_id: UUID
    version: int
    stopping: bool = False  # a stop was ordered: only silence is still watched


class Check(Message):
    """What the tripwire meant. `reason` is one of energy, cost, duration, silence, zombie."""

    verdict: Verdict
    reason: str | None = None
    summary: str = ""  # for the on-call engineer: figures, never a person
    tripwire_version: int = 0


class StopOrder(Message):
    """Order the station to stop this session; `attempt` makes each order a new row."""

    session_id: UUID
    attempt: int
    reason: str
    valid_s: int = 60  # the order lapses when the next attempt is due


class AskOrder(Message):
    """Ask the station what it still has of the transaction; each attempt is an order."""

    session_id: UUID
    attempt: int
    valid_s: int = 60  # the question lapses when the next one is due


class Asked(Message):
    """`asked` is false where there is nobody to ask: OCPP 1.6 has no such question."""

    asked: bool


class EndOrder(Message):
    """End the session at its last register without the station's word."""

    session_id: UUID
    reason: str  # zombie, forced, not_ongoing


class CancelOrder(Message):
    """It never started: close it and release what was held."""

    session_id: UUID
    reason: str  # start_timeout, start_refused, forced


class Cancelled(Message):
    """`closed` is false where the station had reported a start after all: then it goes on."""

    closed: bool


class SettleOrder(Message):
    """Price and settle. Whether a person waived it, or settles it anyway, is in its row."""

    session_id: UUID


class Settled(Message):
    """What became of it. `blocked` names why nothing was written (a quality finding)."""

    outcome: str | None = None  # null: a payment now decides
    amount_minor: int = 0
    currency: str = ""
    energy_wh: int = 0
    payment_id: UUID | None = None
    blocked: str | None = None


class SessionResult(Message):
    """The result of the workflow."""

    state: str
    outcome: str | None = None
    amount_minor: int = 0
    currency: str = ""
    energy_wh: int = 0


class AttentionOrder(Message):
    """Raise (reason) or clear (null) a session's attention on its row."""

    session_id: UUID
    reason: str | None


@activity.defn(name="sessions.begin")
async def begin_session(order: SessionOrder) -> SessionPlan:
    """Freeze the tariff version and plant the first tripwires."""
    declared()


@activity.defn(name="sessions.check")
async def check_session(order: CheckOrder) -> Check:
    """Say what a crossed tripwire means; plant the next one where the session goes on."""
    declared()


@activity.defn(name="sessions.stop")
async def stop_session(order: StopOrder) -> None:
    """Place an order to stop; its own workflow sees it through."""
    declared()


@activity.defn(name="sessions.ask")
async def ask_transaction(order: AskOrder) -> Asked:
    """Order the question; its answer comes as a signal."""
    declared()


@activity.defn(name="sessions.end")
async def end_session(order: EndOrder) -> None:
    """End at the last register, in our own name."""
    declared()


@activity.defn(name="sessions.cancel")
async def cancel_session(order: CancelOrder) -> Cancelled:
    """Close a session that never started and let its payment be released."""
    declared()


@activity.defn(name="sessions.settle")
async def settle_session(order: SettleOrder) -> Settled:
    """Price from the frozen version, write the one settlement, hand over to the payment."""
    declared()


@activity.defn(name="sessions.decide")
async def note_decision(order: DecisionOrder) -> None:
    """Write a decision from the Temporal UI into the audit log, the timeline and the row."""
    declared()


@activity.defn(name="sessions.attention")
async def raise_attention(order: AttentionOrder) -> None:
    """Write or clear the attention that lists and pages show."""
    declared()


@workflow.defn(name=WORKFLOW)
class ChargingSessionDeclaration:
    """Started by its first fact or by a remote start; id `session-<uuid>`, queue `sessions`."""

    @workflow.run
    async def run(self, start: StartSession) -> SessionResult:
        """Wait for the end, settle, hand over."""
        declared()
