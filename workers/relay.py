"""The outbox relay: what the rows say Temporal must be told, in the order of each workflow.

Rows are found by "unsent", never by "id above the last": a transaction with a lower id may commit
later. One row is in flight per workflow; many workflows are served at once. A row that cannot be
sent is parked with the later rows of its workflow, and nothing else waits for it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client

from holdfast.contracts.sessions import WORKFLOW as CHARGING_SESSION
from holdfast.store.database import Sessions
from workers.lanes import LaneOwner, lane_owner
from workers.relay_sending import (
    Row,
    Sender,
    TemporalDown,
    Unsendable,
    mark_started,
    uuid_of,
)

ROUND_ROWS = 400
PARALLEL = 32
POLL_S = 0.5
BALANCE_S = 2.0
SEND_TIMEOUT_S = 15.0
PAUSE_FIRST_S = 0.25
PAUSE_MAX_S = 5.0
HELD_BACK_MAX = 5_000

# An earlier row of the workflow that is parked, or failed and is tried again, holds back the later
# ones. A row that is only not due yet does not: debounced rows may be overtaken.
UNSENT = text(
    "SELECT o.id, o.organization_id, o.workflow_id, o.operation, o.name, o.payload, o.attempts "
    "FROM outbox o WHERE o.lane = ANY(:lanes) AND o.sent_at IS NULL AND o.parked_at IS NULL "
    "AND o.due_at <= now() AND o.workflow_id <> ALL(:held_back) "
    "AND NOT EXISTS (SELECT FROM outbox p WHERE p.workflow_id = o.workflow_id "
    "AND p.sent_at IS NULL AND p.id < o.id AND p.parked_at IS NOT NULL) "
    "ORDER BY o.id LIMIT :most"
)
MARK_SENT = text("UPDATE outbox SET sent_at = now(), error = NULL WHERE id = ANY(:ids)")
MARK_FAILED = text("UPDATE outbox SET attempts = attempts + 1, error = :error WHERE id = ANY(:ids)")
PARK = text("UPDATE outbox SET parked_at = now(), error = :error WHERE id = :id")
ATTENTION = {
    "session": text(
        "UPDATE sessions SET attention = 'outbox_parked' WHERE id = :id AND closed_at IS NULL"
    ),
    "payment": text(
        "UPDATE payments SET attention = 'outbox_parked' WHERE id = :id AND closed_at IS NULL"
    ),
}

log = structlog.get_logger()


@dataclass(slots=True)
class HeldBack:
    """A workflow whose last row could not be sent: until when it is left alone."""

    until: float
    pause_s: float


class RelayMetrics:
    """What the relay did."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rows = Counter(
            "holdfast_relay_rows", "Outbox rows by what became of them", ["result"],
            registry=registry,
        )  # fmt: skip
        self.lanes = Gauge("holdfast_relay_lanes", "Lanes owned", registry=registry)


