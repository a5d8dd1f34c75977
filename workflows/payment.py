"""A payment: a hold taken before a session, or a charge after it. Money moves once, or not.

A webhook only says "look again". An unknown answer of the provider never gets here: the activity
repeats the stored request, or reads, until it knows.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from holdfast.contracts import payments as contract
from holdfast.contracts.names import PAYMENT_STATE, SITE, STATION
from holdfast.contracts.payments import (
    AmountSignal,
    CaptureOrder,
    ChargeOrder,
    NoticeSignal,
    PaymentAttentionOrder,
    PaymentDecision,
    PaymentDecisionOrder,
    PaymentOrder,
    PaymentResolution,
    PaymentResult,
    PaymentSeen,
    ReasonSignal,
    ReleaseOrder,
    SessionSignal,
    StartPayment,
    WriteOffOrder,
)
from holdfast.domain.money import amount_text
from workflows.attention import Attention
from workflows.seen_events import SeenEvents, update_event_id
from workflows.step import Refused, step

PROVIDER_STEP = timedelta(seconds=60)
POLL_FIRST_S = 10
POLL_MAX_S = 120
WARN_BEFORE_EXPIRY = timedelta(hours=24)
RETRY_REFUSED_FIRST_S = 900
RETRY_REFUSED_MAX_S = 6 * 3600
DECISIONS_MAX = 20
FINAL = ("captured", "released", "failed")
UNCONFIRMED = ("created", "action_required")
"""Asked for, and not held: the driver must confirm, or the provider has not finished yet."""


@workflow.defn(name=contract.WORKFLOW)
class Payment:
    """Hold or charge, capture or release, and never twice."""

    @workflow.init
    def __init__(self, start: StartPayment) -> None:
        self.payment_id = start.payment_id
        self.currency = start.currency
        self.state = start.state
        self.amount = start.settle
        self.release = start.release
        self.notices = 0
        self.decisions: list[PaymentDecision] = list(start.decisions)
        self.seen = SeenEvents()
        self.attention = Attention(self._write_attention)

    @workflow.run
    async def run(self, start: StartPayment) -> PaymentResult:
        """See it through."""
        if start.kind == "off_session":
            last = await self._charge(start)
        else:
            last = await self._hold(start)
        await self.attention.clear()
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.set_current_details(f"{last.state}: {last.captured_minor} {self.currency} minor")
        return PaymentResult(
            state=last.state, captured_minor=last.captured_minor, currency=self.currency
        )

    @workflow.signal
    def provider_noticed(self, notice: NoticeSignal) -> None:
        """A webhook came: look again."""
        if self.seen.is_new(notice.event_id):
            self.notices += 1

    @workflow.signal
    def capture_asked(self, amount: AmountSignal) -> None:
        """The session is priced. The first amount stands."""
        if self.seen.is_new(amount.event_id):
            self.amount = self.amount or amount

    @workflow.signal
    def release_asked(self, reason: ReasonSignal) -> None:
        """The hold is not needed."""
        if self.seen.is_new(reason.event_id):
            self.release = self.release or reason

    @workflow.signal
    def session_came(self, place: SessionSignal) -> None:
        """The hold has a session: it is found by its station and site from now on."""
        if not self.seen.is_new(place.event_id):
            return
        attributes = [STATION.value_set(place.station)]
        if place.site_id is not None:
            attributes.append(SITE.value_set(str(place.site_id)))
        workflow.upsert_search_attributes(attributes)

    @workflow.signal
    def operator_decided(self, decision: PaymentDecision) -> None:
        """A person decided, by the API."""
        if self.seen.is_new(decision.event_id) and len(self.decisions) < DECISIONS_MAX:
            self.decisions.append(decision)

    @workflow.update
    async def resolve(self, decision: PaymentResolution) -> str:
        """The same decision, from the Temporal UI: written down as the API does, then heard."""
        event_id = update_event_id()
        order = PaymentDecisionOrder(
            payment_id=self.payment_id,
            event_id=event_id,
            action=decision.action,
            reason=decision.reason,
        )
        try:
            noted = await step(
                contract.note_payment_decision, order, summary=f"note: {decision.action}"
            )
        except Refused as error:
            raise ApplicationError(error.message, type=error.type, non_retryable=True) from error
        self.operator_decided(
            PaymentDecision(event_id=event_id, action=decision.action, audit_id=noted.audit_id)
        )
        return f"noted: {decision.action}"

    @resolve.validator
    def _may_resolve(self, decision: PaymentResolution) -> None:
        if not decision.reason.strip():
            raise ApplicationError("say why: reason is empty", type="ReasonMissing")
        if self.attention.reason is None:
            raise ApplicationError("nothing needs a decision", type="NothingToResolve")

    async def _charge(self, start: StartPayment) -> PaymentSeen:
        workflow.set_current_details("charging the saved card")
        last = await self._insist(
            lambda: step(
                contract.charge_payment,
                ChargeOrder(payment_id=start.payment_id),
                summary=f"charge {amount_text(start.amount_minor, start.currency)}",
                within=PROVIDER_STEP,
            )
        )
        pause_s = POLL_FIRST_S
        while last.state not in FINAL:
            workflow.set_current_details("the provider is still working on the charge")
            heard = await self._heard(timedelta(seconds=pause_s))
            pause_s = POLL_FIRST_S if heard else min(POLL_MAX_S, pause_s * 2)
            last = await self._look()
        return last

    async def _hold(self, start: StartPayment) -> PaymentSeen:
        if self.release is not None:
            return await self._release(self.release.reason)
        workflow.set_current_details("asking for the hold")
        last = await self._insist(
            lambda: step(
                contract.hold_payment,
                PaymentOrder(payment_id=self.payment_id),
                summary=f"hold {amount_text(start.amount_minor, start.currency)}",
                within=PROVIDER_STEP,
            )
        )
        deadline = workflow.now() + timedelta(seconds=start.hold_timeout_s)
        if last.state in UNCONFIRMED:
            last = await self._confirm(last, deadline)
        if last.state == "held":
            last = await self._decide_hold(last, deadline)
        return last

    async def _confirm(self, last: PaymentSeen, deadline: datetime) -> PaymentSeen:
        """Until the driver confirmed, told by webhook or found by polling."""
        pause_s = POLL_FIRST_S
        while last.state in UNCONFIRMED:
            left = deadline - workflow.now()
            if left <= timedelta(0):
                return await self._release("not confirmed in time")
            workflow.set_current_details("waiting for the driver to confirm the hold")
            heard = await self._heard(min(left, timedelta(seconds=pause_s)))
            if self.release is not None:
                return await self._release(self.release.reason)
            pause_s = POLL_FIRST_S if heard else min(POLL_MAX_S, pause_s * 2)
            last = await self._look()
        return last

    async def _decide_hold(self, last: PaymentSeen, deadline: datetime) -> PaymentSeen:
        """Until the session says how much; an unclaimed hold is given back in minutes."""
        while last.state == "held":
            if self.amount is not None:
                return await self._capture(self.amount)
            if self.release is not None:
                return await self._release(self.release.reason)
            workflow.set_current_details("held; waiting for the session to be priced")
            warn_at = None
            if last.capture_before is not None:
                warn_at = last.capture_before - WARN_BEFORE_EXPIRY
            left = self._patience(deadline, warn_at)
            if await self._heard(left) and (self.amount or self.release):
                continue
            last = await self._look()
            if last.state == "held" and workflow.now() >= deadline and not last.claimed:
                if self.amount or self.release:
                    continue
                last = await self._release("no session came", unless_claimed=True)
                if last.state != "held":
                    return last
            if warn_at is not None and workflow.now() >= warn_at:
                await self.attention.ask("hold_expires_soon")
        return last

    def _patience(self, deadline: datetime, warn_at: datetime | None) -> timedelta:
        """How long until the hold must be looked at without being told."""
        now = workflow.now()
        if now < deadline:
            return deadline - now
        if warn_at is not None and now < warn_at:
            return min(warn_at - now, timedelta(hours=6))
        return timedelta(hours=1)

    async def _heard(self, left: timedelta) -> bool:
        """Wait for news; false when the time is up."""
        notices = self.notices
        try:
            await workflow.wait_condition(
                lambda: (
                    self.notices != notices
                    or self.release is not None
                    or (self.amount is not None and self.state == "held")
                    or bool(self.decisions)
                ),
                timeout=left,
                timeout_summary="until we look again",
            )
        except TimeoutError:
            return False
        finally:
            self.decisions.clear()
        return True

    async def _look(self) -> PaymentSeen:
        return await self._insist(
            lambda: step(
                contract.look_at_payment,
                PaymentOrder(payment_id=self.payment_id),
                summary="read the payment",
                within=PROVIDER_STEP,
            )
        )

    async def _capture(self, amount: AmountSignal) -> PaymentSeen:
        workflow.set_current_details("capturing what the session cost")
        return await self._insist(
            lambda: step(
                contract.capture_payment,
                CaptureOrder(payment_id=self.payment_id, amount_minor=amount.amount_minor),
                summary=f"capture {amount_text(amount.amount_minor, self.currency)}",
                within=PROVIDER_STEP,
            )
        )

    async def _release(self, reason: str, *, unless_claimed: bool = False) -> PaymentSeen:
        workflow.set_current_details(f"releasing the hold: {reason}")
        return await self._insist(
            lambda: step(
                contract.release_payment,
                ReleaseOrder(
                    payment_id=self.payment_id, reason=reason, unless_claimed=unless_claimed
                ),
                summary=f"release: {reason}",
                within=PROVIDER_STEP,
            )
        )

    async def _insist(self, ask: Callable[[], Awaitable[PaymentSeen]]) -> PaymentSeen:
        """Until there is an answer. Where only a person can help, wait for one, and try again
        now and then: a key that was revoked comes back without anybody telling us."""
        pause_s = RETRY_REFUSED_FIRST_S
        while True:
            try:
                seen = await ask()
            except Refused as error:
                await self.attention.ask(f"provider: {error.type}")
                workflow.set_current_details(f"needs attention: {error.message[:500]}")
                decision = await self._decision(timedelta(seconds=pause_s))
                pause_s = min(RETRY_REFUSED_MAX_S, pause_s * 2)
                if decision is not None and decision.action == "write_off":
                    return await self._write_off(decision)
                continue
            if (self.attention.reason or "").startswith("provider: "):
                await self.attention.clear()
            self._move(seen.state)
            return seen

    async def _decision(self, left: timedelta) -> PaymentDecision | None:
        try:
            await workflow.wait_condition(
                lambda: bool(self.decisions), timeout=left, timeout_summary="until we try again"
            )
        except TimeoutError:
            return None
        return self.decisions.pop(0)

    async def _write_off(self, decision: PaymentDecision) -> PaymentSeen:
        seen = await step(
            contract.write_off_payment,
            WriteOffOrder(payment_id=self.payment_id, audit_id=decision.audit_id),
            summary="write off",
        )
        self._move(seen.state)
        return seen

    async def _write_attention(self, reason: str | None) -> None:
        await step(
            contract.raise_payment_attention,
            PaymentAttentionOrder(payment_id=self.payment_id, reason=reason),
            summary=f"attention: {reason}" if reason else "attention cleared",
        )

    def _move(self, state: str) -> None:
        if state != self.state:
            self.state = state
            workflow.upsert_search_attributes([PAYMENT_STATE.value_set(state)])
