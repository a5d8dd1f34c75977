"""A charging station, whichever OCPP version it speaks: connectors, cars, and what goes wrong.

`async with SimulatedStation(config, url) as station: await station.plug_in(1, token)` is the whole
use in process; a fleet holds many with one ledger.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from simulator.stations import car as cars
from simulator.stations.authorization import known_status, learn
from simulator.stations.car import Car
from simulator.stations.charging import Profiles
from simulator.stations.config import StationConfig, Timing
from simulator.stations.connector import Connector
from simulator.stations.delivery import Delivery
from simulator.stations.dialect import Dialect
from simulator.stations.drivers import draw_car
from simulator.stations.faults import Faults
from simulator.stations.ledger import Ledger, Waiting
from simulator.stations.line import Line
from simulator.stations.memory import Memory
from simulator.stations.messages import CallFailed, CallRefused, Json, Message
from simulator.stations.orders import Orders
from simulator.stations.reservations import Reservations
from simulator.stations.settings import Settings, factory_settings
from simulator.stations.tally import Watch
from simulator.stations.transaction import ConnectorStatus, StopReason, Transaction
from simulator.stations.v16 import Dialect16
from simulator.stations.v201 import Dialect201
from simulator.stations.weather import Weather

REGISTER_MWH_MAX = 24_800_000_000
"""Lifetime registers up to 24.8 MWh are seen in the field."""

ENERGY_WH_MAX = 1_000_000
STAY_S_MAX = 30 * 24 * 3600.0

logger = logging.getLogger(__name__)


class ConnectorBusy(Exception):
    """There is no such connector, or its EVSE is taken, or it is out of service."""


class TokenRefused(Exception):
    """The back office did not authorise the token; the car left without charging."""


class SimulatedStation:
    """One station. Everything that outlives a power cut is in the ledger."""

    def __init__(
        self,
        config: StationConfig,
        url: str,
        *,
        timing: Timing | None = None,
        ledger: Ledger | None = None,
        seed: int = 0,
    ) -> None:
        """`url` has `{identity}` in it. Without a ledger the station forgets all at its end."""
        self.config = config
        self.identity = config.identity
        self.timing = timing or Timing()
        self.ledger = ledger or Ledger(None)
        self._owns_ledger = ledger is None
        self.faults = Faults()
        self.weather = Weather()
        self.rng = random.Random(f"{seed}/{config.identity}")  # noqa: S311 - figures, not secrets
        self.settings = Settings(
            config.identity, self.ledger, factory_settings(config, self.timing)
        )
        self.memory = Memory(self.settings)
        self.quirks = config.quirks
        self.profiles = Profiles(self)
        self.reservations = Reservations(self)
        self.jobs: dict[str, asyncio.Task[None]] = {}
        self.event_id = 0
        is_16 = config.protocol == "ocpp1.6"
        self.dialect: Dialect = Dialect16(config, self) if is_16 else Dialect201(config, self)
        self.delivery = Delivery(
            config.identity,
            self.ledger,
            self.faults,
            complete=self._complete,
            learn=self._learn,
            retry_interval_s=self.timing.retry_interval_s,
        )
        self.counters: Counter[str] = self.delivery.counters
        self.orders = Orders(self)
        self.line = Line(self, url)
        self.is_powered = True
        self._tasks: set[asyncio.Task[None]] = set()
        self.connectors: dict[int, Connector] = {}
        self._owed: dict[str, Transaction] = {}
        self._build_connectors()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        if self._owns_ledger:
            self.ledger.close()

    def start(self) -> None:
        """Switch on: pick up what was running, and dial."""
        running = {one.connector: one for one in self.ledger.open_transactions(self.identity)}
        for number, document in self.ledger.cars(self.identity).items():
            if number in self.connectors:
                car = cars.from_document(document)
                self.connectors[number].restore(car, running.get(number))
        self.line.start()

    async def stop(self, *, abruptly: bool = False) -> None:
        """Switch off. `abruptly` leaves without a close frame, like a killed process."""
        await self.line.stop(abruptly=abruptly)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something of the station's own until it ends or the station does."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.counters["crashed"] += 1
            logger.error("a task of %s failed", self.identity, exc_info=error)

    def job(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a long job; it takes the place of one with the same name."""
        self.end_job(name)
        task = self.background(work)
        self.jobs[name] = task
        task.add_done_callback(lambda done: self._job_ended(name, done))

    def end_job(self, name: str) -> None:
        """Stop a job, if it runs."""
        if (task := self.jobs.pop(name, None)) is not None:
            task.cancel()

    def _job_ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self.jobs.get(name) is task:
            del self.jobs[name]

    def _build_connectors(self) -> None:
        for evse, config in enumerate(self.config.evses, start=1):
            for position in range(1, config.connectors + 1):
                number = len(self.connectors) + 1
                at_first = self.rng.randrange(REGISTER_MWH_MAX)
                self.connectors[number] = Connector(
                    self,
                    number=number,
                    evse=evse,
                    position=position,
                    config=config,
                    register_mwh=self.ledger.register_mwh(self.identity, number, at_first=at_first),
                )

    # What the station is doing

    @property
    def is_online(self) -> bool:
        """Booted, and a socket is open."""
        return self.line.is_online

    @property
    def is_charging(self) -> bool:
        """A transaction runs."""
        return any(one.transaction for one in self.connectors.values())

    @property
    def queue_length(self) -> int:
        """Transaction messages without an answer."""
        return self.ledger.queue_length(self.identity)

    @property
    def watch(self) -> Watch | None:
        """Who hears what passes on the line; nobody, unless a scenario runs."""
        return self.delivery.watch

    @property
    def firmware(self) -> str:
        """The version that runs: the factory's, or what was installed since."""
        return str(self.memory.read("firmware", self.config.firmware))

    def charging_as(self, transaction_id: str) -> Connector | None:
        """The connector on which this transaction runs."""
        for one in self.connectors.values():
            if one.transaction is not None and one.transaction.transaction_id == transaction_id:
                return one
        return None

    def station_time(self) -> datetime:
        """What the station's own clock shows."""
        return self.faults.station_time(datetime.now(UTC))

    def is_operative(self, number: int) -> bool:
        """Not put out of service, alone or with the station."""
        inoperative = (f"inoperative.{number}", "inoperative.0")
        return not any(self.settings.flag(name) for name in inoperative)

    def is_free(self, connector: Connector) -> bool:
        """No car on any connector of its EVSE, and in service."""
        neighbours = [one for one in self.connectors.values() if one.evse == connector.evse]
        return all(one.car is None for one in neighbours) and connector.status in (
            ConnectorStatus.AVAILABLE,
            ConnectorStatus.RESERVED,
        )

    # What people do

    async def plug_in(
        self,
        connector: int,
        token: str | None = None,
        *,
        energy_wh: int | None = None,
        stay_s: float | None = None,
        car: Car | None = None,
    ) -> Transaction | None:
        """A car arrives. Returns its transaction once it is authorised and runs.

        Energy and stay are real figures; without them, drawn ones are divided by the acceleration.
        Without a token the car waits for a remote start and nothing is returned. Raises
        `ConnectorBusy`, or `TokenRefused` once the car has left again.
        """
        one = self.connectors.get(connector)
        is_free = one is not None and self.is_powered and self.is_free(one)
        if one is None or not is_free or not self.reservations.admits(one, token):
            raise ConnectorBusy(f"connector {connector} of {self.identity}")
        one.occupy(car or self._car(one, energy_wh, stay_s))
        if token is None:
            return self.orders.begin_awaited(one)
        if not await self.is_authorized(token):
            self.counters["tokens_refused"] += 1
            one.depart()
            raise TokenRefused(self.identity)
        if one.car is None or one.transaction is not None:
            raise ConnectorBusy("the car left, or a remote start was faster")
        return one.begin(token)

    def unplug(self, connector: int) -> Transaction | None:
        """The driver comes back now. Returns the transaction that this ended."""
        one = self.connectors.get(connector)
        if one is None or one.car is None:
            raise ConnectorBusy(f"no car on connector {connector} of {self.identity}")
        transaction = one.transaction
        one.depart()
        return transaction

    async def is_authorized(self, token: str) -> bool:
        """Ask; offline, the station decides by what it knows, else by its own setting."""
        known = known_status(self, token)
        if known == "Accepted" and self.settings.flag("is_local_pre_authorize"):
            return True
        if self.is_online:
            try:
                answer = await self.delivery.ask(self.dialect.authorize(token))
                learn(self, token, answer.get("idTagInfo") or answer.get("idTokenInfo"))
                return self.dialect.is_authorized(answer)
            except CallRefused:
                return False
            except CallFailed:
                pass
        is_allowed = self.settings.flag("is_offline_allowed")
        return is_allowed and known in (None, "Accepted")

    # What goes wrong

    async def drop(self, *, close_frame: bool) -> None:
        """Lose the socket and come back by the ordinary back-off."""
        await self.line.hang_up(close_frame=close_frame)

    def go_offline(self, seconds: float) -> None:
        """Out of reach for a while; cars charge on."""
        self.line.out_of_reach(seconds)

    async def reboot(
        self,
        *,
        keep: bool,
        boot_notification: bool = True,
        close_frame: bool = False,
        reason: str = "PowerUp",
    ) -> None:
        """Power off and on. `keep` resumes transactions, otherwise they end with PowerLoss."""
        now = datetime.now(UTC)
        for connector in self.connectors.values():
            connector.advance(now)
        self.is_powered = False
        self.line.power(is_on=False)
        await self.line.hang_up(close_frame=close_frame)
        await asyncio.sleep(self.timing.boot_delay_s)
        if boot_notification:
            self.line.is_accepted = False
            self.line.boot_reason = reason
        now = datetime.now(UTC)
        for connector in self.connectors.values():
            connector.advance(now)
            if not keep:
                connector.stop(StopReason.POWER_LOSS)
        self.is_powered = True
        self.line.power(is_on=True)
        for connector in self.connectors.values():
            connector.poke()

    # What the other parts of the station need

    def emit(
        self, transaction: Transaction, role: str, events: list[Message], *, held: bool = False
    ) -> None:
        """Queue transaction messages and remember the transaction, in one write."""
        with self.ledger.atomically():
            for event in events:
                waiting = Waiting(0, transaction.key, role, event.action, event.payload)
                self.delivery.enqueue(waiting, held=held)
            self.ledger.save_transaction(transaction)

    def tell(self, message: Message) -> None:
        """Send something that is not worth keeping; lost where the line is."""
        if self.is_online:
            self.delivery.ask(message)

    def send(self, message: Message) -> None:
        """OCPP 2.1 SEND: nobody answers it, and offline it is lost."""
        if self.is_online:
            self.background(self.line.send(message))

    def ended(self, transaction: Transaction) -> None:
        """A transaction has ended; whoever holds the object sees when its end is confirmed."""
        if "no_stop" not in transaction.faults:
            self._owed[transaction.key] = transaction
        self.orders.transaction_ended()

    def _running(self, key: str) -> Transaction | None:
        for connector in self.connectors.values():
            if connector.transaction is not None and connector.transaction.key == key:
                return connector.transaction
        return None

    def _known(self, key: str) -> Transaction | None:
        return self._running(key) or self._owed.get(key) or self.ledger.transaction(key)

    def _complete(self, waiting: Waiting) -> Json:
        key = waiting.transaction_key
        return self.dialect.complete(waiting, self._known(key))

    def _learn(self, waiting: Waiting, answer: Json | None) -> None:
        key = waiting.transaction_key
        running = self._running(key)
        transaction = self._known(key)
        if transaction is None:
            return
        if waiting.role == "stop":
            self._owed.pop(key, None)
        if answer is None:
            transaction.faults.append(f"dropped {waiting.action}")
            self.ledger.save_transaction(transaction)
            return
        is_welcome = self.dialect.learn(waiting, answer, transaction)
        transaction.start_confirmed |= waiting.role == "start"
        transaction.confirmed |= waiting.role == "stop"
        self.ledger.save_transaction(transaction)
        if running is not None and not is_welcome and self.settings.flag("is_stop_on_invalid"):
            self.connectors[running.connector].stop(StopReason.DEAUTHORIZED)

    def _car(self, connector: Connector, energy_wh: int | None, stay_s: float | None) -> Car:
        car = draw_car(
            self.rng,
            now=datetime.now(UTC),
            max_power_w=connector.max_power_w,
            is_dc=connector.is_dc,
            acceleration=self.timing.acceleration,
        )
        if energy_wh is not None:
            car.wanted_mwh = min(energy_wh, ENERGY_WH_MAX) * 1_000
            car.pause_at_mwh = car.taper_at_mwh = None
        if stay_s is not None:
            car.departs_at = datetime.now(UTC) + timedelta(seconds=min(stay_s, STAY_S_MAX))
        return car
