"""Play a scenario: dial at a bounded rate, run each station's timeline, say what became of it."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from simulator.stations.config import FleetConfig, Timing
from simulator.stations.faults import inject
from simulator.stations.fleet import Fleet
from simulator.stations.hostile import FRAMES
from simulator.stations.scenario import Mix, Scenario, Step
from simulator.stations.station import SimulatedStation
from simulator.stations.steps import StepFailed, Steps
from simulator.stations.tally import Tally

FAILURES_SHOWN_MAX = 100
REPEATS_MAX = 1_000_000
REPEAT_S_MIN = 0.01
OFFLINE_S = 30.0
FIRST_ONLINE_S = 60.0
METER_INTERVAL_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a scenario is played. `speed` compresses its time; `for_s` cuts it off."""

    url: str
    seed: int
    speed: float = 1.0
    connect_per_s: float = 100.0
    for_s: float | None = None


@dataclass(slots=True)
class Progress:
    """Where a run is, for whoever shows it."""

    stations: int = 0
    playing: int = 0
    done: int = 0
    expected: int = 0
    met: int = 0
    failures: list[str] = field(default_factory=list)
    failure_count: int = 0
    was_cut_off: bool = False

    def fail(self, text: str) -> None:
        """Remember the first of them, count all."""
        self.failure_count += 1
        if len(self.failures) < FAILURES_SHOWN_MAX:
            self.failures.append(text)


