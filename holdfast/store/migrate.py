"""Bring a database to the newest schema: expand first, contract in a later release."""

from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from holdfast.store.database import sqlalchemy_url
from holdfast.store.partitions import DAYS_AHEAD, PARTITIONED, create_statement

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number; only we use it. Two processes that migrate at once take turns.
MIGRATION_LOCK = 0x486F6C64


def alembic_config(database_url: str) -> Config:
    """Alembic's configuration without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["database_url"] = sqlalchemy_url(database_url)
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrate to `revision` and make the next days' partitions. Safe to repeat and to race."""
    engine = create_engine(sqlalchemy_url(database_url))
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
            try:
                command.upgrade(alembic_config(database_url), revision)
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
