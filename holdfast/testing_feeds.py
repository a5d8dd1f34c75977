"""Hand-written fakes of simulations and market price feeds, beside those of `holdfast.testing`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity

from holdfast.contracts import spot_feeds, tariff_simulations
from holdfast.testing import Script


@dataclass
class SteppedFeeds:
    """Feed activities without a file or a database: every reading finds tomorrow's prices."""

    script: Script = field(default_factory=Script)

    def activities(self) -> list[Callable[..., Any]]:
        """For the worker."""
        return [self.read_feed, self.note_feed_decision]

    @activity.defn(name="spot.read")
    async def read_feed(self, order: spot_feeds.ReadFeed) -> spot_feeds.FeedSeen:
        answer: spot_feeds.FeedSeen = self.script.take("read", order, spot_feeds.FeedSeen())
        return answer

    @activity.defn(name="spot.note")
    async def note_feed_decision(self, order: spot_feeds.FeedDecision) -> None:
        self.script.take("note", order, None)


@dataclass
class SteppedSimulations:
    """Simulation activities without a database: one while of work, and it is done."""

    script: Script = field(default_factory=Script)

    def activities(self) -> list[Callable[..., Any]]:
        """For the worker."""
        return [self.begin_simulation, self.advance_simulation, self.fail_simulation]

    @activity.defn(name="simulations.begin")
    async def begin_simulation(
        self, order: tariff_simulations.SimulationRef
    ) -> tariff_simulations.SimulationSeen:
        usual = tariff_simulations.SimulationSeen(state="running", total=10)
        answer: tariff_simulations.SimulationSeen = self.script.take("begin", order, usual)
        return answer

    @activity.defn(name="simulations.advance")
    async def advance_simulation(
        self, order: tariff_simulations.SimulationRef
    ) -> tariff_simulations.SimulationSeen:
        usual = tariff_simulations.SimulationSeen(state="done", done=10, total=10)
        answer: tariff_simulations.SimulationSeen = self.script.take("advance", order, usual)
        return answer

    @activity.defn(name="simulations.fail")
    async def fail_simulation(
        self, order: tariff_simulations.FailSimulation
    ) -> tariff_simulations.SimulationSeen:
        usual = tariff_simulations.SimulationSeen(state="failed", problem=order.problem)
        answer: tariff_simulations.SimulationSeen = self.script.take("fail", order, usual)
        return answer
