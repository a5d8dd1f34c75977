"""Daily partitions of the large tables: made ahead of time, dropped by retention."""

from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

PARTITIONED = ("frames", "meter_values")
DAYS_AHEAD = 7


def partition_name(table: str, day: date) -> str:
    """`frames_20260131`."""
    return f"{table}_{day:%Y%m%d}"


def create_statement(table: str, day: date) -> str:
    """DDL of one day's partition (UTC days)."""
    if table not in PARTITIONED:
        raise ValueError(f"{table} is not partitioned; known: {', '.join(PARTITIONED)}")
    return (
        f"CREATE TABLE IF NOT EXISTS {partition_name(table, day)} PARTITION OF {table} "
        f"FOR VALUES FROM ('{day} 00:00+00') TO ('{day + timedelta(days=1)} 00:00+00')"
    )


async def ensure_partitions(connection: AsyncConnection, today: date) -> None:
    """Today's and the next days' partitions. Rows of other days land in the default partition."""
    await connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    for table in PARTITIONED:
        for ahead in range(DAYS_AHEAD):
            await connection.execute(text(create_statement(table, today + timedelta(days=ahead))))


async def drop_partitions(connection: AsyncConnection, table: str, before: date) -> list[str]:
    """Drop the daily partitions that end at or before `before`; returns their names."""
    if table not in PARTITIONED:
        raise ValueError(f"{table} is not partitioned; known: {', '.join(PARTITIONED)}")
    names = await connection.scalars(
        text(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = cast(:parent AS regclass) AND c.relname ~ '_[0-9]{8}$'"
        ),
        {"parent": table},
    )
    old = sorted(name for name in names if name < partition_name(table, before))
    for name in old:
        await connection.execute(text(f"DROP TABLE {name}"))
    return old
