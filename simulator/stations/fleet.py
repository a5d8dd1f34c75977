"""Many stations in one process, the drivers that use them, and what became of it all."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from simulator.stations.config import FleetConfig, Timing
from simulator.stations.connector import Connector
from simulator.stations.drivers import draw_car, next_arrival_h
from simulator.stations.ledger import Ledger
from simulator.stations.station import ConnectorBusy, SimulatedStation, TokenRefused

STATE_FILE = "stations.sqlite"
DAY_STARTS_AT_H = 6
START_SPREAD_S = 0.01
"""Between two stations' first dials: a fleet is not switched on by one hand."""

DRAIN_POLL_S = 0.05
DRAIN_S_MAX = 3_600.0
ARRIVALS_PENDING_MAX = 500
PRIME_MAX = 100
PRIME_POLLS = 40
PRIME_POLL_S = 0.25
PRIME_STAY_S = 60.0
"""How long the first cars on DC stay at most, so that their sessions are soon settled."""


class Fleet:
    """All stations of one file on one ledger."""

    def __init__(
        self,
        config: FleetConfig,
        url: str,
        *,
        timing: Timing,
        state_dir: Path | None,
        seed: int,
        demand: float = 1.0,
        start_spread_s: float = START_SPREAD_S,
    ) -> None:
        """Raises `StateInUse` where another fleet has the state directory."""
        self.ledger = Ledger(None if state_dir is None else state_dir / STATE_FILE)
        with self.ledger.atomically():
            self.stations = {
                one.identity: SimulatedStation(
                    one, url, timing=timing, ledger=self.ledger, seed=seed
                )
                for one in config.stations
            }
        self.counters: Counter[str] = Counter()
        self._timing = timing
        self._demand = demand
        self._start_spread_s = start_spread_s
        self._rng = random.Random(f"{seed}/drivers")  # noqa: S311 - figures, not secrets
        self._drivers: asyncio.Task[None] | None = None
        self._arrivals: set[asyncio.Task[None]] = set()
        self._began_at = datetime.now(UTC)

    async def __aenter__(self) -> Self:
        async for _ in self.start_all():
            continue
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start_all(self) -> AsyncIterator[SimulatedStation]:
        """Switch them on one by one at the fleet's rate; yields each once it is on."""
        began, loop = asyncio.get_running_loop().time(), asyncio.get_running_loop()
        for number, station in enumerate(self.stations.values(), start=1):
            station.start()
            yield station
            await asyncio.sleep(max(began + number * self._start_spread_s - loop.time(), 0))

    async def close(self) -> None:
        """Switch all off and let go of the disk."""
        await self.stop_drivers()
        await asyncio.gather(*(station.stop() for station in self.stations.values()))
        self.ledger.close()

    def start_drivers(self, *, prime: int = 0) -> None:
        """Drivers arrive from now on. `prime` of them are there in the first seconds, half on DC
        where there is some, for whom a short stay is drawn: somebody watches."""
        if self._drivers is None:
            self._drivers = asyncio.create_task(self._drive())
            if prime > 0:
                self._hold(asyncio.create_task(self._prime(prime)))

    async def stop_drivers(self) -> None:
        """No more arrivals; cars that are here stay."""
        tasks = [*self._arrivals, *([self._drivers] if self._drivers else [])]
        self._drivers = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self, timeout_s: float) -> dict[str, Any]:
        """End every session and wait until every transaction message is answered.

        Returns `{"drained": bool, "queue_length": int, "unconfirmed": [transaction keys]}`."""
        await self.stop_drivers()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(timeout_s, DRAIN_S_MAX)
        while loop.time() < deadline:
            self._send_everybody_home()
            if not self._is_busy():
                break
            await asyncio.sleep(DRAIN_POLL_S)
        unconfirmed = [
            one.key
            for one in self.ledger.transactions()
            if not one.confirmed and "no_stop" not in one.faults
        ]
        queued = sum(station.queue_length for station in self.stations.values())
        drained = not self._is_busy()
        return {"drained": drained, "queue_length": queued, "unconfirmed": unconfirmed}

    def _send_everybody_home(self) -> None:
        # Again each round: a remote start may have brought a car meanwhile.
        for station in self.stations.values():
            if station.is_powered:
                for connector in station.connectors.values():
                    connector.depart()

    def _is_busy(self) -> bool:
        return any(
            station.queue_length or any(one.car for one in station.connectors.values())
            for station in self.stations.values()
        )

    def _local_time(self) -> datetime:
        """The drivers' own time of day: accelerated, and then the day begins at the rush hour."""
        now = datetime.now(UTC)
        if self._timing.acceleration == 1:
            return now.astimezone()
        morning = self._began_at.astimezone().replace(hour=DAY_STARTS_AT_H, minute=0, second=0)
        return morning + (now - self._began_at) * self._timing.acceleration

    async def _drive(self) -> None:
        while True:
            free = self._free()
            evses = sum(len(one.config.evses) for one in self.stations.values())
            wait_h = next_arrival_h(self._rng, self._local_time(), evses=evses, demand=self._demand)
            await asyncio.sleep(timedelta(hours=wait_h).total_seconds() / self._timing.acceleration)
            free = self._free()
            if not free or len(self._arrivals) >= ARRIVALS_PENDING_MAX:
                self.counters["drivers_turned_away"] += 1
                continue
            station, connector = self._rng.choice(free)
            self._hold(asyncio.create_task(self._arrive(station, connector)))

    def _hold(self, task: asyncio.Task[None]) -> None:
        self._arrivals.add(task)
        task.add_done_callback(self._arrivals.discard)

    async def _prime(self, count: int) -> None:
        """As soon as enough stations are online, and no later than a few seconds."""
        rng = random.Random(f"{self._began_at.timestamp()}/prime")  # noqa: S311 - figures
        for turn in range(count):
            for _ in range(PRIME_POLLS):
                free = [one for one in self._free() if one[0].is_online]
                if free:
                    break
                await asyncio.sleep(PRIME_POLL_S)
            wanted = [one for one in free if one[1].is_dc == (turn % 2 == 0)] or free
            if not wanted:
                return
            station, connector = rng.choice(wanted)
            self._hold(asyncio.create_task(self._arrive(station, connector, soon=True)))
            await asyncio.sleep(PRIME_POLL_S)

    def _free(self) -> list[tuple[SimulatedStation, Connector]]:
        return [
            (station, connector)
            for station in self.stations.values()
            if station.is_powered
            for connector in station.connectors.values()
            if station.is_free(connector) and connector.awaited is None
        ]

    async def _arrive(
        self, station: SimulatedStation, connector: Connector, *, soon: bool = False
    ) -> None:
        car = draw_car(
            self._rng,
            now=datetime.now(UTC),
            local=self._local_time(),
            max_power_w=connector.max_power_w,
            is_dc=connector.is_dc,
            acceleration=self._timing.acceleration,
        )
        if soon and connector.is_dc:
            leaves_at = datetime.now(UTC) + timedelta(seconds=PRIME_STAY_S)
            car = replace(car, departs_at=min(car.departs_at, leaves_at))
        self.counters["drivers_arrived"] += 1
        try:
            token = self._rng.choice(station.config.tokens)
            await station.plug_in(connector.number, token, car=car)
        except (ConnectorBusy, TokenRefused):
            self.counters["drivers_refused"] += 1

    def report(self) -> dict[str, Any]:
        """The fleet as the control port shows it."""
        return {
            "stations": [station_report(one) for one in self.stations.values()],
            "counters": dict(self.counters),
            "drivers": self._drivers is not None,
        }

    def transactions(self, station: str | None = None) -> list[dict[str, Any]]:
        """Every transaction ever; a running one as it is this instant."""
        now = datetime.now(UTC)
        for one in self.stations.values():
            for connector in one.connectors.values():
                connector.advance(now)
        return [one.record() for one in self.ledger.transactions(station)]


def station_report(station: SimulatedStation) -> dict[str, Any]:
    """One station: what it is, how it is, what waits."""
    return {
        "identity": station.identity,
        "protocol": station.config.protocol,
        "connected": station.line.is_connected,
        "online": station.is_online,
        "powered": station.is_powered,
        "queue_length": station.queue_length,
        "counters": dict(station.counters),
        "connectors": [
            {
                "connector": one.number,
                "evse": one.evse,
                "status": one.status.value,
                "register_wh": one.register_mwh / 1_000,
                "power_w": one.reading().power_w,
                "transaction": one.transaction.record() if one.transaction else None,
            }
            for one in station.connectors.values()
        ],
    }