class Play:
    """One run. `await run()`, meanwhile look at `progress`, `tally` and `fleet`."""

    def __init__(self, scenario: Scenario, conditions: Conditions) -> None:
        self.scenario = scenario
        self.tally = Tally(remembers=any(one.do.startswith("expect") for one in scenario.steps))
        self.progress = Progress(stations=len(scenario.stations))
        self._conditions = conditions
        self._steps = Steps(self.tally, conditions.speed)
        self._rng = random.Random(f"{conditions.seed}/play")  # noqa: S311 - figures, not secrets
        self.fleet = Fleet(
            FleetConfig(stations=scenario.stations),
            conditions.url,
            timing=_timing(conditions.speed),
            state_dir=None,
            seed=conditions.seed,
            demand=scenario.mix.demand if scenario.mix else 1.0,
            start_spread_s=1 / conditions.connect_per_s,
        )
        for station in self.fleet.stations.values():
            station.delivery.watch = self.tally

    async def run(self) -> None:
        """Until every timeline has ended, and the mix; or the time is up."""
        asking = asyncio.create_task(self._run())
        try:
            _, cut_off = await asyncio.wait({asking}, timeout=self._conditions.for_s)
            self._judge_absentees(was_cut_off=bool(cut_off))
        finally:
            asking.cancel()
            outcome = await asyncio.gather(asking, return_exceptions=True)
        if isinstance(outcome[0], Exception):
            raise outcome[0]

    def _judge_absentees(self, *, was_cut_off: bool) -> None:
        """A run that was cut off passes only if its stations were there at all."""
        self.progress.was_cut_off = was_cut_off
        if was_cut_off:
            for station in self.fleet.stations.values():
                if station.counters["boots"] == 0:
                    why = f": {station.line.trouble}" if station.line.trouble else ""
                    self.progress.fail(f"{station.identity} was never there{why}")

    def report(self) -> dict[str, Any]:
        """Figures of the run so far, for JSON."""
        counters: Counter[str] = Counter()
        for station in self.fleet.stations.values():
            counters.update(station.counters)
        transactions = self.fleet.ledger.transactions() if not self._is_closed else []
        ended = [one for one in transactions if one.ended_at is not None]
        return {
            "scenario": self.scenario.title,
            "passed": self.progress.failure_count == 0,
            "complete": not self.progress.was_cut_off,
            "stations": self.progress.stations,
            "online": sum(one.is_online for one in self.fleet.stations.values()),
            "expected": self.progress.expected,
            "met": self.progress.met,
            "failures": self.progress.failures,
            "failure_count": self.progress.failure_count,
            "transactions": len(transactions),
            "transactions_ended": len(ended),
            "transactions_confirmed": sum(one.confirmed for one in ended),
            "queued": sum(one.queue_length for one in self.fleet.stations.values())
            if not self._is_closed
            else None,
            "counters": dict(counters),
        } | self.tally.report()

    _is_closed = False

    async def __aenter__(self) -> "Play":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.fleet.close()
        self._is_closed = True

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            if self.scenario.mix is not None:
                group.create_task(self._mix(self.scenario.mix))
            async for station in self.fleet.start_all():
                group.create_task(self._timeline(station))

    async def _timeline(self, station: SimulatedStation) -> None:
        self.progress.playing += 1
        began = time.monotonic()
        mine = [one for one in self.scenario.steps if fnmatchcase(station.identity, one.who)]
        repeats = [asyncio.create_task(self._repeat(station, one)) for one in mine if one.every_s]
        try:
            await self._first_online(station)
            for step in mine:
                if step.every_s is None and not await self._play(station, step, began):
                    break
        finally:
            for task in repeats:
                # Those that are counted are waited for; those that go on for ever end here.
                if not any(one.every_s and one.times for one in mine):
                    task.cancel()
            await asyncio.gather(*repeats, return_exceptions=True)
            self.progress.playing -= 1
            self.progress.done += 1

    async def _first_online(self, station: SimulatedStation) -> None:
        """A timeline begins when the station is there; one that may not come is a finding."""
        end = time.monotonic() + FIRST_ONLINE_S
        while not station.is_online and time.monotonic() < end:  # noqa: ASYNC110 - many, and brief
            await asyncio.sleep(0.05)
        if not station.is_online:
            self.progress.fail(f"{station.identity} was not accepted within {FIRST_ONLINE_S:g} s")

    async def _play(self, station: SimulatedStation, step: Step, began: float) -> bool:
        wait_s = self._steps.real_s(step.after_s)
        if step.at_s is not None:
            wait_s = began + self._steps.real_s(step.at_s) - time.monotonic()
        await asyncio.sleep(max(wait_s, 0))
        return await self._take(station, step)

    async def _repeat(self, station: SimulatedStation, step: Step) -> None:
        if step.at_s is not None:
            await asyncio.sleep(self._steps.real_s(step.at_s))
        for _ in range(step.times or REPEATS_MAX):
            await asyncio.sleep(max(self._steps.real_s(step.every_s or 0), REPEAT_S_MIN))
            await self._take(station, step)

    async def _take(self, station: SimulatedStation, step: Step) -> bool:
        is_expected = step.do.startswith("expect")
        self.progress.expected += is_expected
        try:
            await self._steps.take(station, step)
        except StepFailed as error:
            self.progress.fail(str(error))
            return False
        self.progress.met += is_expected
        return True

    async def _mix(self, mix: Mix) -> None:
        """Drivers come by themselves and things go wrong at random, then all go home."""
        self.fleet.start_drivers()
        faulting = asyncio.create_task(self._random_faults(mix))
        await asyncio.sleep(self._steps.real_s(mix.for_s))
        faulting.cancel()
        await asyncio.gather(faulting, return_exceptions=True)
        drained = await self.fleet.drain(120)
        self.progress.expected += 1
        if drained["drained"] and not drained["unconfirmed"]:
            self.progress.met += 1
        else:
            left = drained["queue_length"]
            self.progress.fail(f"after the mix {left} messages were without an answer")

    async def _random_faults(self, mix: Mix) -> None:
        if not mix.faults or mix.fault_every_s is None:
            return
        while True:
            wait_s = self._rng.expovariate(1 / max(self._steps.real_s(mix.fault_every_s), 0.01))
            await asyncio.sleep(wait_s)
            station = self._rng.choice(list(self.fleet.stations.values()))
            kind = self._rng.choices(list(mix.faults), weights=list(mix.faults.values()))[0]
            if kind == "hostile":
                name = self._rng.choice(list(FRAMES))
                await station.line.send_raw(FRAMES[name]("hostile"))
            else:
                seconds = self._steps.real_s(OFFLINE_S)
                inject(station, {"kind": kind, "seconds": seconds, "keep": True, "times": 1})


def _timing(speed: float) -> Timing:
    """A station's own delays in compressed time. The network's patience stays as it is."""
    return Timing(
        acceleration=speed,
        meter_interval_s=max(METER_INTERVAL_S / speed, 0.5),
        boot_delay_s=max(1.0 / speed, 0.02),
        plug_delay_s=max(0.5 / speed, 0.02),
        reconnect_base_s=max(0.5 / speed, 0.05),
        reconnect_max_s=max(5.0 / speed, 0.5),
        retry_interval_s=max(1.0 / speed, 0.05),
        step_s=max(1.0 / speed, 0.02),
        second_s=1.0 / speed,
    )
