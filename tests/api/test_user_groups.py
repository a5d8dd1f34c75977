"""Groups of drivers: keys that tariffs name, members, and what is refused."""

import asyncio
from uuid import UUID

import httpx
import pytest

from holdfast.services import user_groups
from holdfast.store.database import Sessions
from tests.api.conftest import Clients
from tests.api.installation import install

GROUPS = "/api/v1/user-groups"


async def test_a_group_has_members_by_account_and_by_token(
    client: httpx.AsyncClient, db_sessions: Sessions, organization: UUID
) -> None:
    ids = (await install(db_sessions, organization, "ACME")).ids
    group = (await client.post(GROUPS, json={"key": "gold", "name": "Gold"})).json()
    path = f"{GROUPS}/{group['id']}"

    both = await client.post(
        f"{path}/members", json={"accounts": [ids["account_id"]], "tokens": [ids["token_id"]]}
    )
    account = (await client.get("/api/v1/accounts", params={"user_group": group["id"]})).json()
    token = (await client.get("/api/v1/tokens", params={"user_group": group["id"]})).json()
    in_use = await client.delete(path)
    by_token = await client.patch(f"/api/v1/tokens/{ids['token_id']}", json={"user_group": None})
    removed = await client.post(f"{path}/members/remove", json={"accounts": [ids["account_id"]]})
    moved = await client.patch(
        f"/api/v1/accounts/{ids['account_id']}", json={"user_group": ids["group_id"]}
    )
    again = await client.post(f"{path}/members/remove", json={"accounts": [ids["account_id"]]})
    stays = await client.get(f"/api/v1/accounts/{ids['account_id']}")
    gone = await client.delete(path)

    assert (both.json()["accounts"], both.json()["tokens"]) == (1, 1)
    assert [one["user_group"] for one in (*account["items"], *token["items"])] == [group["id"]] * 2
    assert in_use.status_code == 409
    assert by_token.json()["user_group"] is None
    assert (removed.json()["accounts"], again.json()["accounts"]) == (0, 0)
    assert moved.json()["user_group"] == stays.json()["user_group"] == ids["group_id"]
    assert gone.status_code == 204


async def test_what_a_group_cannot_be_is_refused(
    client: httpx.AsyncClient,
    clients: Clients,
    db_sessions: Sessions,
    organization: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = (await install(db_sessions, organization, "ACME")).ids
    tariff = {"tariff": ids["tariff_id"], "user_group": ids["group_id"]}
    assigned = (await client.put("/api/v1/tariff-assignments", json=tariff)).json()
    await client.delete(f"/api/v1/tariff-assignments/{assigned['id']}")

    same = await client.post(GROUPS, json={"key": "ACME-members", "name": "Again"})
    spaced = await client.post(GROUPS, json={"key": "two words", "name": "x"})
    priced = await client.delete(f"{GROUPS}/{ids['group_id']}")
    renamed = await client.patch(f"{GROUPS}/{ids['group_id']}", json={"key": "x", "name": "y"})
    async with clients.as_role(organization, "support") as support:
        made_by_support = await support.post(GROUPS, json={"key": "s", "name": "s"})
        filled_by_support = await support.post(
            f"{GROUPS}/{ids['group_id']}/members", json={"accounts": [ids["account_id"]]}
        )
    monkeypatch.setattr(user_groups, "GROUPS_MAX", 1)
    too_many = await client.post(GROUPS, json={"key": "more", "name": "More"})

    answers = (same, spaced, priced, renamed, made_by_support, filled_by_support, too_many)
    assert [one.status_code for one in answers] == [409, 422, 409, 422, 403, 200, 409]
    assert spaced.json()["errors"][0]["field"] == "key"


async def test_a_place_has_one_tariff_for_an_audience_however_many_assign_at_once(
    client: httpx.AsyncClient, db_sessions: Sessions, organization: UUID
) -> None:
    ids = (await install(db_sessions, organization, "ACME")).ids
    made = [
        (await client.post("/api/v1/tariffs", json={"name": str(n), "currency": "EUR"})).json()[
            "id"
        ]
        for n in range(3)
    ]
    scope = {"user_group": ids["group_id"], "site": ids["site_id"]}

    answers = await asyncio.gather(
        *(
            client.put("/api/v1/tariff-assignments", json={"tariff": tariff, **scope})
            for tariff in made
        )
    )

    assert {one.status_code for one in answers} <= {200, 409}
    rows = (await client.get("/api/v1/tariff-assignments?ended=true")).json()["items"]
    holding = [one for one in rows if one["user_group"] and one["until_at"] is None]
    assert len(holding) == 1
    site = await client.patch(f"/api/v1/sites/{ids['site_id']}", json={"calibration_law": True})
    assert site.json()["calibration_law"] is True
