"""What stations told of themselves, by the API: newest first, filtered, page by page, own only."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import insert

from holdfast.store.database import Sessions
from holdfast.store.tables import StationEvent
from tests.api.conftest import Clients
from tests.api.installation import install

NOW = datetime.now(UTC).replace(microsecond=123_000)
PATH = "/api/v1/stations/ACME-1/events"


async def tell(sessions: Sessions, organization_id: UUID, station_id: UUID, **more: Any) -> None:
    row = {
        "received_at": NOW,
        "organization_id": organization_id,
        "station_id": station_id,
        "at": NOW - timedelta(hours=1),
        "kind": "security",
        "details": {},
    }
    async with sessions.begin() as db:
        await db.execute(insert(StationEvent).values(**(row | more)))


async def test_events_of_a_station_are_read_newest_first_and_page_by_page(
    client: httpx.AsyncClient,
    clients: Clients,
    db_sessions: Sessions,
    organization: UUID,
    other_organization: UUID,
) -> None:
    made = await install(db_sessions, organization, "ACME")
    await install(db_sessions, other_organization, "OTHER")
    station = UUID(made.ids["station_id"])
    for number in range(5):
        # Three in the same instant: a page may end between them.
        received_at = NOW - timedelta(minutes=number // 3)
        await tell(
            db_sessions,
            organization,
            station,
            received_at=received_at,
            name=f"event {number}",
            kind="log" if number == 4 else "security",
            severity=2 if number == 0 else None,
            details={"techInfo": number},
        )

    seen: list[str] = []
    cursor: str | None = None
    for _ in range(5):
        asked = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(PATH, params=asked)).json()
        seen += [item["name"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert sorted(seen) == [f"event {number}" for number in range(5)]
    assert set(seen[3:]) == {"event 3", "event 4"}
    assert seen[:3] == ["event 2", "event 1", "event 0"]
    only = (await client.get(PATH, params={"kind": "log"})).json()["items"]
    assert [(item["name"], item["urgency"]) for item in only] == [("event 4", "information")]
    older = (await client.get(PATH, params={"to": (NOW).isoformat()})).json()["items"]
    newer = (await client.get(PATH, params={"from": NOW.isoformat()})).json()["items"]
    assert (len(older), len(newer)) == (2, 3)
    (first,) = [item for item in newer if item["name"] == "event 0"]
    assert (first["severity"], first["urgency"], first["details"]) == (
        2,
        "critical",
        {"techInfo": 0},
    )
    assert (await client.get(PATH, params={"cursor": "nonsense"})).status_code == 422
    assert (await client.get("/api/v1/stations/OTHER-1/events")).status_code == 404
    async with clients.as_role(organization, "finance") as other:
        assert (await other.get(PATH)).status_code == 403
