"""Only a session whose row says that it was not started is started (DESIGN 2, step 5)."""

from uuid import UUID

import pytest
from sqlalchemy import text
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from holdfast.contracts.names import session_workflow_id
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from tests.activities.rows import Network, row_of, session
from tests.workers.conftest import serving
from tests.workers.test_workers import all_sent, tell_start, until

pytestmark = pytest.mark.usefixtures("nothing_left_running")


async def forgotten(temporal: Client, session_id: UUID) -> bool:
    try:
        await temporal.get_workflow_handle(session_workflow_id(session_id)).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return True
    return False


async def test_a_start_that_comes_again_after_temporal_forgot_the_first_starts_nothing(
    worker_settings: Settings, db_sessions: Sessions, made: Network, temporal: Client
) -> None:
    fresh = await session(db_sessions, made, ended_at=None)
    # Started, settled and, by the retention of the namespace, forgotten.
    done = await session(db_sessions, made, transaction_id="78")
    async with db_sessions.begin() as db:
        await db.execute(
            text("UPDATE sessions SET workflow_started_at = now() WHERE id = :id"), {"id": done}
        )
    async with serving(worker_settings):
        await tell_start(db_sessions, made, done)
        await tell_start(db_sessions, made, fresh)
        await until(lambda: all_sent(db_sessions), "both rows are done with")

        assert not await forgotten(temporal, fresh)
        assert await forgotten(temporal, done)

    assert (await row_of(db_sessions, fresh)).workflow_started_at is not None
