"""Daily partitions of the large tables: made ahead of time, dropped by retention."""

from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

PARTITIONED = ("frames", "meter_values", "station_events")
DAYS_AHEAD = 7


def partition_name(table: str, day: date) -> str:
    """`frames_20260131`."""
    return f"{table}_{day:%Y%m%d}"


def create_statement(table: str, day: date) -> str:
    """DDL of one day's partition (UTC days)."""
    _check(table)
    return (
        f"CREATE TABLE IF NOT EXISTS {partition_name(table, day)} PARTITION OF {table} "
        f"FOR VALUES FROM ({_bounds(day)[0]}) TO ({_bounds(day)[1]})"
    )


async def ensure_partitions(connection: AsyncConnection, today: date) -> None:
    """Today's and the next days' partitions. Rows of other days land in the default partition.

    A day with rows there gets none: Postgres refuses a partition whose rows are elsewhere, and
    moving a day of a busy installation would make its stations wait. The next day is in order.
    """
    await connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    for table in PARTITIONED:
        for ahead in range(DAYS_AHEAD):
            day = today + timedelta(days=ahead)
            if not await _astray(connection, table, day):
                await connection.execute(text(create_statement(table, day)))


async def old_partitions(connection: AsyncConnection, table: str, before: date) -> list[str]:
    """Names of the daily partitions that end at or before `before`, oldest first."""
    _check(table)
    names = await connection.scalars(
        text(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = cast(:parent AS regclass) AND c.relname ~ '_[0-9]{8}$'"
        ),
        {"parent": table},
    )
    return sorted(name for name in names if name < partition_name(table, before))


async def drop_partition(connection: AsyncConnection, name: str) -> None:
    """Drop one of `old_partitions`. It needs the whole table for a moment: writers queue behind
    it, so that it waits for readers a second and no longer. Raises DBAPIError where that was not
    enough; the next round tries again."""
    await connection.execute(text("SET LOCAL lock_timeout = '1s'"))
    await connection.execute(text(f"DROP TABLE IF EXISTS {name}"))


async def delete_astray(connection: AsyncConnection, table: str, before: date, *, most: int) -> int:
    """Delete rows of the default partition received before the day `before`; at most `most`."""
    _check(table)
    result = await connection.execute(
        text(
            f"DELETE FROM {table}_default WHERE ctid = ANY(ARRAY("  # noqa: S608 - a name of ours
            f"SELECT ctid FROM {table}_default WHERE received_at < {_bounds(before)[0]} "
            "LIMIT :most FOR UPDATE SKIP LOCKED))"
        ),
        {"most": most},
    )
    return result.rowcount


async def _astray(connection: AsyncConnection, table: str, day: date) -> bool:
    first, last = _bounds(day)
    return bool(
        await connection.scalar(
            text(
                f"SELECT EXISTS (SELECT FROM {table}_default "  # noqa: S608 - a name of ours
                f"WHERE received_at >= {first} AND received_at < {last})"
            )
        )
    )


def _bounds(day: date) -> tuple[str, str]:
    return f"'{day} 00:00+00'", f"'{day + timedelta(days=1)} 00:00+00'"


def _check(table: str) -> None:
    if table not in PARTITIONED:
        raise ValueError(f"{table} is not partitioned; known: {', '.join(PARTITIONED)}")
