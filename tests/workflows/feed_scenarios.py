"""Ways that market price feeds and simulations go, recorded and replayed."""

from datetime import timedelta
from uuid import UUID

from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import spot_feeds, tariff_simulations
from holdfast.contracts.spot_feeds import EventSignal, FeedResolution, FeedSeen, StartSpotFeed
from holdfast.contracts.tariff_simulations import SimulationSeen, StartSimulation
from holdfast.testing_feeds import SteppedFeeds, SteppedSimulations
from tests.workflows.running import ORGANIZATION, finished, pass_time, running

SUBJECT = UUID("00000000-0000-7000-8000-000000000071")


def feed_start() -> StartSpotFeed:
    """A feed of Germany and Luxembourg."""
    return StartSpotFeed(
        feed_id=SUBJECT, organization="acme", organization_id=ORGANIZATION, feed="DE-LU"
    )


def simulation_start() -> StartSimulation:
    """A simulation of some tariff."""
    return StartSimulation(
        simulation_id=SUBJECT,
        organization="acme",
        organization_id=ORGANIZATION,
        tariff=str(SUBJECT),
    )


async def missing_prices_feed(environment: WorkflowEnvironment) -> str:
    """Tomorrow is missing, a person does without it, then the feed is retired."""
    fake = SteppedFeeds()
    missing = FeedSeen(missing="2026-11-23", problem="there is no file", again_s=3600)
    fake.script.answers["read"] = [FeedSeen(again_s=600), missing, missing, FeedSeen(retired=True)]
    async with running(
        environment.client, spot_feeds.WORKFLOW, feed_start(), fake.activities()
    ) as handle:
        while len(fake.script.orders("read")) < 2:
            await pass_time(environment, timedelta(minutes=1))
        await handle.execute_update(
            "resolve", FeedResolution(action="do_without", reason="the market is closed")
        )
        await handle.signal(spot_feeds.FEED_CHANGED, EventSignal(event_id="retired:1"))
        await finished(handle)
        return (await handle.fetch_history()).to_json()


async def done_simulation(environment: WorkflowEnvironment) -> str:
    """Three whiles of work."""
    fake = SteppedSimulations()
    fake.script.answers["advance"] = [
        SimulationSeen(state="running", done=4, total=10),
        SimulationSeen(state="running", done=8, total=10),
    ]
    async with running(
        environment.client, tariff_simulations.WORKFLOW, simulation_start(), fake.activities()
    ) as handle:
        await finished(handle)
        return (await handle.fetch_history()).to_json()


FEED_SCENARIOS = (missing_prices_feed, done_simulation)
