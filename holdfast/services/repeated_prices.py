"""Settled prices worked out once more: shown, billed and repeated are one (M4).

The newest settlements are priced again from their stored samples, by the terms that each wrote
down. Where something came since (other samples, late facts), another price is late truth and not a
breach: that is `late_truth`'s, and a person's.
"""

from collections.abc import Sequence

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.price_terms import known_of
from holdfast.services.session_price import UNPRICEABLE, price_session
from holdfast.store.tables import LateFact, Session, Settlement

REPEATED_MAX = 100


async def different_prices(db: AsyncSession) -> Sequence[str]:
    """The sessions among the newest settled ones whose price does not repeat."""
    rows = await db.execute(
        select(Session, Settlement)
        .join(Settlement, Settlement.session_id == Session.id)
        .where(
            Session.closed_at.is_not(None),
            Session.energy_wh == Settlement.energy_wh,
            Settlement.breakdown["context"]["known"].is_not(None),
            ~exists().where(LateFact.session_id == Session.id),
        )
        .order_by(Settlement.session_id.desc())
        .limit(REPEATED_MAX)
    )
    return [
        str(session.id)
        for session, settlement in rows.all()
        if await _differs(db, session, settlement)
    ]


async def _differs(db: AsyncSession, session: Session, settlement: Settlement) -> bool:
    try:
        found = await price_session(
            db, session, settlement.priced_at, recorded=settlement.breakdown
        )
    except UNPRICEABLE:
        return True
    if found is None or known_of(found.course) != settlement.breakdown["context"]["known"]:
        return False
    return found.priced.incl.amount_minor != settlement.amount_minor
