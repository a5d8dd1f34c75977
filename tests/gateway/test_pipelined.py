"""The writer's transaction and its binary arrays, on a real Postgres."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.sql import SQL

from gateway.postgres import connect
from gateway.writing.arrays import pack
from gateway.writing.pipelined import NotCommitted, pipelined_transaction
from tests.gateway.conftest import Database

Connection = psycopg.AsyncConnection[Any]

SUMMER = timezone(timedelta(hours=2))
VALUES: list[tuple[LiteralString, list[Any]]] = [
    ("uuid", [uuid4(), None, UUID(int=0)]),
    ("text", ["", None, "Grüße, 充电", "x" * 70_000]),
    ("bigint", [0, -1, None, 2**63 - 1, -(2**63)]),
    ("boolean", [True, None, False]),
    ("bytea", [b"", b"\x00\xff", None]),
    (
        "timestamptz",
        [
            datetime(2026, 7, 1, 12, 30, 15, 123456, tzinfo=UTC),
            None,
            datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            datetime(2026, 7, 1, tzinfo=SUMMER),
        ],
    ),
    ("jsonb", [[], {"a": [1.5, "b", None]}, None, "text", [{"value": "230.1"}]]),
]


@pytest.mark.parametrize(("kind", "values"), VALUES, ids=[kind for kind, _ in VALUES])
async def test_an_array_arrives_as_it_was_packed(
    database: Database, kind: LiteralString, values: list[Any]
) -> None:
    async with await connect(database.url) as connection:
        query = SQL("SELECT * FROM unnest(%b::{}[])").format(SQL(kind))
        cursor = await connection.execute(query, (pack(kind, values),))
        arrived = [row[0] for row in await cursor.fetchall()]

    assert arrived == values


async def test_an_empty_array_has_no_rows(database: Database) -> None:
    async with await connect(database.url) as connection:
        cursor = await connection.execute("SELECT * FROM unnest(%b::uuid[])", (pack("uuid", []),))

        assert await cursor.fetchall() == []


@pytest.mark.parametrize(
    ("kind", "value"), [("bigint", 2**63), ("text", "\ud800"), ("jsonb", object())]
)
def test_a_value_that_does_not_fit_is_bad_data(kind: str, value: object) -> None:
    with pytest.raises(psycopg.DataError):
        pack(kind, [value])


async def insert(connection: Connection, *numbers: int, then: Exception | None = None) -> None:
    """All of these in one transaction, and then perhaps an error of our own."""
    async with pipelined_transaction(connection):
        for number in numbers:
            await connection.execute("INSERT INTO kept VALUES (%s)", (number,))
        if then is not None:
            raise then


async def kept(connection: Connection) -> list[int]:
    cursor = await connection.execute("SELECT n FROM kept ORDER BY n")
    return [row[0] for row in await cursor.fetchall()]


async def fail_unnoticed(connection: Connection) -> None:
    """A sync inside ends the server's skipping, and the COMMIT meets a failed transaction."""
    async with pipelined_transaction(connection):
        cursor = await connection.execute("SELECT 1 / %s", (0,))
        with contextlib.suppress(psycopg.errors.DivisionByZero):
            await cursor.fetchall()
        async with connection.pipeline():
            pass


async def sleep_in_the_server(connection: Connection) -> None:
    async with asyncio.timeout(0.2), pipelined_transaction(connection):
        await (await connection.execute("SELECT pg_sleep(20)")).fetchall()


async def test_a_refused_statement_takes_back_all_of_the_transaction(database: Database) -> None:
    async with await connect(database.url) as connection:
        await connection.execute("CREATE TEMP TABLE kept (n int CHECK (n < 10))")

        with pytest.raises(psycopg.IntegrityError):
            await insert(connection, 1, 10, 2)
        await insert(connection, 3)

        assert await kept(connection) == [3]


async def test_an_error_of_ours_takes_back_all_of_the_transaction(database: Database) -> None:
    async with await connect(database.url) as connection:
        await connection.execute("CREATE TEMP TABLE kept (n int)")

        with pytest.raises(LookupError):
            await insert(connection, 1, then=LookupError())
        await insert(connection, 2)

        assert await kept(connection) == [2]


async def test_a_commit_that_did_not_commit_is_told(database: Database) -> None:
    async with await connect(database.url) as connection:
        with pytest.raises(NotCommitted):
            await fail_unnoticed(connection)


async def test_whoever_is_cancelled_does_not_wait_for_a_silent_server(database: Database) -> None:
    async with await connect(database.url) as connection:
        with pytest.raises(TimeoutError):
            await sleep_in_the_server(connection)

        assert connection.closed
