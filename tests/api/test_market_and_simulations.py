"""Market prices and simulations by the API: exact texts, limits, one's own, audited."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select, update

from holdfast.services import simulation_portions
from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, Organization
from tests.activities.rows import network, session
from tests.api.conftest import Clients

V1 = "/api/v1"
FEED = {"key": "DE-LU", "name": "Day ahead", "currency": "EUR", "source": "api"}
AT = "2026-11-22T10:00:00Z"


def price(starts_at: str, ends_at: str, text: str) -> dict[str, str]:
    return {"starts_at": starts_at, "ends_at": ends_at, "price": text}


async def test_prices_are_written_and_read_as_exact_texts(
    client: httpx.AsyncClient, db_sessions: Sessions
) -> None:
    made = await client.post(f"{V1}/spot-feeds", json=FEED)
    hours = [
        price(AT, "2026-11-22T11:00:00Z", "0.091370"),
        price("2026-11-22T11:00:00Z", "2026-11-22T11:15:00Z", "-0.000000000001"),
    ]
    first = await client.put(f"{V1}/spot-feeds/DE-LU/prices", json={"prices": hours})
    other = [price(AT, "2026-11-22T11:00:00Z", "0.1")]
    again = await client.put(f"{V1}/spot-feeds/DE-LU/prices", json={"prices": hours})
    otherwise = await client.put(f"{V1}/spot-feeds/DE-LU/prices", json={"prices": other})
    read = await client.get(f"{V1}/spot-feeds/DE-LU/prices", params={"from": AT})
    feed = (await client.get(f"{V1}/spot-feeds/DE-LU")).json()

    assert made.status_code == 201
    assert first.json() == {"written": 2, "known": 0, "differing": 0}
    assert again.json() == {"written": 0, "known": 2, "differing": 0}
    assert otherwise.json() == {"written": 0, "known": 0, "differing": 1}
    assert [one["price"] for one in read.json()["items"]] == ["0.09137", "-0.000000000001"]
    assert "said first" in feed["problem"]
    async with db_sessions() as db:
        actions = list(await db.scalars(select(AuditEntry.action)))
    assert actions.count("spot_feed.prices") == 3


REFUSED_FEEDS = (
    ("key", {**FEED, "key": "../x"}),
    ("currency", {**FEED, "currency": "XYZ"}),
    ("time_zone", {**FEED, "time_zone": "Mars/Base"}),
)
REFUSED_PRICES: tuple[tuple[str, list[dict[str, str]]], ...] = (
    ("prices", []),
    ("prices[0].ends_at", [price(AT, "2026-11-22T12:00:00Z", "1")]),
    ("prices[0].price", [price(AT, "2026-11-22T11:00:00Z", "NaN")]),
    ("prices[0].price", [price(AT, "2026-11-22T11:00:00Z", "1e9")]),
    (
        "prices",
        [
            price(AT, "2026-11-22T11:00:00Z", "1"),
            price("2026-11-22T10:15:00Z", "2026-11-22T10:30:00Z", "1"),
        ],
    ),
)


async def test_what_is_no_feed_or_no_price_is_refused_by_its_field(
    client: httpx.AsyncClient,
) -> None:
    feeds = [await client.post(f"{V1}/spot-feeds", json=form) for _, form in REFUSED_FEEDS]
    await client.post(f"{V1}/spot-feeds", json=FEED)
    path = f"{V1}/spot-feeds/DE-LU/prices"
    prices = [await client.put(path, json={"prices": form}) for _, form in REFUSED_PRICES]

    answers = [*feeds, *prices]
    assert [answer.status_code for answer in answers] == [422] * 8
    fields = [answer.json()["errors"][0]["field"] for answer in answers]
    assert fields == [field for field, _ in (*REFUSED_FEEDS, *REFUSED_PRICES)]
    assert (await client.get(path, params={"from": AT})).json()["items"] == []


async def test_an_estimate_is_priced_by_the_market_as_the_bill_is(
    client: httpx.AsyncClient, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(update(Organization).values(tariff_approval="author"))
    await client.post(f"{V1}/spot-feeds", json=FEED)
    hour = price(AT, "2026-11-22T11:00:00Z", "0.10")
    await client.put(f"{V1}/spot-feeds/DE-LU/prices", json={"prices": [hour]})
    component = {
        "type": "ENERGY",
        "price": "0.20",
        "spot": {"feed": "DE-LU", "fallback": "0.50"},
    }
    form = {"valid_from": AT, "elements": [{"price_components": [component]}]}
    tariff = await client.post(
        f"{V1}/tariffs", json={"name": "Market", "currency": "EUR", "version": form}
    )
    path = f"{V1}/tariffs/{tariff.json()['id']}/estimate"
    charged = {"energy_wh": 10_000, "charging_s": 900}

    known = await client.post(path, json={**charged, "started_at": AT})
    unknown = await client.post(path, json={**charged, "started_at": "2026-11-22T12:00:00Z"})

    assert (known.json()["incl_vat"], unknown.json()["incl_vat"]) == ("3.00", "7.00")


async def test_a_simulation_is_begun_read_with_its_figures_and_nobody_elses(
    client: httpx.AsyncClient,
    clients: Clients,
    db_sessions: Sessions,
    organization: UUID,
    other_organization: UUID,
) -> None:
    made = await network(db_sessions, organization)
    now = datetime.now(UTC)
    for _ in range(2):
        await session(db_sessions, made, tariff_version_id=made.tariff_version_id)
    tariff = (await client.get(f"{V1}/tariffs")).json()["items"][0]["id"]
    body = {"elements": [{"price_components": [{"type": "ENERGY", "price": "0.75"}]}]}

    begun = await client.post(f"{V1}/tariff-simulations", json={"tariff": tariff, "body": body})
    where = f"{V1}/tariff-simulations/{begun.json()['id']}"
    async with db_sessions.begin() as db:
        simulation_id = UUID(begun.json()["id"])
        await simulation_portions.begin(db, simulation_id)
        await simulation_portions.advance(db, simulation_id)
    found = (await client.get(where)).json()
    both = await client.post(
        f"{V1}/tariff-simulations",
        json={"tariff": tariff, "body": body, "version_id": str(made.tariff_version_id)},
    )
    ahead = await client.post(
        f"{V1}/tariff-simulations",
        json={
            "tariff": tariff,
            "body": body,
            "scope": {"from": (now + timedelta(days=1)).isoformat()},
        },
    )

    assert begun.status_code == 202
    assert (found["state"], found["sessions_done"], found["difference"]) == ("done", 2, "10.00")
    assert sum(bar["sessions"] for bar in found["histogram"]) == 2
    assert [len(day) for day in found["hours"]] == [24] * 7
    assert (both.status_code, ahead.status_code) == (422, 422)
    assert (await client.post(f"{where}/cancel")).status_code == 409
    async with clients.as_role(other_organization) as rival:
        assert (await rival.get(where)).status_code == 404
        assert (await rival.get(f"{V1}/tariff-simulations")).json()["items"] == []
    async with clients.as_role(organization, "read-only") as reader:
        refused = await reader.post(
            f"{V1}/tariff-simulations", json={"tariff": tariff, "body": body}
        )
        assert refused.status_code == 403


async def test_prices_and_calendars_are_read_in_pages_without_gap_or_repeat(
    client: httpx.AsyncClient,
) -> None:
    await client.post(f"{V1}/spot-feeds", json=FEED)
    starts = [f"2026-11-22T{hour:02}:00:00Z" for hour in range(10, 18)]
    hours = [price(one, two, "0.1") for one, two in pairwise(starts)]
    await client.put(f"{V1}/spot-feeds/DE-LU/prices", json={"prices": hours})
    prices = f"{V1}/spot-feeds/DE-LU/prices"

    read = await pages(client, prices, {"from": AT, "limit": "3"})
    calendars = await pages(client, f"{V1}/holiday-calendars", {"limit": "500"})

    assert [[one["starts_at"] for one in page] for page in read] == [
        starts[:3],
        starts[3:6],
        starts[6:7],
    ]
    keys = [one["key"] for page in calendars for one in page]
    assert len(calendars) == 2
    assert keys == sorted(set(keys))
    assert {"DE", "DE-BY", "US-CA"} <= set(keys)


async def pages(
    client: httpx.AsyncClient, path: str, asked: dict[str, str]
) -> list[list[dict[str, Any]]]:
    """The items of each page of a list."""
    found: list[list[dict[str, Any]]] = []
    answer = (await client.get(path, params=asked)).json()
    found.append(answer["items"])
    while answer["next"] is not None:
        answer = (await client.get(path, params={**asked, "cursor": answer["next"]})).json()
        found.append(answer["items"])
    return found
