"""The writer: takes what waits, records it in one transaction, answers, and starts again.

No lingering: the next batch is whatever came while the last one was committed. Nobody is answered
before the commit returned. A message with bad data is found by halving and quarantined alone; any
other failure is tried again while the sockets that wait are open (DESIGN 2, steps 3 and 4).
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg import AsyncConnection

from gateway.metrics import GatewayMetrics
from gateway.writing.applying import Culprit
from gateway.writing.batch import quarantine, record
from gateway.writing.entry import Entry, LogLine
from gateway.writing.notices import Notices
from gateway.writing.pipelined import pipelined_transaction
from gateway.writing.station_saving import notify, save_seen

logger = structlog.get_logger()

ENTRIES_MAX = 20_000
BYTES_MAX = 64 * 1024 * 1024
BATCH_MAX = 256
LINES_MAX = 20_000
LINES_BYTES_MAX = 16 * 1024 * 1024
LINES_BATCH_MAX = 1_000
SEEN_INTERVAL_S = 10.0
IDLE_S = 0.5
RETRY_FIRST_S = 0.05
RETRY_MAX_S = 2.0
BATCH_TIMEOUT_S = 60.0

# What a message, not the database, is to blame for: its values refused, or not even written down.
BAD_DATA = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.CardinalityViolation,  # a row meant twice by one statement
    TypeError,
    ValueError,
    ArithmeticError,
    RecursionError,
)

Connect = Callable[[], Awaitable[AsyncConnection[Any]]]


class Writer:
    """A bounded queue and the one task that empties it."""

    def __init__(self, connect: Connect, start_timeout_s: int, metrics: GatewayMetrics) -> None:
        self._connect = connect
        self._start_timeout_s = start_timeout_s
        self._metrics = metrics
        self._connection: AsyncConnection[Any] | None = None
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._lines: deque[LogLine] = deque()
        self._lines_bytes = 0
        self._seen: dict[UUID, datetime] = {}
        self._seen_due = time.monotonic() + SEEN_INTERVAL_S
        self._notices = Notices()
        self._wake = asyncio.Event()
        self._space = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self.healthy = False

    async def submit(self, entry: Entry) -> None:
        """Queue a message; waits while the queue is full, so that its socket is not read."""
        while len(self._entries) >= ENTRIES_MAX or self._bytes >= BYTES_MAX:
            self._space.clear()
            await self._space.wait()
        self._entries.append(entry)
        self._bytes += len(entry.frame)
        self._idle.clear()
        self._wake.set()

    def log(self, line: LogLine) -> None:
        """Keep a frame in the message log, some time soon."""
        self._lines.append(line)
        self._lines_bytes += len(line.frame)
        if self.healthy and len(self._lines) >= LINES_BATCH_MAX:
            self._wake.set()
        while len(self._lines) > LINES_MAX or self._lines_bytes > LINES_BYTES_MAX:
            self._lines_bytes -= len(self._lines.popleft().frame)
            self._metrics.lines_dropped.inc()

    @property
    def crowded(self) -> bool:
        """Whether the log is so far behind that lines would soon be dropped."""
        return 2 * len(self._lines) > LINES_MAX or 2 * self._lines_bytes > LINES_BYTES_MAX

    def saw(self, station_id: UUID, at: datetime) -> None:
        """A station was heard of; written every ten seconds."""
        self._seen[station_id] = at

    async def run(self) -> None:
        """Write until stopped, and then until nothing waits."""
        self._metrics.queue.set_function(lambda: len(self._entries))
        try:
            while not (self._stopping and not self._entries):
                await self._turn()
            await self._once(self._flush_lines)
        finally:
            await self._disconnect()

    async def drained(self) -> None:
        """Wait until everything that was submitted is recorded and answered."""
        await self._idle.wait()

    def stop(self) -> None:
        """Let `run` return once nothing waits."""
        self._stopping = True
        self._wake.set()

    async def _turn(self) -> None:
        if not self._entries:
            self._wake.clear()
            self._idle.set()
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._wake.wait()
            except TimeoutError:
                await self._once(self._flush_lines)
                return
        batch = [self._entries.popleft() for _ in range(min(BATCH_MAX, len(self._entries)))]
        if not batch:
            if self.healthy and len(self._lines) >= LINES_BATCH_MAX:
                await self._once(self._flush_lines)
            return
        self._bytes -= sum(len(entry.frame) for entry in batch)
        self._space.set()
        await self._until_recorded(batch)
        if time.monotonic() >= self._seen_due:
            await self._once(self._flush_lines)

    async def _until_recorded(self, batch: list[Entry]) -> None:
        wait_s = RETRY_FIRST_S
        while batch:
            started = time.perf_counter()
            try:
                async with asyncio.timeout(BATCH_TIMEOUT_S):
                    await self._record(batch, self._take_lines())
            except Exception as error:
                await self._failed(error)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_MAX_S)
                # Whoever was answered is done. Whose socket is gone will send again.
                batch = [entry for entry in batch if entry.waits]
            else:
                self._metrics.batch_size.observe(len(batch))
                self._metrics.commit_seconds.observe(time.perf_counter() - started)
                return

    async def _record(self, entries: Sequence[Entry], lines: Sequence[LogLine]) -> None:
        """Record and answer; halve on bad data. Raises what must be tried again."""
        if not entries:
            self._give_back(lines)
            return
        connection = await self._connected()
        try:
            # A pipeline: statements whose results nobody needs yet do not wait for each other.
            async with pipelined_transaction(connection):
                answers, topics = await record(connection, entries, lines, self._start_timeout_s)
                await notify(connection, self._notices.due(topics))
        except Culprit as culprit:
            at = entries.index(culprit.entry)
            # Lines go back: they may be the ones that are refused, and no answer waits for them.
            await self._record(entries[:at], ())
            await self._quarantine(culprit.entry, culprit.error)
            await self._record(entries[at + 1 :], lines)
        except BAD_DATA as error:
            if lines:
                await self._split_lines(entries, lines)
            elif len(entries) == 1:
                await self._quarantine(entries[0], error)
            else:
                half = len(entries) // 2
                await self._record(entries[:half], ())
                await self._record(entries[half:], ())
        except Exception:
            self._give_back(lines)
            raise
        else:
            self.healthy = True
            for entry, answer in zip(entries, answers, strict=True):
                entry.answer = answer
                entry.settled()

    async def _split_lines(self, entries: Sequence[Entry], lines: Sequence[LogLine]) -> None:
        """The messages without the log lines; then the lines alone, which nobody waits for."""
        await self._record(entries, ())
        connection = await self._connected()
        try:
            async with connection.transaction():
                await record(connection, (), lines, self._start_timeout_s)
        except BAD_DATA as error:
            self._metrics.lines_dropped.inc(len(lines))
            logger.error("lines_refused", lines=len(lines), error=_named(error))

    async def _quarantine(self, entry: Entry, error: Exception) -> None:
        problem = _named(error)
        connection = await self._connected()
        try:
            async with connection.transaction():
                answer = await quarantine(connection, entry, problem, self._start_timeout_s)
                await notify(connection, self._notices.due({"frames"}))
        except BAD_DATA as refused:
            # Not even that. No answer, since nothing is stored: the station keeps it and sends it
            # again. Those behind it are answered all the same.
            self._metrics.unstorable.inc()
            logger.error("quarantine_refused", station=entry.peer.identity, error=_named(refused))
            entry.given_up = True
            entry.settled()
            return
        self._metrics.quarantined.inc()
        logger.warning(
            "quarantined", station=entry.peer.identity, action=entry.action[:40], problem=problem
        )
        entry.answer = answer
        entry.settled()

    async def _connected(self) -> AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = await self._connect()
        return self._connection

    async def _failed(self, error: Exception) -> None:
        self.healthy = False
        self._metrics.write_failures.inc()
        # Only what is about the connection is told in words: other texts may repeat values.
        plain = isinstance(error, OSError | psycopg.OperationalError)
        detail = str(error).partition("\n")[0][:200] if plain else ""
        logger.warning("write_failed", error=_named(error), detail=detail)
        await self._disconnect()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _take_lines(self) -> list[LogLine]:
        lines = [self._lines.popleft() for _ in range(min(LINES_BATCH_MAX, len(self._lines)))]
        self._lines_bytes -= sum(len(line.frame) for line in lines)
        return lines

    def _give_back(self, lines: Sequence[LogLine]) -> None:
        self._lines.extendleft(reversed(lines))
        self._lines_bytes += sum(len(line.frame) for line in lines)

    async def _flush_lines(self) -> None:
        """What no batch took along: log lines, stations seen, notices held back."""
        due = time.monotonic() >= self._seen_due or self._stopping
        seen = self._seen if due else {}
        topics = self._notices.held()
        if not (self._lines or seen or topics) and self.healthy:
            return
        connection = await self._connected()
        lines = self._take_lines()
        try:
            async with connection.transaction():
                await record(connection, (), lines, self._start_timeout_s)
                if seen:
                    await save_seen(connection, seen)
                    topics.add("stations")
                await notify(connection, topics)
        except BAD_DATA:
            self._metrics.lines_dropped.inc(len(lines))
            raise
        except Exception:
            self._give_back(lines)
            raise
        self.healthy = True
        if due:
            self._seen = {}
            self._seen_due = time.monotonic() + SEEN_INTERVAL_S

    async def _once(self, work: Callable[[], Awaitable[None]]) -> None:
        """Work that may fail without anybody waiting for it."""
        try:
            async with asyncio.timeout(BATCH_TIMEOUT_S):
                await work()
        except Exception as error:
            await self._failed(error)


def _named(error: Exception) -> str:
    """Class and SQLSTATE: enough to search for. The text of a database error repeats values."""
    return f"{type(error).__name__} {getattr(error, 'sqlstate', None) or ''}".strip()
