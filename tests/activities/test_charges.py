"""Account holders are charged once, off session; a card that says no is a result."""

from uuid import UUID

import pytest
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from holdfast.contracts.payments import (
    ChargeOrder,
    PaymentAction,
    PaymentAttentionOrder,
    WriteOffOrder,
)
from holdfast.services.payment_decisions import decide
from holdfast.store.database import Sessions
from holdfast.store.tables import Payment, PaymentOperation, Session
from tests.activities.conftest import Steps
from tests.activities.money import carded, charge_of, no_breach, priced, taken
from tests.activities.rows import Network, settlement_of
from tests.simulator.stripe.server import World


async def decided(
    db_sessions: Sessions, made: Network, payment_id: UUID, action: PaymentAction, reason: str
) -> Payment:
    """A person decided, by the API; the payment that goes on."""
    async with db_sessions.begin() as db:
        return await decide(
            db, made.organization_id, payment_id, action=action, reason=reason, actor="key:1"
        )


async def test_an_account_holder_is_charged_once_off_session(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    who = await carded(db_sessions, made, world)
    session_id = await priced(steps, db_sessions, made, None, **who)
    order = ChargeOrder(payment_id=await charge_of(db_sessions, session_id))
    world.fault("payment_intents.create", "drop", when="after")
    with pytest.raises(ApplicationError):
        await steps.payments.charge_payment(order)

    charged = await steps.payments.charge_payment(order)

    settlement = await settlement_of(db_sessions, session_id)
    assert settlement is not None
    assert charged.captured_minor == 1000
    assert (settlement.outcome, settlement.settled_minor) == ("captured", 1000)
    assert taken(world) == [("succeeded", 1000)]
    await no_breach(db_sessions)


async def test_a_declined_charge_is_uncollectible_until_somebody_tries_again(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    who = await carded(db_sessions, made, world, card="pm_card_chargeCustomerFail")
    session_id = await priced(steps, db_sessions, made, None, **who)
    first = await charge_of(db_sessions, session_id)
    seen = await steps.payments.charge_payment(ChargeOrder(payment_id=first))
    lost = await settlement_of(db_sessions, session_id)
    better = await carded(db_sessions, made, world)
    async with db_sessions.begin() as db:
        payment = await db.get_one(Payment, first)
        payment.account_id = better["account_id"]

    again = await decided(db_sessions, made, first, "retry", "a new card")
    await steps.payments.charge_payment(ChargeOrder(payment_id=again.id))

    settlement = await settlement_of(db_sessions, session_id)
    assert lost is not None
    assert settlement is not None
    assert (seen.state, lost.outcome) == ("failed", "uncollectible")
    assert (settlement.outcome, settlement.settled_minor) == ("captured", 1000)
    await no_breach(db_sessions)


async def test_a_key_that_may_be_forgotten_is_read_before_it_is_written(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    who = await carded(db_sessions, made, world)
    session_id = await priced(steps, db_sessions, made, None, **who)
    payment_id = await charge_of(db_sessions, session_id)
    world.fault("payment_intents.create", "drop", when="after")
    with pytest.raises(ApplicationError):
        await steps.payments.charge_payment(ChargeOrder(payment_id=payment_id))
    async with db_sessions.begin() as db:
        operation = (await db.scalars(select(PaymentOperation))).one()
        assert operation.first_sent_at is not None
        operation.first_sent_at = operation.first_sent_at.replace(year=2025)
    world.fault("payment_intents.create", "error", status=503)

    charged = await steps.payments.charge_payment(ChargeOrder(payment_id=payment_id))

    assert charged.captured_minor == 1000
    assert taken(world) == [("succeeded", 1000)]


async def test_writing_off_closes_the_settlement_with_a_reason(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    who = await carded(db_sessions, made, world)
    session_id = await priced(steps, db_sessions, made, None, **who)
    payment_id = await charge_of(db_sessions, session_id)

    refused = PaymentAttentionOrder(payment_id=payment_id, reason="provider: PaymentRefused")
    await steps.payments.raise_payment_attention(refused)
    payment = await decided(db_sessions, made, payment_id, "write_off", "goodwill")
    entry = payment.write_off_audit_id
    assert entry is not None

    seen = await steps.payments.write_off_payment(
        WriteOffOrder(payment_id=payment_id, audit_id=entry)
    )

    settlement = await settlement_of(db_sessions, session_id)
    assert settlement is not None
    assert (seen.state, settlement.outcome) == ("failed", "uncollectible")
    assert settlement.reason == "written off: goodwill"
    async with db_sessions() as db:
        assert (await db.get_one(Session, session_id)).closed_at is not None
