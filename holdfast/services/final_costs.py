"""What an ended session costs in the end, before it is settled: for the answer to its end (OCPP 2.x
I03.FR.02).

By the one way that bills too, from the same rows. Nothing is said where the settlement may come to
another amount or asks a person first: its station is told afterwards then (`cost_messages`).
"""

from datetime import datetime

from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.currency import Currency
from holdfast.domain.money import Money
from holdfast.domain.quality import session_findings
from holdfast.services.price_terms import counts_days
from holdfast.services.scope import belongs, owned
from holdfast.services.session_course import end_of
from holdfast.services.session_price import blocking, price_session
from holdfast.services.station_abilities import display_currencies
from holdfast.store.tables import Account, MeterValue, RunningCost, Session, Settlement

SAMPLES_MAX = 5_000
"""Two days of one every half minute. The price of a session with more takes too long for an answer
that a station waits for."""

NOT_OWED = ("free", "waived")
"""Outcomes of which the driver pays nothing, whatever it would have cost."""


def owed(settlement: Settlement) -> Money:
    """What the driver of a settled session owes, tax included."""
    minor = 0 if settlement.outcome in NOT_OWED else settlement.amount_minor
    return Money(minor, Currency.of(settlement.currency))


async def tellable_cost(db: AsyncSession, session: Session, now: datetime) -> Money | None:
    """What the station of an ended session may be told that its driver owes, tax included.

    None where that is not known: no tariff applied, messages are missing, a rule objects, another
    session of the driver must be settled first, it has too many samples; and where the station's
    display counts in another currency. Raises what pricing raises.
    """
    found = await _final_cost(db, session, now)
    if found is None:
        return None
    display = (await display_currencies(db, [session])).get(session.station_id)
    return found if display in (None, found.currency.code) else None


async def note_told(db: AsyncSession, session: Session, told: Money, now: datetime) -> None:
    """The station was told this in the answer to the end: it need not be told again."""
    await db.execute(
        update(RunningCost)
        .where(
            belongs(RunningCost, session.organization_id),
            RunningCost.session_id == session.id,
            RunningCost.currency == told.currency.code,
        )
        .values(told_minor=told.amount_minor, told_at=now)
    )


def told_at_the_end(cost: RunningCost, session: Session, final: Money) -> bool:
    """Whether the station was told this amount after the last that was heard of its transaction,
    which is its end."""
    if cost.told_at is None or session.last_seen_at is None:
        return False
    same = cost.currency == final.currency.code and cost.told_minor == final.amount_minor
    return same and cost.told_at >= session.last_seen_at


async def _final_cost(db: AsyncSession, session: Session, now: datetime) -> Money | None:
    settlement, billing, samples = await _around(db, session)
    if settlement is not None:
        return owed(settlement)
    ended_at = end_of(session)
    if ended_at is None or session.tariff_version_id is None or session.sequence_gaps:
        return None
    if samples > SAMPLES_MAX:
        return None
    found = await price_session(db, session, now)
    if found is None or (counts_days(found.tariff) and await _another_comes_first(db, session)):
        return None
    started_at, measured = session.started_at or ended_at, found.course.measurement
    objections = (
        *measured.findings,
        *found.priced.findings,
        *session_findings(
            energy_wh=measured.energy_wh, started_at=started_at, ended_at=ended_at, now=now
        ),
    )
    if blocking(objections):
        return None
    total = found.priced.incl
    # As `settlement` decides: waived already, or of an account that charges for free.
    free = session.waive_audit_id is not None or (billing == "free" and session.payment_id is None)
    return Money.zero(total.currency) if free or total.amount_minor < 0 else total


async def _around(db: AsyncSession, session: Session) -> tuple[Settlement | None, str | None, int]:
    """Its settlement, how its account is billed, and how many meter values it has: no more than one
    above the limit are counted. One query: somebody waits."""
    some = (
        owned(MeterValue, session.organization_id)
        .with_only_columns(MeterValue.id)
        .where(MeterValue.session_id == session.id)
        .limit(SAMPLES_MAX + 1)
        .subquery()
    )
    rows = await db.execute(
        owned(Session, session.organization_id)
        .with_only_columns(
            Settlement,
            Account.billing,
            select(func.count()).select_from(some).scalar_subquery(),
            maintain_column_froms=True,
        )
        .outerjoin(Settlement, Settlement.session_id == Session.id)
        .outerjoin(Account, Account.id == Session.account_id)
        .where(Session.id == session.id)
    )
    settlement, billing, samples = rows.one()
    return settlement, billing, samples


async def _another_comes_first(db: AsyncSession, session: Session) -> bool:
    """Whether another session of the same driver has ended and is not settled: what it used of an
    allowance or a cap is not known."""
    if session.account_id is not None:
        driver = Session.account_id == session.account_id
    elif session.token_id is not None:
        driver = Session.token_id == session.token_id
    else:
        return False
    settled = exists().where(Settlement.session_id == Session.id)
    others = (
        owned(Session, session.organization_id)
        .with_only_columns(Session.id)
        .where(
            driver,
            Session.id != session.id,
            Session.tariff_version_id.is_not(None),
            func.coalesce(Session.ended_at, Session.ended_by_us_at).is_not(None),
            ~settled,
        )
        .limit(1)
    )
    return await db.scalar(others) is not None
