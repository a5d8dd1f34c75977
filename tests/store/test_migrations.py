"""Migrations on a database that is in use: forth, back and forth, broken off, locked out, raced."""

import asyncio
import os
from collections.abc import AsyncIterator

import psycopg
import pytest
from alembic import command
from psycopg import AsyncConnection
from sqlalchemy.exc import DBAPIError

from cli.embedded.databases import create_database, drop_database
from holdfast.store import migrate
from holdfast.store.migrate import alembic_config, current_and_head, upgrade

INDEX = "ix_sessions_account_id"


@pytest.fixture(scope="module")
async def empty_url(postgres_url: str) -> AsyncIterator[str]:
    """A database without tables, for this file."""
    name = f"test_migrations_{os.getpid()}"
    yield await create_database(postgres_url, name)
    await drop_database(postgres_url, name)


async def schema(url: str) -> list[tuple[object, ...]]:
    """Columns, constraints and valid indexes, as text."""
    async with await AsyncConnection.connect(url) as connection:
        rows = await connection.execute(
            "SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), "
            "attnotnull::text FROM pg_attribute JOIN pg_class c ON c.oid = attrelid "
            "WHERE c.relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped "
            "AND c.relkind IN ('r', 'p') UNION ALL "
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), "
            "convalidated::text FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace UNION ALL "
            "SELECT indrelid::regclass::text, indexrelid::regclass::text, "
            "pg_get_indexdef(indexrelid), indisvalid::text FROM pg_index "
            "JOIN pg_class c ON c.oid = indexrelid "
            "WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 2, 3"
        )
        return await rows.fetchall()


async def test_tariffs_go_in_out_and_in_again_and_leave_the_same(empty_url: str) -> None:
    await asyncio.to_thread(upgrade, empty_url, "0009")
    before = await schema(empty_url)
    await asyncio.to_thread(upgrade, empty_url)
    after = await schema(empty_url)

    await asyncio.to_thread(command.downgrade, alembic_config(empty_url), "0009")
    assert await schema(empty_url) == before

    await asyncio.to_thread(upgrade, empty_url)
    assert await schema(empty_url) == after


async def test_an_index_that_was_broken_off_is_made_anew(empty_url: str) -> None:
    await asyncio.to_thread(upgrade, empty_url)
    whole = await schema(empty_url)
    async with await AsyncConnection.connect(empty_url) as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '0010'")
        await connection.execute(f"DROP INDEX {INDEX}")
        await connection.execute(
            "ALTER TABLE running_costs DROP CONSTRAINT fk_running_costs_session_id"
        )
        # The way in which a build that was broken off leaves one behind: here, by two equal rows.
        await connection.execute("INSERT INTO organizations (slug, name) VALUES ('a', 'A')")
        await connection.execute(
            "INSERT INTO accounts (organization_id, name, billing) "
            "SELECT id, 'A', 'free' FROM organizations, generate_series(1, 2)"
        )
    async with await AsyncConnection.connect(empty_url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            await connection.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {INDEX} ON accounts (name)")

    await asyncio.to_thread(upgrade, empty_url)

    assert await schema(empty_url) == whole


async def test_a_table_that_is_locked_is_asked_for_again_and_its_writers_go_on(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "AGAIN_AFTER_S", 0.05)
    await asyncio.to_thread(upgrade, empty_url)
    await asyncio.to_thread(command.downgrade, alembic_config(empty_url), "0010")
    async with (
        await AsyncConnection.connect(empty_url) as reader,
        await AsyncConnection.connect(empty_url, autocommit=True) as writer,
    ):
        await reader.execute("SELECT FROM sessions")
        migration = asyncio.create_task(asyncio.to_thread(upgrade, empty_url))
        await writer.execute("SET statement_timeout = '2s'")
        for _ in range(1_000):
            if await is_waited_for(writer):
                break
            await asyncio.sleep(0.01)

        await writer.execute("UPDATE sessions SET energy_wh = 1")
        await reader.rollback()
        await migration

    assert await asyncio.to_thread(current_and_head, empty_url) == ("0011", "0011")


async def test_a_table_that_stays_locked_fails_and_the_next_call_goes_on(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "TRIES", 1)
    await asyncio.to_thread(upgrade, empty_url)
    await asyncio.to_thread(command.downgrade, alembic_config(empty_url), "0010")
    async with await AsyncConnection.connect(empty_url) as reader:
        await reader.execute("SELECT FROM sessions")
        with pytest.raises(DBAPIError, match="lock timeout"):
            await asyncio.to_thread(upgrade, empty_url)

    await asyncio.to_thread(upgrade, empty_url)

    assert await asyncio.to_thread(current_and_head, empty_url) == ("0011", "0011")


async def test_two_that_migrate_at_once_take_turns(empty_url: str) -> None:
    await asyncio.to_thread(upgrade, empty_url)
    await asyncio.to_thread(command.downgrade, alembic_config(empty_url), "0010")

    async with asyncio.timeout(20):
        await asyncio.gather(*(asyncio.to_thread(upgrade, empty_url) for _ in range(2)))

    assert await asyncio.to_thread(current_and_head, empty_url) == ("0011", "0011")


async def is_waited_for(connection: AsyncConnection[tuple[object, ...]]) -> bool:
    """Whether somebody waits for the whole table of sessions."""
    rows = await connection.execute(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'sessions'::regclass "
        "AND mode = 'AccessExclusiveLock' AND NOT granted)"
    )
    found = await rows.fetchone()
    return bool(found and found[0])
