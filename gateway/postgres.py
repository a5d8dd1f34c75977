"""How the gateway reaches Postgres: psycopg directly, one connection for the writer, a small pool
for everything beside it."""

from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

CONNECT_TIMEOUT_S = 5
POOL_SIZE = 6
WAITING_MAX = 2_000
WAIT_S = 5.0

Pool = AsyncConnectionPool[AsyncConnection[Any]]

_OPTIONS: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": CONNECT_TIMEOUT_S,
    "application_name": "holdfast-gateway",
    # A Postgres that vanished without a word is noticed in half a minute.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "options": "-c statement_timeout=30000 -c timezone=UTC",
}


async def connect(database_url: str) -> AsyncConnection[Any]:
    """A connection of one's own."""
    return await AsyncConnection.connect(database_url, **_OPTIONS)


def open_pool(database_url: str) -> Pool:
    """A pool that is opened by its owner, checks what it hands out, and waits a bounded time."""
    return AsyncConnectionPool(
        database_url,
        kwargs=_OPTIONS,
        min_size=1,
        max_size=POOL_SIZE,
        max_waiting=WAITING_MAX,
        timeout=WAIT_S,
        reconnect_timeout=10,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
