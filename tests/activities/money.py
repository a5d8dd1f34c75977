"""Holds, priced sessions and saved cards for tests about money."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from holdfast.contracts.payments import (
    PaymentOrder,
    PaymentSeen,
)
from holdfast.contracts.sessions import SessionOrder, SettleOrder
from holdfast.services.charges import place_hold
from holdfast.services.verify import find_breaches
from holdfast.store.database import Sessions
from holdfast.store.tables import Payment
from tests.activities.conftest import Steps
from tests.activities.rows import Network, account, session
from tests.simulator.stripe.server import World


async def held(
    steps: Steps, db_sessions: Sessions, made: Network, *, card: str = "pm_card_visa"
) -> tuple[UUID, PaymentSeen]:
    """A hold of 60 EUR, asked for."""
    async with db_sessions.begin() as db:
        payment = await place_hold(
            db,
            organization_id=made.organization_id,
            amount_minor=6000,
            currency="EUR",
            payment_method=card,
        )
    return payment.id, await steps.payments.hold_payment(PaymentOrder(payment_id=payment.id))


async def priced(
    steps: Steps, db_sessions: Sessions, made: Network, payment_id: UUID | None, **fields: Any
) -> UUID:
    """A settled session of 10.00 EUR that waits for its payment."""
    session_id = await session(db_sessions, made, payment_id=payment_id, **fields)
    await steps.sessions.begin_session(SessionOrder(session_id=session_id))
    await steps.sessions.settle_session(SettleOrder(session_id=session_id))
    return session_id


async def carded(
    db_sessions: Sessions, made: Network, world: World, card: str = "pm_card_visa"
) -> dict[str, UUID]:
    """An account with a saved card at the simulator."""
    customer = world.client.v1.customers.create(params={})
    method = world.client.v1.payment_methods.attach(card, params={"customer": customer.id})
    account_id, token_id = await account(
        db_sessions, made, customer=customer.id, payment_method=method.id
    )
    return {"account_id": account_id, "token_id": token_id}


async def charge_of(db_sessions: Sessions, session_id: UUID) -> UUID:
    async with db_sessions() as db:
        payment_id = await db.scalar(
            select(Payment.id)
            .where(Payment.session_id == session_id)
            .order_by(Payment.id.desc())
            .limit(1)
        )
    assert payment_id is not None
    return payment_id


def taken(world: World) -> list[tuple[str, int]]:
    """Status and captured amount of every intent at the simulator."""
    return [
        (intent["status"], intent["amount_received"])
        for intent in world.sim("GET", "state")["payment_intents"]
    ]


async def no_breach(db_sessions: Sessions) -> None:
    async with db_sessions() as db:
        assert await find_breaches(db) == []
