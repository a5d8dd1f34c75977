"""Many assignments at once: all or none, what was there said, and undone again."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from holdfast.services.assignment_batches import PLACES_MAX
from holdfast.services.assignment_plans import Scope
from holdfast.services.tariff_assignments import assign_tariff
from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, Station, Tariff, TariffAssignment
from tests.api.test_idempotency import until_waiting

PATH = "/api/v1/tariff-assignments"
STATIONS = [f"QUAY-{number:02d}" for number in range(1, 7)]


@pytest.fixture
async def site(client: httpx.AsyncClient, db_sessions: Sessions, organization: UUID) -> str:
    """A site in euros with six stations, and one in francs with a seventh."""
    sites = {}
    for currency in ("EUR", "CHF"):
        form = {"name": f"Quay {currency}", "time_zone": "Europe/Berlin", "currency": currency}
        sites[currency] = (await client.post("/api/v1/sites", json=form)).json()["id"]
    async with db_sessions.begin() as db:
        for identity in (*STATIONS, "ALP-01"):
            of = sites["CHF" if identity == "ALP-01" else "EUR"]
            db.add(Station(organization_id=organization, identity=identity, site_id=UUID(of)))
    return str(sites["EUR"])


async def tariff(client: httpx.AsyncClient, name: str) -> str:
    answer = await client.post("/api/v1/tariffs", json={"name": name, "currency": "EUR"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def holding(client: httpx.AsyncClient) -> dict[tuple[str | None, str | None], str]:
    """The tariff by site and station."""
    items = (await client.get(PATH, params={"limit": 500})).json()["items"]
    return {(item["site"], item["station_id"]): item["tariff"] for item in items}


def batch(tariff_id: str, *stations: str, **more: Any) -> dict[str, Any]:
    places = [{"tariff": tariff_id, "station": station} for station in stations]
    return {"assignments": places, **more}


async def test_many_places_get_a_tariff_at_once_and_have_the_old_one_back(
    client: httpx.AsyncClient, site: str, db_sessions: Sessions
) -> None:
    old, new = await tariff(client, "Old"), await tariff(client, "New")
    await client.post(f"{PATH}/batch", json=batch(old, *STATIONS[:2]))
    await client.put(PATH, json={"tariff": new, "station": STATIONS[2]})
    before = await holding(client)
    body = batch(new, *STATIONS)
    body["assignments"].append({"tariff": new, "site": site})

    asked = await client.post(f"{PATH}/batch", json={**body, "dry_run": True})
    assert await holding(client) == before, "a dry run changes nothing"
    answer = await client.post(f"{PATH}/batch", json=body)

    counts = {"new": 4, "replaces": 2, "unchanged": 1}
    assert asked.status_code == answer.status_code == 200, answer.text
    assert {name: asked.json()[name] for name in counts} == counts
    made = answer.json()
    assert {name: made[name] for name in counts} == counts
    assert [item["outcome"] for item in made["items"][:3]] == ["replaces", "replaces", "unchanged"]
    assert {item["replaced"] for item in made["items"][:2]} == {old}
    assert set((await holding(client)).values()) == {new}
    async with db_sessions() as db:
        audited = await db.scalar(
            select(func.count())
            .select_from(AuditEntry)
            .where(
                AuditEntry.action == "tariff.assign", AuditEntry.details["assignment"].is_not(None)
            )
        )
    assert audited == 2 + 6, "an entry per assignment that was made"

    ids = [i["assignment"]["id"] for i in made["items"] if i["outcome"] != "unchanged"]
    undone = await client.post(f"{PATH}/end", json={"assignments": ids, "restore": True})
    assert undone.status_code == 200, undone.text
    restored = [item["restored"] for item in undone.json()["items"]]
    assert [row["tariff"] for row in restored if row] == [old, old]
    assert await holding(client) == before
    again = await client.post(f"{PATH}/end", json={"assignments": ids})
    assert again.status_code == 422
    assert again.json()["errors"][0]["field"] == "assignments[0]"


async def test_one_wrong_place_leaves_all_as_they_were_and_every_wrong_one_is_named(
    client: httpx.AsyncClient, site: str, db_sessions: Sessions
) -> None:
    new = await tariff(client, "New")
    async with db_sessions() as db:
        before = await db.scalar(select(func.count()).select_from(AuditEntry))
    wrong: dict[str, Any] = batch(new, STATIONS[0], "NOWHERE", "ALP-01", STATIONS[0])
    wrong["assignments"].append({"tariff": site, "station": STATIONS[1]})

    for dry_run in (False, True):
        answer = await client.post(f"{PATH}/batch", json={**wrong, "dry_run": dry_run})

        assert answer.status_code == 422, answer.text
        errors = answer.json()["errors"]
        assert [(error["field"], error["value"]) for error in errors] == [
            ("assignments[1].station", "NOWHERE"),
            ("assignments[2].station", "ALP-01"),
            ("assignments[3].station", STATIONS[0]),
            ("assignments[4].tariff", site),
        ]
        assert "CHF" in errors[1]["expected"]
        assert "number 0" in errors[2]["expected"]
    async with db_sessions() as db:
        assert await db.scalar(select(func.count()).select_from(TariffAssignment)) == 0
        assert await db.scalar(select(func.count()).select_from(AuditEntry)) == before
    too_many = await client.post(f"{PATH}/batch", json=batch(new, *["X"] * (PLACES_MAX + 1)))
    assert too_many.status_code == 422
    assert too_many.json()["errors"][0]["field"] == "assignments"


async def test_a_batch_that_is_sent_again_is_made_once(
    client: httpx.AsyncClient, site: str, db_sessions: Sessions
) -> None:
    new = await tariff(client, "New")
    key = {"Idempotency-Key": "one-batch"}

    first = await client.post(f"{PATH}/batch", json=batch(new, *STATIONS), headers=key)
    second = await client.post(f"{PATH}/batch", json=batch(new, *STATIONS), headers=key)

    assert second.json() == first.json()
    assert first.json()["new"] == len(STATIONS)
    async with db_sessions() as db:
        assert await db.scalar(select(func.count()).select_from(TariffAssignment)) == len(STATIONS)


async def test_what_was_replaced_cannot_come_back_once_it_is_retired(
    client: httpx.AsyncClient, site: str
) -> None:
    old, new = await tariff(client, "Old"), await tariff(client, "New")
    await client.post(f"{PATH}/batch", json=batch(old, STATIONS[0]))
    made = (await client.post(f"{PATH}/batch", json=batch(new, *STATIONS[:2]))).json()
    assert (await client.post(f"/api/v1/tariffs/{old}/retire")).status_code == 200
    ids = [item["assignment"]["id"] for item in made["items"]]

    refused = await client.post(f"{PATH}/end", json={"assignments": ids, "restore": True})
    ended = await client.post(f"{PATH}/end", json={"assignments": ids})

    assert refused.status_code == 422
    assert "Old, which is retired" in refused.json()["errors"][0]["expected"]
    assert ended.status_code == 200
    assert await holding(client) == {}


async def test_who_brings_a_tariff_back_and_who_assigns_it_do_not_wait_in_a_circle(
    client: httpx.AsyncClient, site: str, db_sessions: Sessions, organization: UUID
) -> None:
    old, new = await tariff(client, "Old"), await tariff(client, "New")
    await client.post(f"{PATH}/batch", json=batch(old, *STATIONS))
    made = (await client.post(f"{PATH}/batch", json=batch(new, *STATIONS))).json()
    ids = [item["assignment"]["id"] for item in made["items"]]

    async with db_sessions.begin() as db:
        await db.get_one(Tariff, UUID(old), with_for_update={"key_share": True})
        ending = asyncio.create_task(
            client.post(f"{PATH}/end", json={"assignments": ids, "restore": True})
        )
        await until_waiting(db_sessions)
        scope = Scope(station=STATIONS[0])
        await assign_tariff(db, organization, UUID(old), scope, now=datetime.now(UTC))
    ended = await ending

    # One of them no longer held when it came to its turn: nothing was ended.
    assert ended.status_code == 422, ended.text
    assert sorted((await holding(client)).values()) == sorted([old] + [new] * 5)
