"""Every other second: open sessions priced, stations with a display told. One replica at a time.

A round is bounded, and the next one goes on where it stopped; whoever holds the lock for a round
does it, so a replica that dies leaves nothing behind.
"""

import asyncio
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import cost_messages, running_costs
from holdfast.services.outbox import notify
from holdfast.store.database import Sessions

EVERY_S = 2.0
LEFT_OUT_FOR = timedelta(minutes=10)
LEFT_OUT_MAX = 1_000
LOCK = "running_costs"


class RunningCosts:
    """The rounds of one process."""

    def __init__(self, db_sessions: Sessions) -> None:
        self._sessions = db_sessions
        self._left_out: OrderedDict[UUID, datetime] = OrderedDict()

    async def round(self) -> bool:
        """Price what is due, tell who displays it. True: there is more to do."""
        now = datetime.now(UTC)
        self._forget(now)
        async with self._sessions.begin() as db:
            if not await self._mine(db):
                return False
            done = await running_costs.cost_due(db, now, left_out=list(self._left_out))
        for session_id in done.unpriceable:
            self._left_out[session_id] = now + LEFT_OUT_FOR
        # By themselves: what goes wrong with telling one station loses no price that is known.
        async with self._sessions.begin() as db:
            if await self._mine(db):
                told = await cost_messages.tell_final(db, now)
                told += await cost_messages.tell_due(db, now)
                if told:
                    await notify(db, ["orders", "outbox"])
        # The relay and the wakes share this process: a long queue must not keep them waiting.
        await asyncio.sleep(0)
        return done.sessions == running_costs.BATCH

    async def _mine(self, db: AsyncSession) -> bool:
        lock = func.pg_try_advisory_xact_lock(func.hashtextextended(LOCK, 0))
        return bool(await db.scalar(select(lock)))

    def _forget(self, now: datetime) -> None:
        """Sessions that could not be priced are tried again; a person may have mended them."""
        for session_id in [one for one, until in self._left_out.items() if until <= now]:
            del self._left_out[session_id]
        while len(self._left_out) > LEFT_OUT_MAX:
            self._left_out.popitem(last=False)
