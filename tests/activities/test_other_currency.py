"""A tariff in another currency than the site's: used as it was assigned, and told to a person."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from holdfast.contracts.sessions import CheckOrder, SessionOrder, SettleOrder
from holdfast.services.charges import place_hold
from holdfast.services.review_tasks import resolve_review_task
from holdfast.store.database import Sessions
from holdfast.store.tables import Payment, ReviewTask, SessionEvent, Site
from tests.activities.conftest import Steps
from tests.activities.rows import Network, account, review_kinds, row_of, session, settlement_of


async def asked(db_sessions: Sessions) -> list[ReviewTask]:
    async with db_sessions() as db:
        found = select(ReviewTask).where(ReviewTask.kind == "other_currency")
        return list(await db.scalars(found))


async def test_a_session_is_priced_in_the_tariffs_currency_and_a_person_is_asked_once(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(update(Site).values(currency="SEK"))
    account_id, token_id = await account(db_sessions, made, billing="invoice")

    async def billed(**fields: Any) -> UUID:
        session_id = await session(db_sessions, made, **fields)
        await steps.sessions.begin_session(SessionOrder(session_id=session_id))
        await steps.sessions.begin_session(SessionOrder(session_id=session_id))
        await steps.sessions.settle_session(SettleOrder(session_id=session_id))
        return session_id

    first = await billed(account_id=account_id, token_id=token_id)

    row, settled = await row_of(db_sessions, first), await settlement_of(db_sessions, first)
    assert settled is not None
    assert (settled.currency, settled.amount_minor, settled.outcome) == ("EUR", 1000, "invoiced")
    assert (row.price_terms or {})["site_currency"] == "SEK"
    (task,) = await asked(db_sessions)
    assert task.details["session_id"] == str(first)
    assert (task.details["tariff_currency"], task.details["site_currency"]) == ("EUR", "SEK")
    async with db_sessions() as db:
        begun = await db.get_one(SessionEvent, (first, "begun"))
    assert begun.details["site_currency"] == "SEK"

    await billed(account_id=account_id, token_id=token_id)
    async with db_sessions.begin() as db:
        await resolve_review_task(
            db,
            made.organization_id,
            task.id,
            actor="key:1",
            resolution="contracts are in euro",
            now=datetime.now(UTC),
        )
    await billed(account_id=account_id, token_id=token_id)
    assert len(await asked(db_sessions)) == 1, "asked again of what was answered"

    async with db_sessions.begin() as db:
        hold = await place_hold(
            db, organization_id=made.organization_id, amount_minor=90_000, currency="SEK"
        )
        await db.execute(
            update(Payment).where(Payment.id == hold.id).values(state="held", held_minor=90_000)
        )
    held = await billed(payment_id=hold.id)
    settled = await settlement_of(db_sessions, held)
    assert settled is not None
    assert (settled.outcome, settled.reason) == ("uncollectible", "held in SEK, priced in EUR")
    assert await review_kinds(db_sessions, held) == ["currency_differs"]


async def test_a_session_on_a_hold_in_another_currency_is_stopped_as_soon_as_it_began(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    verdicts = {}
    for currency in ("EUR", "SEK"):
        async with db_sessions.begin() as db:
            hold = await place_hold(
                db, organization_id=made.organization_id, amount_minor=90_000, currency=currency
            )
            await db.execute(
                update(Payment).where(Payment.id == hold.id).values(state="held", held_minor=90_000)
            )
        session_id = await session(
            db_sessions,
            made,
            payment_id=hold.id,
            ended_at=None,
            energy_wh=100,
            transaction_id=currency,
            limit_cost_minor=50_000,
        )
        plan = await steps.sessions.begin_session(SessionOrder(session_id=session_id))
        row = await row_of(db_sessions, session_id)
        check = await steps.sessions.check_session(
            CheckOrder(session_id=session_id, version=plan.tripwire_version, stopping=False)
        )
        verdicts[currency] = (
            row.fired_version == plan.tripwire_version,
            check.verdict,
            check.reason,
        )

    assert verdicts == {"EUR": (False, "go_on", None), "SEK": (True, "stop", "cost")}


async def test_nobody_is_asked_where_the_currencies_are_the_same(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    session_id = await session(db_sessions, made, started_at=datetime.now(UTC) - timedelta(hours=1))

    await steps.sessions.begin_session(SessionOrder(session_id=session_id))

    assert "site_currency" not in ((await row_of(db_sessions, session_id)).price_terms or {})
    assert await asked(db_sessions) == []
