"""The Payment workflow: a hold before a session or a charge after it, and what it asks for."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from temporalio import activity, workflow

from holdfast.contracts.message import Message, declared

WORKFLOW = "Payment"

PROVIDER_NOTICED = "provider_noticed"  # a webhook: look again
CAPTURE_ASKED = "capture_asked"
RELEASE_ASKED = "release_asked"
SESSION_CAME = "session_came"  # the hold has a session: from now on it has a place
OPERATOR_DECIDED = "operator_decided"

PaymentKind = Literal["hold", "off_session"]
PaymentAction = Literal["retry", "write_off"]


class PaymentDecision(Message):
    """A person's decision on a payment that needs attention; who and why is in the audit log."""

    event_id: str
    action: PaymentAction
    audit_id: UUID


class PaymentResolution(Message):
    """What a person types into the update `resolve` in the Temporal UI; anything else typed there
    is ignored. The reason is written to the audit log and goes nowhere else."""

    action: PaymentAction
    reason: str = ""  # refused in words where it is empty


class PaymentDecisionOrder(Message):
    """Write down a decision from the Temporal UI, as the API would; the same event id once."""

    payment_id: UUID
    event_id: str
    action: PaymentAction
    reason: str


class DecisionNoted(Message):
    """Where the decision is written down."""

    audit_id: UUID


class StartPayment(Message):
    """A payment row exists; see it through."""

    payment_id: UUID
    organization: str  # slug
    organization_id: UUID
    kind: PaymentKind
    amount_minor: int
    currency: str
    session_id: UUID | None = None
    state: str = "created"  # of the row, when built again
    station: str | None = None  # of its session, once it has one
    site_id: UUID | None = None
    settle: "AmountSignal | None" = None  # when built again after the capture was asked for
    hold_timeout_s: int = 900  # an unconfirmed or unclaimed hold is given up after this
    rebuilt: bool = False
    release: "ReasonSignal | None" = None  # when built again after the release was asked for
    decisions: tuple[PaymentDecision, ...] = ()  # when built again: what people had decided


class SessionSignal(Message):
    """A session was started on the hold, at this station."""

    event_id: str
    station: str
    site_id: UUID | None = None


class AmountSignal(Message):
    """The session is priced: take this much of the hold, release the rest."""

    event_id: str
    amount_minor: int


class ReasonSignal(Message):
    """Release the hold: the session never started, was waived, or cost nothing."""

    event_id: str
    reason: str


class NoticeSignal(Message):
    """The provider said that something changed. Only a fresh read says what."""

    event_id: str
    type: str


class PaymentOrder(Message):
    """Names a payment."""

    payment_id: UUID


class CaptureOrder(Message):
    """Take this much of the hold."""

    payment_id: UUID
    amount_minor: int


class ChargeOrder(Message):
    """Charge a saved card, off session."""

    payment_id: UUID


class ReleaseOrder(Message):
    """Cancel the hold; `unless_claimed`: not if a session has come for it meanwhile."""

    payment_id: UUID
    reason: str
    unless_claimed: bool = False


class WriteOffOrder(Message):
    """A person gave up on the money, for a reason in the audit log: it becomes uncollectible."""

    payment_id: UUID
    audit_id: UUID


class PaymentAttentionOrder(Message):
    """Raise (reason) or clear (null) a payment's attention on its row."""

    payment_id: UUID
    reason: str | None


class PaymentSeen(Message):
    """The payment as the provider has it now, already written to the row."""

    state: str  # of store.tables.payments.PAYMENT_STATES
    held_minor: int = 0
    captured_minor: int = 0
    capture_before: datetime | None = None
    decline_code: str | None = None
    claimed: bool = False  # a session that is still open will decide what becomes of the hold


class PaymentResult(Message):
    """The result of the workflow."""

    state: str
    captured_minor: int = 0
    currency: str = ""


@activity.defn(name="payments.hold")
async def hold_payment(order: PaymentOrder) -> PaymentSeen:
    """Create the intent with manual capture, exactly once."""
    declared()


@activity.defn(name="payments.look")
async def look_at_payment(order: PaymentOrder) -> PaymentSeen:
    """Read the intent and write what it says to the row."""
    declared()


@activity.defn(name="payments.capture")
async def capture_payment(order: CaptureOrder) -> PaymentSeen:
    """Take what the session cost out of the held amount, exactly once; settle the session."""
    declared()


@activity.defn(name="payments.charge")
async def charge_payment(order: ChargeOrder) -> PaymentSeen:
    """Charge the account holder's saved card off session, exactly once; settle the session."""
    declared()


@activity.defn(name="payments.release")
async def release_payment(order: ReleaseOrder) -> PaymentSeen:
    """Cancel the hold; a hold that is already gone is a success."""
    declared()


@activity.defn(name="payments.write_off")
async def write_off_payment(order: WriteOffOrder) -> PaymentSeen:
    """Close the settlement as uncollectible, with a person's reason."""
    declared()


@activity.defn(name="payments.decide")
async def note_payment_decision(order: PaymentDecisionOrder) -> DecisionNoted:
    """Write a decision from the Temporal UI into the audit log, the timeline and the row."""
    declared()


@activity.defn(name="payments.attention")
async def raise_payment_attention(order: PaymentAttentionOrder) -> None:
    """Write or clear the attention that lists and pages show."""
    declared()


@workflow.defn(name=WORKFLOW)
class PaymentDeclaration:
    """Id `payment-<uuid>`, queue `payments`."""

    @workflow.run
    async def run(self, start: StartPayment) -> PaymentResult:
        """Hold or charge, capture or release, and never twice."""
        declared()
