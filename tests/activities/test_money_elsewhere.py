"""Money that somebody moved at the provider, holds in doubt, and payments tried again."""

from uuid import UUID

import pytest
from sqlalchemy import select, update

from holdfast.contracts.names import session_workflow_id
from holdfast.contracts.payments import (
    OPERATOR_DECIDED,
    PaymentDecision,
    PaymentOrder,
    ReleaseOrder,
)
from holdfast.contracts.sessions import TRIPWIRE_CROSSED, SessionOrder, SettleOrder
from holdfast.services.charges import NothingToDecide, decide
from holdfast.store.database import Sessions
from holdfast.store.tables import Account, Payment, Session
from holdfast.testing import NOTED
from tests.activities.conftest import Steps
from tests.activities.money import carded, held, no_breach, priced, taken
from tests.activities.rows import (
    Network,
    outbox_names,
    review_kinds,
    row_of,
    session,
    settlement_of,
)
from tests.simulator.stripe.server import World

RETRY = PaymentDecision(event_id="e1", action="retry", audit_id=NOTED)
WRITE_OFF = PaymentDecision(event_id="e2", action="write_off", audit_id=NOTED)


async def intent_of(db_sessions: Sessions, payment_id: UUID) -> str:
    async with db_sessions() as db:
        intent = await db.scalar(select(Payment.intent).where(Payment.id == payment_id))
    assert intent is not None
    return intent


async def test_a_hold_captured_in_the_dashboard_settles_the_session_that_ends_later(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    world.client.v1.payment_intents.capture(
        await intent_of(db_sessions, payment_id), params={"amount_to_capture": 1234}
    )
    await steps.payments.look_at_payment(PaymentOrder(payment_id=payment_id))

    session_id = await priced(steps, db_sessions, made, payment_id)

    settlement = await settlement_of(db_sessions, session_id)
    assert settlement is not None
    assert (settlement.outcome, settlement.amount_minor) == ("captured", 1000)
    assert settlement.settled_minor == 1234
    assert (await row_of(db_sessions, session_id)).closed_at is not None
    assert await review_kinds(db_sessions, session_id) == ["refund_due"]
    async with db_sessions() as db:
        assert await outbox_names(db, f"payment-{payment_id}") == ["Payment"]
    await no_breach(db_sessions)


async def test_money_taken_for_a_free_session_is_said_and_to_be_given_back(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    session_id = await session(db_sessions, made, payment_id=payment_id, energy_wh=0)
    await steps.sessions.begin_session(SessionOrder(session_id=session_id))
    await steps.sessions.settle_session(SettleOrder(session_id=session_id))
    free = await settlement_of(db_sessions, session_id)
    world.client.v1.payment_intents.capture(await intent_of(db_sessions, payment_id))

    await steps.payments.release_payment(ReleaseOrder(payment_id=payment_id, reason="free"))

    settlement = await settlement_of(db_sessions, session_id)
    assert free is not None
    assert settlement is not None
    assert free.outcome == "free"
    assert (settlement.outcome, settlement.settled_minor) == ("captured", 6000)
    assert await review_kinds(db_sessions, session_id) == ["refund_due"]
    await no_breach(db_sessions)


async def test_a_session_whose_hold_is_cancelled_is_looked_at_at_once(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    running = await session(db_sessions, made, payment_id=payment_id, ended_at=None)
    world.client.v1.payment_intents.cancel(await intent_of(db_sessions, payment_id))

    seen = await steps.payments.look_at_payment(PaymentOrder(payment_id=payment_id))

    assert seen.state == "released"
    async with db_sessions() as db:
        assert await outbox_names(db, session_workflow_id(running)) == [TRIPWIRE_CROSSED]


async def test_a_hold_that_waits_for_its_driver_is_not_made_twice(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, first = await held(steps, db_sessions, made, card="pm_card_authenticationRequired")

    rebuilt = await steps.payments.hold_payment(PaymentOrder(payment_id=payment_id))

    assert (first.state, rebuilt.state) == ("action_required", "action_required")
    assert taken(world) == [("requires_action", 0)]


async def test_a_hold_is_not_given_back_under_a_session_that_has_come(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    await session(db_sessions, made, payment_id=payment_id, ended_at=None)
    order = ReleaseOrder(payment_id=payment_id, reason="no session came", unless_claimed=True)

    seen = await steps.payments.release_payment(order)

    assert (seen.state, seen.claimed) == ("held", True)
    assert taken(world) == [("requires_capture", 0)]


async def failed_hold(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> tuple[UUID, UUID]:
    """A hold of 60 EUR of an account holder that expired before its session of 10 EUR ended."""
    payment_id, _ = await held(steps, db_sessions, made)
    who = await carded(db_sessions, made, world)
    async with db_sessions.begin() as db:
        await db.execute(
            update(Payment).where(Payment.id == payment_id).values(account_id=who["account_id"])
        )
    world.sim("POST", "clock", {"advance_s": 8 * 86_400})
    await steps.payments.look_at_payment(PaymentOrder(payment_id=payment_id))
    session_id = await session(db_sessions, made, payment_id=payment_id)
    async with db_sessions.begin() as db:
        await db.execute(
            update(Payment).where(Payment.id == payment_id).values(session_id=session_id)
        )
    return payment_id, session_id


async def test_a_failed_hold_is_tried_again_for_the_price_not_for_the_hold(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, session_id = await failed_hold(steps, db_sessions, made, world)
    async with db_sessions.begin() as db:
        with pytest.raises(NothingToDecide):
            await decide(db, await db.get_one(Payment, payment_id), RETRY)
    await steps.sessions.begin_session(SessionOrder(session_id=session_id))
    await steps.sessions.settle_session(SettleOrder(session_id=session_id))

    async with db_sessions.begin() as db:
        again = await decide(db, await db.get_one(Payment, payment_id), RETRY)

    settlement = await settlement_of(db_sessions, session_id)
    assert settlement is not None
    assert settlement.outcome == "uncollectible"
    assert (again.kind, again.asked_minor) == ("off_session", 1000)


async def test_what_was_settled_otherwise_is_not_charged_again(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, session_id = await failed_hold(steps, db_sessions, made, world)
    async with db_sessions.begin() as db:
        await db.execute(update(Session).where(Session.id == session_id).values(energy_wh=0))
        await db.execute(update(Account).values(billing="invoice"))
    await steps.sessions.begin_session(SessionOrder(session_id=session_id))
    await steps.sessions.settle_session(SettleOrder(session_id=session_id))

    async with db_sessions.begin() as db:
        with pytest.raises(NothingToDecide):
            await decide(db, await db.get_one(Payment, payment_id), RETRY)


async def test_a_hold_in_order_is_not_written_off(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    async with db_sessions.begin() as db:
        with pytest.raises(NothingToDecide):
            await decide(db, await db.get_one(Payment, payment_id), WRITE_OFF)
        await db.execute(
            update(Payment).where(Payment.id == payment_id).values(attention="provider: x")
        )
        db.expire_all()
        await decide(db, await db.get_one(Payment, payment_id), WRITE_OFF)
        assert await outbox_names(db, f"payment-{payment_id}") == ["Payment", OPERATOR_DECIDED]
