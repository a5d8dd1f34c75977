"""A tariff is looked at before anybody pays it: lint, differences in words, OCPI's view."""

from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import insert, update

from holdfast.store.database import Sessions
from holdfast.store.tables import Evse, Site, Station
from tests.api.installation import install

ENERGY = {"price_components": [{"type": "ENERGY", "price": "0.50", "vat": "19"}]}
WITH_FLAT = {
    "price_components": [
        *ENERGY["price_components"],
        {"type": "FLAT", "price": "1.00", "vat": "19"},
    ]
}
NIGHT = {**ENERGY, "restrictions": {"start_time": "22:00", "end_time": "06:00"}}


async def codes(client: httpx.AsyncClient, **form: Any) -> dict[str, str]:
    answer = await client.post("/api/v1/tariffs/lint", json=form)
    assert answer.status_code == 200, answer.text
    return {one["code"]: one["severity"] for one in answer.json()["findings"]}


async def test_lint_judges_a_tariff_where_it_is_assigned(
    client: httpx.AsyncClient, db_sessions: Sessions, organization: UUID
) -> None:
    ids = (await install(db_sessions, organization, "ACME")).ids
    of = {"organization_id": organization}
    async with db_sessions.begin() as db:
        await db.execute(update(Site).values(country="DE"))
        await db.execute(update(Evse).values(max_power_w=22_000))
        fast = await db.scalar(
            insert(Station)
            .values(**of, identity="FAST", site_id=ids["site_id"], registration="accepted")
            .returning(Station.id)
        )
        await db.execute(insert(Evse).values(**of, station_id=fast, number=1, max_power_w=150_000))
    form = {"tariff": ids["tariff_id"], "body": {"elements": [WITH_FLAT]}}

    at_fast_chargers = await codes(client, **form)
    own = (await client.post("/api/v1/tariffs", json={"name": "DC", "currency": "EUR"})).json()
    await client.put("/api/v1/tariff-assignments", json={"tariff": own["id"], "station": "FAST"})
    at_slow_ones = await codes(client, **form)
    not_there_yet = await codes(client, currency="EUR", body={"elements": [NIGHT]})
    broken = await client.post(
        "/api/v1/tariffs/lint", json={"currency": "EUR", "body": {"elements": [{"x": 1}]}}
    )
    both = await client.post("/api/v1/tariffs/lint", json={**form, "currency": "EUR"})

    assert any(code.startswith("afir") for code in at_fast_chargers)
    assert not any(code.startswith("afir") for code in at_slow_ones)
    assert any("gap" in code or "free" in code for code in not_there_yet)
    assert broken.json()["blocked"] is True
    assert broken.json()["problem"]["field"] == "elements[0].x"
    assert both.status_code == 422


async def test_versions_and_drafts_are_compared_in_words(
    client: httpx.AsyncClient, db_sessions: Sessions, organization: UUID
) -> None:
    ids = (await install(db_sessions, organization, "ACME")).ids
    path = f"/api/v1/tariffs/{ids['tariff_id']}/versions"
    await client.post(path, json={"elements": [NIGHT, WITH_FLAT], "idle_grace_s": 600})

    by_itself = (await client.get(f"{path}/2/differences")).json()
    back = (await client.get(f"{path}/1/differences", params={"with": 2})).json()
    first = (await client.get(f"{path}/1/differences")).json()
    draft = (await client.get(f"/api/v1/tariff-drafts/{ids['draft_id']}/differences")).json()
    with_first = await client.get(
        f"/api/v1/tariff-drafts/{ids['draft_id']}/differences", params={"with": 1}
    )
    unknown = await client.get(f"{path}/2/differences", params={"with": 9})

    assert by_itself["older"] == 1
    assert any("22:00" in sentence for sentence in by_itself["differences"])
    assert (back["older"], len(back["differences"]) > 0) == (2, True)
    assert first == {"older": None, "differences": []}
    assert draft["older"] == 2
    assert with_first.json() == {"older": 1, "differences": []}
    assert unknown.status_code == 404


async def test_a_version_is_shown_in_the_words_of_ocpi_with_what_is_lost(
    client: httpx.AsyncClient, db_sessions: Sessions, organization: UUID
) -> None:
    ids = (await install(db_sessions, organization, "ACME")).ids
    path = f"/api/v1/tariffs/{ids['tariff_id']}/versions"
    parking = {"type": "PARKING_TIME", "price": "6.00", "vat": "19"}
    body = {
        "elements": [{"price_components": [*ENERGY["price_components"], parking]}],
        "idle_grace_s": 600,
        "daily_cap": {"excl_vat": "20.00", "incl_vat": "23.80"},
    }
    made = await client.post(path, json=body)
    assert made.status_code == 201, made.text

    old = await client.get(f"{path}/2/ocpi")
    new = await client.get(
        f"{path}/2/ocpi", params={"form": "2.3.0", "country_code": "de", "party_id": "abc"}
    )
    grouped = await client.get(f"{path}/2/ocpi", params={"user_group": ["a", "b"]})
    half = await client.get(f"{path}/2/ocpi", params={"party_id": "abc"})
    nowhere = await client.get(f"{path}/2/ocpi", params={"time_zone": "Mars/Olympus"})

    assert old.headers["content-type"] == "application/json"
    assert '"price": 0.5' in old.text
    assert grouped.json() == old.json()
    assert old.json()["tariff"]["id"] == ids["tariff_id"]
    assert len(old.json()["losses"]) >= 2  # the grace and the cap
    assert (new.json()["tariff"]["country_code"], new.json()["tariff"]["party_id"]) == ("DE", "ABC")
    assert new.json()["tariff"]["tax_included"] == "NO"
    assert [one.status_code for one in (half, nowhere)] == [422, 422]


async def test_prices_over_some_days_are_steps_that_follow_each_other(
    client: httpx.AsyncClient,
) -> None:
    parking = {"type": "PARKING_TIME", "price": "6.00", "vat": "19"}
    day = {"price_components": [*ENERGY["price_components"], parking]}
    cheap = {**NIGHT, "price_components": [{"type": "ENERGY", "price": "0.30", "vat": "19"}]}
    form = {"currency": "EUR", "body": {"elements": [cheap, day]}, "time_zone": "Europe/Berlin"}

    week = await client.post(
        "/api/v1/tariffs/preview", json={**form, "from": "2026-10-24T00:00:00+02:00", "days": 2}
    )
    nowhere = await client.post("/api/v1/tariffs/preview", json={**form, "time_zone": "Mars"})
    unreadable = await client.post(
        "/api/v1/tariffs/preview", json={**form, "body": {"elements": []}}
    )

    steps = week.json()["steps"]
    # The clock goes back in the second night, which is an hour longer.
    assert [step["from_at"] for step in steps] == [
        "2026-10-23T22:00:00Z",
        "2026-10-24T04:00:00Z",
        "2026-10-24T20:00:00Z",
        "2026-10-25T05:00:00Z",
        "2026-10-25T21:00:00Z",
    ]
    assert all(one["until_at"] == two["from_at"] for one, two in pairwise(steps))
    prices = [
        {price["type"]: (price["per"], price["excl_vat"]) for price in step["prices"]}
        for step in steps
    ]
    assert prices[0] == {"ENERGY": ("kwh", "0.3"), "PARKING_TIME": ("hour", "6")}
    assert prices[1]["ENERGY"] == ("kwh", "0.5")
    assert steps[1]["prices"][0]["incl_vat"] == "0.595"
    assert [one.status_code for one in (nowhere, unreadable)] == [422, 422]
    assert unreadable.json()["errors"][0]["field"] == "elements"
