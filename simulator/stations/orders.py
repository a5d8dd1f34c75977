"""What the back office orders, in neutral words: each method decides now and returns what to do
once the answer is on the wire, or None to reject."""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from simulator.stations.connector import Connector
from simulator.stations.transaction import ConnectorStatus, StopReason, Transaction

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

SOFT_RESET_FLUSH_S = 5.0

Then = Callable[[], object]


class Orders:
    """The station's obedience."""

    def __init__(self, station: "SimulatedStation") -> None:
        self._station = station
        self._resets_when_idle = False

    def remote_start(
        self, token: str, *, connector: int | None, remote_start_id: int | None
    ) -> Then | None:
        """Take a car that waits, or wait for one; None when no connector can."""
        one = self._startable(connector)
        if one is None:
            return None
        if one.car is None:
            wait_s = self._station.settings.seconds("connection_timeout_s")
            until = datetime.now(UTC) + timedelta(seconds=wait_s)
            one.awaited = (token, remote_start_id, until)
        return lambda: self._station.background(self._start(one, token, remote_start_id))

    def _startable(self, number: int | None) -> Connector | None:
        station = self._station
        wanted = [
            one for one in station.connectors.values() if number is None or one.number == number
        ]
        waiting = [one for one in wanted if one.status is ConnectorStatus.PREPARING]
        free = [one for one in wanted if station.is_free(one) and not _is_awaited(one)]
        ready = [one for one in waiting if one.transaction is None] + free
        return ready[0] if ready else None

    async def _start(self, one: Connector, token: str, remote_start_id: int | None) -> None:
        station = self._station
        if one.car is None:
            if not station.config.remote_plug_in:
                return
            await asyncio.sleep(station.timing.plug_delay_s)
            if station.is_free(one) and _is_awaited(one):
                await station.plug_in(one.number)
            return
        if station.settings.flag("is_remote_authorized") and not await station.is_authorized(token):
            return
        if one.car is not None and one.transaction is None:
            one.begin(token, remote_start_id=remote_start_id)

    def begin_awaited(self, one: Connector) -> Transaction | None:
        """A car without a token came: does a remote start wait for it?"""
        if not _is_awaited(one) or one.awaited is None:
            return None
        token, remote_start_id, _ = one.awaited
        one.awaited = None
        return one.begin(token, remote_start_id=remote_start_id)

    def remote_stop(self, transaction_id: str) -> Then | None:
        """End the transaction; accepted but not done where that fault is armed."""
        for one in self._station.connectors.values():
            running = one.transaction
            if running is not None and running.transaction_id == transaction_id:
                if self._station.faults.spend("ignore_remote_stop"):
                    self._station.counters["remote_stops_ignored"] += 1
                    return lambda: None
                return lambda: one.stop(StopReason.REMOTE)
        return None

    def unlock(self, number: int) -> Then | None:
        """Open the lock, which ends a transaction."""
        one = self._station.connectors.get(number)
        return None if one is None else lambda: one.stop(StopReason.UNLOCK)

    def availability(
        self, number: int | None, *, operative: bool, each: bool = False
    ) -> tuple[str, Then | None]:
        """In or out of service, kept across reboots; never cuts a transaction off. With `each` a
        change of the whole station is one of each connector too (1.6 section 5.2); without, a
        connector keeps its own state below the station's (2.0.1 block G)."""
        station = self._station
        if number is not None and number not in station.connectors:
            return "Rejected", None
        concerned = [one for one in station.connectors.values() if number in (None, one.number)]
        is_busy = any(one.transaction is not None for one in concerned)

        def change() -> None:
            numbers = {number or 0} | ({one.number for one in concerned} if each else set())
            for changed in sorted(numbers):
                station.settings.change(f"inoperative.{changed}", str(not operative).lower())
            for one in concerned:
                one.announce()

        return ("Scheduled" if is_busy and not operative else "Accepted"), change

    def trigger(self, wanted: str, number: int | None) -> Then | None:
        """Send a message now; None for those that the station does not know."""
        station = self._station
        concerned = [one for one in station.connectors.values() if number in (None, one.number)]
        match wanted:
            case "BootNotification":
                return station.line.boot_again
            case "Heartbeat":
                return lambda: station.tell(station.dialect.heartbeat())
            case "StatusNotification":
                return lambda: self._announce(concerned)
            case "MeterValues" | "TransactionEvent":
                only_running = wanted == "TransactionEvent"
                return lambda: self._sample(concerned, only_running=only_running)
        return None

    def _announce(self, concerned: list[Connector]) -> None:
        for one in concerned:
            one.announce(again=True)

    def _sample(self, concerned: list[Connector], *, only_running: bool) -> None:
        for one in concerned:
            if one.transaction is not None:
                one.sample(asked=True)
            elif not only_running:
                self._station.tell(self._station.dialect.idle_sample(one, one.idle_moment()))

    def reset(self, *, hard: bool) -> None:
        """End what runs and boot again. Hard cuts the socket; the ends are told after the boot."""
        self._station.background(self._reset(hard=hard))

    def reset_when_idle(self) -> None:
        """Reset once the last transaction has ended."""
        self._resets_when_idle = True

    def transaction_ended(self) -> None:
        """Tell of each end: a reset may have waited for it."""
        if self._resets_when_idle and not self._station.is_charging:
            self._resets_when_idle = False
            self.reset(hard=False)

    async def _reset(self, *, hard: bool) -> None:
        station = self._station
        for one in station.connectors.values():
            one.stop(StopReason.HARD_RESET if hard else StopReason.SOFT_RESET)
        if not hard:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SOFT_RESET_FLUSH_S):
                    await station.delivery.idle.wait()
        await station.reboot(keep=True, close_frame=not hard, reason="RemoteReset")

    def settings_changed(self, names: Collection[str]) -> None:
        """A new password holds from the next connection, so there has to be one."""
        if "password" in names:
            self._station.background(self._station.drop(close_frame=True))
        for one in self._station.connectors.values():
            one.poke()


def _is_awaited(one: Connector) -> bool:
    return one.awaited is not None and one.awaited[2] > datetime.now(UTC)
