"""Payment steps: store what will be sent, send it verbatim, write down what came of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select, update
from temporalio import activity
from temporalio.exceptions import ApplicationError

from holdfast.contracts.payments import (
    CaptureOrder,
    ChargeOrder,
    DecisionNoted,
    PaymentAttentionOrder,
    PaymentDecisionOrder,
    PaymentOrder,
    PaymentSeen,
    ReleaseOrder,
    WriteOffOrder,
)
from holdfast.contracts.ports import (
    Intent,
    PaymentProvider,
    ProviderRefused,
    ProviderUnsure,
    ProviderUnusable,
)
from holdfast.domain.currency import Currency
from holdfast.domain.money import Money
from holdfast.services import payment_decisions, payment_steps
from holdfast.services.outbox import notify
from holdfast.services.payment_steps import FINAL, PaymentNotFound, Prepared, locked_payment
from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, Payment

Answer = TypeVar("Answer")

DONE = {
    "hold": ("requires_payment_method", "requires_confirmation", "requires_action",
             "requires_capture", "succeeded", "canceled"),
    "charge": ("requires_payment_method", "requires_action", "succeeded", "canceled"),
    "capture": ("succeeded", "canceled"),
    "release": ("canceled", "succeeded"),
}  # fmt: skip
"""Statuses in which the question of an operation is answered, one way or the other."""


@dataclass(frozen=True)
class Payments:
    """The payments activities, with the database and the provider that the worker hands in."""

    sessions: Sessions
    provider: PaymentProvider | None

    @activity.defn(name="payments.hold")
    async def hold_payment(self, order: PaymentOrder) -> PaymentSeen:
        """Create the intent with manual capture, exactly once.

        An intent that is there (the workflow was built again while the driver confirms) is read:
        a second one could be confirmed too, and one of them would be forgotten.
        """
        if await self._intent_of(order.payment_id) is not None:
            return await self.look_at_payment(order)
        prepared = await self._prepare(order.payment_id, "hold", {})
        if isinstance(prepared, PaymentSeen):
            return prepared
        return await self._perform(order.payment_id, prepared)

    @activity.defn(name="payments.charge")
    async def charge_payment(self, order: ChargeOrder) -> PaymentSeen:
        """Charge the account holder's saved card off session, exactly once."""
        prepared = await self._prepare(order.payment_id, "charge", {})
        if isinstance(prepared, PaymentSeen):
            return prepared
        return await self._perform(order.payment_id, prepared)

    @activity.defn(name="payments.capture")
    async def capture_payment(self, order: CaptureOrder) -> PaymentSeen:
        """Take what the session cost out of the held amount, but never more than was held."""
        async with self.sessions.begin() as db:
            payment = await _found(locked_payment(db, order.payment_id))
            take = min(order.amount_minor, payment.held_minor)
            money = Money(take, Currency.of(payment.currency)).chargeable()
        prepared = await self._prepare(
            order.payment_id, "capture", {"amount_to_capture": money.to_stripe()}
        )
        if isinstance(prepared, PaymentSeen):
            return prepared
        return await self._perform(order.payment_id, prepared)

    @activity.defn(name="payments.release")
    async def release_payment(self, order: ReleaseOrder) -> PaymentSeen:
        """Cancel the hold; one that is already gone is a success, one that was taken stands."""
        if not await self._was_sent(order.payment_id):
            async with self.sessions.begin() as db:
                payment = await _found(locked_payment(db, order.payment_id))
                payment_steps.give_up(payment, _now())
                await notify(db, ["payments"])
                return await payment_steps.seen(db, payment)
        prepared = await self._prepare(
            order.payment_id,
            "release",
            {"cancellation_reason": "abandoned"},
            unless_claimed=order.unless_claimed,
        )
        if isinstance(prepared, PaymentSeen):
            return prepared
        if prepared.intent is None:
            # The hold was sent and its answer lost: the same key tells us which intent it made.
            known = await self.hold_payment(PaymentOrder(payment_id=order.payment_id))
            if known.state in FINAL:
                return known
            return await self.release_payment(order)
        return await self._perform(order.payment_id, prepared)

    @activity.defn(name="payments.look")
    async def look_at_payment(self, order: PaymentOrder) -> PaymentSeen:
        """Read the intent and write what it says to the row."""
        name = await self._intent_of(order.payment_id)
        if name is None:
            return await self.hold_payment(order)
        intent = await _asked(lambda: self._provider().read_intent(name))
        return await self._write(order.payment_id, None, intent)

    @activity.defn(name="payments.write_off")
    async def write_off_payment(self, order: WriteOffOrder) -> PaymentSeen:
        """Close the settlement as uncollectible, with a person's reason."""
        async with self.sessions.begin() as db:
            payment = await _found(locked_payment(db, order.payment_id))
            if payment.state not in FINAL:
                entry = await db.get_one(AuditEntry, order.audit_id)
                await payment_steps.decline(
                    db, payment, "written_off", _now(), reason=f"written off: {entry.reason}"
                )
            return await payment_steps.seen(db, payment)

    @activity.defn(name="payments.decide")
    async def note_payment_decision(self, order: PaymentDecisionOrder) -> DecisionNoted:
        """Write a decision from the Temporal UI into the audit log, the timeline and the row."""
        async with self.sessions.begin() as db:
            payment = await _found(locked_payment(db, order.payment_id))
            return await payment_decisions.note(db, payment, order)

    @activity.defn(name="payments.attention")
    async def raise_payment_attention(self, order: PaymentAttentionOrder) -> None:
        """Write or clear the attention that lists and pages show."""
        async with self.sessions.begin() as db:
            await db.execute(
                update(Payment)
                .where(Payment.id == order.payment_id)
                .values(attention=order.reason, changed_at=_now())
            )
            await notify(db, ["payments"])

    async def _intent_of(self, payment_id: UUID) -> str | None:
        async with self.sessions() as db:
            return await db.scalar(select(Payment.intent).where(Payment.id == payment_id))

    async def _was_sent(self, payment_id: UUID) -> bool:
        async with self.sessions.begin() as db:
            payment = await _found(locked_payment(db, payment_id))
            if payment.intent is not None or payment.state in FINAL:
                return True
            hold = await payment_steps.latest_operation(db, payment, "hold")
            return hold is not None and hold.first_sent_at is not None

    async def _prepare(
        self,
        payment_id: UUID,
        operation: str,
        parameters: dict[str, Any],
        *,
        unless_claimed: bool = False,
    ) -> Prepared | PaymentSeen:
        """Store and commit what will be sent; what is final already is answered from the row."""
        async with self.sessions.begin() as db:
            payment = await _found(locked_payment(db, payment_id))
            answered = payment.state in FINAL or (operation == "hold" and payment.state == "held")
            seen = await payment_steps.seen(db, payment)
            if answered or (unless_claimed and seen.claimed):
                return seen
            if operation == "release" and payment.intent is None:
                return Prepared(
                    operation_id=UUID(int=0), operation=operation, sequence=0, key="",
                    parameters={}, intent=None, created_at=_now(), stale=False,
                )  # fmt: skip
            return await payment_steps.prepare(db, payment, operation, parameters, _now())

    async def _perform(self, payment_id: UUID, prepared: Prepared) -> PaymentSeen:
        """Send the stored operation, or learn by reading what an earlier sending did."""
        if prepared.stale:
            known = await self._read_back(payment_id, prepared)
            if known is not None:
                return await self._write(payment_id, prepared, known)
        try:
            intent = await _asked(lambda: self._send(prepared))
        except ProviderRefused as refusal:
            return await self._refused(payment_id, prepared, refusal)
        except _ReplayedFailure as failure:
            known = await self._read_back(payment_id, prepared)
            if known is not None:
                return await self._write(payment_id, prepared, known)
            await self._abandon(prepared)
            raise ApplicationError(str(failure), type="PaymentUnknown") from failure
        return await self._write(payment_id, prepared, intent)

    async def _send(self, prepared: Prepared) -> Intent:
        provider = self._provider()
        if prepared.operation in ("hold", "charge"):
            return await provider.create_intent(prepared.parameters, prepared.key)
        if prepared.intent is None:
            raise ProviderUnusable(f"nothing is held that one could {prepared.operation}")
        if prepared.operation == "capture":
            return await provider.capture_intent(prepared.intent, prepared.parameters, prepared.key)
        return await provider.cancel_intent(prepared.intent, prepared.parameters, prepared.key)

    async def _read_back(self, payment_id: UUID, prepared: Prepared) -> Intent | None:
        """What the provider has, if it answers the operation's question; None: it was not done."""
        provider = self._provider()
        if prepared.intent is not None:
            name = prepared.intent
            found: Intent | None = await _asked(lambda: provider.read_intent(name))
        else:
            customer = prepared.parameters.get("customer")
            found = await _asked(
                lambda: provider.find_intent(str(payment_id), prepared.created_at, customer)
            )
        if found is not None and found.status in DONE[prepared.operation]:
            return found
        return None

    async def _abandon(self, prepared: Prepared) -> None:
        """The provider stored its own failure under the key and nothing was done: the next
        attempt is a new intention with a new key."""
        async with self.sessions.begin() as db:
            await payment_steps.finish_operation(
                db, prepared.operation_id, "refused", {"code": "stored_failure"}, _now()
            )

    async def _refused(
        self, payment_id: UUID, prepared: Prepared, refusal: ProviderRefused
    ) -> PaymentSeen:
        """A definite no. A card's no is a result; another state at the provider is the truth."""
        intent = refusal.intent
        answers = intent is not None and intent.status in DONE[prepared.operation]
        async with self.sessions.begin() as db:
            payment = await _found(locked_payment(db, payment_id))
            await payment_steps.finish_operation(
                db,
                prepared.operation_id,
                "refused",
                payment_steps.refusal_json(refusal),
                _now(),
            )
            if intent is not None and answers:
                if prepared.operation == "charge" and intent.status != "succeeded":
                    payment.intent = intent.id
                    code = refusal.decline_code or refusal.code
                    await payment_steps.decline(db, payment, code, _now())
                else:
                    await payment_steps.apply_intent(db, payment, intent, _now())
                return await payment_steps.seen(db, payment)
            if prepared.operation in ("charge", "hold"):
                code = refusal.decline_code or refusal.code
                await payment_steps.decline(db, payment, code, _now())
                return await payment_steps.seen(db, payment)
        raise ApplicationError(
            f"{prepared.operation} was refused: {refusal.code}",
            type="PaymentRefused",
            non_retryable=True,
        )

    async def _write(
        self, payment_id: UUID, prepared: Prepared | None, intent: Intent
    ) -> PaymentSeen:
        """Operation, payment, settlement and session: one transaction."""
        async with self.sessions.begin() as db:
            payment = await _found(locked_payment(db, payment_id))
            if prepared is not None:
                await payment_steps.finish_operation(
                    db, prepared.operation_id, "done", intent.to_json(), _now()
                )
            await payment_steps.apply_intent(db, payment, intent, _now())
            return await payment_steps.seen(db, payment)

    def _provider(self) -> PaymentProvider:
        if self.provider is None:
            raise ApplicationError(
                "no payment provider is configured: set HOLDFAST_STRIPE_API_KEY",
                type="PaymentProviderMissing",
                non_retryable=True,
            )
        return self.provider


class _ReplayedFailure(Exception):
    """The provider repeats a failure that it stored under our key."""


async def _asked(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Translate what the provider could not say into what Temporal does about it."""
    try:
        return await ask()
    except ProviderUnsure as error:
        if error.replayed:
            raise _ReplayedFailure(str(error)) from error
        delay = error.retry_after_s
        raise ApplicationError(
            str(error),
            type="PaymentUnknown",
            next_retry_delay=None if delay is None else timedelta(seconds=delay),
        ) from error
    except ProviderUnusable as error:
        raise ApplicationError(
            str(error), type="PaymentProviderUnusable", non_retryable=True
        ) from error


async def _found(payment: Awaitable[Payment]) -> Payment:
    try:
        return await payment
    except PaymentNotFound as error:
        raise ApplicationError(str(error), type="PaymentNotFound", non_retryable=True) from error


def _now() -> datetime:
    return datetime.now(UTC)
