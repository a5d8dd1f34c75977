"""No query crosses an organization (T1), and every change is in the audit log (T2).

Every route is walked with another organization's key and this one's ids; a route that is added is
walked too, or the test fails because it has no body for it.
"""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import PREFIX, ROUTERS
from api.routes import events
from holdfast.store.database import Sessions
from holdfast.store.tables import ApiKey, AuditEntry, Table
from tests.api.conftest import Clients
from tests.api.installation import Installation, install
from tests.api.route_bodies import BECAUSE, BODIES

# Routes that wait for a station's answer.
ORDERING = ("/commands/", "/settings", "/variables/", "/monitors", "/monitoring")
# Making something of one's own works, whoever asks: what they name of others is below.
OWN = {
    "PATCH /organizations/current",
    "POST /organizations",
    "POST /api-keys",
    "POST /sites",
    "POST /accounts",
    "POST /tariffs",
    "POST /user-groups",
    "POST /spot-feeds",
    "POST /payments",
    "POST /quirk-rules",
    "PUT /local-list-rules",
    "POST /trusted-roots",
    "POST /contracts",
}
# What a route must be asked with.
QUERIES = {"/quotes": "?station={identity}"}
# The same for everybody.
NOBODYS = {"GET /holiday-calendars/{key}"}
# These change nothing, or nothing that the walk can reach without Stripe.
UNAUDITED = {
    "POST /tariffs/lint",
    "POST /tariffs/preview",
    "POST /tariffs/{tariff_id}/estimate",
    "POST /accounts/{account_id}/cards",
}
# They end what the others need, so they come last in the walk of one's own rows.
LAST = (
    "POST /quarantine/{message_id}/discard",
    "POST /late-facts/{fact_id}/discard",
    "POST /review-tasks/{task_id}/resolve",
    "DELETE /quirk-rules/{rule_id}",
    "DELETE /tariff-assignments/{assignment_id}",
    "DELETE /user-groups/{group_id}",
    "POST /spot-feeds/{key}/retire",
    "POST /tariffs/{tariff_id}/retire",
    "DELETE /tokens/{token_id}",
    "POST /stations/{identity}/retire",
    "POST /sites/{site_id}/retire",
    "POST /api-keys/{key_id}/revoke",
)


def routes() -> Iterator[tuple[str, str]]:
    """Method and path of each route but the endless stream."""
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            if route.endpoint is not events.stream_events:
                for method in sorted(route.methods or ()):
                    yield method, route.path


