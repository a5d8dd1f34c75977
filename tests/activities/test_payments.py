"""Money over the wire: the Stripe simulator as a process, and every way an answer gets lost."""

import pytest
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.payments import Payments
from holdfast.contracts.payments import (
    CaptureOrder,
    PaymentOrder,
    ReleaseOrder,
)
from holdfast.services.charges import place_hold
from holdfast.store.database import Sessions
from holdfast.store.tables import Payment, PaymentOperation
from tests.activities.conftest import Steps
from tests.activities.money import held, no_breach, priced, taken
from tests.activities.rows import Network, review_kinds, row_of, settlement_of
from tests.simulator.stripe.server import World


async def test_a_hold_is_captured_for_what_the_session_cost(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, seen = await held(steps, db_sessions, made)
    session_id = await priced(steps, db_sessions, made, payment_id)

    captured = await steps.payments.capture_payment(
        CaptureOrder(payment_id=payment_id, amount_minor=1000)
    )

    settlement = await settlement_of(db_sessions, session_id)
    assert settlement is not None
    assert (seen.state, seen.held_minor) == ("held", 6000)
    assert seen.capture_before is not None
    assert (captured.state, captured.captured_minor) == ("captured", 1000)
    assert (settlement.outcome, settlement.settled_minor) == ("captured", 1000)
    assert (await row_of(db_sessions, session_id)).closed_at is not None
    assert taken(world) == [("succeeded", 1000)]
    await no_breach(db_sessions)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_lost_answer_never_holds_twice(
    steps: Steps, db_sessions: Sessions, made: Network, world: World, when: str
) -> None:
    world.fault("payment_intents.create", "drop", when=when)
    async with db_sessions.begin() as db:
        payment = await place_hold(
            db, organization_id=made.organization_id, amount_minor=6000, currency="EUR",
            payment_method="pm_card_visa",
        )  # fmt: skip
    with pytest.raises(ApplicationError) as unknown:
        await steps.payments.hold_payment(PaymentOrder(payment_id=payment.id))
    async with db_sessions() as db:
        unsure = await db.get_one(Payment, payment.id)

    seen = await steps.payments.hold_payment(PaymentOrder(payment_id=payment.id))

    assert (unknown.value.type, unknown.value.non_retryable) == ("PaymentUnknown", False)
    assert unsure.state == "created"
    assert seen.state == "held"
    assert taken(world) == [("requires_capture", 0)]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_lost_answer_never_captures_twice(
    steps: Steps, db_sessions: Sessions, made: Network, world: World, when: str
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    session_id = await priced(steps, db_sessions, made, payment_id)
    order = CaptureOrder(payment_id=payment_id, amount_minor=1000)
    world.fault("payment_intents.capture", "drop", when=when)
    with pytest.raises(ApplicationError):
        await steps.payments.capture_payment(order)
    unsure = await settlement_of(db_sessions, session_id)

    await steps.payments.capture_payment(order)
    again = await steps.payments.capture_payment(order)

    assert unsure is not None
    assert unsure.outcome is None
    assert again.captured_minor == 1000
    assert taken(world) == [("succeeded", 1000)]
    await no_breach(db_sessions)


async def test_a_failure_stored_under_the_key_is_asked_anew_under_another(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    order = CaptureOrder(payment_id=payment_id, amount_minor=1000)
    world.fault("payment_intents.capture", "error", status=500)
    for _ in range(2):  # the failure itself, then its replay
        with pytest.raises(ApplicationError):
            await steps.payments.capture_payment(order)

    captured = await steps.payments.capture_payment(order)

    assert captured.captured_minor == 1000
    assert taken(world) == [("succeeded", 1000)]
    async with db_sessions() as db:
        rows = await db.scalars(
            select(PaymentOperation)
            .where(PaymentOperation.operation == "capture")
            .order_by(PaymentOperation.sequence)
        )
        assert [(row.sequence, row.outcome) for row in rows] == [(1, "refused"), (2, "done")]


@pytest.mark.parametrize("status", [429, 409, 503])
async def test_a_busy_provider_is_asked_again_with_the_same_key(
    steps: Steps, db_sessions: Sessions, made: Network, world: World, status: int
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    order = CaptureOrder(payment_id=payment_id, amount_minor=1000)
    world.fault("payment_intents.capture", "error", status=status)
    with pytest.raises(ApplicationError) as busy:
        await steps.payments.capture_payment(order)

    captured = await steps.payments.capture_payment(order)

    assert not busy.value.non_retryable
    assert captured.captured_minor == 1000
    async with db_sessions() as db:
        rows = await db.scalars(
            select(PaymentOperation.sequence).where(PaymentOperation.operation == "capture")
        )
        assert list(rows) == [1]


async def test_an_unreadable_answer_is_neither_success_nor_failure(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    order = CaptureOrder(payment_id=payment_id, amount_minor=1000)
    world.fault("payment_intents.capture", "malformed")
    with pytest.raises(ApplicationError) as unreadable:
        await steps.payments.capture_payment(order)

    captured = await steps.payments.capture_payment(order)

    assert unreadable.value.type == "PaymentUnknown"
    assert captured.captured_minor == 1000


async def test_more_than_the_hold_is_clamped_and_reviewed(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    session_id = await priced(steps, db_sessions, made, payment_id, energy_wh=140_000)

    captured = await steps.payments.capture_payment(
        CaptureOrder(payment_id=payment_id, amount_minor=7000)
    )

    assert captured.captured_minor == 6000
    assert await review_kinds(db_sessions, session_id) == ["amount_differs"]
    await no_breach(db_sessions)


async def test_a_release_is_done_once_and_a_second_is_a_success(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    world.fault("payment_intents.cancel", "drop", when="after")
    order = ReleaseOrder(payment_id=payment_id, reason="start_timeout")
    with pytest.raises(ApplicationError):
        await steps.payments.release_payment(order)

    released = await steps.payments.release_payment(order)
    again = await steps.payments.release_payment(order)

    assert (released.state, again.state) == ("released", "released")
    assert taken(world) == [("canceled", 0)]


async def test_a_capture_after_the_hold_was_cancelled_is_uncollectible(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    session_id = await priced(steps, db_sessions, made, payment_id)
    async with db_sessions() as db:
        intent = (await db.get_one(Payment, payment_id)).intent
    assert intent is not None
    world.client.v1.payment_intents.cancel(intent)

    seen = await steps.payments.capture_payment(
        CaptureOrder(payment_id=payment_id, amount_minor=1000)
    )

    settlement = await settlement_of(db_sessions, session_id)
    assert settlement is not None
    assert (seen.state, settlement.outcome) == ("released", "uncollectible")
    assert await review_kinds(db_sessions, session_id) == ["uncollectible"]
    await no_breach(db_sessions)


async def test_a_release_after_a_capture_keeps_what_was_taken(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    async with db_sessions() as db:
        intent = (await db.get_one(Payment, payment_id)).intent
    assert intent is not None
    world.client.v1.payment_intents.capture(intent, params={"amount_to_capture": 900})

    seen = await steps.payments.release_payment(
        ReleaseOrder(payment_id=payment_id, reason="cancelled")
    )

    assert (seen.state, seen.captured_minor) == ("captured", 900)


async def test_a_hold_whose_answer_was_lost_is_found_and_released(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    world.fault("payment_intents.create", "drop", when="after")
    async with db_sessions.begin() as db:
        payment = await place_hold(
            db, organization_id=made.organization_id, amount_minor=6000, currency="EUR",
            payment_method="pm_card_visa",
        )  # fmt: skip
    with pytest.raises(ApplicationError):
        await steps.payments.hold_payment(PaymentOrder(payment_id=payment.id))

    seen = await steps.payments.release_payment(
        ReleaseOrder(payment_id=payment.id, reason="no session came")
    )

    assert seen.state == "released"
    assert taken(world) == [("canceled", 0)]


async def test_a_hold_that_needs_the_driver_is_held_after_the_driver_confirmed(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, waiting = await held(steps, db_sessions, made, card="pm_card_threeDSecure2Required")
    async with db_sessions() as db:
        row = await db.get_one(Payment, payment_id)
    assert row.intent is not None

    world.pass_3ds(row.intent)
    seen = await steps.payments.look_at_payment(PaymentOrder(payment_id=payment_id))

    assert (waiting.state, seen.state, seen.held_minor) == ("action_required", "held", 6000)


async def test_a_declined_hold_waits_for_another_card(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, seen = await held(
        steps, db_sessions, made, card="pm_card_chargeDeclinedInsufficientFunds"
    )

    released = await steps.payments.release_payment(
        ReleaseOrder(payment_id=payment_id, reason="not confirmed in time")
    )

    assert (seen.state, seen.decline_code) == ("action_required", "insufficient_funds")
    assert released.state == "failed"


async def test_a_revoked_key_pauses_and_loses_nothing(
    steps: Steps, db_sessions: Sessions, made: Network, world: World
) -> None:
    payment_id, _ = await held(steps, db_sessions, made)
    order = CaptureOrder(payment_id=payment_id, amount_minor=1000)

    with pytest.raises(ApplicationError) as refused:
        await Payments(db_sessions, None).capture_payment(order)
    captured = await steps.payments.capture_payment(order)

    assert (refused.value.type, refused.value.non_retryable) == ("PaymentProviderMissing", True)
    assert captured.captured_minor == 1000
