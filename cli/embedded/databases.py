"""Databases inside a running cluster: made from a template in milliseconds, one per test."""

from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql


def database_url(url: str, database: str) -> str:
    """`url` with another database in it."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def create_database(url: str, name: str, *, template: str | None = None) -> str:
    """Make the database `name` in the cluster of `url` and return its URL.

    Nobody may be connected to `template` meanwhile: Postgres refuses to copy a database in use.
    Files are copied as they are: half the time of sending a small database through the log.
    """
    source = template or "template0"
    async with await psycopg.AsyncConnection.connect(
        database_url(url, "postgres"), autocommit=True
    ) as connection:
        await connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(source)
            )
        )
    return database_url(url, name)


async def drop_database(url: str, name: str) -> None:
    """Remove a database and every connection of our role to it.

    Not with `FORCE`: Postgres refuses that while an autovacuum worker, which belongs to the
    superuser, is in the database. A plain drop sends that worker away and waits for it.
    """
    async with await psycopg.AsyncConnection.connect(
        database_url(url, "postgres"), autocommit=True
    ) as connection:
        database = sql.Identifier(name)
        await connection.execute(
            sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(database)
        )
        await connection.execute(
            """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
               WHERE datname = %s AND usename = current_user""",
            [name],
        )
        await connection.execute(sql.SQL("DROP DATABASE {}").format(database))
