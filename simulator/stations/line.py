"""A station's line to the back office: dial, boot, beat, send, lose it, dial again.

A reconnect is not a boot: most real stations send only their status and what was queued.
"""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from simulator.stations.certificates import tls_context
from simulator.stations.connection import CannotConnect, Connection, open_socket
from simulator.stations.displays import FACTORY_SLOT, network_slot
from simulator.stations.messages import (
    Answer,
    CallFailed,
    CallRefused,
    CallTimedOut,
    ConnectionGone,
    Json,
    Message,
)

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

HEARTBEAT_S_MAX = 86_400
BACKOFF_DOUBLINGS_MAX = 16

logger = logging.getLogger(__name__)


class Line:
    """One task that keeps a socket open for as long as the station has power and reach."""

    def __init__(self, station: "SimulatedStation", url: str) -> None:
        self._station = station
        self._url = url
        self._dialled = url
        self.slot = FACTORY_SLOT  # of the network profile in use (2.x)
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._usable = asyncio.Event()
        self._usable.set()
        self._offline_until = 0.0
        self._boot_now = asyncio.Event()
        self.is_accepted = False
        self.is_online = False
        self.trouble: str | None = None  # why the last dialling failed; None once it succeeded
        self.boot_reason = "PowerUp"

    @property
    def is_tls(self) -> bool:
        """The address in use is wss."""
        return self._dialled.startswith("wss:")

    async def send_raw(self, frame: str) -> None:
        """Whatever this is, on the open socket; a lost line loses it."""
        if self._connection is not None:
            with contextlib.suppress(ConnectionGone):
                await self._connection.send_raw(frame)

    def _answer(self, action: str, payload: Json) -> Answer:
        if self._station.watch is not None:
            self._station.watch.ordered(self._station.identity, action, payload)
        return self._station.dialect.answer(action, payload)

    async def send(self, message: Message) -> None:
        """A SEND of 2.1; a lost line loses it."""
        if self._connection is not None:
            with contextlib.suppress(ConnectionGone):
                await self._connection.send(message)

    @property
    def is_connected(self) -> bool:
        """A socket is open, accepted or not."""
        return self._connection is not None

    def start(self) -> None:
        """Dial, and never give up."""
        self._task = self._station.background(self._hold())

    async def stop(self, *, abruptly: bool) -> None:
        """Hang up for good."""
        connection = self._connection
        if connection is not None and not abruptly:
            await connection.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if connection is not None:
            connection.abort()

    async def hang_up(self, *, close_frame: bool) -> None:
        """Lose the socket now; the task dials again by itself."""
        connection = self._connection
        self.is_online = False
        if connection is None:
            return
        if close_frame:
            await connection.close()
        else:
            connection.abort()

    def out_of_reach(self, seconds: float) -> None:
        """No socket for so long. What happens meanwhile is queued or lost, as it is its nature."""
        self._offline_until = asyncio.get_running_loop().time() + seconds
        self.is_online = False
        if self._connection is not None:
            self._connection.abort()

    def power(self, *, is_on: bool) -> None:
        """Without power nobody dials."""
        if is_on:
            self._usable.set()
        else:
            self.is_online = False
            self._usable.clear()

    def boot_again(self) -> None:
        """The back office asked for a BootNotification."""
        self._boot_now.set()
        if self.is_online:
            self._station.background(self._boot_while_online())

    async def _hold(self) -> None:
        loop, timing, failures = asyncio.get_running_loop(), self._station.timing, 0
        while True:
            await self._usable.wait()
            await asyncio.sleep(max(self._offline_until - loop.time(), 0))
            connected_at = loop.time()
            try:
                self.slot, self._dialled = network_slot(self._station, self._url, failures)
                await self._connect_and_serve(self._dialled)
                was_useful = loop.time() - connected_at > timing.reconnect_max_s
                failures = 1 if was_useful else failures + 1
            except CannotConnect as error:
                failures += 1
                self.trouble = str(error)
                self._station.counters["connect_failed"] += 1
                logger.debug("%s cannot connect: %s", self._station.identity, error)
            longest_s = timing.reconnect_base_s * 2 ** min(failures - 1, BACKOFF_DOUBLINGS_MAX)
            # Jitter, or a whole fleet comes back in the same instant after an outage.
            jitter = self._station.rng.uniform(0.5, 1.0)
            await asyncio.sleep(min(longest_s, timing.reconnect_max_s) * jitter)

    async def _connect_and_serve(self, url: str) -> None:
        station = self._station
        socket = await open_socket(
            url,
            station.identity,
            protocol=station.config.protocol,
            password=station.settings.text("password"),
            ping_interval_s=None if station.quirks.no_pings else station.timing.ping_interval_s,
            ssl=tls_context(station) if url.startswith("wss:") else None,
        )
        connection = Connection(
            socket,
            self._answer,
            format_error=station.dialect.format_error,
            call_timeout_s=station.timing.call_timeout_s,
            quirks=station.quirks,
            weather=station.weather,
            rng=station.rng,
        )
        self._connection = connection
        self.trouble = None
        station.counters["connected"] += 1
        listening = asyncio.create_task(connection.listen())
        working = asyncio.create_task(self._work(connection))
        try:
            if not self._usable.is_set() or self._offline_until > asyncio.get_running_loop().time():
                connection.abort()
            await asyncio.wait({listening, working}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.is_online = False
            self._connection = None
            connection.abort()
            listening.cancel()
            working.cancel()
            outcomes = await asyncio.gather(listening, working, return_exceptions=True)
            station.delivery.forget_asides()
            station.counters["late_answers"] += connection.late_answers
            for outcome in outcomes:
                if isinstance(outcome, Exception) and not isinstance(outcome, CallFailed):
                    station.counters["crashed"] += 1
                    logger.error("the line of %s failed", station.identity, exc_info=outcome)

    async def _work(self, connection: Connection) -> None:
        station = self._station
        if not self.is_accepted or station.config.boot_on_reconnect:
            await self._boot(connection)
        self.is_online = True
        for connector in station.connectors.values():
            connector.announce(again=True)
        beating = asyncio.create_task(self._beat())
        try:
            await station.delivery.run(connection)
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _boot(self, connection: Connection) -> None:
        """Until accepted; meanwhile the back office may call us, and we keep to its interval."""
        self.is_accepted = False
        timing = self._station.timing
        while True:
            self._boot_now.clear()
            hasty = self._tell_hastily(connection)
            try:
                boot = self._station.dialect.boot(self.boot_reason)
                answer = await self._station.delivery.timed(connection, boot)
            except (CallTimedOut, CallRefused):
                answer = {}
            self._station.counters["boots"] += 1
            await asyncio.gather(*hasty, return_exceptions=True)
            if answer.get("status") == "Accepted":
                self._booted(answer)
                return
            wait_s = _interval_s(answer) or timing.boot_retry_s
            try:
                async with asyncio.timeout(wait_s):
                    await self._boot_now.wait()
            except TimeoutError:
                continue

    def _tell_hastily(self, connection: Connection) -> list[asyncio.Task[Json]]:
        """Some stations send their status behind the boot without waiting for its answer."""
        station = self._station
        if not station.faults.spend("eager_boot"):
            return []
        at = station.station_time()
        return [
            asyncio.create_task(connection.call(station.dialect.status(one, at)))
            for one in station.connectors.values()
        ]

    async def _boot_while_online(self) -> None:
        """A triggered boot of a running station changes nothing but the heartbeat interval."""
        dialect = self._station.dialect
        try:
            answer = await self._station.delivery.ask(dialect.boot("Triggered"))
        except CallFailed:
            return
        if answer.get("status") == "Accepted":
            self._booted(answer)

    def _booted(self, answer: Json) -> None:
        self.is_accepted = True
        self.boot_reason = "PowerUp"
        interval_s = _interval_s(answer)
        if interval_s:
            self._station.settings.change("heartbeat_interval_s", str(interval_s))

    async def _beat(self) -> None:
        station = self._station
        while True:
            await asyncio.sleep(station.settings.seconds("heartbeat_interval_s"))
            try:
                await station.delivery.ask(station.dialect.heartbeat())
            except ConnectionGone:
                return
            except CallFailed:
                continue


def _interval_s(answer: Json) -> int | None:
    interval = answer.get("interval")
    if not isinstance(interval, int) or isinstance(interval, bool) or interval <= 0:
        return None
    return min(interval, HEARTBEAT_S_MAX)
