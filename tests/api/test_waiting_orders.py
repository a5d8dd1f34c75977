"""Orders that wait: each has its row, a newer takes an older one's place, people cancel."""

from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select

from holdfast.services.orders import WAITING_MAX
from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, Order, OutboxRow, Station
from tests.api.command_bodies import BODIES, PROFILE
from tests.api.test_stations import make

STATION = "/api/v1/stations/CP-1"


@pytest.fixture
async def station(client: httpx.AsyncClient) -> str:
    await make(client)
    return f"{STATION}/commands"


async def place(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"{path}?wait=0", json=body)
    assert answer.status_code == 202, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_every_command_becomes_an_order_of_its_kind(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    for name, body in BODIES.items():
        shown = await place(client, f"{station}/{name}", body)
        assert (shown["kind"], shown["state"]) == (name.replace("-", "_"), "waiting")
    async with db_sessions() as db:
        told = str([one.details for one in await db.scalars(select(AuditEntry))])
        numbers = list(await db.scalars(select(Order.request_id).where(Order.kind == "log")))
    assert "PEM" not in told
    assert "Hello" not in told
    assert (numbers[0] or 0) > 0


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("reserve", {"reservation": 1, "token": {"uid": ""}, "expires_at": "soon"}, "expires_at"),
        ("charging-profile", {"evse": 1, "profile": PROFILE | {"purpose": "external"}}, "purpose"),
        ("charging-profile", {"evse": 1, "profile": PROFILE | {"kind": "absolute"}}, "start_at"),
        (
            "update-firmware",
            {"location": "somewhere", "retrieve_at": "2026-01-01T00:00:00Z"},
            "location",
        ),
        ("monitoring-level", {"severity": 12}, "severity"),
        ("reset", {"typo": "soft"}, "typo"),
    ],
)
async def test_a_form_names_the_field_that_is_wrong(
    client: httpx.AsyncClient, station: str, name: str, body: dict[str, Any], field: str
) -> None:
    answer = await client.post(f"{station}/{name}?wait=0", json=body)

    assert answer.status_code == 422
    assert field in answer.text


async def test_a_newer_order_for_the_same_thing_supersedes_one_that_waits(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    first = await place(client, f"{station}/configure", {"variables": {"A": "1"}})
    other = await place(client, f"{station}/configure", {"variables": {"B": "1"}})
    full = {"version": 1, "entries": []}
    old = await place(client, f"{station}/local-list", full)
    step = await place(client, f"{station}/local-list", full | {"update": "differential"})

    newer = await place(client, f"{station}/configure", {"variables": {"A": "2"}})

    shown = (await client.get(f"/api/v1/orders/{first['id']}")).json()
    assert (shown["state"], shown["superseded_by"]) == ("superseded", newer["id"])
    for kept in (other, old, step):
        assert (await client.get(f"/api/v1/orders/{kept['id']}")).json()["state"] == "waiting"
    async with db_sessions() as db:
        mine = OutboxRow.workflow_id == f"order-{first['id']}"
        rows = (await db.scalars(select(OutboxRow).where(mine).order_by(OutboxRow.id))).all()
    assert [row.operation for row in rows] == ["start", "signal"]
    await place(client, f"{station}/local-list", full | {"version": 2})
    for gone in (old, step):
        assert (await client.get(f"/api/v1/orders/{gone['id']}")).json()["state"] == "superseded"


async def test_an_order_is_cancelled_once_and_only_while_it_waits(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    order = await place(client, f"{station}/reset", {})

    cancelled = await client.post(f"/api/v1/orders/{order['id']}/cancel")
    again = await client.post(f"/api/v1/orders/{order['id']}/cancel")

    assert cancelled.json()["state"] == "cancelled"
    assert again.status_code == 409
    async with db_sessions() as db:
        audited = select(AuditEntry.details).where(AuditEntry.action == "station.order_cancel")
        assert [one["order"] for one in await db.scalars(audited)] == [order["id"]]


async def test_a_station_has_so_many_waiting_orders_and_no_more(
    client: httpx.AsyncClient, station: str, db_sessions: Sessions
) -> None:
    order = await place(client, f"{station}/reset", {})
    async with db_sessions.begin() as db:
        target = (await db.scalars(select(Station).where(Station.identity == "CP-1"))).one()
        placed = (await db.scalars(select(Order).where(Order.id == order["id"]))).one()
        values = {
            "organization_id": target.organization_id,
            "station_id": target.id,
            "kind": "reset",
            "payload": {},
            "requested_by": "test",
            "not_after": placed.not_after,
        }
        await db.execute(insert(Order), [values] * (WAITING_MAX - 1))

    refused = await client.post(f"{station}/reset?wait=0", json={})

    assert refused.status_code == 429
    assert "cancel some" in refused.json()["detail"]
    # A car that must stop is never turned away.
    await place(client, f"{station}/stop", {"transaction_id": "7"})
    # And a station that is full keeps nobody from changing tokens, which go onto its list.
    ruled = await client.put("/api/v1/local-list-rules", json={"rule": "all"})
    assert ruled.status_code == 204, ruled.text
    token = {"type": "ISO14443", "uid": "04A1B2C3", "status": "blocked"}
    assert (await client.post("/api/v1/tokens", json=token)).status_code == 201
    async with db_sessions() as db:
        assert list(await db.scalars(select(Order).where(Order.kind == "local_list_version")))
