"""The message log by way of the API: filters, cursors both ways, pairs, the export."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert, select

from api.routes import messages
from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, Frame, Station
from tests.api.conftest import Clients

NOW = datetime(2026, 11, 20, 12, 0, 0, 123_456, tzinfo=UTC)


@pytest.fixture
async def logged(db_sessions: Sessions, organization: UUID) -> None:
    """Two stations; six calls each, answered after 25 ms."""
    async with db_sessions.begin() as db:
        for identity in ("L-1", "L-2"):
            station = (
                await db.execute(
                    insert(Station)
                    .values(organization_id=organization, identity=identity)
                    .returning(Station.id)
                )
            ).scalar_one()
            for number in range(6):
                for outbound in (False, True):
                    await db.execute(
                        insert(Frame).values(
                            organization_id=organization,
                            station_id=station,
                            received_at=NOW + timedelta(seconds=number, milliseconds=25 * outbound),
                            outbound=outbound,
                            message_id=f"{identity}{number}",
                            action="Heartbeat" if number % 2 else "MeterValues",
                            transaction_id="7" if number == 2 else None,
                            frame=f'[{3 if outbound else 2},"{number}"]'.encode(),
                        )
                    )


async def get(client: httpx.AsyncClient, path: str, **query: object) -> dict[str, object]:
    answer = await client.get(f"/api/v1{path}", params={k: str(v) for k, v in query.items()})
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body


@pytest.mark.usefixtures("logged")
async def test_messages_are_filtered_and_paired(client: httpx.AsyncClient) -> None:
    for path, query, count in (
        ("/messages", {}, 24),
        ("/stations/L-1/messages", {}, 12),
        ("/messages", {"action": "Heartbeat", "direction": "to_station"}, 6),
        ("/messages", {"transaction": "7"}, 4),
        ("/messages", {"text": '[2,"3"'}, 2),
        ("/stations/L-2/messages", {"before": "2026-11-20T12:00:01Z"}, 2),
        ("/messages", {"from": "2026-11-20T12:00:05Z", "to": "2026-11-20T12:00:06Z"}, 4),
        ("/messages", {"odd": True}, 0),
    ):
        items = (await get(client, path, **query))["items"]
        assert isinstance(items, list)
        assert len(items) == count, (path, query)
        assert all(item["pair"]["latency_ms"] == 25 for item in items)


@pytest.mark.usefixtures("logged")
async def test_cursors_go_back_and_on(client: httpx.AsyncClient) -> None:
    first = await get(client, "/messages", limit=10)
    second = await get(client, "/messages", limit=10, cursor=first["next"])
    third = await get(client, "/messages", limit=10, cursor=second["next"])
    assert [len(part["items"]) for part in (first, second, third)] == [10, 10, 4]  # type: ignore[arg-type]
    assert third["next"] is None

    again = await get(client, "/messages", limit=10, cursor=second["previous"])
    assert again["items"] == first["items"]
    for wrong in ("x", "MW8x", first["next"] and str(first["next"])[:-6]):
        answer = await client.get("/api/v1/messages", params={"cursor": str(wrong)})
        assert answer.status_code == 422, wrong
    for edge in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00"):  # none of UTC's years
        answer = await client.get("/api/v1/messages", params={"from": edge})
        assert answer.status_code == 422, edge


@pytest.mark.usefixtures("logged")
async def test_an_export_has_a_line_of_json_for_each_and_is_audited(
    client: httpx.AsyncClient, db_sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await client.get("/api/v1/messages/export", params={"action": "Heartbeat"})
    assert whole.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in whole.text.splitlines()]
    assert len(lines) == 12
    assert {line["action"] for line in lines} == {"Heartbeat"}

    monkeypatch.setattr(messages, "EXPORT_MAX", 5)
    bounded = await client.get("/api/v1/messages/export", params={"station": "L-1"})
    assert len(bounded.text.splitlines()) == 5
    assert (
        await client.get("/api/v1/messages/export", params={"station": "NO"})
    ).status_code == 404
    async with db_sessions() as db:
        subjects = list(
            await db.scalars(
                select(AuditEntry.subject)
                .where(AuditEntry.action == "messages.export")
                .order_by(AuditEntry.id)
            )
        )
    assert subjects == ["organization:current", "station:L-1"]


@pytest.mark.usefixtures("logged")
async def test_only_who_may_read_messages_reads_them(clients: Clients, organization: UUID) -> None:
    async with clients.as_role(organization, "read-only") as reader:
        for path in ("/messages", "/messages/export", "/stations/L-1/messages"):
            assert (await reader.get(f"/api/v1{path}")).status_code == 403
