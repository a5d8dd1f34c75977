"""A database for each test: cleaned and taken again, for making one costs more than most tests do.

What is taken again cannot be told from a copy of the template: no row more, every sequence at its
start, the catalogs as they were, and no table so long that Postgres would plan in another way. A
database that a test left otherwise is dropped, and the next one is made anew.
"""

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from cli.embedded.databases import create_database, database_url, drop_database
from cli.embedded.postgres import SUPERUSER, dsn

TEMPLATE = "template_holdfast"
PAGES_MAX = 10  # of a table that was never analysed: Postgres plans as if it had at least so many
RENAMES_MAX = 3
NUMBERS = itertools.count(1)

FILLED = """
SELECT c.relname AS name FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND pg_relation_size(c.oid) > 0
"""
CATALOGS = """
SELECT md5(string_agg(said, ' ' ORDER BY said)) FROM (
  SELECT concat_ws('/', c.oid, c.relname, c.relkind, c.relacl, c.reloptions, c.relchecks,
    c.relhastriggers, c.reltuples) AS said
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws('/', 'a', count(*), max(xmin::text::bigint)) FROM pg_attribute
  UNION ALL SELECT concat_ws('/', 'd', count(*), max(xmin::text::bigint)) FROM pg_attrdef
  UNION ALL SELECT concat_ws('/', 'c', count(*), max(xmin::text::bigint)) FROM pg_constraint
  UNION ALL SELECT concat_ws('/', 'i', count(*), max(xmin::text::bigint)) FROM pg_index
  UNION ALL SELECT concat_ws('/', 'h', count(*), max(xmin::text::bigint)) FROM pg_inherits
  UNION ALL SELECT concat_ws('/', 'g', count(*), max(xmin::text::bigint)) FROM pg_trigger
  UNION ALL SELECT concat_ws('/', 'p', count(*), max(xmin::text::bigint)) FROM pg_proc
  UNION ALL SELECT concat_ws('/', 't', count(*), max(xmin::text::bigint)) FROM pg_type
  UNION ALL SELECT concat_ws('/', 'm', count(*), max(xmin::text::bigint)) FROM pg_enum
  UNION ALL SELECT concat_ws('/', 'q', count(*), max(xmin::text::bigint)) FROM pg_sequence
  UNION ALL SELECT concat_ws('/', 'r', count(*), max(xmin::text::bigint)) FROM pg_rewrite
  UNION ALL SELECT concat_ws('/', 'n', count(*), max(xmin::text::bigint)) FROM pg_namespace
  UNION ALL SELECT concat_ws('/', 'e', count(*), max(xmin::text::bigint)) FROM pg_extension
  UNION ALL SELECT concat_ws('/', 's', count(*)) FROM pg_db_role_setting
  UNION ALL SELECT concat_ws('/', 'l', count(*)) FROM pg_largeobject_metadata
) parts
"""
RESTART = """
SELECT count(setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false))
FROM pg_sequences WHERE last_value IS NOT NULL
"""
LONGEST = """
SELECT coalesce(max(pg_relation_size(c.oid)), 0) / 8192 FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
"""
SEND_AWAY = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = %s AND backend_type = 'client backend'
"""

Connection = psycopg.AsyncConnection[tuple[object, ...]]


@dataclass(frozen=True)
class Original:
    """What a clean database is compared with: its catalogs, and the tables that have rows."""

    catalogs: object
    kept: dict[str, object]

    @classmethod
    async def of(cls, connection: Connection) -> "Original":
        """How a database looks now. Tables that are only dead rows are no different from none."""
        cursor = await connection.execute(CATALOGS)
        found = await cursor.fetchone()
        assert found is not None
        names = [str(row[0]) for row in await (await connection.execute(FILLED)).fetchall()]
        kept: dict[str, object] = {}
        for name in names:
            rows = sql.SQL("SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {} t")
            said = await (await connection.execute(rows.format(sql.Identifier(name)))).fetchone()
            if said is not None and said[0] is not None:
                kept[name] = said[0]
        return cls(found[0], kept)


class Databases:
    """The databases of one cluster, all as the template is when they are handed out."""

    def __init__(self, url: str, admin: Connection, original: Original) -> None:
        self._url = url
        self._admin = admin
        self._original = original
        self._clean: list[str] = []

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str) -> AsyncIterator["Databases"]:
        """With the cluster of `url`, in which the template is."""
        async with await connect(url, TEMPLATE) as template:
            original = await Original.of(template)
        async with await connect(url, "postgres") as admin:
            yield cls(url, admin, original)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[str]:
        """The URL of a database that nobody else has; whoever still uses it afterwards is sent
        away, and does not find it again under its name."""
        if self._clean:
            name = self._clean.pop()
        else:
            name = self._new_name()
            await create_database(self._url, name, template=TEMPLATE)
        yield database_url(self._url, name)
        renamed = await self._renamed(name)
        if await self._cleaned(renamed):
            self._clean.append(renamed)
        else:
            await drop_database(self._url, renamed)

    def _new_name(self) -> str:
        return f"test_{os.getpid()}_{next(NUMBERS)}"

    async def _renamed(self, name: str) -> str:
        """Without its sessions, under a name that none of them knows."""
        fresh = self._new_name()
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
            sql.Identifier(name), sql.Identifier(fresh)
        )
        for left in reversed(range(RENAMES_MAX)):
            await self._admin.execute(SEND_AWAY, [name])
            try:
                await self._admin.execute(rename)
            except psycopg.errors.ObjectInUse:
                # Somebody connected again in between.
                if not left:
                    raise
            else:
                break
        return fresh

    async def _cleaned(self, name: str) -> bool:
        """Without what the test left in it; whether it is now as the template is."""
        async with await connect(self._url, name) as connection:
            # No foreign key and no trigger stands in the way, and none acts.
            await connection.execute("SET session_replication_role = replica")
            for row in await (await connection.execute(FILLED)).fetchall():
                if row[0] not in self._original.kept:
                    await connection.execute(
                        sql.SQL("DELETE FROM {}").format(sql.Identifier(str(row[0])))
                    )
            await connection.execute(RESTART)
            longest = await (await connection.execute(LONGEST)).fetchone()
            assert longest is not None
            short = int(str(longest[0])) <= PAGES_MAX
            return short and await Original.of(connection) == self._original


async def connect(url: str, database: str) -> Connection:
    """As the superuser, who may look past constraints."""
    parts = urlsplit(url)
    assert parts.port is not None
    assert parts.password is not None
    return await psycopg.AsyncConnection.connect(
        dsn(parts.port, parts.password, database, SUPERUSER), autocommit=True
    )
