"""A test's database, taken again: no test finds what another left, and no task of it comes back."""

from collections.abc import AsyncIterator

import psycopg
import pytest

from tests.databases import Databases

ROWS = "INSERT INTO organizations (slug, name) VALUES ('left', 'Left')"
IDENTITY = "SELECT oid FROM pg_database WHERE datname = current_database()"


@pytest.fixture(scope="module")
async def few(postgres_url: str) -> AsyncIterator[Databases]:
    """Of this test alone: it knows which one is taken again."""
    async with Databases.opened(postgres_url) as databases:
        yield databases


async def told(url: str, *statements: str) -> object:
    """The first column of what the last statement answers; None where it is no question."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = await connection.execute(statement.encode())
        row = await cursor.fetchone() if cursor.description else None
    return row[0] if row else None


async def test_rows_and_numbers_are_gone_and_the_database_is_taken_again(few: Databases) -> None:
    number = "SELECT nextval(pg_get_serial_sequence('outbox', 'id'))"
    async with few.one() as url:
        first, left = url, await told(url, ROWS, IDENTITY)
        numbers = [await told(url, number), await told(url, number)]

    async with few.one() as url:
        assert await told(url, IDENTITY) == left
        assert await told(url, "SELECT count(*) FROM organizations") == 0
        assert await told(url, number) == numbers[0] != numbers[1]
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            await told(first, "SELECT 1")


async def test_who_is_still_connected_is_sent_away_with_what_it_held(few: Databases) -> None:
    lock = "SELECT pg_try_advisory_lock(7)"
    async with few.one() as url:
        left = await told(url, IDENTITY)
        forgotten = await psycopg.AsyncConnection.connect(url)
        await forgotten.execute(ROWS.encode())
        await forgotten.execute(lock.encode())

    async with few.one() as url:
        assert (await told(url, IDENTITY), await told(url, lock)) == (left, True)
        with pytest.raises(psycopg.OperationalError):
            await forgotten.execute("SELECT 1")
    await forgotten.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE left_behind ()",
        "ALTER TABLE organizations ADD CHECK (slug <> 'right')",
        "CREATE FUNCTION left_behind() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE left_behind AS ENUM ('one')",
        "CREATE OR REPLACE VIEW left_behind AS SELECT 2 AS said",
        "ALTER SEQUENCE outbox_id_seq INCREMENT 7",
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET jit = off', current_database()); END$$",
        "DELETE FROM alembic_version",
        "ANALYZE organizations",
        "SELECT lo_create(0)",
    ],
)
async def test_a_database_that_was_changed_is_not_taken_again(
    few: Databases, statement: str
) -> None:
    async with few.one() as url:
        left = await told(url, ROWS, statement, IDENTITY)

    async with few.one() as url:
        assert await told(url, IDENTITY) != left
