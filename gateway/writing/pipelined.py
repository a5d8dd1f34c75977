"""A transaction whose BEGIN and COMMIT travel with its statements.

psycopg's own `transaction()` waits for the server after BEGIN, before COMMIT and after it: three
trips more per batch, and on a busy machine a trip is a turn of waiting for a processor.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection


class NotCommitted(Exception):
    """The server took the COMMIT and did not commit."""


@asynccontextmanager
async def pipelined_transaction(connection: AsyncConnection[Any]) -> AsyncIterator[None]:
    """One pipeline, one transaction; left only after the server said that it committed.

    A refused statement is heard of where a result is fetched, or on leaving; the server skips all
    that came after it, the COMMIT too. Raises what the block or the server raised, rolled back.
    """
    try:
        async with connection.pipeline():
            await connection.execute("BEGIN")
            yield
            ended = await connection.execute("COMMIT")
    except Exception:
        await connection.rollback()
        raise
    except BaseException:
        # Cancelled, perhaps because the server is silent: do not wait for it once more.
        await connection.close()
        raise
    # A transaction that had failed unnoticed would be rolled back by COMMIT, without an error.
    if ended.statusmessage != "COMMIT":
        raise NotCommitted
