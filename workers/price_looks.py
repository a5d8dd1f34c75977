"""Every few seconds: stations that are due come to their price, answers come into the ledger.

One replica at a time; a round is bounded, and what is left over is due in the next one.
"""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import price_answers, price_looks, publications
from holdfast.services.outbox import notify
from holdfast.services.station_abilities import abilities_of
from holdfast.services.station_prices import Prices
from holdfast.services.station_tariffs import Round
from holdfast.store.database import Sessions
from holdfast.store.tables import Organization, Station

EVERY_S = 10.0
BATCH = 25
VERSIONS_MAX = 100
LOCK = "price_looks"

log = structlog.get_logger()


class PriceLooks:
    """The rounds of one process."""

    def __init__(self, db_sessions: Sessions) -> None:
        self._sessions = db_sessions

    async def round(self, now: datetime | None = None) -> bool:
        """Note answers, look at who is due. True: there is more to do."""
        now = now or datetime.now(UTC)
        # By themselves: rows of the ledger are not kept locked while a look waits for its turn.
        async with self._sessions.begin() as db:
            if not await self._mine(db):
                return False
            answered = await price_answers.answered_versions(db, VERSIONS_MAX)
            if answered:
                published = [version for version in answered if version is not None]
                refused = await price_answers.note_answers(db, published, now)
                await publications.look_again(db, refused)
                await notify(db, ["tariffs", "outbox"])
        async with self._sessions.begin() as db:
            if not await self._mine(db):
                return False
            due = await price_looks.due_stations(db, now, BATCH)
            prices, orders = Prices(now), 0
            # In the order in which a publication goes through them: neither waits on the other.
            for station_id in sorted(due):
                orders += await self._look(db, station_id, prices)
            if orders:
                await notify(db, ["tariffs", "orders", "outbox"])
        # The relay and the wakes share this process: a long queue must not keep them waiting.
        await asyncio.sleep(0)
        return len(due) == BATCH

    async def _mine(self, db: AsyncSession) -> bool:
        lock = func.pg_try_advisory_xact_lock(func.hashtextextended(LOCK, 0))
        return bool(await db.scalar(select(lock)))

    async def _look(self, db: AsyncSession, station_id: UUID, prices: Prices) -> int:
        """One that cannot be priced leaves the others alone."""
        station = await db.get_one(Station, station_id)
        try:
            async with db.begin_nested():
                organization = await db.get_one(Organization, station.organization_id)
                abilities = await abilities_of(db, [station])
                looked = Round(db, organization, prices.at, prices)
                return await looked.bring_up_to_date([station], abilities)
        except SQLAlchemyError:
            raise
        except Exception as error:
            # Whatever is odd about one, those of all organizations are waiting behind it.
            log.warning("prices not shown", station=str(station_id), error=type(error).__name__)
        await db.refresh(station)
        again_at = prices.at + price_looks.AGAIN_AFTER_FAILURE
        await price_looks.note_looks(db, {station: again_at}, prices.at)
        return 0