def filled(value: Any, ids: dict[str, str]) -> Any:
    """With every `{name}` replaced by its id."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], value)
    if isinstance(value, dict):
        return {name: filled(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, ids) for item in value]
    return value


async def call(
    client: httpx.AsyncClient, method: str, path: str, ids: dict[str, str]
) -> httpx.Response:
    """One route with the ids and the body of the table."""
    url = PREFIX + filled(path, ids)
    if method in ("POST", "PUT") and any(part in path for part in ORDERING):
        url += "?wait=0"
    if method == "GET":
        return await client.get(url)
    body = filled(BODIES[f"{method} {path}"], ids)
    if isinstance(body, str):
        return await client.request(
            method, url, content=body.encode(), headers={"Content-Type": "text/csv"}
        )
    return await client.request(method, url, json=body)


@pytest.fixture
async def acme(db_sessions: Sessions, organization: UUID, clients: Clients) -> Installation:
    return await installation(db_sessions, organization, clients, "ACME")


async def installation(
    sessions: Sessions, organization: UUID, clients: Clients, prefix: str
) -> Installation:
    """With a key among its ids."""
    made = await install(sessions, organization, prefix)
    await clients.key(organization, "support")
    async with sessions() as db:
        key = await db.scalar(
            select(ApiKey.id).where(
                ApiKey.organization_id == organization, ApiKey.role == "support"
            )
        )
    return Installation({**made.ids, "key_id": str(key), "uid": f"{prefix}UID"})


async def contents(engine: AsyncEngine, organization: UUID) -> dict[str, list[str]]:
    """Every row of an organization, as text."""
    found = {}
    async with engine.connect() as connection:
        for table in Table.metadata.sorted_tables:
            if "organization_id" in table.c:
                rows = await connection.execute(
                    text(
                        f"SELECT t::text FROM {table.name} t "  # noqa: S608 - names from our schema
                        "WHERE organization_id = :id ORDER BY 1"
                    ),
                    {"id": organization},
                )
                found[table.name] = [str(row[0]) for row in rows]
    return found


async def test_every_route_shows_and_changes_nothing_of_another_organization(
    clients: Clients,
    engine: AsyncEngine,
    organization: UUID,
    other_organization: UUID,
    acme: Installation,
) -> None:
    ids = dict(acme.ids)
    before = await contents(engine, organization)
    async with clients.as_role(other_organization) as rival:
        for method, route in routes():
            path = route + QUERIES.get(route, "")
            answer = await call(rival, method, path, ids)

            sent = path + str(BODIES.get(f"{method} {path}"))
            named = {value for name, value in ids.items() if f"{{{name}}}" in sent}
            told = [
                value
                for name, value in ids.items()
                if name not in ("number", "key") and value in answer.text
            ]
            assert set(told) <= named, f"{method} {path}: {answer.text}"
            assert "ACME site" not in answer.text
            assert "ACME driver" not in answer.text
            if f"{method} {path}" in NOBODYS:
                assert answer.status_code == 200, f"{method} {path}: {answer.text}"
            elif "{" in path:
                assert answer.status_code in (404, 503), f"{method} {path}: {answer.text}"
            elif method == "GET":
                assert answer.status_code == 200, f"{method} {path}: {answer.text}"
            elif f"{method} {path}" not in OWN:
                assert answer.status_code in (404, 422), f"{method} {path}: {answer.text}"

    assert await contents(engine, organization) == before


async def test_a_filter_finds_nothing_of_another_organization(
    clients: Clients, other_organization: UUID, acme: Installation
) -> None:
    ids = acme.ids
    async with clients.as_role(other_organization) as rival:
        for query in (
            f"sessions?station={ids['identity']}",
            f"sessions?token={ids['uid']}",
            f"sessions?site={ids['site_id']}",
            f"stations?site={ids['site_id']}",
            f"stations?query={ids['identity']}",
            f"tokens?uid={ids['uid']}",
            f"tokens?account={ids['account_id']}",
            f"orders?station={ids['identity']}",
            f"payments?session={ids['session_id']}",
            f"late-facts?session={ids['session_id']}",
            f"quarantine?station={ids['identity']}",
            f"review-tasks?subject=session:{ids['session_id']}",
        ):
            assert (await rival.get(f"{PREFIX}/{query}")).json()["items"] == [], query


async def test_what_is_named_in_a_body_is_looked_for_at_home_too(
    clients: Clients,
    db_sessions: Sessions,
    other_organization: UUID,
    acme: Installation,
) -> None:
    ids = acme.ids
    rival_ids = (await installation(db_sessions, other_organization, clients, "RIVAL")).ids
    async with clients.as_role(other_organization) as rival:
        attempts = [
            await rival.post(f"{PREFIX}/stations", json={"identity": "X", "site": ids["site_id"]}),
            await rival.patch(
                f"{PREFIX}/stations/{rival_ids['identity']}", json={"site": ids["site_id"]}
            ),
            await rival.patch(
                f"{PREFIX}/tokens/{rival_ids['token_id']}", json={"account": ids["account_id"]}
            ),
            await rival.put(
                f"{PREFIX}/tariff-assignments",
                json={"tariff": rival_ids["tariff_id"], "site": ids["site_id"]},
            ),
            await rival.put(
                f"{PREFIX}/tariff-assignments",
                json={"tariff": rival_ids["tariff_id"], "station": ids["identity"]},
            ),
            *[
                await rival.put(
                    f"{PREFIX}/tariff-assignments",
                    json={"tariff": rival_ids["tariff_id"], audience: ids[of]},
                )
                for audience, of in (("account", "account_id"), ("user_group", "group_id"))
            ],
            await rival.post(
                f"{PREFIX}/user-groups/{rival_ids['group_id']}/members",
                json={"accounts": [rival_ids["account_id"], ids["account_id"]]},
            ),
            await rival.patch(
                f"{PREFIX}/accounts/{rival_ids['account_id']}",
                json={"user_group": ids["group_id"]},
            ),
            await rival.post(f"{PREFIX}/tariff-drafts", json={"tariff": ids["tariff_id"]}),
            await rival.post(
                f"{PREFIX}/tariffs/{rival_ids['tariff_id']}/estimate",
                json={"energy_wh": 1, "charging_s": 1, "site": ids["site_id"]},
            ),
            await rival.post(
                f"{PREFIX}/payments", json={"currency": "EUR", "account": ids["account_id"]}
            ),
            await rival.post(
                f"{PREFIX}/stations/{rival_ids['identity']}/commands/start",
                json={"evse": 1, "payment": ids["payment_id"]},
            ),
            await rival.post(
                f"{PREFIX}/stations/{rival_ids['identity']}/commands/stop",
                json={"session": ids["session_id"]},
            ),
        ]

    assert [answer.status_code for answer in attempts] == [404] * len(attempts)


async def test_every_change_by_a_key_is_in_the_audit_log(
    clients: Clients, db_sessions: Sessions, organization: UUID, acme: Installation
) -> None:
    ids = dict(acme.ids)
    changing = {f"{method} {path}" for method, path in routes() if method != "GET"}
    assert changing == set(BODIES)
    first = [name for name in BODIES if name not in (*LAST, *UNAUDITED)]
    async with clients.as_role(organization) as client:
        for name in (*first, *LAST):
            method, path = name.split(" ")
            await make_ready(db_sessions, name)
            before = await entries(db_sessions, organization)

            answer = await call(client, method, path, ids)

            assert answer.status_code < 300, f"{name}: {answer.text}"
            after = await entries(db_sessions, organization)
            assert after > before, f"{name} is not in the audit log"

    async with db_sessions() as db:
        actors = set(await db.scalars(select(AuditEntry.actor)))
        reasons = set(await db.scalars(select(AuditEntry.reason)))
    keys = {actor for actor in actors if not actor.startswith("system:")}
    assert len(keys) == 1
    assert keys.pop().startswith("key:")
    assert BECAUSE["reason"] in reasons


async def make_ready(sessions: Sessions, name: str) -> None:
    """Undo what an earlier step of the walk made impossible, as time would."""
    undo = {
        "POST /tariffs/{tariff_id}/retire": "DELETE FROM tariff_assignments",
        "DELETE /user-groups/{group_id}": "UPDATE accounts SET user_group_id = NULL",
        "DELETE /tariff-assignments/{assignment_id}": (
            "UPDATE tariff_assignments SET until_at = NULL WHERE NOT ad_hoc"
        ),
        **dict.fromkeys(
            ("PATCH /tariff-drafts/{draft_id}", "POST /tariff-drafts/{draft_id}/submit"),
            "UPDATE tariff_drafts SET revision = 1, state = 'draft'",
        ),
        **dict.fromkeys(
            (
                "POST /tariff-drafts/{draft_id}/send-back",
                "POST /tariff-drafts/{draft_id}/approve",
                "POST /tariff-drafts/{draft_id}/discard",
            ),
            "UPDATE tariff_drafts SET revision = 1, state = 'review', version_id = NULL",
        ),
        "DELETE /tokens/{token_id}": "UPDATE sessions SET token_id = NULL",
        "POST /sites/{site_id}/retire": "UPDATE stations SET site_id = NULL",
        "POST /quarantine/{message_id}/discard": "UPDATE quarantine SET state = 'open'",
        "POST /contracts/{contract_id}/cancel": (
            "UPDATE contract_certificates SET revoked_at = NULL"
        ),
        "POST /stations/{identity}/security/network-changes": (
            "UPDATE stations SET protocol = 'ocpp2.0.1'"
        ),
        "POST /outbox/{row_id}/drop": "UPDATE outbox SET parked_at = now()",
        "POST /payments/{payment_id}/decision": "UPDATE payments SET attention = 'provider: x'",
    }.get(name)
    if undo is not None:
        async with sessions.begin() as db:
            await db.execute(text(undo))


async def entries(sessions: Sessions, organization: UUID) -> int:
    async with sessions() as db:
        return (
            await db.scalar(
                select(func.count())
                .select_from(AuditEntry)
                .where(AuditEntry.organization_id == organization)
            )
            or 0
        )


async def test_a_new_organization_sees_only_itself(
    clients: Clients, client: httpx.AsyncClient, acme: Installation
) -> None:
    made = (
        await client.post(f"{PREFIX}/organizations", json={"slug": "third", "name": "Third"})
    ).json()

    async with clients.with_key(made["api_key"]) as third:
        organizations = (await third.get(f"{PREFIX}/organizations")).json()["items"]
        stations_seen = (await third.get(f"{PREFIX}/stations")).json()["items"]
        log = (await third.get(f"{PREFIX}/audit-log")).json()["items"]

    assert [one["slug"] for one in organizations] == ["third"]
    assert stations_seen == []
    assert [entry["action"] for entry in log] == ["organization.create"]
