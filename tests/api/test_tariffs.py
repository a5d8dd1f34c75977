"""Tariffs: versions that never change, assignments, and the price shown before a session."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update

from holdfast.store.database import Sessions
from holdfast.store.tables import Organization

ENERGY = {"price_components": [{"type": "ENERGY", "price": "0.50", "vat": "20"}]}
PARKING = {
    "price_components": [
        {"type": "ENERGY", "price": "0.50", "vat": "20"},
        {"type": "PARKING_TIME", "price": "6.00", "vat": "20"},
    ]
}


@pytest.fixture(autouse=True)
async def authors_publish(db_sessions: Sessions, organization: UUID) -> None:
    """The organization trusts its authors: prices need no second person."""
    async with db_sessions.begin() as db:
        await db.execute(
            update(Organization)
            .where(Organization.id == organization)
            .values(tariff_approval="author")
        )


async def make(client: httpx.AsyncClient, **version: Any) -> dict[str, Any]:
    answer = await client.post(
        "/api/v1/tariffs",
        json={
            "name": "AC",
            "currency": "EUR",
            "version": {"elements": [ENERGY], "valid_from": "2026-01-01T00:00:00Z", **version},
        },
    )
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_version_is_known_by_its_own_id_also_in_what_it_prices(
    client: httpx.AsyncClient,
) -> None:
    made = await make(client)

    price = (
        await client.post(
            f"/api/v1/tariffs/{made['id']}/estimate",
            json={"energy_wh": 10_000, "charging_s": 3600},
        )
    ).json()

    assert price["tariff_version"] == made["version"]["id"] == made["version"]["body"]["id"]
    assert price["breakdown"]["tariff_version"] == made["version"]["id"]
    assert (price["currency"], price["excl_vat"], price["incl_vat"]) == ("EUR", "5.00", "6.00")


async def test_parking_counts_after_the_grace(client: httpx.AsyncClient) -> None:
    made = await make(client, elements=[PARKING], idle_grace_s=600)
    body = {"energy_wh": 0, "charging_s": 600, "idle_s": 1200}

    price = (await client.post(f"/api/v1/tariffs/{made['id']}/estimate", json=body)).json()

    assert price["excl_vat"] == "1.00"


async def test_a_price_by_the_clock_is_judged_in_the_zone_of_the_site(
    client: httpx.AsyncClient,
) -> None:
    night = {**ENERGY, "restrictions": {"start_time": "00:00", "end_time": "06:00"}}
    made = await make(client, elements=[night])
    site = (
        await client.post(
            "/api/v1/sites",
            json={"name": "N", "time_zone": "Europe/Berlin", "currency": "EUR"},
        )
    ).json()["id"]
    body = {"started_at": "2026-07-01T23:00:00Z", "energy_wh": 10_000, "charging_s": 1800}

    berlin = await client.post(
        f"/api/v1/tariffs/{made['id']}/estimate", json={**body, "site": site}
    )
    utc = await client.post(f"/api/v1/tariffs/{made['id']}/estimate", json=body)

    assert (berlin.json()["excl_vat"], utc.json()["excl_vat"]) == ("5.00", "0.00")


async def test_versions_follow_each_other_and_the_old_one_stays(
    client: httpx.AsyncClient,
) -> None:
    made = await make(client)
    path = f"/api/v1/tariffs/{made['id']}/versions"
    dearer = {"price_components": [{"type": "ENERGY", "price": "0.60", "vat": "20"}]}

    early = await client.post(
        path, json={"elements": [dearer], "valid_from": "2025-12-31T00:00:00Z"}
    )
    later = await client.post(
        path, json={"elements": [dearer], "valid_from": "2026-06-01T00:00:00Z"}
    )

    assert (early.status_code, later.status_code) == (422, 201)
    versions = (await client.get(path)).json()["items"]
    assert [version["number"] for version in versions] == [1, 2]
    body = {"energy_wh": 10_000, "charging_s": 60, "started_at": "2026-05-31T00:00:00Z"}
    price = await client.post(f"/api/v1/tariffs/{made['id']}/estimate", json=body)
    assert price.json()["excl_vat"] == "5.00"


@pytest.mark.parametrize(
    ("element", "field"),
    [
        ({"price_components": [{"type": "ENERGY", "price": "-1"}]}, "price"),
        ({"price_components": [{"type": "WATER", "price": "1"}]}, "type"),
        ({**ENERGY, "restrictions": {"start_tiem": "07:00"}}, "start_tiem"),
        ({**ENERGY, "restrictions": {"min_kwh": "9", "max_kwh": "3"}}, "elements"),
    ],
    ids=["negative", "unknown dimension", "misspelt restriction", "contradicts itself"],
)
async def test_a_tariff_that_would_misprice_is_refused_by_the_field(
    client: httpx.AsyncClient, element: dict[str, Any], field: str
) -> None:
    answer = await client.post(
        "/api/v1/tariffs",
        json={"name": "AC", "currency": "EUR", "version": {"elements": [element]}},
    )

    assert answer.status_code == 422
    assert field in answer.json()["errors"][0]["field"]
    assert (await client.get("/api/v1/tariffs")).json()["items"] == []


async def test_an_assignment_replaces_what_applied_there(client: httpx.AsyncClient) -> None:
    first, second = await make(client), await make(client)
    await client.put("/api/v1/tariff-assignments", json={"tariff": first["id"]})

    await client.put("/api/v1/tariff-assignments", json={"tariff": second["id"]})

    rows = (await client.get("/api/v1/tariff-assignments")).json()["items"]
    assert [row["tariff"] for row in rows] == [second["id"]]
    assert (await client.post(f"/api/v1/tariffs/{first['id']}/retire")).status_code == 200
    assert (await client.post(f"/api/v1/tariffs/{second['id']}/retire")).status_code == 409
    await client.delete(f"/api/v1/tariff-assignments/{rows[0]['id']}")
    assert (await client.post(f"/api/v1/tariffs/{second['id']}/retire")).status_code == 200


async def test_a_tariff_of_another_currency_is_not_assigned(client: httpx.AsyncClient) -> None:
    site = (
        await client.post(
            "/api/v1/sites",
            json={"name": "N", "time_zone": "Europe/Stockholm", "currency": "SEK"},
        )
    ).json()["id"]
    tariff = await make(client)

    answer = await client.put(
        "/api/v1/tariff-assignments", json={"tariff": tariff["id"], "site": site}
    )

    assert answer.status_code == 409
