"""Idempotency-Key: a write that is sent again happens once and gets the first answer."""

import asyncio
from uuid import UUID

import httpx
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast.store.database import Sessions
from holdfast.store.tables import IdempotentWrite
from tests.api.conftest import Clients

SITE = {"name": "North", "time_zone": "Europe/Berlin", "currency": "EUR"}


async def test_a_repeated_write_gets_the_first_answer_and_happens_once(
    client: httpx.AsyncClient,
) -> None:
    headers = {"Idempotency-Key": "one"}

    first = await client.post("/api/v1/sites", json=SITE, headers=headers)
    second = await client.post("/api/v1/sites", json=SITE, headers=headers)

    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert len((await client.get("/api/v1/sites")).json()["items"]) == 1


async def test_an_idempotency_key_is_good_for_one_request_per_route_and_key(
    client: httpx.AsyncClient, clients: Clients, organization: UUID
) -> None:
    headers = {"Idempotency-Key": "one"}
    await client.post("/api/v1/sites", json=SITE, headers=headers)

    other_body = await client.post("/api/v1/sites", json={**SITE, "name": "S"}, headers=headers)
    other_route = await client.post(
        "/api/v1/tariffs", json={"name": "T", "currency": "EUR"}, headers=headers
    )
    async with clients.as_role(organization) as colleague:
        other_key = await colleague.post("/api/v1/sites", json=SITE, headers=headers)

    assert other_body.status_code == 422
    assert other_body.json()["type"].endswith("idempotency-key-reused")
    assert other_route.status_code == 201
    assert other_key.status_code == 201
    assert "idempotent-replayed" not in other_key.headers


async def test_a_refused_write_leaves_its_idempotency_key_free(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "one"}
    await client.post("/api/v1/sites", json={**SITE, "time_zone": "Nowhere"}, headers=headers)

    answer = await client.post("/api/v1/sites", json=SITE, headers=headers)

    assert answer.status_code == 201


async def test_a_repeat_while_the_first_still_runs_is_a_conflict(
    client: httpx.AsyncClient, engine: AsyncEngine, db_sessions: Sessions
) -> None:
    headers = {"Idempotency-Key": "one"}
    async with engine.begin() as blocker:
        await blocker.execute(text("LOCK TABLE sites IN ACCESS EXCLUSIVE MODE"))
        first = asyncio.create_task(client.post("/api/v1/sites", json=SITE, headers=headers))
        await until_waiting(db_sessions)
        second = await client.post("/api/v1/sites", json=SITE, headers=headers)

    assert second.status_code == 409
    assert second.json()["type"].endswith("request-in-progress")
    assert (await first).status_code == 201


async def test_an_answer_is_kept_for_a_day_and_then_forgotten(
    client: httpx.AsyncClient, engine: AsyncEngine, db_sessions: Sessions
) -> None:
    headers = {"Idempotency-Key": "one"}
    await client.post("/api/v1/sites", json=SITE, headers=headers)
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE idempotent_writes SET created_at = now() - interval '25 hours'")
        )

    answer = await client.post("/api/v1/sites", json={**SITE, "name": "S"}, headers=headers)

    assert answer.status_code == 201
    assert "idempotent-replayed" not in answer.headers


async def test_a_key_that_is_shown_once_is_not_kept_for_a_repeat(
    client: httpx.AsyncClient, db_sessions: Sessions
) -> None:
    headers = {"Idempotency-Key": "one"}
    body = {"name": "ci", "role": "operator"}
    first = (await client.post("/api/v1/api-keys", json=body, headers=headers)).json()

    second = (await client.post("/api/v1/api-keys", json=body, headers=headers)).json()

    assert second == {**first, "key": None}
    async with db_sessions() as db:
        stored = (await db.scalars(select(IdempotentWrite.body))).one()
    assert first["key"].encode() not in stored


async def until_waiting(sessions: Sessions) -> None:
    """Until some statement waits for a lock."""
    for _ in range(1500):
        async with sessions() as db:
            waiting = await db.scalar(
                select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))
            )
        if waiting:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nothing waited for the lock")
