"""What a transaction cost in the end, for the answer to its end (OCPP 2.x I03.FR.02).

Asked after the end is committed, by the one way that bills too. Nobody but the station itself waits
for it, and not for long: what is not known by then is left out of the answer, as is the total of an
end that was sent late. On a thread with a loop of its own, since pricing keeps a processor busy for
five to fifty milliseconds, and all other stations' messages are read and answered on the gateway's.

What is told is stored as the answer, so that a repeat of the event is told the same (G2). An end
that was answered without a total is asked about again when it is repeated: nobody was told
anything else before.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import orjson
import structlog
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from gateway.dialect import Payload
from gateway.metrics import GatewayMetrics
from gateway.writing.costs import told_total
from gateway.writing.entry import Entry
from holdfast.contracts.facts import TransactionEnded
from holdfast.services.final_costs import note_told, tellable_cost
from holdfast.services.scope import owned
from holdfast.store.database import Sessions, open_engine, open_sessions
from holdfast.store.tables import FactKey, Session

logger = structlog.get_logger()

BOUND_S = 1.0  # the station waits so much longer at most
RECENT = timedelta(minutes=5)  # the driver of an older end has left (I03, remarks)
WAITING_MAX = 32  # ends of all stations at once; a further one is answered as it is
PLACES = 2  # connections to Postgres
CLOSE_S = 5.0


class Totals:
    """The ends that wait for their total. The thread begins with the first of them."""

    def __init__(self, database_url: SecretStr, metrics: GatewayMetrics) -> None:
        self.bound_s = BOUND_S
        self.waiting_max = WAITING_MAX
        self._database_url = database_url
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self._pricing: _Pricing | None = None

    def tell(self, entry: Entry, done: Callable[[], None]) -> None:
        """The entry is committed: put the total into its answer where it is known in time, then
        call `done`. At once where there is nothing to wait for."""
        if not _wants_total(entry):
            done()
        elif len(self._tasks) >= self.waiting_max:
            self._metrics.totals.labels("crowded").inc()
            done()
        else:
            task = asyncio.create_task(self._tell(entry, done))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def finished(self) -> None:
        """Wait until nobody waits any more: as long as one answer may take."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.bound_s)

    async def close(self) -> None:
        """End the thread."""
        pricing, self._pricing = self._pricing, None
        if pricing is not None:
            await asyncio.to_thread(pricing.close)

    async def _tell(self, entry: Entry, done: Callable[[], None]) -> None:
        try:
            result = await self._add_total(entry)
        except Exception as error:
            # Its text may repeat values.
            logger.warning("no_total", station=entry.peer.identity, error=type(error).__name__)
            result = "failed"
        self._metrics.totals.labels(result).inc()
        done()

    async def _add_total(self, entry: Entry) -> str:
        if self._pricing is None:
            self._pricing = _Pricing(self._database_url)
        asked = asyncio.wrap_future(self._pricing.ask(entry))
        # Not `asyncio.timeout`: giving up a query may take longer than the query was given.
        await asyncio.wait({asked}, timeout=self.bound_s)
        if not asked.done() or asked.cancelled():
            asked.cancel()
            return "late"
        answer = asked.result()
        if answer is None:
            return "unknown"
        entry.answer = answer
        return "told"


class _Pricing:
    """A thread, its loop, and its connections to Postgres."""

    def __init__(self, database_url: SecretStr) -> None:
        self._engine: AsyncEngine = open_engine(database_url, pool_size=PLACES)
        self._sessions: Sessions = open_sessions(self._engine)
        self._places = asyncio.Semaphore(PLACES)
        self._loop = asyncio.new_event_loop()
        # It keeps nobody from leaving: what it knows is in Postgres.
        self._thread = threading.Thread(target=self._loop.run_forever, name="totals", daemon=True)
        self._thread.start()

    def ask(self, entry: Entry) -> Future[Payload | None]:
        """The answer with its total, stored; None where that is not known. Any thread may call."""
        return asyncio.run_coroutine_threadsafe(self._answer(entry), self._loop)

    def close(self) -> None:
        """From another thread: let go of everything."""
        ending = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        try:
            ending.result(CLOSE_S)
        except Exception as error:
            logger.warning("totals_left_behind", error=type(error).__name__)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_S)
        if not self._thread.is_alive():
            self._loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._engine.dispose()

    async def _answer(self, entry: Entry) -> Payload | None:
        now = datetime.now(UTC)
        async with self._places, self._sessions.begin() as db:
            session = await _session_of(db, entry)
            cost = None if session is None else await tellable_cost(db, session, now)
            if session is None or cost is None:
                return None
            total = told_total(cost)
            answer = await _store(db, entry, total)
            if answer.get(str(entry.handler.total_field)) == total:
                await note_told(db, session, cost, datetime.now(UTC))
        return answer


def _wants_total(entry: Entry) -> bool:
    """Whether it is the end of a transaction, told as it happened, whose answer says no total."""
    fact, field = entry.fact, entry.handler.total_field
    return (
        isinstance(fact, TransactionEnded)
        and field is not None
        and entry.answer is not None
        and field not in entry.answer
        and entry.owner.is_open
        and not fact.offline
        and entry.received_at - fact.at <= RECENT
    )


async def _session_of(db: AsyncSession, entry: Entry) -> Session | None:
    """Of several with one transaction id the newest is meant."""
    fact = entry.fact
    if not isinstance(fact, TransactionEnded):
        return None
    found: Session | None = await db.scalar(
        owned(Session, entry.peer.organization_id)
        .where(
            Session.station_id == entry.station_id, Session.transaction_id == fact.transaction_id
        )
        .order_by(Session.id.desc())
        .limit(1)
    )
    return found


async def _store(db: AsyncSession, entry: Entry, total: float) -> Payload:
    """Keep the answer for repeats; where one of them was told a total meanwhile, that one."""
    answer = (entry.answer or {}) | {str(entry.handler.total_field): total}
    this = (FactKey.station_id == entry.station_id, FactKey.key == entry.key)
    before = orjson.dumps(entry.answer) if entry.answer else None
    kept = await db.scalar(
        update(FactKey)
        .where(*this, FactKey.answer.is_not_distinct_from(before))
        .values(answer=orjson.dumps(answer))
        .returning(FactKey.key)
        .execution_options(synchronize_session=False)
    )
    if kept is not None:
        return answer
    known = await db.scalar(select(FactKey.answer).where(*this))
    return answer if known is None else dict(orjson.loads(known))
