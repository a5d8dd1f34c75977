"""Settling on real rows: every ended session gets exactly one outcome, by exactly one rail."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from holdfast.contracts.late_truth import LateOrder
from holdfast.contracts.names import payment_workflow_id, session_workflow_id
from holdfast.contracts.sessions import (
    QUALITY,
    AttentionOrder,
    CancelOrder,
    CheckOrder,
    EndOrder,
    SessionOrder,
    SettleOrder,
    StopOrder,
)
from holdfast.services.charges import place_hold
from holdfast.services.verify import find_breaches
from holdfast.store.database import Sessions
from holdfast.store.tables import LateFact, Order, Payment, Session
from tests.activities.conftest import Steps
from tests.activities.rows import (
    Network,
    account,
    decided,
    outbox_names,
    review_kinds,
    row_of,
    session,
    settlement_of,
)


async def begun(steps: Steps, db_sessions: Sessions, made: Network, **fields: Any) -> Any:
    session_id = await session(db_sessions, made, **fields)
    await steps.sessions.begin_session(SessionOrder(session_id=session_id))
    return session_id


@pytest.mark.parametrize(
    ("billing", "outcome", "settled"),
    [("free", "free", 0), ("invoice", "invoiced", 1000), ("card", "uncollectible", 0)],
    ids=["free account", "invoice", "card account without a card"],
)
async def test_an_account_is_settled_by_its_billing(
    steps: Steps, db_sessions: Sessions, made: Network, billing: str, outcome: str, settled: int
) -> None:
    account_id, token_id = await account(db_sessions, made, billing=billing)
    session_id = await begun(steps, db_sessions, made, account_id=account_id, token_id=token_id)

    told = await steps.sessions.settle_session(SettleOrder(session_id=session_id))

    row = await settlement_of(db_sessions, session_id)
    assert row is not None
    assert (told.outcome, told.amount_minor, told.energy_wh) == (outcome, 1000, 20_000)
    assert (row.outcome, row.settled_minor, row.incl_vat) == (outcome, settled, "10.00")
    assert (await row_of(db_sessions, session_id)).closed_at is not None
    async with db_sessions() as db:
        assert await find_breaches(db) == []


async def test_settling_twice_writes_one_settlement(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    account_id, token_id = await account(db_sessions, made, customer="cus_1", payment_method="pm_1")
    session_id = await begun(steps, db_sessions, made, account_id=account_id, token_id=token_id)

    first = await steps.sessions.settle_session(SettleOrder(session_id=session_id))
    second = await steps.sessions.settle_session(SettleOrder(session_id=session_id))

    assert first == second
    assert first.outcome is None
    assert first.payment_id is not None
    async with db_sessions() as db:
        assert len(list(await db.scalars(select(Payment)))) == 1
        assert await outbox_names(db, payment_workflow_id(first.payment_id)) == ["Payment"]


async def test_the_energy_of_an_unknown_token_is_kept_and_reviewed(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    session_id = await begun(steps, db_sessions, made)

    told = await steps.sessions.settle_session(SettleOrder(session_id=session_id))

    assert (told.outcome, told.energy_wh) == ("uncollectible", 20_000)
    assert await review_kinds(db_sessions, session_id) == ["unknown_token"]


async def test_a_small_amount_goes_on_the_next_invoice(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    account_id, token_id = await account(db_sessions, made, customer="cus_1", payment_method="pm_1")
    session_id = await begun(
        steps, db_sessions, made, account_id=account_id, token_id=token_id, energy_wh=500
    )

    told = await steps.sessions.settle_session(SettleOrder(session_id=session_id))

    assert (told.outcome, told.amount_minor) == ("invoiced", 25)


async def test_impossible_energy_blocks_until_a_person_decides(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    session_id = await begun(steps, db_sessions, made, energy_wh=9_000_000)

    blocked = await steps.sessions.settle_session(SettleOrder(session_id=session_id))
    nothing = await settlement_of(db_sessions, session_id)
    await decided(db_sessions, made, session_id, "waive", reason="a broken meter")
    waived = await steps.sessions.settle_session(SettleOrder(session_id=session_id))

    assert blocked.blocked is not None
    assert nothing is None
    assert waived.outcome == "waived"


async def test_a_session_that_has_not_ended_is_not_settled(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    session_id = await begun(steps, db_sessions, made, ended_at=None, meter_stop_mwh=None)

    with pytest.raises(ApplicationError) as refused:
        await steps.sessions.settle_session(SettleOrder(session_id=session_id))

    assert (refused.value.type, refused.value.non_retryable) == ("SessionNotEnded", True)


async def test_a_session_without_a_tariff_is_free_and_says_why(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    before = datetime(2025, 12, 1, tzinfo=UTC)
    session_id = await begun(
        steps, db_sessions, made, started_at=before, ended_at=before + timedelta(hours=1),
        meter_last_at=before + timedelta(hours=1),
    )  # fmt: skip
    await steps.sessions.raise_attention(
        AttentionOrder(session_id=session_id, reason=f"{QUALITY}clock")
    )
    await decided(db_sessions, made, session_id, "settle_anyway")

    told = await steps.sessions.settle_session(SettleOrder(session_id=session_id))

    row = await settlement_of(db_sessions, session_id)
    assert row is not None
    assert (told.outcome, row.breakdown["note"][:9]) == ("free", "no tariff")


async def test_a_session_that_never_started_gives_its_hold_back(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    async with db_sessions.begin() as db:
        hold = await place_hold(
            db, organization_id=made.organization_id, amount_minor=6000, currency="EUR"
        )
    session_id = await session(
        db_sessions, made, started_at=None, ended_at=None, payment_id=hold.id, transaction_id=None
    )

    cancelled = await steps.sessions.cancel_session(
        CancelOrder(session_id=session_id, reason="start_timeout")
    )

    assert cancelled.closed
    assert (await row_of(db_sessions, session_id)).closed_at is not None
    async with db_sessions() as db:
        assert await outbox_names(db, payment_workflow_id(hold.id)) == ["Payment", "release_asked"]


async def test_a_start_that_came_first_is_not_cancelled(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    session_id = await session(db_sessions, made, ended_at=None)

    cancelled = await steps.sessions.cancel_session(
        CancelOrder(session_id=session_id, reason="start_timeout")
    )

    assert not cancelled.closed
    assert (await row_of(db_sessions, session_id)).closed_at is None


async def test_a_forced_end_prices_to_the_last_register_and_orders_a_stop(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    session_id = await begun(steps, db_sessions, made, ended_at=None, meter_stop_mwh=None)

    await decided(db_sessions, made, session_id, "force_end", reason="cable cut")
    await steps.sessions.end_session(EndOrder(session_id=session_id, reason="forced"))
    told = await steps.sessions.settle_session(SettleOrder(session_id=session_id))

    assert told.energy_wh == 20_000
    async with db_sessions() as db:
        (stop,) = list(await db.scalars(select(Order)))
    assert (stop.kind, stop.requested_by) == ("stop", "key:1")


async def test_the_same_stop_attempt_is_one_order(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    session_id = await begun(steps, db_sessions, made, ended_at=None, meter_stop_mwh=None)

    for attempt in (1, 1, 2):
        await steps.sessions.stop_session(
            StopOrder(session_id=session_id, attempt=attempt, reason="energy")
        )

    async with db_sessions() as db:
        orders = list(await db.scalars(select(Order)))
    assert [order.payload for order in orders] == [{"transaction_id": "77"}] * 2


async def test_an_energy_limit_stops_and_a_lost_answer_says_stop_again(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    session_id = await begun(
        steps, db_sessions, made, ended_at=None, meter_stop_mwh=None, energy_wh=600_000,
        last_seen_at=datetime.now(UTC),
    )  # fmt: skip
    planted = await row_of(db_sessions, session_id)

    first = await steps.sessions.check_session(CheckOrder(session_id=session_id, version=1))
    again = await steps.sessions.check_session(CheckOrder(session_id=session_id, version=1))

    assert (planted.tripwire_version, planted.fired_version) == (1, 1)
    assert (first.verdict, first.reason, again.verdict) == ("stop", "energy", "stop")
    async with db_sessions() as db:
        assert await outbox_names(db, session_workflow_id(session_id)) == ["tripwire_crossed"]


async def test_silence_first_asks_for_attention_and_then_makes_a_zombie(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    quiet = datetime.now(UTC) - timedelta(hours=1)
    session_id = await begun(
        steps, db_sessions, made, ended_at=None, meter_stop_mwh=None, last_seen_at=quiet
    )

    silent = await steps.sessions.check_session(CheckOrder(session_id=session_id, version=1))
    async with db_sessions.begin() as db:
        row = await db.get_one(Session, session_id)
        row.last_seen_at = datetime.now(UTC) - timedelta(days=2)
    zombie = await steps.sessions.check_session(CheckOrder(session_id=session_id, version=2))

    assert (silent.verdict, zombie.verdict) == ("silent", "zombie")
    assert (await row_of(db_sessions, session_id)).silence_s == 86_400


async def test_late_energy_is_repriced_and_reviewed_and_the_settlement_stands(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    account_id, token_id = await account(db_sessions, made, billing="invoice")
    session_id = await begun(steps, db_sessions, made, account_id=account_id, token_id=token_id)
    await steps.sessions.settle_session(SettleOrder(session_id=session_id))
    async with db_sessions.begin() as db:
        row = await db.get_one(Session, session_id)
        row.energy_wh, row.meter_stop_mwh = 22_000, 23_000_000
        late = LateFact(
            organization_id=made.organization_id,
            session_id=session_id,
            outbox_id=1,
            name="meter_corrected",
            payload={},
        )
        db.add(late)

    result = await steps.sessions.reprice_session(LateOrder(session_id=session_id))

    settled = await settlement_of(db_sessions, session_id)
    assert settled is not None
    assert (result.difference_minor, result.review_opened) == (100, True)
    assert (settled.amount_minor, settled.outcome) == (1000, "invoiced")
    assert await review_kinds(db_sessions, session_id) == ["late_truth"]
    async with db_sessions() as db:
        assert list(await db.scalars(select(LateFact.state))) == ["applied"]


async def test_a_session_that_starts_after_it_was_given_up_is_watched_again(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    session_id = await session(
        db_sessions, made, ended_at=None, meter_stop_mwh=None, closed_at=datetime.now(UTC)
    )

    result = await steps.sessions.reprice_session(LateOrder(session_id=session_id))

    assert result.review_opened
    assert (await row_of(db_sessions, session_id)).closed_at is None
    async with db_sessions() as db:
        assert await outbox_names(db, session_workflow_id(session_id)) == ["ChargingSession"]
        assert [order.kind for order in await db.scalars(select(Order))] == ["stop"]
