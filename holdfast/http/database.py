"""The database session of a request: one transaction, committed before the answer is sent."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.store.database import Sessions


async def database(request: Request) -> AsyncIterator[AsyncSession]:
    """One request, one transaction: rolled back if the route raises.

    A route that must not keep a connection while it waits (a command waits for a station) may
    commit early: what follows is a transaction of its own, which is committed here as well.
    """
    sessions: Sessions = request.app.state.sessions
    async with sessions() as db:
        yield db
        await db.commit()


# scope="function": by default FastAPI would send the 200 first and commit afterwards.
Db = Annotated[AsyncSession, Depends(database, scope="function")]