class Relay:
    """Owns lanes, sends their rows, for ever; `stop` ends it after the round."""

    def __init__(
        self,
        *,
        database_url: str,
        db_sessions: Sessions,
        client: Callable[[], Client | None],
        metrics: RelayMetrics,
    ) -> None:
        self._database_url = database_url
        self._sessions = db_sessions
        self._client = client
        self._metrics = metrics
        self._held_back: dict[str, HeldBack] = {}
        self._stopping = asyncio.Event()
        self._pause_s = PAUSE_FIRST_S
        self.owns = 0

    def stop(self) -> None:
        """Finish the round and give the lanes back."""
        self._stopping.set()

    async def run(self) -> None:
        """Keep owning lanes, through restarts of Postgres and Temporal."""
        while not self._stopping.is_set():
            try:
                async with lane_owner(self._database_url) as owner:
                    await self._own(owner)
            except (psycopg.Error, SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("relay lost the database", error=type(error).__name__)
                await self._rest(0.5)
            finally:
                self.owns = 0
                self._metrics.lanes.set(0)

    async def _own(self, owner: LaneOwner) -> None:
        balanced_at = 0.0
        while not self._stopping.is_set():
            if time.monotonic() - balanced_at >= BALANCE_S:
                self.owns = len(await owner.balance())
                self._metrics.lanes.set(self.owns)
                balanced_at = time.monotonic()
            client = self._client()
            if client is None or not owner.lanes:
                await owner.hear(POLL_S)
                continue
            rows = await self._unsent(sorted(owner.lanes))
            if not rows:
                await owner.hear(POLL_S)
                continue
            if await self._round(Sender(client, self._sessions), rows):
                self._pause_s = PAUSE_FIRST_S
            else:
                await self._rest(self._pause_s)
                self._pause_s = min(PAUSE_MAX_S, self._pause_s * 2)

    async def _unsent(self, lanes: Sequence[int]) -> list[Row]:
        now = time.monotonic()
        held_back = [name for name, held in self._held_back.items() if held.until > now]
        async with self._sessions() as db:
            found = await db.execute(
                UNSENT, {"lanes": list(lanes), "held_back": held_back, "most": ROUND_ROWS}
            )
            return [Row(**row) for row in found.mappings()]

    async def _round(self, sender: Sender, rows: Sequence[Row]) -> bool:
        """Send a batch; true where anything went. What went is marked in one statement."""
        queues: dict[str, list[Row]] = {}
        for row in rows:
            queues.setdefault(row.workflow_id, []).append(row)
        gate = asyncio.Semaphore(PARALLEL)
        done: list[Row] = []
        await asyncio.gather(*(self._serve(sender, gate, queue, done) for queue in queues.values()))
        if done:
            async with self._sessions.begin() as db:
                await db.execute(MARK_SENT, {"ids": [row.id for row in done]})
                await mark_started(
                    db,
                    [
                        subject
                        for row in done
                        if row.operation == "start"
                        and row.name == CHARGING_SESSION
                        and (subject := uuid_of(row.workflow_id.partition("-")[2])) is not None
                    ],
                )
        return bool(done)

    async def _serve(
        self, sender: Sender, gate: asyncio.Semaphore, queue: Sequence[Row], done: list[Row]
    ) -> None:
        """One workflow's rows, one after the other, until one does not go."""
        async with gate:
            for row in queue:
                try:
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        result = await sender.send(row)
                except Unsendable as error:
                    await self._park(row, str(error))
                    return
                except (TemporalDown, SQLAlchemyError, OSError, TimeoutError) as error:
                    await self._failed(row, f"{type(error).__name__}: {error}"[:300])
                    return
                self._metrics.rows.labels(result).inc()
                self._held_back.pop(row.workflow_id, None)
                done.append(row)

    async def _failed(self, row: Row, error: str) -> None:
        held = self._held_back.get(row.workflow_id)
        pause_s = PAUSE_FIRST_S if held is None else min(PAUSE_MAX_S, held.pause_s * 2)
        if len(self._held_back) >= HELD_BACK_MAX:
            self._held_back.clear()
        self._held_back[row.workflow_id] = HeldBack(time.monotonic() + pause_s, pause_s)
        self._metrics.rows.labels("failed").inc()
        log.warning("outbox row not sent yet", row=row.id, workflow=row.workflow_id, error=error)
        try:
            async with self._sessions.begin() as db:
                await db.execute(MARK_FAILED, {"ids": [row.id], "error": error})
        except (SQLAlchemyError, OSError):
            return  # the database is what failed: the row is unsent, and that is what counts

    async def _park(self, row: Row, error: str) -> None:
        self._metrics.rows.labels("parked").inc()
        log.error("outbox row parked", row=row.id, workflow=row.workflow_id, error=error)
        prefix, _, key = row.workflow_id.partition("-")
        subject = uuid_of(key)
        async with self._sessions.begin() as db:
            await db.execute(PARK, {"id": row.id, "error": error})
            if prefix in ATTENTION and subject is not None:
                await db.execute(ATTENTION[prefix], {"id": subject})

    async def _rest(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()
        except TimeoutError:
            return
