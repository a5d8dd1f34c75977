"""What open sessions cost so far: worked out now and then, shown on pages, told to stations.

By the one way that bills too, so that what a display shows becomes what is billed. A station hears
of it in the answer to its own messages (OCPP 2.x, by the gateway, from these rows). One that says
that it displays costs and has nothing to say itself is told by an order, now and then. Nobody waits
for any of it.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import and_, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.course_price import price_course
from holdfast.domain.pricing.periods import SessionCourse
from holdfast.domain.pricing.priced_session import PricedSession
from holdfast.domain.tariff.version import TariffInvalid
from holdfast.services.compiled_tariffs import compiled_version
from holdfast.services.outbox import notify
from holdfast.services.price_terms import context_of
from holdfast.services.session_course import TooManySessions, session_course, session_courses
from holdfast.services.session_price import UNPRICEABLE
from holdfast.services.station_abilities import display_currencies
from holdfast.store.tables import RunningCost, Session

log = structlog.get_logger()

BATCH = 100
MOVED_AFTER = timedelta(seconds=20)
"""A session that was heard of is priced again, but not more often than this."""

STILL_AFTER = timedelta(minutes=2)
"""Time costs too: one that nobody heard of is priced again after so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costed:
    """What a round did: how many sessions it looked at, and which it could not price."""

    sessions: int
    unpriceable: frozenset[UUID] = frozenset()


async def cost_due(db: AsyncSession, now: datetime, *, left_out: Collection[UUID] = ()) -> Costed:
    """Price the open sessions whose turn it is, those that waited longest first."""
    sessions = await _due(db, now, left_out)
    unpriceable: set[UUID] = set()
    for organization_id in {session.organization_id for session in sessions}:
        own = [one for one in sessions if one.organization_id == organization_id]
        unpriceable |= await _cost(db, own, now)
    if len(sessions) > len(unpriceable):
        await notify(db, ["sessions"])
    return Costed(sessions=len(sessions), unpriceable=frozenset(unpriceable))


async def _due(db: AsyncSession, now: datetime, left_out: Collection[UUID]) -> Sequence[Session]:
    moved = and_(Session.last_seen_at > RunningCost.as_of, RunningCost.as_of < now - MOVED_AFTER)
    rows = await db.scalars(
        select(Session)
        .outerjoin(RunningCost, RunningCost.session_id == Session.id)
        .where(
            Session.closed_at.is_(None),
            Session.started_at.is_not(None),
            Session.ended_at.is_(None),
            Session.ended_by_us_at.is_(None),
            Session.tariff_version_id.is_not(None),
            Session.id.not_in(list(left_out)),
            or_(RunningCost.as_of.is_(None), RunningCost.as_of < now - STILL_AFTER, moved),
        )
        .order_by(RunningCost.as_of.nulls_first(), Session.id)
        .limit(BATCH)
    )
    return rows.all()


async def _cost(db: AsyncSession, sessions: Sequence[Session], now: datetime) -> set[UUID]:
    """Of one organization. Returns those that cannot be priced: settling them asks a person."""
    tariffs = await _tariffs(db, sessions)
    priceable = [one for one in sessions if one.tariff_version_id in tariffs]
    unpriceable = {one.id for one in sessions} - {one.id for one in priceable}
    courses = await _courses(db, priceable, tariffs, now)
    currencies = await display_currencies(db, priceable)
    for session in priceable:
        try:
            context = await context_of(db, session, until_at=now)
            found = price_course(tariffs[session.tariff_version_id], courses[session.id], context)
        except SQLAlchemyError:
            raise
        except Exception as error:
            # Whatever is odd about one, all others of all organizations are waiting behind it.
            if not isinstance(error, UNPRICEABLE):
                log.error("no running cost", session=str(session.id), kind=type(error).__name__)
            unpriceable.add(session.id)
            continue
        await _write(db, session, found.priced, currencies.get(session.station_id), now)
    return unpriceable


async def _tariffs(
    db: AsyncSession, sessions: Sequence[Session]
) -> dict[UUID | None, CompiledTariff]:
    """By version, those that can be read."""
    tariffs: dict[UUID | None, CompiledTariff] = {}
    for version_id in {one.tariff_version_id for one in sessions}:
        if version_id is not None:
            with suppress(TariffInvalid):
                tariffs[version_id] = await compiled_version(db, version_id)
    return tariffs


async def _courses(
    db: AsyncSession,
    sessions: Sequence[Session],
    tariffs: Mapping[UUID | None, CompiledTariff],
    now: datetime,
) -> dict[UUID, SessionCourse]:
    """All at once; one by one where together they have more samples than are loaded at once."""
    current = any(tariff.by_current for tariff in tariffs.values())
    try:
        return await session_courses(db, sessions, now, current=current)
    except TooManySessions:
        return {one.id: await session_course(db, one, now, current=current) for one in sessions}


async def _write(
    db: AsyncSession,
    session: Session,
    priced: PricedSession,
    display_currency: str | None,
    now: datetime,
) -> None:
    form = price_to_json(priced)
    values = {
        "as_of": now,
        "currency": priced.currency.code,
        "energy_wh": session.energy_wh,
        "excl_vat": form["excl_vat"],
        "incl_vat": form["incl_vat"],
        "incl_minor": priced.incl.amount_minor,
        # A display that counts in another currency would show a wrong price.
        "tellable": display_currency in (None, priced.currency.code),
    }
    await db.execute(
        insert(RunningCost)
        .values(session_id=session.id, organization_id=session.organization_id, **values)
        .on_conflict_do_update(index_elements=["session_id"], set_=values)
    )
