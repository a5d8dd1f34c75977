"""A connector: its meter, the car on it and the transaction that runs. Knows no OCPP version.

One task lives with each car. It sleeps until the next thing that can happen (a sample, a threshold
of the car's, the driver's return) and is woken early by orders and faults.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from simulator.stations.car import Car, Reading, read_meter
from simulator.stations.config import EvseConfig
from simulator.stations.dialect import Moment
from simulator.stations.power import Situation, limit_w, next_change
from simulator.stations.transaction import ChargingState, ConnectorStatus, StopReason, Transaction

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

SLEEP_S_MIN = 0.002

_STATUS_OF = {
    ChargingState.EV_CONNECTED: ConnectorStatus.PREPARING,
    ChargingState.CHARGING: ConnectorStatus.CHARGING,
    ChargingState.SUSPENDED_EV: ConnectorStatus.SUSPENDED_EV,
    ChargingState.SUSPENDED_EVSE: ConnectorStatus.SUSPENDED_EVSE,
    ChargingState.IDLE: ConnectorStatus.FINISHING,
}


class Connector:
    """`number` counts through the station from 1, as in OCPP 1.6; `evse` and `position` are 2.0.1's
    pair. `register_mwh` only grows and is the truth."""

    def __init__(
        self,
        station: "SimulatedStation",
        *,
        number: int,
        evse: int,
        position: int,
        config: EvseConfig,
        register_mwh: int,
    ) -> None:
        self._station = station
        self.number = number
        self.evse = evse
        self.position = position
        self.max_power_w = config.max_power_w
        self.is_dc = config.current_type == "DC"
        self.register_mwh = register_mwh
        self.car: Car | None = None
        self.transaction: Transaction | None = None
        self.was_charged = False
        self.awaited: tuple[str, int | None, datetime] | None = None
        self.has_priority = False
        self._limit_w = self.max_power_w
        self._advanced_at = datetime.now(UTC)
        self._sample_at = self._advanced_at
        self._poked = asyncio.Event()
        self._announced: str | None = None

    @property
    def status(self) -> ConnectorStatus:
        """Follows from the car, the transaction and the availability that was ordered."""
        if self.transaction is not None:
            return _STATUS_OF[self.transaction.state]
        if not self._station.is_operative(self.number):
            return ConnectorStatus.UNAVAILABLE
        if self.car is None:
            is_reserved = self._station.reservations.on(self) is not None
            return ConnectorStatus.RESERVED if is_reserved else ConnectorStatus.AVAILABLE
        return ConnectorStatus.FINISHING if self.was_charged else ConnectorStatus.PREPARING

    def set_register(self, register_mwh: int) -> None:
        """The meter was reset, exchanged or has jumped: from now on this is its truth."""
        self.register_mwh = register_mwh
        self._station.ledger.save_register(self._station.identity, self.number, register_mwh)
        if self.transaction is not None:
            self.transaction.faults.append("meter_set")

    def reading(self) -> Reading:
        """What the meter shows now."""
        return read_meter(self.register_mwh, self.car, power_w=self._power_w(), is_dc=self.is_dc)

    def occupy(self, car: Car) -> None:
        """A car is plugged in. Its task lives until it leaves."""
        self.car = car
        self.was_charged = False
        self._advanced_at = datetime.now(UTC)
        self._station.ledger.save_car(self._station.identity, self.number, car.document())
        self.announce()
        self._station.background(self._live())

    def restore(self, car: Car, transaction: Transaction | None) -> None:
        """Continue after the process was killed: no power flowed while it was dead."""
        self.car = car
        self.transaction = transaction
        self.was_charged = transaction is None
        self._advanced_at = self._sample_at = datetime.now(UTC)
        self._station.background(self._live())

    def begin(self, token: str, *, remote_start_id: int | None = None) -> Transaction:
        """Start a transaction with the car that is here."""
        station, now = self._station, datetime.now(UTC)
        self._advanced_at = now
        register_mwh = station.dialect.reported_mwh(self.register_mwh)
        transaction = Transaction(
            key=str(uuid4()),
            station=station.identity,
            connector=self.number,
            evse=self.evse,
            token=token,
            transaction_id=None,
            started_at=now,
            start_register_mwh=register_mwh,
            last_register_mwh=register_mwh,
            remote_start_id=remote_start_id,
            started_offline=not station.is_online,
            reservation_id=station.reservations.use(self, token),
        )
        self.transaction = transaction
        self.has_priority = False
        for fault in ("no_start", "no_stop"):
            if station.faults.spend(fault):
                transaction.faults.append(fault)
        with station.ledger.atomically():
            events = station.dialect.started(transaction, self._moment(now))
            if "no_start" not in transaction.faults:
                station.emit(transaction, "start", events)
            self._become(ChargingState.CHARGING, now)
        self._sample_at = now + timedelta(seconds=station.settings.seconds("meter_interval_s"))
        self.announce()
        self._poked.set()
        return transaction

    def stop(self, reason: StopReason) -> None:
        """End the transaction; the car stays where it is."""
        station, transaction, now = self._station, self.transaction, datetime.now(UTC)
        if transaction is None:
            return
        with station.ledger.atomically():
            self.advance(now)
            transaction.ended_at = now
            transaction.stop_reason = reason
            transaction.stop_register_mwh = station.dialect.reported_mwh(self.register_mwh)
            transaction.last_register_mwh = transaction.stop_register_mwh
            transaction.state = ChargingState.IDLE
            events = station.dialect.ended(transaction, self._moment(now), reason)
            if "no_stop" not in transaction.faults:
                station.emit(transaction, "stop", events)
            station.ledger.release_held(station.identity, transaction.key)
            station.ledger.save_transaction(transaction)
        self.transaction = None
        self.was_charged = True
        self.announce()
        self._poked.set()
        station.ended(transaction)

    def depart(self) -> None:
        """The driver is back: the transaction ends, the car leaves."""
        if self.car is None:
            return
        by_card = self.car.leaves_by_card
        self.stop(StopReason.LOCAL if by_card else StopReason.EV_DISCONNECTED)
        self.car = None
        self.was_charged = False
        self._station.ledger.save_car(self._station.identity, self.number, None)
        self.announce()
        self._poked.set()

    def sample(self, *, asked: bool = False) -> None:
        """Queue a sample of the running transaction."""
        station, transaction, now = self._station, self.transaction, datetime.now(UTC)
        if transaction is None:
            return
        with station.ledger.atomically():
            self.advance(now)
            events = station.dialect.metered(transaction, self._moment(now), asked=asked)
            held = station.faults.spend("hold_next_meter")
            if held:
                transaction.faults.append("late_meter")
            station.emit(transaction, "sample", events, held=held)

    def idle_moment(self) -> Moment:
        """Now, for a sample outside a transaction."""
        return self._moment(datetime.now(UTC))

    def situation(self, evse: int | None = None) -> Situation:
        """What charging profiles apply to. 1.6 counts connectors, later versions EVSEs."""
        transaction = self.transaction
        own = self.number if self._station.config.protocol == "ocpp1.6" else self.evse
        return Situation(
            evse=own if evse is None else evse,
            transaction_id=None if transaction is None else transaction.transaction_id,
            started_at=None if transaction is None else transaction.started_at,
            max_power_w=self.max_power_w,
            phases=3 if self.car is None or self.is_dc else self.car.phases,
            priority=self.has_priority,
        )

    def _heed_profiles(self, transaction: Transaction, now: datetime) -> datetime | None:
        """Put the limit of this instant into force; returns when it may change."""
        profiles = self._station.profiles.all
        if not profiles:
            self._limit_w = self.max_power_w
        else:
            self._limit_w = limit_w(profiles, now, self.situation())
        if self._limit_w == 0 and transaction.state is ChargingState.CHARGING:
            self._become(ChargingState.SUSPENDED_EVSE, now)
        elif self._limit_w > 0 and transaction.state is ChargingState.SUSPENDED_EVSE:
            self._become(ChargingState.CHARGING, now)
        if not profiles:
            return None
        return next_change(profiles, now, now + timedelta(days=1), self.situation())

    def advance(self, now: datetime) -> None:
        """Bring the register up to `now` and to disk."""
        elapsed_s = (now - self._advanced_at).total_seconds()
        self._advanced_at = max(now, self._advanced_at)
        transaction, car = self.transaction, self.car
        if transaction is None or car is None:
            return
        station = self._station
        with station.ledger.atomically():
            if self._power_w() > 0:
                self.register_mwh += car.advance(elapsed_s, self._limit_w)
                station.ledger.save_register(station.identity, self.number, self.register_mwh)
            transaction.last_register_mwh = station.dialect.reported_mwh(self.register_mwh)
            station.ledger.save_transaction(transaction)
            station.ledger.save_car(station.identity, self.number, car.document())

    def announce(self, *, again: bool = False) -> None:
        """Tell the status if its word changed, or `again` after a reconnect."""
        word = self._station.dialect.status_word(self)
        if again or word != self._announced:
            self._announced = word
            self._station.tell(self._station.dialect.status(self, self._station.station_time()))

    def poke(self) -> None:
        """Look again at once."""
        self._poked.set()

    async def _live(self) -> None:
        while self.car is not None:
            now = datetime.now(UTC)
            wake_at = self._step(now)
            if wake_at is None:
                return
            self._poked.clear()
            try:
                async with asyncio.timeout(max((wake_at - now).total_seconds(), SLEEP_S_MIN)):
                    await self._poked.wait()
            except TimeoutError:
                continue

    def _step(self, now: datetime) -> datetime | None:
        """Do what is due; returns when to look again, None when the car has left."""
        car, transaction = self.car, self.transaction
        if car is None:
            return None
        if not self._station.is_powered:
            return now + timedelta(seconds=3600)
        if now >= car.departs_at:
            self.depart()
            return None
        if transaction is None:
            return car.departs_at
        with self._station.ledger.atomically():
            self.advance(now)
            self._follow_car(car, transaction, now)
            limit_changes_at = self._heed_profiles(transaction, now)
            if now >= self._sample_at:
                self.sample()
                interval_s = self._station.settings.seconds("meter_interval_s")
                self._sample_at = now + timedelta(seconds=interval_s)
        wake_at = min(car.departs_at, self._sample_at, limit_changes_at or car.departs_at)
        if transaction.state is ChargingState.CHARGING:
            change_s = car.changes_in_s(self._limit_w)
            return min(wake_at, now + timedelta(seconds=min(change_s, 86_400.0)))
        return min(wake_at, car.paused_until) if car.paused_until else wake_at

    def _follow_car(self, car: Car, transaction: Transaction, now: datetime) -> None:
        if transaction.state is ChargingState.CHARGING and car.full:
            self._become(ChargingState.SUSPENDED_EV, now)
        elif transaction.state is ChargingState.CHARGING and car.pause_due:
            car.pause(now)
            self._become(ChargingState.SUSPENDED_EV, now)
        elif car.paused_until is not None and now >= car.paused_until:
            car.paused_until = None
            self._become(ChargingState.CHARGING, now)

    def _become(self, state: ChargingState, now: datetime) -> None:
        transaction = self.transaction
        if transaction is None or transaction.state is state:
            return
        station = self._station
        transaction.state = state
        events = station.dialect.state_changed(transaction, self._moment(now))
        station.emit(transaction, "state", events)
        self.announce()

    def _power_w(self) -> int:
        transaction = self.transaction
        if self.car is None or transaction is None or not self._station.is_powered:
            return 0
        if transaction.state is not ChargingState.CHARGING or self.car.full:
            return 0
        return self.car.power_w(self._limit_w)

    def _moment(self, now: datetime) -> Moment:
        return Moment(
            at=self._station.faults.station_time(now),
            reading=self.reading(),
            offline=not self._station.is_online,
        )
