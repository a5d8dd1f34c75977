"""Costs told to stations that display them and have nothing to say themselves.

OCPP 2.x with a cost display: CostUpdated, where no event of the transaction was answered lately
(those answers carry the cost), and once the session is settled, where the answer to its end said
nothing of the cost or another amount. OCPP 1.6 with California pricing: the driver's price once,
the running cost now and then, and the final cost once the session is settled. All of it goes stale
within a minute, so such an order waits no longer than that.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.orders import OrderKind
from holdfast.domain.currency import Currency
from holdfast.domain.money import Money
from holdfast.domain.session_state import ChargingState
from holdfast.domain.tariff import california
from holdfast.domain.tariff.display import shown_price
from holdfast.services.compiled_tariffs import compiled_version
from holdfast.services.final_costs import owed, told_at_the_end
from holdfast.services.orders import place_order
from holdfast.services.price_terms import context_of
from holdfast.services.price_words import amounts
from holdfast.services.price_words.price_text import price_text
from holdfast.services.publications import SYSTEM
from holdfast.services.session_price import UNPRICEABLE
from holdfast.services.station_abilities import Abilities, abilities_of
from holdfast.services.station_prices import local_reader
from holdfast.store.tables import (
    Organization,
    RunningCost,
    Session,
    Settlement,
    Site,
    Station,
    StationConnection,
)

TOLD_MAX = 50  # in one round
TELL_EVERY = timedelta(minutes=1)
FINAL_WITHIN = timedelta(minutes=1)
FORGOTTEN_AFTER = timedelta(minutes=5)
"""Open sessions are priced anew before: only older ones can be of a session that is over."""

WH_PER_KWH = 1_000

Said = tuple[OrderKind, Mapping[str, Any]]


async def tell_due(db: AsyncSession, now: datetime) -> int:
    """Tell stations what their open sessions cost by now; how many orders were placed."""
    rows = (
        await db.execute(
            select(RunningCost, Session, Station)
            .join(Session, Session.id == RunningCost.session_id)
            .join(Station, Station.id == Session.station_id)
            .join(StationConnection, StationConnection.station_id == Station.id)
            .where(
                StationConnection.boot_id.is_not(None),
                Session.closed_at.is_(None),
                Session.ended_at.is_(None),
                Session.transaction_id.is_not(None),
                RunningCost.tellable,
                RunningCost.told_minor.is_distinct_from(RunningCost.incl_minor),
                or_(RunningCost.told_at.is_(None), RunningCost.told_at < now - TELL_EVERY),
            )
            .order_by(RunningCost.told_at.nulls_first(), RunningCost.session_id)
            .limit(TOLD_MAX)
            .with_for_update(of=RunningCost, skip_locked=True)
        )
    ).all()
    abilities = await _abilities(db, [station for _, _, station in rows])
    orders = 0
    for cost, session, station in rows:
        orders += await _tell(db, cost, session, station, abilities[station.id], now)
        cost.told_at = now
    await db.flush()
    return orders


async def _abilities(db: AsyncSession, stations: list[Station]) -> dict[UUID, Abilities]:
    found: dict[UUID, Abilities] = {}
    for organization_id in {station.organization_id for station in stations}:
        own = [one for one in stations if one.organization_id == organization_id]
        found |= await abilities_of(db, own)
    return found


async def _tell(
    db: AsyncSession,
    cost: RunningCost,
    session: Session,
    station: Station,
    abilities: Abilities,
    now: datetime,
) -> int:
    silent = session.last_seen_at is None or session.last_seen_at < now - TELL_EVERY
    if abilities.california:
        cost_told = await _tell_california(db, cost, session, station, now)
    elif abilities.costs and silent:
        payload = {
            "transaction_id": session.transaction_id,
            "total_minor": cost.incl_minor,
            "currency": cost.currency,
        }
        await _order(db, session, station, ("cost", payload), now + TELL_EVERY)
        cost_told = 1
    else:
        return 0
    if cost_told:
        cost.told_minor = cost.incl_minor
    return cost_told


async def _tell_california(
    db: AsyncSession, cost: RunningCost, session: Session, station: Station, now: datetime
) -> int:
    number = _transaction(session)
    if number is None or session.tariff_version_id is None:
        return 0
    try:
        compiled = await compiled_version(db, session.tariff_version_id)
        shown = shown_price(compiled, await context_of(db, session, until_at=now), now)
    except UNPRICEABLE:
        return 0
    orders = 0
    if cost.told_at is None and session.token_uid:
        site = None if session.site_id is None else await db.get(Site, session.site_id)
        words = price_text(shown, local_reader(None if site is None else site.country))
        await _order(
            db,
            session,
            station,
            ("data_transfer", california.user_price(session.token_uid, words.short)),
            now + TELL_EVERY,
            key="user_price",
        )
        orders += 1
    meter = california.Meter(
        at=session.meter_last_at or session.started_at or now,
        register_wh=(session.meter_last_mwh or session.meter_start_mwh or 0) // 1000,
        idle=_idle(session),
    )
    money = Money(cost.incl_minor, Currency.of(cost.currency))
    payload = california.running_cost(number, meter, money, california.unit_prices(shown))
    await _order(db, session, station, ("data_transfer", payload), now + TELL_EVERY)
    return orders + 1


async def tell_final(db: AsyncSession, now: datetime) -> int:
    """Tell what settled sessions cost in the end, once, where it was not told as they ended; their
    running costs are forgotten."""
    rows = (
        await db.execute(
            select(RunningCost, Session, Station, Settlement, StationConnection.boot_id)
            .join(Session, Session.id == RunningCost.session_id)
            .join(Station, Station.id == Session.station_id)
            .join(Settlement, Settlement.session_id == Session.id)
            .outerjoin(StationConnection, StationConnection.station_id == Station.id)
            .order_by(RunningCost.session_id)
            .limit(TOLD_MAX)
            .with_for_update(of=RunningCost, skip_locked=True)
        )
    ).all()
    abilities = await _abilities(db, [row[2] for row in rows])
    orders = 0
    for cost, session, station, settlement, boot_id in rows:
        # A driver who is gone when the station comes back has nothing of it.
        if cost.tellable and boot_id is not None:
            able = abilities[station.id]
            orders += await _finally(db, cost, station, (session, settlement), able, now)
    over = [cost.session_id for cost, *_ in rows]
    await db.execute(delete(RunningCost).where(RunningCost.session_id.in_(over)))
    unsettled = select(Session.id).where(Session.closed_at.is_not(None))
    await db.execute(
        delete(RunningCost).where(
            RunningCost.as_of < now - FORGOTTEN_AFTER,
            RunningCost.session_id.in_(unsettled),
            ~select(Settlement.session_id)
            .where(Settlement.session_id == RunningCost.session_id)
            .exists(),
        )
    )
    return orders


async def _finally(
    db: AsyncSession,
    cost: RunningCost,
    station: Station,
    settled: tuple[Session, Settlement],
    abilities: Abilities,
    now: datetime,
) -> int:
    session, settlement = settled
    money = owed(settlement)
    number, until = _transaction(session), now + FINAL_WITHIN
    if abilities.california and number is not None:
        site = None if session.site_id is None else await db.get(Site, session.site_id)
        reader = local_reader(None if site is None else site.country)
        energy = amounts.energy(Fraction(settlement.energy_wh, WH_PER_KWH), reader)
        exact = Fraction(money.amount_minor, money.currency.minor_per_major)
        text = f"{energy}, {amounts.money(exact, settlement.currency, reader)}"
        payload = california.final_cost(number, money, text)
        await _order(db, session, station, ("data_transfer", payload), until, key="final_cost")
        return 1
    if not abilities.costs or session.transaction_id is None:
        return 0
    if told_at_the_end(cost, session, money):
        return 0
    payload = {
        "transaction_id": session.transaction_id,
        "total_minor": money.amount_minor,
        "currency": settlement.currency,
    }
    await _order(db, session, station, ("cost", payload), until, key="final_cost")
    return 1


async def _order(
    db: AsyncSession,
    session: Session,
    station: Station,
    said: Said,
    not_after: datetime,
    *,
    key: str | None = None,
) -> None:
    """`key`: once in a session's life."""
    await place_order(
        db,
        organization=await db.get_one(Organization, session.organization_id),
        station=station,
        kind=said[0],
        payload=said[1],
        not_after=not_after,
        requested_by=SYSTEM,
        session_id=session.id,
        order_id=None if key is None else uuid5(session.id, key),
    )


def _transaction(session: Session) -> int | None:
    """OCPP 1.6 has numbers, which are ours."""
    number = session.transaction_id or ""
    return int(number) if number.isascii() and number.isdigit() else None


def _idle(session: Session) -> bool:
    try:
        return ChargingState(session.charging_state or "").takes_no_power
    except ValueError:
        return False
