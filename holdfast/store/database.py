"""Connections to Postgres: one engine per process, opened by its composition root."""

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

Sessions = async_sessionmaker[AsyncSession]


def sqlalchemy_url(database_url: str) -> str:
    """The same address with SQLAlchemy's driver name (psycopg 3)."""
    for prefix in ("postgresql://", "postgres://"):
        if database_url.startswith(prefix):
            return "postgresql+psycopg://" + database_url.removeprefix(prefix)
    return database_url


def open_engine(database_url: SecretStr, *, pool_size: int = 10) -> AsyncEngine:
    """An engine whose connections are checked before use, so that a restarted Postgres is found.

    A statement is given 30 s: nothing here may hold a lock longer than a station waits. The text of
    an error, which is logged, does not repeat the values of its statement: they name people.
    """
    return create_async_engine(
        sqlalchemy_url(database_url.get_secret_value()),
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_timeout=10,
        connect_args={
            "connect_timeout": 5,
            "options": "-c statement_timeout=30000 -c timezone=UTC",
        },
    )


def open_sessions(engine: AsyncEngine) -> Sessions:
    """Sessions whose rows stay readable after the commit at the edge."""
    return async_sessionmaker(engine, expire_on_commit=False)
