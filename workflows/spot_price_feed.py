"""A market's prices, read from a file every hour, and soon after they are due for tomorrow."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from holdfast.contracts import spot_feeds as contract
from holdfast.contracts.names import ATTENTION
from holdfast.contracts.spot_feeds import (
    EventSignal,
    FeedDecision,
    FeedResolution,
    FeedSeen,
    ReadFeed,
    StartSpotFeed,
)
from workflows.seen_events import SeenEvents, update_event_id
from workflows.step import Refused, step

READ_WITHIN = timedelta(seconds=90)
ROUNDS_MAX = 168  # a week of hours, some 2,000 events; then continue-as-new
PAUSE_LEAST_S, PAUSE_MOST_S = 10, 6 * 3600


@workflow.defn(name=contract.WORKFLOW)
class SpotPriceFeed:
    """Asks for a person where a day's prices should be there and are not."""

    @workflow.init
    def __init__(self, start: StartSpotFeed) -> None:
        self.start = start
        self.changes = 0
        self.seen = SeenEvents()
        self.attention = start.attention
        self.accepted = start.accepted
        self.missing: str | None = None

    @workflow.run
    async def run(self, start: StartSpotFeed) -> FeedSeen:
        """Read until the feed is retired."""
        for _ in range(ROUNDS_MAX):
            changes = self.changes
            try:
                found = await step(
                    contract.read_feed,
                    ReadFeed(feed_id=start.feed_id),
                    summary=f"read {start.feed}",
                    within=READ_WITHIN,
                )
            except Refused as error:
                # Its row is gone: nothing is left to read for.
                return await self._end(FeedSeen(retired=True, problem=error.message))
            if found.retired:
                return await self._end(found)
            self._judge(found)
            await self._pause(changes, found.again_s)
            if workflow.info().is_continue_as_new_suggested():
                break
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(
            start.model_copy(update={"attention": self.attention, "accepted": self.accepted})
        )

    @workflow.signal
    def feed_changed(self, fact: EventSignal) -> None:
        """The feed was retired, or is to be read now."""
        if self.seen.is_new(fact.event_id):
            self.changes += 1

    @workflow.update
    async def resolve(self, decision: FeedResolution) -> str:
        """Read again now, or do without the missing day; written into the audit log."""
        missing = self.missing  # of another day the person did not speak
        order = FeedDecision(
            feed_id=self.start.feed_id,
            event_id=update_event_id(),
            action=decision.action,
            reason=decision.reason,
            missing=missing,
        )
        try:
            await step(contract.note_feed_decision, order, summary=f"note: {decision.action}")
        except Refused as error:
            raise ApplicationError(error.message, type=error.type, non_retryable=True) from error
        if decision.action == "do_without":
            self.accepted = missing
        self.changes += 1
        return f"noted: {decision.action}"

    @resolve.validator
    def _may_resolve(self, decision: FeedResolution) -> None:
        if not decision.reason.strip():
            raise ApplicationError("say why: reason is empty", type="ReasonMissing")
        if decision.action == "do_without" and self.missing is None:
            raise ApplicationError("no day is missing", type="NothingToResolve")

    def _judge(self, found: FeedSeen) -> None:
        """Attention for a day that is missing, unless a person does without it."""
        self.missing = found.missing
        wanted = None
        if found.missing is not None and found.missing != self.accepted:
            wanted = f"prices_missing: {found.missing}"
        if wanted != self.attention:
            value = ATTENTION.value_unset() if wanted is None else ATTENTION.value_set(wanted)
            workflow.upsert_search_attributes([value])
            self.attention = wanted
        known = "no prices yet" if found.until_at is None else f"prices until {found.until_at}"
        remedy = (
            ""
            if wanted is None
            else f"; no prices for {found.missing}: tariffs use their fallback. Put the file there,"
            " or resolve with do_without"
        )
        problem = "" if found.problem is None else f"; {found.problem}"
        workflow.set_current_details(f"{self.start.feed}: {known}{problem}{remedy}")

    async def _pause(self, changes: int, again_s: int) -> None:
        try:
            await workflow.wait_condition(
                lambda: self.changes != changes,
                timeout=timedelta(seconds=min(max(again_s, PAUSE_LEAST_S), PAUSE_MOST_S)),
                timeout_summary="until it is read again",
            )
        except TimeoutError:
            return

    async def _end(self, found: FeedSeen) -> FeedSeen:
        if self.attention is not None:
            workflow.upsert_search_attributes([ATTENTION.value_unset()])
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.set_current_details(f"{self.start.feed}: retired")
        return found
