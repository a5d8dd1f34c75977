"""Rules of quirks by way of the API: own ones, shipped ones, and what holds for a station."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert

from holdfast.domain.quirk_rules import SHIPPED
from holdfast.store.database import Sessions
from holdfast.store.tables import Station

URL = "/api/v1/quirk-rules"


@pytest.fixture
async def keba(db_sessions: Sessions, organization: UUID) -> str:
    """A station of a model that shipped rules know."""
    async with db_sessions.begin() as db:
        await db.execute(
            insert(Station).values(
                organization_id=organization,
                identity="K-1",
                vendor="Keba AG",
                model="KC-M20",
                firmware_version="1.18",
            )
        )
    return "K-1"


async def quirks_of(client: httpx.AsyncClient, identity: str) -> dict[str, Any]:
    body = (await client.get(f"/api/v1/stations/{identity}/quirks")).json()
    return {one["quirk"]: one for one in body["quirks"]}


async def test_shipped_rules_are_listed_with_the_stations_they_match(
    client: httpx.AsyncClient, keba: str
) -> None:
    items = (await client.get(URL)).json()["items"]

    assert {item["name"] for item in items} == {rule.name for rule in SHIPPED}
    by_name = {item["name"]: item for item in items}
    assert (by_name["keba-sum"]["stations"], by_name["keba-sum"]["in_force"]) == (1, 1)
    assert by_name["chago-local-time"]["stations"] == 0
    assert all(item["shipped"] and item["source"] and item["id"] is None for item in items)


async def test_a_shipped_rule_is_switched_off_changed_and_holds_again(
    client: httpx.AsyncClient, keba: str
) -> None:
    assert set(await quirks_of(client, keba)) == {"id_tag_suffix_serial", "sum_connector_zero"}

    made = await client.post(URL, json={"replaces": "keba-card-with-serial", "enabled": False})
    assert made.status_code == 201
    rule = made.json()
    assert (rule["vendor"], rule["value"]) == ("Keba*", "_")
    assert set(await quirks_of(client, keba)) == {"sum_connector_zero"}
    twice = await client.post(URL, json={"replaces": "keba-card-with-serial", "value": "-"})
    assert twice.status_code == 409

    change = {"enabled": True, "value": "-"}
    await client.patch(f"{URL}/{rule['id']}", json=change)
    found = (await quirks_of(client, keba))["id_tag_suffix_serial"]
    assert (found["value"], found["rule"]["id"]) == ("-", rule["id"])
    listed = {item["name"]: item for item in (await client.get(URL)).json()["items"]}
    assert listed["keba-card-with-serial"]["replaced_by"] == rule["id"]
    assert listed["keba-card-with-serial"]["in_force"] == 0

    assert (await client.delete(f"{URL}/{rule['id']}")).status_code == 200
    assert (await quirks_of(client, keba))["id_tag_suffix_serial"]["value"] == "_"


async def test_a_more_specific_rule_of_ones_own_takes_a_quirk_away(
    client: httpx.AsyncClient, keba: str
) -> None:
    rule = {
        "quirk": "sum_connector_zero",
        "value": False,
        "vendor": "keba*",
        "firmware": ">=1.18, <2",
        "note": "repaired there",
    }
    assert (await client.post(URL, json=rule)).status_code == 201

    body = (await client.get(f"/api/v1/stations/{keba}/quirks")).json()
    assert {one["quirk"] for one in body["quirks"]} == {"id_tag_suffix_serial"}
    assert {one["name"] for one in body["overruled"]} >= {"keba-sum"}


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"quirk": "no_pings", "value": True}, "vendor"),
        ({"quirk": "no_pings", "value": 3, "vendor": "A"}, "value"),
        ({"quirk": "no_pings", "vendor": "A"}, "value"),
        ({"quirk": "trigger_boot", "value": 9_999, "vendor": "A"}, "value"),
        ({"quirk": "sings", "value": True, "vendor": "A"}, "quirk"),
        ({"value": True, "vendor": "A"}, "quirk"),
        ({"quirk": "no_pings", "value": True, "firmware": "<new"}, "firmware"),
        ({"replaces": "no-such-rule"}, "replaces"),
        ({"replaces": "keba-sum", "quirk": "no_pings"}, "quirk"),
        ({"quirk": "no_pings", "value": True, "vendor": "A", "colour": "red"}, "colour"),
    ],
)
async def test_a_rule_that_cannot_be_is_refused_and_says_which_field(
    client: httpx.AsyncClient, rule: dict[str, Any], field: str
) -> None:
    answer = await client.post(URL, json=rule)

    assert answer.status_code == 422
    assert field in answer.text
    assert len((await client.get(URL)).json()["items"]) == len(SHIPPED)
