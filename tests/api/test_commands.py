"""Commands and raw calls: placed durably, waited for, never an error because Temporal is away."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from temporalio.client import Client

from api.temporal_link import TemporalLink
from holdfast.services.orders import place_order
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    AuditEntry,
    Order,
    Organization,
    OutboxRow,
    Session,
    Station,
)
from tests.api.test_stations import hold_socket, make

TOKEN = {"type": "ISO14443", "uid": "04A1B2C3D4", "status": "accepted"}
COMMANDS: list[tuple[str, str, dict[str, Any]]] = [
    ("stop", "stop", {"transaction_id": "7"}),
    ("reset", "reset", {"type": "hard"}),
    ("unlock", "unlock", {"evse": 1}),
    ("availability", "availability", {"operative": False}),
    ("trigger", "trigger", {"message": "BootNotification"}),
    ("configure", "configure", {"variables": {"WifiPassword": "hush hush"}}),
    ("read-configuration", "read_configuration", {"names": ["HeartbeatInterval"]}),
    ("data-transfer", "data_transfer", {"vendor_id": "acme", "data": {"a": 1}}),
]


@pytest.fixture
async def station(client: httpx.AsyncClient) -> str:
    await make(client)
    await client.post("/api/v1/tokens", json=TOKEN)
    return "/api/v1/stations/CP-1"


@pytest.mark.parametrize(("command", "kind", "body"), COMMANDS)
async def test_with_temporal_down_a_command_waits_in_its_row_and_in_the_outbox(
    client: httpx.AsyncClient,
    station: str,
    db_sessions: Sessions,
    command: str,
    kind: str,
    body: dict[str, Any],
) -> None:
    answer = await client.post(f"{station}/commands/{command}?wait=0", json=body)

    assert answer.status_code == 202, answer.text
    shown = answer.json()
    assert (shown["state"], shown["kind"], shown["station"]) == ("waiting", kind, "CP-1")
    assert (await client.get(f"/api/v1/orders/{shown['id']}")).json() == shown
    async with db_sessions() as db:
        outbox = (await db.scalars(select(OutboxRow))).all()
    assert [(row.operation, row.workflow_id) for row in outbox] == [
        ("start", f"order-{shown['id']}")
    ]


async def test_a_configured_secret_is_in_no_answer_audit_or_message(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    answer = await client.post(
        f"{station}/commands/configure?wait=0",
        json={"variables": {"WifiPassword": "hush hush"}},
    )

    async with db_sessions() as db:
        audit = (await db.scalars(select(AuditEntry))).all()
        outbox = (await db.scalars(select(OutboxRow))).all()
    assert "hush" not in answer.text
    assert "hush" not in str([entry.details for entry in audit])
    assert "hush" not in str([row.payload for row in outbox])


async def test_a_command_sent_again_with_its_key_places_one_order(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    headers = {"Idempotency-Key": "reset-1"}

    first = await client.post(f"{station}/commands/reset?wait=0", json={}, headers=headers)
    second = await client.post(f"{station}/commands/reset?wait=0", json={}, headers=headers)

    assert first.json() == second.json()
    assert second.status_code == 202
    async with db_sessions() as db:
        assert await db.scalar(select(func.count()).select_from(Order)) == 1


async def test_the_answer_of_the_station_ends_the_wait(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    asked = asyncio.create_task(client.post(f"{station}/commands/reset?wait=30", json={}))
    await answer_as_the_gateway_does(
        db_sessions,
        state="accepted",
        answer={"status": "accepted", "response": {"status": "Accepted"}},
    )

    answer = await asyncio.wait_for(asked, 60)

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["status"]) == ("accepted", "Accepted")


async def test_waiting_commands_keep_no_connection(
    client: httpx.AsyncClient, station: str, engine: AsyncEngine, db_sessions: Sessions
) -> None:
    pool = engine.pool
    assert isinstance(pool, AsyncAdaptedQueuePool)
    # In a group, so that none outlives the test where it fails, with the database of the next.
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        waiting = [
            group.create_task(client.post(f"{station}/commands/reset?wait=3", json={}))
            for _ in range(14)  # the test's pool has ten connections
        ]
        placed = 0
        while placed < len(waiting) or pool.checkedout():
            assert not all(one.done() for one in waiting)
            await asyncio.sleep(0.02)
            async with db_sessions() as db:
                placed = await db.scalar(select(func.count()).select_from(Order)) or 0

        answer = await client.get("/api/v1/sites")

    assert answer.status_code == 200
    assert {one.result().status_code for one in waiting} == {202}


async def test_a_stop_by_session_finds_its_transaction(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions, organization: UUID
) -> None:
    async with db_sessions.begin() as db:
        station_id = await db.scalar(select(Station.id))
        session = await db.scalar(
            insert(Session)
            .values(
                organization_id=organization,
                station_id=station_id,
                evse=1,
                transaction_id="tx-7",
                started_at=datetime.now(UTC),
            )
            .returning(Session.id)
        )

    answer = await client.post(f"{station}/commands/stop?wait=0", json={"session": str(session)})

    assert answer.status_code == 202, answer.text
    assert answer.json()["session"] == str(session)
    async with db_sessions() as db:
        order = (await db.scalars(select(Order))).one()
    assert order.payload == {"transaction_id": "tx-7"}


async def test_with_temporal_there_the_order_is_started_at_once_under_the_relays_id(
    app: FastAPI,
    client: httpx.AsyncClient,
    station: str,
    temporal: Client,
) -> None:
    app.state.order_wait._temporal = TemporalLink(temporal)

    answer = await client.post(f"{station}/commands/reset?wait=0.1", json={})

    workflow = temporal.get_workflow_handle(f"order-{answer.json()['id']}")
    described = await workflow.describe()
    await workflow.terminate()
    assert described.workflow_type == "StationOrder"
    assert described.task_queue == "orders"


async def test_a_call_to_a_station_without_a_socket_is_offline_and_never_sent(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    answer = await client.post(f"{station}/ocpp-calls", json={"action": "GetLog", "payload": {}})

    assert answer.status_code == 200
    assert answer.json() == {"status": "offline", "response": None, "error": None, "order": None}
    async with db_sessions() as db:
        assert await db.scalar(select(func.count()).select_from(Order)) == 0
        entry = (
            await db.scalars(select(AuditEntry).where(AuditEntry.action == "station.ocpp_call"))
        ).one()
    assert entry.details["action"] == "GetLog"


@pytest.mark.parametrize(
    ("state", "answered", "expected"),
    [
        (
            "accepted",
            {"status": "accepted", "response": {"status": "Accepted"}},
            {"status": "accepted", "response": {"status": "Accepted"}, "error": None},
        ),
        (
            "rejected",
            {"status": "accepted", "response": {"status": "Rejected"}},
            {"status": "accepted", "response": {"status": "Rejected"}, "error": None},
        ),
        (
            "rejected",
            {"status": "error", "error": {"code": "NotImplemented", "text": ""}},
            {
                "status": "error",
                "response": None,
                "error": {"code": "NotImplemented", "text": ""},
            },
        ),
        ("timed_out", None, {"status": "timeout", "response": None, "error": None}),
        ("expired", None, {"status": "offline", "response": None, "error": None}),
    ],
    ids=["accepted", "a result that says no", "CALLERROR", "no answer", "gone meanwhile"],
)
async def test_a_call_is_answered_in_the_words_of_the_interface(
    client: httpx.AsyncClient,
    station: str,
    db_sessions: Sessions,
    organization: UUID,
    state: str,
    answered: dict[str, Any] | None,
    expected: dict[str, Any],
) -> None:
    await hold_socket(db_sessions, organization, "CP-1")
    asked = asyncio.create_task(client.post(f"{station}/ocpp-calls", json={"action": "GetLog"}))
    order = await answer_as_the_gateway_does(db_sessions, state=state, answer=answered)

    answer = await asyncio.wait_for(asked, 60)

    assert answer.json() == {**expected, "order": str(order)}


async def test_a_call_without_an_answer_in_time_is_a_timeout(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions, organization: UUID
) -> None:
    await hold_socket(db_sessions, organization, "CP-1")

    answer = await client.post(f"{station}/ocpp-calls?wait=0.3", json={"action": "GetLog"})

    assert answer.json()["status"] == "timeout"
    async with db_sessions() as db:
        order = (await db.scalars(select(Order))).one()
    assert order.not_after <= datetime.now(UTC) + timedelta(seconds=1)


async def test_orders_are_listed_by_station_and_state(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        organization = (await db.scalars(select(Organization))).one()
        row = (await db.scalars(select(Station))).one()
        await place_order(
            db,
            organization=organization,
            station=row,
            kind="reset",
            payload={"type": "soft"},
            not_after=datetime.now(UTC),
            requested_by="system:test",
        )

    listed = (await client.get("/api/v1/orders?station=CP-1&state=waiting")).json()["items"]
    other = (await client.get("/api/v1/orders?station=CP-2")).json()["items"]

    assert [one["kind"] for one in listed] == ["reset"]
    assert other == []


async def answer_as_the_gateway_does(
    sessions: Sessions, *, state: str, answer: dict[str, Any] | None
) -> UUID:
    """Wait for the order and write what came of it."""
    for _ in range(1500):
        async with sessions.begin() as db:
            order = await db.scalar(select(Order).where(Order.state == "waiting"))
            if order is not None:
                order.state, order.answer = state, answer
                return order.id
        await asyncio.sleep(0.02)
    raise AssertionError("no order was placed")
