"""A feed asks for a person where prices are missing; a simulation goes on until it is over."""

import asyncio
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError, WorkflowUpdateStage
from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import spot_feeds, tariff_simulations
from holdfast.contracts.names import ATTENTION
from holdfast.contracts.spot_feeds import EventSignal, FeedResolution, FeedSeen
from holdfast.contracts.tariff_simulations import SimulationSeen
from holdfast.testing import Refusal
from holdfast.testing_feeds import SteppedFeeds, SteppedSimulations
from tests.workflows.feed_scenarios import feed_start, simulation_start
from tests.workflows.publication_scenarios import asked
from tests.workflows.running import finished, running

MISSING = FeedSeen(missing="2026-11-23", again_s=600)


async def until_attention(handle: WorkflowHandle[Any, Any], reason: str | None) -> None:
    """What on-call finds it by."""
    found: str | None = None
    for _ in range(1500):
        found = (await handle.describe()).typed_search_attributes.get(ATTENTION)
        if found == reason:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"attention is {found!r}, not {reason!r}")


async def test_a_missing_day_asks_for_a_person_until_it_is_there_or_done_without(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedFeeds()
    there = FeedSeen(again_s=6 * 3600)
    fake.script.answers["read"] = [MISSING] * 3 + [there]
    async with running(
        time_skipping.client, spot_feeds.WORKFLOW, feed_start(), fake.activities()
    ) as handle:
        fake.script.answers["read"] += [there] * 50

        await until_attention(handle, "prices_missing: 2026-11-23")
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update("resolve", FeedResolution(action="read_again", reason=" "))
        assert "say why" in str(refused.value.cause)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update("resolve", {"action": "do_without"})
        assert "say why" in str(refused.value.cause), "and not that the words were not understood"
        await handle.execute_update(
            "resolve", FeedResolution(action="do_without", reason="the market is closed")
        )
        await until_attention(handle, None)

        (noted,) = fake.script.orders("note")
        assert isinstance(noted, spot_feeds.FeedDecision)
        assert (noted.action, noted.reason) == ("do_without", "the market is closed")
        assert noted.missing == "2026-11-23"
        fake.script.answers["read"] = [FeedSeen(retired=True)]
        await handle.signal(spot_feeds.FEED_CHANGED, EventSignal(event_id="retired:1"))
        await finished(handle)


class SlowlyNoted(SteppedFeeds):
    """A decision is being written down until the test says that it is."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.done = asyncio.Event(), asyncio.Event()

    @activity.defn(name="spot.note")
    async def note_feed_decision(self, order: spot_feeds.FeedDecision) -> None:
        self.begun.set()
        await self.done.wait()
        await super().note_feed_decision(order)


async def test_who_does_without_a_day_does_not_do_without_the_next_one(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SlowlyNoted()
    next_day = MISSING.model_copy(update={"missing": "2026-11-24"})
    fake.script.answers["read"] = [MISSING] + [next_day] * 50
    async with running(
        time_skipping.client, spot_feeds.WORKFLOW, feed_start(), fake.activities()
    ) as handle:
        await until_attention(handle, "prices_missing: 2026-11-23")
        decided = await handle.start_update(
            "resolve",
            FeedResolution(action="do_without", reason="the market is closed"),
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
        )
        await fake.begun.wait()
        await handle.signal(spot_feeds.FEED_CHANGED, EventSignal(event_id="read:1"))
        await asked(fake.script, "read", 2)
        await until_attention(handle, "prices_missing: 2026-11-24")
        fake.done.set()
        await decided.result()
        await asked(fake.script, "read", 3)
        await handle.signal(spot_feeds.FEED_CHANGED, EventSignal(event_id="read:2"))
        await asked(fake.script, "read", 4)  # so the third was judged
        attention = (await handle.describe()).typed_search_attributes.get(ATTENTION)
        fake.script.answers["read"] = [FeedSeen(retired=True)]
        await handle.signal(spot_feeds.FEED_CHANGED, EventSignal(event_id="retired:1"))
        await finished(handle)

    assert attention == "prices_missing: 2026-11-24"


async def test_a_feed_is_read_for_weeks_in_runs_of_bounded_history(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedFeeds()
    fake.script.answers["read"] = [FeedSeen(again_s=3600)] * 200 + [FeedSeen(retired=True)]
    async with running(
        time_skipping.client, spot_feeds.WORKFLOW, feed_start(), fake.activities()
    ) as handle:
        result = FeedSeen.model_validate(await finished(handle))

        assert result.retired
        assert len(fake.script.orders("read")) == 201
        history = await time_skipping.client.get_workflow_handle(handle.id).fetch_history()
        assert len(history.events) < 1_000, "only the last run's"


async def test_a_feed_whose_row_is_gone_ends(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedFeeds()
    fake.script.answers["read"] = [Refusal("NotFound")]
    async with running(
        time_skipping.client, spot_feeds.WORKFLOW, feed_start(), fake.activities()
    ) as handle:
        assert FeedSeen.model_validate(await finished(handle)).retired


async def test_a_simulation_goes_on_until_its_row_says_that_it_is_over(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSimulations()
    fake.script.answers["advance"] = [
        SimulationSeen(state="running", done=4, total=10),
        SimulationSeen(state="cancelled", done=8, total=10),
    ]
    async with running(
        time_skipping.client, tariff_simulations.WORKFLOW, simulation_start(), fake.activities()
    ) as handle:
        result = SimulationSeen.model_validate(await finished(handle))

    assert (result.state, result.done) == ("cancelled", 8)
    assert fake.script.names() == ["begin", "advance", "advance"]


async def test_a_simulation_that_can_never_be_read_fails_and_says_why(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSimulations()
    fake.script.answers["advance"] = [Refusal("SimulationUnreadable")]
    async with running(
        time_skipping.client, tariff_simulations.WORKFLOW, simulation_start(), fake.activities()
    ) as handle:
        result = SimulationSeen.model_validate(await finished(handle))

    assert result.state == "failed"
    assert result.problem == "refused: SimulationUnreadable"
