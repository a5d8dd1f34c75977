"""Bring a database to the newest schema: expand first, contract in a later release.

Old and new processes go on meanwhile. A migration takes its locks within half a second or gives
them back and is tried again a little later (`migrations/env.py`); indexes of large tables are built
beside whoever writes, in migrations of their own.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from psycopg import errors
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from holdfast.store.database import sqlalchemy_url
from holdfast.store.partitions import DAYS_AHEAD, PARTITIONED, create_statement

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number; only we use it. Two processes that migrate at once take turns.
MIGRATION_LOCK = 0x486F6C64
TURN_EVERY_S = 0.5
TRIES = 60
AGAIN_AFTER_S = 2.0
LOCKED_OUT = (errors.LockNotAvailable, errors.DeadlockDetected)


def alembic_config(database_url: str) -> Config:
    """Alembic's configuration without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["database_url"] = sqlalchemy_url(database_url)
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrate to `revision` and make the next days' partitions. Safe to repeat and to race.

    Raises DBAPIError: also where the locks were not to be had for `TRIES` times; what was done by
    then stays, and the next call goes on from there.
    """
    engine = create_engine(sqlalchemy_url(database_url))
    try:
        with engine.connect() as connection:
            _wait_for_turn(connection)
            try:
                _migrate(database_url, revision)
                today = datetime.now(UTC).date()
                for table in PARTITIONED:
                    for ahead in range(DAYS_AHEAD):
                        day = today.fromordinal(today.toordinal() + ahead)
                        connection.execute(text(create_statement(table, day)))
                connection.commit()
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
                connection.commit()
    finally:
        engine.dispose()


def _wait_for_turn(connection: Connection) -> None:
    """By asking again: a statement that waits has a snapshot, and whoever builds an index beside
    writers waits for all snapshots, so that both would wait for ever."""
    while True:
        taken = connection.scalar(
            text("SELECT pg_try_advisory_lock(:key)"), {"key": MIGRATION_LOCK}
        )
        connection.commit()
        if taken:
            return
        time.sleep(TURN_EVERY_S)


def _migrate(database_url: str, revision: str) -> None:
    """A migration that did not get its locks is tried again."""
    for left in reversed(range(TRIES)):
        try:
            return command.upgrade(alembic_config(database_url), revision)
        except DBAPIError as error:
            if not left or not isinstance(error.orig, LOCKED_OUT):
                raise
            time.sleep(AGAIN_AFTER_S)
    return None


def current_and_head(database_url: str) -> tuple[str | None, str | None]:
    """The revision that the database has and the one that this code wants."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(alembic_config(database_url)).get_current_head()
    engine = create_engine(sqlalchemy_url(database_url))
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision(), head
    finally:
        engine.dispose()
