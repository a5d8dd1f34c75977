"""Facts that came after a session's workflow had closed: gather them, then price again."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from holdfast.contracts import late_truth as contract
from holdfast.contracts.late_truth import EventSignal, LateOrder, LateResult, StartLateTruth
from workflows.seen_events import SeenEvents
from workflows.step import Refused, step

ROUNDS_MAX = 50


@workflow.defn(name=contract.WORKFLOW)
class LateTruth:
    """May run many times for one session; each run ends when nothing new came while it priced."""

    @workflow.init
    def __init__(self, start: StartLateTruth) -> None:
        self.facts = 1
        self.seen = SeenEvents()

    @workflow.run
    async def run(self, start: StartLateTruth) -> LateResult:
        """Gather, reprice, and again if more came meanwhile."""
        rounds = 0
        while True:
            known = self.facts
            workflow.set_current_details(f"late facts: {known}; waiting for more")
            await workflow.sleep(timedelta(seconds=start.gather_s), summary="gather late facts")
            known = self.facts
            try:
                result = await step(
                    contract.reprice_session,
                    LateOrder(session_id=start.session_id),
                    summary=f"reprice after {known} late facts",
                )
            except Refused as error:
                # The facts stay open: a person applies them again once the cause is gone.
                raise ApplicationError(
                    error.message, type=error.type, non_retryable=True
                ) from error
            rounds += 1
            if self.facts == known or rounds >= ROUNDS_MAX:
                break
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.set_current_details(f"difference: {result.difference_minor} minor units")
        return result

    @workflow.signal
    def fact_came_late(self, fact: EventSignal) -> None:
        """One more late fact is stored."""
        if self.seen.is_new(fact.event_id):
            self.facts += 1
