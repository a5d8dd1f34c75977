"""What people decide of a session is kept in its rows, once, and every step goes by it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from temporalio.exceptions import ApplicationError

from holdfast.contracts.names import payment_workflow_id, session_workflow_id
from holdfast.contracts.sessions import (
    QUALITY,
    AttentionOrder,
    CancelOrder,
    Decision,
    DecisionOrder,
    EndOrder,
    SessionOrder,
    SettleOrder,
)
from holdfast.services.charges import place_hold
from holdfast.services.rebuild import startable_of
from holdfast.services.refusal import Conflict
from holdfast.services.verify import find_breaches
from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, OutboxRow, Session, SessionEvent, TariffVersion
from tests.activities.conftest import Steps
from tests.activities.rows import (
    Network,
    account,
    decided,
    row_of,
    session,
    settlement_of,
)

RUNNING: dict[str, Any] = {"ended_at": None, "meter_stop_mwh": None}
# Prices by power are valid OCPI, and none that we can bill.
UNPRICEABLE = {
    "id": "broken",
    "currency": "EUR",
    # Nothing writes such a price; pricing refuses to read it.
    "elements": [{"price_components": [{"type": "ENERGY", "price": "-0.50", "step_size": 1}]}],
}


async def unpriceable(db_sessions: Sessions, made: Network) -> UUID:
    """A tariff version that pricing refuses."""
    async with db_sessions.begin() as db:
        known = await db.get_one(TariffVersion, made.tariff_version_id)
        version = TariffVersion(
            organization_id=made.organization_id,
            tariff_id=known.tariff_id,
            number=2,
            valid_from=known.valid_from,
            body=UNPRICEABLE,
        )
        db.add(version)
        await db.flush()
        return version.id


async def entries_of(db_sessions: Sessions, session_id: UUID) -> list[tuple[str, str]]:
    """Actor and action of what is in the audit log, oldest first."""
    async with db_sessions() as db:
        rows = await db.execute(
            select(AuditEntry.actor, AuditEntry.action)
            .where(AuditEntry.subject == f"session:{session_id}")
            .order_by(AuditEntry.id)
        )
        return [(actor, action) for actor, action in rows]


async def blocked(steps: Steps, session_id: UUID) -> None:
    """As the workflow does when the quality gate objects."""
    await steps.sessions.raise_attention(
        AttentionOrder(session_id=session_id, reason=f"{QUALITY}energy_above_power")
    )


async def test_a_waiver_is_settled_by_whoever_settles(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    account_id, token_id = await account(db_sessions, made, billing="invoice")
    session_id = await session(
        db_sessions, made, account_id=account_id, token_id=token_id, **RUNNING
    )
    await steps.sessions.begin_session(SessionOrder(session_id=session_id))
    await decided(db_sessions, made, session_id, "waive", reason="stranded")
    async with db_sessions.begin() as db:
        (await db.get_one(Session, session_id)).ended_at = datetime.now(UTC)

    told = await steps.sessions.settle_session(SettleOrder(session_id=session_id))

    row = await settlement_of(db_sessions, session_id)
    assert row is not None
    assert (told.outcome, row.settled_minor, row.reason) == ("waived", 0, "stranded")
    assert await entries_of(db_sessions, session_id) == [("key:1", "session.waive")]
    async with db_sessions() as db:
        assert await find_breaches(db) == []


async def test_verify_finds_a_waiver_that_was_charged(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    account_id, token_id = await account(db_sessions, made, billing="invoice")
    session_id = await session(db_sessions, made, account_id=account_id, token_id=token_id)
    await steps.sessions.begin_session(SessionOrder(session_id=session_id))
    await steps.sessions.settle_session(SettleOrder(session_id=session_id))
    async with db_sessions.begin() as db:
        entry = AuditEntry(
            organization_id=made.organization_id,
            actor="key:1",
            action="session.waive",
            subject=f"session:{session_id}",
        )
        db.add(entry)
        await db.flush()
        await db.execute(update(Session).values(waive_audit_id=entry.id))

    async with db_sessions() as db:
        breaches = await find_breaches(db)

    assert [breach.invariant.name for breach in breaches] == ["waiver_lost"]


async def test_a_waiver_settles_where_no_price_can_be_found(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    async with db_sessions.begin() as db:
        hold = await place_hold(
            db, organization_id=made.organization_id, amount_minor=6000, currency="EUR"
        )
    version = await unpriceable(db_sessions, made)
    session_id = await session(db_sessions, made, payment_id=hold.id, tariff_version_id=version)
    with pytest.raises(ApplicationError) as refused:
        await steps.sessions.settle_session(SettleOrder(session_id=session_id))
    await decided(db_sessions, made, session_id, "waive", reason="Erika Mustermann was stranded")

    told = await steps.sessions.settle_session(SettleOrder(session_id=session_id))

    row = await settlement_of(db_sessions, session_id)
    assert row is not None
    assert (told.outcome, told.amount_minor, told.energy_wh) == ("waived", 0, 20_000)
    assert refused.value.type in row.breakdown["note"]
    async with db_sessions() as db:
        payloads = list(await db.scalars(select(OutboxRow.payload)))
        names = await db.scalars(
            select(OutboxRow.name).where(OutboxRow.workflow_id == payment_workflow_id(hold.id))
        )
        assert list(names)[-1] == "release_asked"
    assert "Mustermann" not in str(payloads)
    async with db_sessions() as db:
        assert await find_breaches(db) == []


async def test_a_waived_session_is_watched_where_no_price_can_be_found(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    async with db_sessions.begin() as db:
        hold = await place_hold(
            db, organization_id=made.organization_id, amount_minor=6000, currency="EUR"
        )
    version = await unpriceable(db_sessions, made)
    session_id = await session(
        db_sessions,
        made,
        payment_id=hold.id,
        tariff_version_id=version,
        last_seen_at=datetime.now(UTC),
        **RUNNING,
    )
    with pytest.raises(ApplicationError):
        await steps.sessions.begin_session(SessionOrder(session_id=session_id))
    await decided(db_sessions, made, session_id, "waive")

    plan = await steps.sessions.begin_session(SessionOrder(session_id=session_id))

    assert plan.tripwire_version == 1
    assert (await row_of(db_sessions, session_id)).wake_at is not None


async def test_settling_anyway_needs_something_that_blocks(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    session_id = await session(db_sessions, made, energy_wh=9_000_000)
    await steps.sessions.begin_session(SessionOrder(session_id=session_id))

    with pytest.raises(Conflict):
        await decided(db_sessions, made, session_id, "settle_anyway")
    with pytest.raises(ApplicationError) as refused:
        await steps.sessions.note_decision(from_the_ui(session_id, "settle_anyway"))
    first = await steps.sessions.settle_session(SettleOrder(session_id=session_id))
    await blocked(steps, session_id)
    await decided(db_sessions, made, session_id, "settle_anyway")
    second = await steps.sessions.settle_session(SettleOrder(session_id=session_id))

    assert (refused.value.type, refused.value.non_retryable) == ("Conflict", True)
    assert first.blocked is not None
    assert (second.blocked, second.outcome) == (None, "uncollectible")
    assert await entries_of(db_sessions, session_id) == [("key:1", "session.settle_anyway")]


@pytest.mark.parametrize("action", ["waive", "force_end", "retry", "settle_anyway"])
async def test_a_decision_from_the_temporal_ui_is_noted_once_and_tells_nobody(
    steps: Steps, db_sessions: Sessions, made: Network, action: Decision
) -> None:
    session_id = await session(db_sessions, made, **RUNNING)
    await blocked(steps, session_id)

    for _ in range(2):
        await steps.sessions.note_decision(from_the_ui(session_id, action))

    assert await entries_of(db_sessions, session_id) == [("temporal-ui", f"session.{action}")]
    async with db_sessions() as db:
        kinds = list(await db.scalars(select(SessionEvent.kind)))
        assert kinds == [f"decided.{action}"]
        assert list(await db.scalars(select(OutboxRow.id))) == []


async def test_a_forced_end_is_audited_once_whoever_carries_it_out(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    running = await session(db_sessions, made, **RUNNING)
    ordered = await session(db_sessions, made, started_at=None, transaction_id=None, **RUNNING)
    for session_id in (running, ordered):
        await decided(db_sessions, made, session_id, "force_end")

    await steps.sessions.end_session(EndOrder(session_id=running, reason="forced"))
    await steps.sessions.cancel_session(CancelOrder(session_id=ordered, reason="forced"))

    for session_id in (running, ordered):
        assert await entries_of(db_sessions, session_id) == [("key:1", "session.force_end")]


async def test_the_rows_say_what_a_workflow_that_is_built_again_must_know(
    steps: Steps, db_sessions: Sessions, made: Network
) -> None:
    session_id = await session(db_sessions, made, **RUNNING)
    await blocked(steps, session_id)
    actions: tuple[Decision, ...] = ("force_end", "waive", "retry", "settle_anyway")
    for action in actions:
        await decided(db_sessions, made, session_id, action)

    async with db_sessions() as db:
        lost = await startable_of(db, session_workflow_id(session_id))
        signals = await db.scalars(select(OutboxRow.payload))
        heard = {payload["event_id"]: payload["action"] for payload in signals}

    assert lost is not None
    known = {d["event_id"]: d["action"] for d in lost.message.model_dump()["decisions"]}
    assert sorted(known.values()) == ["force_end", "settle_anyway", "waive"]
    assert known.items() <= heard.items()


def from_the_ui(session_id: UUID, action: Decision) -> DecisionOrder:
    """Typed by a person, told by the workflow; told again where the answer was lost."""
    return DecisionOrder(
        session_id=session_id, event_id="run:update-1", action=action, reason="typed by hand"
    )
