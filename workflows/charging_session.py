"""A charging session: waits for the car to finish, settles what it cost, hands over the money.

Meter values never come here. The gateway's writer and the relay watch planted tripwires and say
when one was crossed; what that means is decided by an activity that reads the rows.
"""

from datetime import datetime, timedelta
from typing import Literal

from temporalio import workflow

from holdfast.contracts import sessions as contract
from holdfast.contracts.late_truth import LateOrder, reprice_session
from holdfast.contracts.sessions import (
    AttentionOrder,
    CancelOrder,
    CheckOrder,
    EndOrder,
    OperatorDecision,
    SessionOrder,
    SessionPlan,
    SessionResult,
    Settled,
    SettleOrder,
    StartSession,
    StopOrder,
)
from workflows.attention import Attention
from workflows.owed_messages import OwedMessages
from workflows.session_hearing import SessionHearing
from workflows.step import Refused, step

ASKED_ABOUT = "station asked what it owes"
STOP_ATTEMPTS_BEFORE_ATTENTION = 3
STOP_ATTEMPTS_MAX = 40
STOP_PAUSE_MAX_S = 3600

Outcome = Literal["started", "refused"]


@workflow.defn(name=contract.WORKFLOW)
class ChargingSession(SessionHearing):
    """Waits for the end, settles, hands over. Ends when money is another workflow's business."""

    @workflow.init
    def __init__(self, start: StartSession) -> None:
        super().__init__(start)
        self.tripwire_planted = 0
        self.said_state: str | None = None  # what the current details tell, while watching
        self.stop_reason: str | None = None
        self.stop_attempts = 0
        self.stop_attempts_before = 0  # of earlier series: no two orders have one number
        self.stop_due: datetime | None = None
        self.forced_early = False  # before its start was heard of
        self.attention = Attention(self._write_attention)

    @workflow.run
    async def run(self, start: StartSession) -> SessionResult:
        """See the session through to its settlement."""
        plan = await self._begin()
        if not self.started:
            timeout_s = plan.start_left_s if start.rebuilt else start.start_timeout_s
            outcome = await self._wait_for_start(timeout_s)
            if outcome == "refused":
                await workflow.wait_condition(workflow.all_handlers_finished)
                return SessionResult(state="failed")
            plan = await self._begin()
        await self._watch(plan)
        await self._wait_for_the_rest(plan)
        settled = await self._settle()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return SessionResult(
            state=self.state,
            outcome=settled.outcome,
            amount_minor=settled.amount_minor,
            currency=settled.currency,
            energy_wh=settled.energy_wh,
        )

    async def _begin(self) -> SessionPlan:
        while True:
            try:
                plan = await step(
                    contract.begin_session,
                    SessionOrder(session_id=self.session_id),
                    summary="freeze the tariff, plant tripwires",
                )
            except Refused as error:
                reason = f"cannot begin: {error.type}"
                await self._wait_for_decision(reason, error.message, self.corrections)
                await self._force_unbegun()
                continue
            await self.attention.clear()
            self.tripwire_planted = plan.tripwire_version
            if plan.ended and not self.ended:
                # Signals may be behind the rows, above all after a rebuild.
                self.started, self.ended, self.complete = True, True, plan.complete
            return plan

    async def _force_unbegun(self) -> None:
        """What cannot be watched can still be ended by a person."""
        forced = any(decision.action == "force_end" for decision in self.decisions)
        self.decisions.clear()
        if forced and self.started and not self.ended:
            await self._end("forced")

    async def _wait_for_start(self, timeout_s: int) -> Outcome:
        """Until the station reports a start, refuses, the time is up, or a person ends it."""
        deadline = workflow.now() + timedelta(seconds=timeout_s)
        self._say("waiting for the station to report the start")
        reason = "start_timeout"
        while not self.started:
            left, self.tripwire = deadline - workflow.now(), None
            if not await self._heard(left, "start timeout"):
                break
            if self.refusal is not None:
                reason = "start_refused"
                break
            # Any other decision is in the row and waits there for its time.
            if self.decisions and self.decisions.pop(0).action == "force_end":
                reason = "forced"
                break
        if self.started:
            return "started"
        cancelled = await step(
            contract.cancel_session,
            CancelOrder(session_id=self.session_id, reason=reason),
            summary=f"close: {reason}",
        )
        if not cancelled.closed:
            # The station's start was stored meanwhile. A person's decision to end it still stands.
            self.started = True
            self.forced_early = reason == "forced"
            return "started"
        self._move("failed")
        self._say(f"never started: {reason}")
        return "refused"

    async def _watch(self, plan: SessionPlan) -> None:
        """Until the session has ended: by the station's word, or in our own name."""
        if not self.ended and self.state == "authorised":
            self._move("charging")
        if self.forced_early and not self.ended:
            await self._end("forced")
        while not self.ended:
            if self.heard_again and self.attention.reason == "silent":
                await self.attention.clear()
            self.heard_again = False
            self._say_watching()
            due = None if self.stop_due is None else self.stop_due - workflow.now()
            await self._heard(due, "until the stop is ordered again")
            if self.ended:
                break
            try:
                await self._act(plan)
            except Refused as error:
                # Its rows cannot be judged. It goes on charging; a person may force its end.
                await self.attention.ask(f"cannot watch: {error.type}")
        self._move("ended")

    async def _act(self, plan: SessionPlan) -> None:
        """On the news, the most pressing first."""
        if self.decisions:
            await self._decide(self.decisions.pop(0))
        elif self.told is not None:
            await self._judge_status()
        elif self.tripwire is not None:
            version, self.tripwire = self.tripwire, None
            await self._check(version)
        elif self.stop_due is not None and workflow.now() >= self.stop_due:
            await self._stop(plan.stop_retry_s)

    async def _heard(self, left: timedelta | None, what: str) -> bool:
        """Wait for news; false when the time is up."""
        if left is not None and left <= timedelta(0):
            return False

        def news() -> bool:
            return (
                self.ended
                or bool(self.decisions)
                or (self.started and self.state == "authorised")
                or (self.refusal is not None and not self.started)
                or self.tripwire is not None
                or self.told is not None
                or (self.heard_again and self.attention.reason == "silent")
                or (self.said_state is not None and self.said_state != self.state)
            )

        try:
            await workflow.wait_condition(news, timeout=left, timeout_summary=what)
        except TimeoutError:
            return False
        return True

    async def _decide(self, decision: OperatorDecision) -> None:
        """A person's decision while the session is open; what it means for the price is in the row,
        where settling reads it."""
        if decision.action == "force_end":
            await self._end("forced")
        elif decision.action == "retry" and self.stop_reason is not None:
            self.stop_attempts_before += self.stop_attempts
            self.stop_attempts, self.stop_due = 0, workflow.now()
            await self.attention.clear()

    async def _check(self, version: int) -> None:
        """Ask the rows what a crossed tripwire means, and act on it."""
        check = await step(
            contract.check_session,
            CheckOrder(
                session_id=self.session_id, version=version, stopping=self.stop_reason is not None
            ),
            summary=f"tripwire v{version} crossed",
        )
        self.tripwire_planted = check.tripwire_version
        if check.verdict == "zombie":
            await self._end("zombie")
        elif check.verdict == "silent":
            await self.attention.ask("silent")
        elif check.verdict == "stop" and self.stop_reason is None:
            self.stop_reason, self.stop_due = check.reason or "limit", workflow.now()
        elif check.verdict == "go_on" and self.attention.reason == "silent":
            await self.attention.clear()

    async def _judge_status(self) -> None:
        """A silent station was asked about its transaction. One that goes on is not over, however
        long it says nothing else; the rows know when it said so. One that is over, with nothing
        left to send, will never be ended by the station."""
        told, self.told = self.told, None
        if told is None:
            return
        if told.ongoing is False and told.messages_waiting is not True:
            await self._end("not_ongoing")
        elif told.ongoing and self.attention.reason == "silent":
            await self.attention.clear()

    async def _stop(self, retry_s: int) -> None:
        """Order the stop again: some chargers need to be told more than once, some ignore it."""
        self.stop_attempts += 1
        slower = max(0, self.stop_attempts - STOP_ATTEMPTS_BEFORE_ATTENTION)
        pause_s = max(retry_s, min(STOP_PAUSE_MAX_S, retry_s * 2 ** min(slower, 16)))
        more = self.stop_attempts < STOP_ATTEMPTS_MAX
        self.stop_due = workflow.now() + timedelta(seconds=pause_s) if more else None
        await step(
            contract.stop_session,
            StopOrder(
                session_id=self.session_id,
                attempt=self.stop_attempts_before + self.stop_attempts,
                reason=self.stop_reason or "limit",
                valid_s=pause_s,
            ),
            summary=f"order stop {self.stop_attempts}: {self.stop_reason}",
        )
        if self.stop_attempts > STOP_ATTEMPTS_BEFORE_ATTENTION and not self.ended:
            await self.attention.ask("stop_ignored")

    async def _end(self, reason: str) -> None:
        """End it at the last register, without the station's word."""
        await step(
            contract.end_session,
            EndOrder(session_id=self.session_id, reason=reason),
            summary=f"end at the last register: {reason}",
        )
        self.ended, self.complete = True, True

    async def _wait_for_the_rest(self, plan: SessionPlan) -> None:
        """What the station still owes may change the price: wait for it, but not for ever."""
        if self.complete or plan.final_wait_s == 0:
            return
        self._say("ended; waiting for earlier messages that the station still owes")
        # Sessions that were waiting when stations began to be asked go on waiting as they were.
        if workflow.patched(ASKED_ABOUT):
            await OwedMessages(self, self.attention, plan.final_wait_s, self._say).wait()
            return
        with_time = timedelta(seconds=plan.final_wait_s)
        try:
            await workflow.wait_condition(
                lambda: self.complete or bool(self.decisions),
                timeout=with_time,
                timeout_summary="late final values",
            )
        except TimeoutError:
            self._say("ended; what the station owed did not come in time")

    async def _settle(self) -> Settled:
        """Price and settle; where a rule objects, a person decides."""
        await self.attention.clear(row=False)
        while True:
            self.decisions.clear()  # they are in the row, which settling reads
            corrections = self.corrections
            self._say("pricing and settling")
            try:
                settled = await step(
                    contract.settle_session,
                    SettleOrder(session_id=self.session_id),
                    summary="settle",
                )
            except Refused as error:
                reason = f"cannot settle: {error.type}"
                await self._wait_for_decision(reason, error.message, corrections)
                continue
            if settled.blocked is None:
                break
            reason, remedy = f"{contract.QUALITY}{settled.blocked}", "settle anyway, or waive?"
            await self._wait_for_decision(reason, remedy, corrections)
        if self.corrections != corrections:
            # It came while the price was being written: treat it as any later truth.
            await step(reprice_session, LateOrder(session_id=self.session_id), summary="reprice")
        await self.attention.clear()
        self._move("settled" if settled.outcome else "priced")
        self._say(
            f"settled: {settled.outcome}"
            if settled.outcome
            else f"priced; payment-{settled.payment_id} takes the money and settles it"
        )
        return settled

    async def _wait_for_decision(self, reason: str, remedy: str, corrections: int) -> None:
        """Pause and let a person, or what the station says, change something.

        `corrections`: how many were heard when the rows were read. One that came while they were
        judged, or while attention was being raised, ends the wait at once.
        """
        ended = self.ended
        await self.attention.ask(reason)
        self._say(f"needs attention: {reason}; {remedy[:500]}")
        await workflow.wait_condition(
            lambda: bool(self.decisions) or self.corrections != corrections or self.ended != ended
        )

    # how it shows

    async def _write_attention(self, reason: str | None) -> None:
        await step(
            contract.raise_attention,
            AttentionOrder(session_id=self.session_id, reason=reason),
            summary=f"attention: {reason}" if reason else "attention cleared",
        )

    def _say(self, text: str) -> None:
        workflow.set_current_details(text)

    def _say_watching(self) -> None:
        self.said_state = self.state
        parts = [f"{self.state}: waiting for the car to finish"]
        if self.suspensions:
            parts.append(f"suspended {self.suspensions} times so far")
        parts.append(f"its limits are watched (tripwire v{self.tripwire_planted})")
        if self.stop_reason is not None:
            parts.append(f"stop ordered {self.stop_attempts} times ({self.stop_reason})")
        if self.attention.reason is not None:
            parts.append(f"needs attention: {self.attention.reason}")
        self._say("; ".join(parts))
