"""How messages leave a station: transaction messages from disk, in order, until answered; the rest
at once or not at all.

A transaction message is sent again under a new message id after a timeout, a reconnect or a
restart, as real stacks do, and what is behind it waits. Other messages live in memory and die with
the socket.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from simulator.stations.connection import Connection
from simulator.stations.faults import Faults
from simulator.stations.ledger import Ledger, Waiting
from simulator.stations.messages import (
    CallFailed,
    CallRefused,
    CallTimedOut,
    ConnectionGone,
    Json,
    Message,
)
from simulator.stations.tally import Watch

ASIDE_MAX = 64
"""Messages outside transactions that may wait for the socket."""

REFUSALS_MAX = 3
"""A message answered with CALLERROR this often is dropped, as real stations do."""


@dataclass(frozen=True, slots=True)
class _Aside:
    message: Message
    answered: "asyncio.Future[Json]"


class Delivery:
    """The way out of one station. At most one call is outstanding, unless told to pipeline."""

    def __init__(
        self,
        station: str,
        ledger: Ledger,
        faults: Faults,
        *,
        complete: Callable[[Waiting], Json],
        learn: Callable[[Waiting, Json | None], None],
        retry_interval_s: float,
    ) -> None:
        """`complete` gives a waiting message its final payload (the transaction id may have been
        learnt since); `learn` hears each answer, or None when a message was dropped."""
        self._station = station
        self._ledger = ledger
        self._faults = faults
        self._complete = complete
        self._learn = learn
        self._retry_interval_s = retry_interval_s
        self._aside: deque[_Aside] = deque()
        self._refusals = 0
        self._news = asyncio.Event()
        self.idle = asyncio.Event()
        self.counters: Counter[str] = Counter()
        self.watch: Watch | None = None

    def enqueue(self, waiting: Waiting, *, held: bool = False) -> None:
        """Put a transaction message on disk. Part of the caller's SQLite transaction."""
        if self._ledger.enqueue(self._station, waiting, held=held):
            self._news.set()
            self.idle.clear()
        else:
            self.counters["dropped_full"] += 1

    def ask(self, message: Message) -> "asyncio.Future[Json]":
        """Send a message that is not about a transaction; the future holds its answer."""
        answered: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        if len(self._aside) >= ASIDE_MAX:
            answered.set_exception(ConnectionGone("too much is waiting"))
            answered.exception()
        else:
            self._aside.append(_Aside(message, answered))
            self._news.set()
        return answered

    def forget_asides(self) -> None:
        """The socket is gone, and what was not queued on disk goes with it."""
        while self._aside:
            self._fail(self._aside.popleft(), ConnectionGone("closed"))

    def wake(self) -> None:
        """Something may be sendable again."""
        self._news.set()

    async def run(self, connection: Connection) -> None:
        """Send until the socket is gone. Raises `ConnectionGone`."""
        while True:
            if self._aside:
                await self._send_aside(connection, self._aside.popleft())
            elif waiting := self._ledger.head(self._station, 1 + self._faults.pipeline_next):
                await self._send_waiting(connection, waiting)
            else:
                self._news.clear()
                if not self._ledger.head(self._station, 1):
                    self.idle.set()
                    await self._news.wait()

    async def timed(self, connection: Connection, message: Message) -> Json:
        """A call, and whoever watches hears what became of it. Raises as the call does."""
        watch, began = self.watch, time.perf_counter()
        if watch is None:
            return await connection.call(message)
        try:
            answer = await connection.call(message)
        except CallRefused as error:
            watch.refused(self._station, message.action, error.code)
            raise
        except CallFailed:
            watch.lost(self._station, message.action)
            raise
        watch.answered(self._station, message.action, answer, time.perf_counter() - began)
        return answer

    async def _send_aside(self, connection: Connection, aside: _Aside) -> None:
        try:
            answer = await self.timed(connection, aside.message)
        except CallFailed as error:
            self._fail(aside, error)
            self.counters["failed"] += 1
            if isinstance(error, ConnectionGone):
                raise
        except asyncio.CancelledError:
            self._fail(aside, ConnectionGone("closed"))
            raise
        else:
            self.counters["answered"] += 1
            if not aside.answered.done():
                aside.answered.set_result(answer)

    async def _send_waiting(self, connection: Connection, waiting: list[Waiting]) -> None:
        """The head alone, or as a pipelined burst: frames leave together, answers come as they do.

        A burst stops before a message whose payload depends on an answer that is still to come."""
        burst = waiting[:1]
        for one in waiting[1:]:
            if burst[-1].role == "start" and one.transaction_key == burst[-1].transaction_key:
                break
            burst.append(one)
            self._faults.spend("pipeline_next")
        tasks = [asyncio.create_task(self._send_one(connection, one)) for one in burst]
        try:
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for task in tasks:
                task.cancel()
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _send_one(self, connection: Connection, waiting: Waiting) -> None:
        message = Message(waiting.action, self._complete(waiting))
        self.counters["sent"] += 1
        try:
            answer = await self.timed(connection, message)
        except CallTimedOut:
            self.counters["timed_out"] += 1
            await asyncio.sleep(self._retry_interval_s)
            return
        except CallRefused:
            await self._refused(waiting)
            return
        self._refusals = 0
        self.counters["answered"] += 1
        if self._faults.spend("duplicate_next"):
            await self._duplicate(connection, message, answer)
        with self._ledger.atomically():
            self._ledger.answered(waiting.seq)
            self._learn(waiting, answer)

    async def _refused(self, waiting: Waiting) -> None:
        self.counters["refused"] += 1
        self._refusals += 1
        if self._refusals < REFUSALS_MAX:
            await asyncio.sleep(self._retry_interval_s * self._refusals)
            return
        self._refusals = 0
        self.counters["dropped_refused"] += 1
        with self._ledger.atomically():
            self._ledger.answered(waiting.seq)
            self._learn(waiting, None)

    async def _duplicate(self, connection: Connection, message: Message, first: Json) -> None:
        self.counters["duplicated"] += 1
        try:
            second = await connection.call(message)
        except CallRefused:
            self.counters["duplicate_answers_differ"] += 1
            return
        except CallTimedOut:
            return
        if second != first:
            self.counters["duplicate_answers_differ"] += 1

    def _fail(self, aside: _Aside, error: CallFailed) -> None:
        if not aside.answered.done():
            aside.answered.set_exception(error)
            aside.answered.exception()
