"""Sessions started and stopped from here: who may, with which limits, and what is left behind."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select, update

from api.order_wait import RELAY_AFTER
from holdfast.domain.token import TokenType
from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, OutboxRow, Payment, Session
from tests.api.test_stations import make

TOKEN = {"type": "ISO14443", "uid": "04A1B2C3D4", "status": "accepted"}


@pytest.fixture
async def station(client: httpx.AsyncClient) -> str:
    await make(client)
    await client.post("/api/v1/tokens", json=TOKEN)
    return "/api/v1/stations/CP-1"


async def test_a_start_makes_the_session_that_the_station_will_be_linked_to(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    answer = await client.post(
        f"{station}/commands/start?wait=0", json={"evse": 1, "token": "04a1b2c3d4"}
    )

    shown = answer.json()
    assert answer.status_code == 202, answer.text
    session = (await client.get(f"/api/v1/sessions/{shown['session']}")).json()
    assert session["state"] == "authorised"
    assert (session["station"], session["evse"], session["token"]) == ("CP-1", 1, "04A1B2C3D4")
    assert session["transaction_id"] is None
    async with db_sessions() as db:
        row = (await db.scalars(select(Session))).one()
        outbox = (await db.scalars(select(OutboxRow).order_by(OutboxRow.id))).all()
    assert row.remote_start_number is not None
    assert 0 < row.remote_start_number < 2**31
    assert row.tariff_version_id is None  # frozen by the session's workflow
    assert [row.name for row in outbox] == ["ChargingSession", "StationOrder"]
    assert "04A1B2C3D4" not in str([row.payload for row in outbox])


async def test_a_start_may_narrow_what_its_session_is_allowed(
    client: httpx.AsyncClient, station: str
) -> None:
    limits = {"energy_wh": 20_000, "duration_s": 3_600, "cost_minor": 1_000}
    body = {"evse": 1, "token": TOKEN["uid"], "limits": limits}

    answer = await client.post(f"{station}/commands/start?wait=0", json=body)

    session = (await client.get(f"/api/v1/sessions/{answer.json()['session']}")).json()
    assert session["limits"] == limits


@pytest.mark.parametrize(
    "limits",
    [
        {"energy_wh": 500_001},
        {"duration_s": 604_801},
        {"energy_wh": 0},
        {"cost_minor": -1},
        {"cost_minor": 1.5},
        {"power_w": 1},
    ],
)
async def test_a_limit_beyond_what_the_installation_allows_is_refused(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions, limits: dict[str, Any]
) -> None:
    body = {"evse": 1, "token": TOKEN["uid"], "limits": limits}

    answer = await client.post(f"{station}/commands/start?wait=0", json=body)

    assert answer.status_code == 422
    async with db_sessions() as db:
        assert await db.scalar(select(func.count()).select_from(Session)) == 0


async def test_a_session_that_we_ended_is_not_stopped_and_a_stop_is_audited_on_its_station(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    body = {"evse": 1, "token": TOKEN["uid"]}
    started = (await client.post(f"{station}/commands/start?wait=0", json=body)).json()
    stop = {"session": started["session"]}
    early = await client.post(f"{station}/commands/stop?wait=0", json=stop)
    async with db_sessions.begin() as db:
        now = datetime.now(UTC)
        await db.execute(update(Session).values(transaction_id="7", started_at=now))
    running = await client.post(f"{station}/commands/stop?wait=0", json=stop)
    async with db_sessions.begin() as db:
        await db.execute(update(Session).values(ended_by_us_at=datetime.now(UTC)))
    ended = await client.post(f"{station}/commands/stop?wait=0", json=stop)

    assert (early.status_code, running.status_code, ended.status_code) == (409, 202, 409)
    async with db_sessions() as db:
        entry = (
            await db.scalars(select(AuditEntry).where(AuditEntry.action == "station.order.stop"))
        ).one()
    assert entry.subject == "station:CP-1"
    assert entry.details == {
        "transaction_id": "7",
        "session": started["session"],
        "order": running.json()["id"],
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"evse": 1}, 422),
        ({"evse": 9, "token": "04A1B2C3D4"}, 422),
        ({"evse": 1, "token": "UNKNOWN"}, 422),
        ({"evse": 0, "token": "04A1B2C3D4"}, 422),
        ({"evse": 1, "token": "04A1B2C3D4", "wait": 5}, 422),
    ],
    ids=["for nobody", "no such EVSE", "unknown token", "EVSE zero", "unknown field"],
)
async def test_a_start_that_cannot_be_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient,
    station: str,
    db_sessions: Sessions,
    body: dict[str, Any],
    status: int,
) -> None:
    answer = await client.post(f"{station}/commands/start?wait=0", json=body)

    assert answer.status_code == status, answer.text
    async with db_sessions() as db:
        assert await db.scalar(select(func.count()).select_from(Session)) == 0
        assert await db.scalar(select(func.count()).select_from(OutboxRow)) == 0


async def test_a_blocked_token_starts_nothing(client: httpx.AsyncClient, station: str) -> None:
    token = (await client.get("/api/v1/tokens")).json()["items"][0]["id"]
    await client.patch(f"/api/v1/tokens/{token}", json={"status": "blocked"})

    answer = await client.post(
        f"{station}/commands/start?wait=0", json={"evse": 1, "token": TOKEN["uid"]}
    )

    assert answer.status_code == 409


async def test_one_start_waits_at_an_evse_at_a_time(
    client: httpx.AsyncClient, station: str
) -> None:
    body = {"evse": 1, "token": TOKEN["uid"]}
    await client.post(f"{station}/commands/start?wait=0", json=body)

    second = await client.post(f"{station}/commands/start?wait=0", json=body)
    beside = await client.post(f"{station}/commands/start?wait=0", json={**body, "evse": 2})

    assert (second.status_code, beside.status_code) == (409, 202)


async def test_a_held_payment_starts_one_session_for_a_driver_without_a_token(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    payment = (await client.post("/api/v1/payments", json={"currency": "EUR"})).json()
    body = {"evse": 1, "payment": payment["id"]}
    early = await client.post(f"{station}/commands/start?wait=0", json=body)
    async with db_sessions.begin() as db:
        await db.execute(update(Payment).values(state="held", held_minor=6000))

    answer = await client.post(f"{station}/commands/start?wait=0", json=body)
    again = await client.post(f"{station}/commands/start?wait=0", json={**body, "evse": 2})

    assert (early.status_code, answer.status_code, again.status_code) == (409, 202, 409)
    session = (await client.get(f"/api/v1/sessions/{answer.json()['session']}")).json()
    assert session["payment"] == payment["id"]
    assert session["token_type"] == TokenType.AD_HOC_USER.value
    assert len(session["token"]) == 18
    read = (await client.get(f"/api/v1/payments/{payment['id']}")).json()
    assert read["session"] == session["id"]


async def test_nothing_starts_on_a_hold_in_another_currency_than_the_price(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    price = {"elements": [{"price_components": [{"type": "ENERGY", "price": "0.50"}]}]}
    await client.patch("/api/v1/organizations/current", json={"tariff_approval": "author"})
    tariff = (
        await client.post(
            "/api/v1/tariffs", json={"name": "AC", "currency": "EUR", "version": price}
        )
    ).json()
    await client.put("/api/v1/tariff-assignments", json={"tariff": tariff["id"]})
    payments = {
        currency: (await client.post("/api/v1/payments", json={"currency": currency})).json()["id"]
        for currency in ("SEK", "EUR")
    }
    async with db_sessions.begin() as db:
        await db.execute(update(Payment).values(state="held", held_minor=6000))

    answers = {
        currency: await client.post(
            f"{station}/commands/start?wait=0", json={"evse": 1, "payment": payment}
        )
        for currency, payment in payments.items()
    }

    assert {name: one.status_code for name, one in answers.items()} == {"SEK": 409, "EUR": 202}
    assert "hold an amount in EUR" in answers["SEK"].json()["detail"]
    async with db_sessions() as db:
        assert [row.payment_id for row in await db.scalars(select(Session))] == [
            UUID(payments["EUR"])
        ]


async def test_the_relay_leaves_a_moment_to_the_direct_start_of_a_start_and_of_a_stop(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    began = datetime.now(UTC)
    body = {"evse": 1, "token": TOKEN["uid"]}
    started = await client.post(f"{station}/commands/start?wait=0.01", json=body)
    session = started.json()["session"]
    async with db_sessions.begin() as db:
        await db.execute(update(Session).values(transaction_id="7", started_at=began))
    stopped = await client.post(f"{station}/commands/stop?wait=0.01", json={"session": session})
    unwaited = await client.post(f"{station}/commands/stop?wait=0", json={"session": session})

    async with db_sessions() as db:
        rows = await db.scalars(select(OutboxRow).where(OutboxRow.name == "StationOrder"))
        due = {row.workflow_id: row.due_at for row in rows}
    for answer in (started, stopped):
        assert due[answer.json()["workflow_id"]] >= began + RELAY_AFTER
    assert due[unwaited.json()["workflow_id"]] < datetime.now(UTC) + timedelta(seconds=1)
