"""Rows of the outbox that no version of ours wrote: parked each by itself, and the rest goes on."""

import pytest
from sqlalchemy import select

from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import OutboxRow
from tests.activities.rows import Network, account
from tests.workers.conftest import serving
from tests.workers.test_workers import closed, running_session, tell_end, tell_start, until

POISON = [
    ("session-not-an-id", "signal", "transaction_ended"),
    ("nonsense", "signal", "x"),
    ("session-", "start", "ChargingSession"),
]


@pytest.mark.parametrize(("workflow_id", "operation", "name"), POISON)
async def test_a_row_that_names_no_workflow_of_ours_stops_nobody_else(
    worker_settings: Settings,
    db_sessions: Sessions,
    made: Network,
    workflow_id: str,
    operation: str,
    name: str,
) -> None:
    account_id, token_id = await account(db_sessions, made, billing="invoice")
    async with db_sessions.begin() as db:
        db.add(
            OutboxRow(
                organization_id=made.organization_id, lane=0,
                workflow_id=workflow_id, operation=operation, name=name, payload={},
            )
        )  # fmt: skip

    async def parked() -> bool:
        async with db_sessions() as db:
            poison = select(OutboxRow.parked_at).where(OutboxRow.workflow_id == workflow_id)
            return await db.scalar(poison) is not None

    sound = await running_session(db_sessions, made, account_id=account_id, token_id=token_id)

    async with serving(worker_settings):
        await tell_start(db_sessions, made, sound)
        await tell_end(db_sessions, made, sound)
        await until(closed(db_sessions, sound), "the sound session is closed")
        await until(parked, "the row is parked")

    async with db_sessions() as db:
        row = await db.scalar(select(OutboxRow).where(OutboxRow.workflow_id == workflow_id))
    assert row is not None
    assert row.parked_at is not None
    assert row.sent_at is None
