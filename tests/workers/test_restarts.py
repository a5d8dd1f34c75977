"""Engines that are killed in the middle: the workers process stays, and loses nothing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import func, insert, update

from cli.embedded.postgres import EmbeddedPostgres
from cli.embedded.temporal import EmbeddedTemporal
from cli.rebuild import rebuild
from holdfast.services.verify import find_breaches
from holdfast.settings import Settings
from holdfast.store.database import Sessions, open_engine, open_sessions
from holdfast.store.migrate import upgrade
from holdfast.store.tables import Organization, OutboxRow
from tests.activities.rows import (
    Network,
    account,
    decided,
    network,
    row_of,
    settlement_of,
)
from tests.conftest import TEST_SECRET
from tests.workers.conftest import serving
from tests.workers.test_workers import (
    all_sent,
    begun,
    closed,
    running_session,
    tell_end,
    tell_start,
    until,
)


class Engines:
    """A Postgres and a Temporal of this test's own, to kill and start again."""

    def __init__(self, folder: Path) -> None:
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self.temporal = EmbeddedTemporal(folder / "temporal")

    def settings(self) -> Settings:
        return Settings.model_validate(
            {
                "database_url": self.postgres.dsn,
                "temporal_address": self.temporal.address,
                "secret_key": TEST_SECRET,
                "admin_port": 0,
                "max_cached_workflows": 100,
            }
        )


@pytest.fixture
async def engines(tmp_path: Path) -> AsyncIterator[Engines]:
    """Started and migrated."""
    own = Engines(tmp_path)
    await own.postgres.start()
    await own.temporal.start()
    await asyncio.to_thread(upgrade, own.postgres.dsn)
    yield own
    await own.temporal.stop()
    await own.postgres.stop()


@pytest.fixture
async def own_sessions(engines: Engines) -> AsyncIterator[Sessions]:
    """The test's own way to the database that is killed."""
    engine = open_engine(SecretStr(engines.postgres.dsn), pool_size=3)
    yield open_sessions(engine)
    await engine.dispose()


async def invoiced(own_sessions: Sessions) -> tuple[Network, dict[str, UUID]]:
    """A network with an account that pays by invoice."""
    async with own_sessions.begin() as db:
        row = await db.execute(
            insert(Organization).values(slug="acme", name="Acme").returning(Organization.id)
        )
        organization_id = row.scalar_one()
    made = await network(own_sessions, organization_id)
    account_id, token_id = await account(own_sessions, made, billing="invoice")
    return made, {"account_id": account_id, "token_id": token_id}


async def test_sessions_survive_the_death_of_each_engine(
    engines: Engines, own_sessions: Sessions
) -> None:
    made, who = await invoiced(own_sessions)
    ids = [await running_session(own_sessions, made, **who) for _ in range(4)]
    async with serving(engines.settings()):
        for session_id in ids:
            await tell_start(own_sessions, made, session_id)
        await engines.temporal.kill()
        await tell_end(own_sessions, made, ids[0])
        await engines.temporal.start()
        await tell_end(own_sessions, made, ids[1])
        await asyncio.sleep(0.2)
        await engines.postgres.kill()
        await asyncio.sleep(1)
        await engines.postgres.start()
        for session_id in ids[2:]:
            await tell_end(own_sessions, made, session_id)
        for session_id in ids:
            await until(closed(own_sessions, session_id), "the session is closed")

    async with own_sessions() as db:
        assert await find_breaches(db) == []


async def test_what_temporal_forgot_is_built_again_from_the_rows(
    engines: Engines, own_sessions: Sessions
) -> None:
    made, who = await invoiced(own_sessions)
    ids = [await running_session(own_sessions, made, **who) for _ in range(3)]
    settings = engines.settings()
    async with serving(settings):
        for session_id in ids:
            await tell_start(own_sessions, made, session_id)
        for session_id in ids:
            await until(begun(own_sessions, session_id), "the session is watched")
        await engines.temporal.kill()
        for leftover in engines.temporal.folder.glob("*.db*"):
            leftover.unlink()
        await engines.temporal.start()
        await tell_end(own_sessions, made, ids[0])
        # A session that is rebuilt before would be over by its row: its signal would come late.
        await until(lambda: all_sent(own_sessions), "the first is told of its end")
        counts = await rebuild(settings)
        for session_id in ids[1:]:
            await until(begun(own_sessions, session_id, 2), "the session is watched again")
            await tell_end(own_sessions, made, session_id)
        for session_id in ids:
            await until(closed(own_sessions, session_id), "the session is closed")
        await until(lambda: all_sent(own_sessions), "the outbox is empty")

    assert sum(counts["started"].values()) + sum(counts["running"].values()) >= 2
    async with own_sessions() as db:
        assert await find_breaches(db, quiescent=True) == []


async def test_what_people_decided_survives_the_loss_of_temporals_data(
    engines: Engines, own_sessions: Sessions
) -> None:
    made, who = await invoiced(own_sessions)
    waived, forced, gone_on = [await running_session(own_sessions, made, **who) for _ in range(3)]
    settings = engines.settings()
    async with serving(settings):
        for session_id in (waived, forced, gone_on):
            await tell_start(own_sessions, made, session_id)
        await decided(own_sessions, made, waived, "waive", reason="the driver was stranded")
        await until(lambda: all_sent(own_sessions), "the waiver was told")
        await engines.temporal.kill()
        await decided(own_sessions, made, forced, "force_end", reason="the cable was cut")
        for leftover in engines.temporal.folder.glob("*.db*"):
            leftover.unlink()
        async with own_sessions.begin() as db:
            # Even where the relay had told the Temporal that forgot it.
            await db.execute(update(OutboxRow).values(sent_at=func.now()))
        await engines.temporal.start()
        await rebuild(settings)
        for session_id in (waived, gone_on):
            await tell_end(own_sessions, made, session_id)
        for session_id in (waived, forced, gone_on):
            await until(closed(own_sessions, session_id), "the session is closed")

    outcomes = [await settlement_of(own_sessions, one) for one in (waived, forced, gone_on)]
    assert [row and row.outcome for row in outcomes] == ["waived", "invoiced", "invoiced"]
    assert (await row_of(own_sessions, forced)).end_reason == "forced"
    async with own_sessions() as db:
        assert await find_breaches(db) == []
