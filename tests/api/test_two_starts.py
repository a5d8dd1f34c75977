"""Two people start on one EVSE in the same moment: one of them gets it."""

import asyncio
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from holdfast.store.database import Sessions
from holdfast.store.tables import Session
from tests.api.installation import Installation, install


@pytest.fixture
async def acme(db_sessions: Sessions, organization: UUID) -> Installation:
    """A network with an accepted token."""
    return await install(db_sessions, organization, "ACME")


async def test_of_starts_at_once_on_one_evse_one_is_placed(
    client: httpx.AsyncClient, db_sessions: Sessions, acme: Installation
) -> None:
    token = {"type": "ISO14443", "uid": "04AABBCCDD", "status": "accepted"}
    await client.post("/api/v1/tokens", json=token)
    path = f"/api/v1/stations/{acme.ids['identity']}/commands/start?wait=0"
    body = {"evse": 1, "token": token["uid"]}

    answers = await asyncio.gather(*(client.post(path, json=body) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409], answers[0].text
    async with db_sessions() as db:
        waiting = select(func.count()).select_from(Session).where(Session.started_at.is_(None))
        assert await db.scalar(waiting) == 1
