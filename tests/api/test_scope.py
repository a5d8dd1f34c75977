"""No query crosses an organization (T1), and every change is in the audit log (T2).

Every route is walked with another organization's key and this one's ids; a route that is added is
walked too, or the test fails because it has no body for it.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import PREFIX, ROUTERS
from api.routes import events
from holdfast.adapters.certificate_authority import CertificateAuthority, pem_of
from holdfast.store.database import Sessions
from holdfast.store.tables import ApiKey, AuditEntry, Table
from tests.api.command_bodies import BODIES as COMMANDS
from tests.api.conftest import Clients
from tests.api.installation import METER_KEY, Installation, install

BECAUSE = {"reason": "a test of scope"}
ELEMENTS = [{"price_components": [{"type": "ENERGY", "price": "0.5"}]}]
ROOT = pem_of(CertificateAuthority.founded("Test", "Roaming", datetime.now(UTC)).root)
MONITOR = {"component": "C", "variable": "V", "type": "delta", "value": 1, "severity": 5}
# What each changing route takes; `{name}` is an id of the installation it is sent to.
BODIES: dict[str, Any] = {
    "PATCH /organizations/current": {"name": "Renamed"},
    "POST /organizations": {"slug": "third", "name": "Third"},
    "POST /api-keys": {"name": "k", "role": "support"},
    "POST /api-keys/{key_id}/revoke": None,
    "POST /sites": {"name": "N", "time_zone": "UTC", "currency": "EUR"},
    "PATCH /sites/{site_id}": {"name": "Taken"},
    "POST /sites/{site_id}/retire": None,
    "POST /stations": {"identity": "NEW-1", "site": "{site_id}"},
    "PATCH /stations/{identity}": {"name": "Taken"},
    "PUT /stations/{identity}/evses": [{"number": 1}],
    "POST /stations/{identity}/credentials": None,
    "POST /stations/{identity}/retire": BECAUSE,
    "POST /stations/{identity}/commands/start": {"evse": 1, "token": "{uid}"},
    "POST /stations/{identity}/commands/stop": {"session": "{session_id}"},
    "POST /stations/{identity}/commands/reset": {},
    "POST /stations/{identity}/commands/unlock": {"evse": 1},
    "POST /stations/{identity}/commands/availability": {"operative": True},
    "POST /stations/{identity}/commands/trigger": {"message": "Heartbeat"},
    "POST /stations/{identity}/commands/configure": {"variables": {"a": "b"}},
    "POST /stations/{identity}/commands/read-configuration": {},
    "POST /stations/{identity}/commands/data-transfer": {"vendor_id": "v"},
    "POST /stations/{identity}/meter-keys": {"public_key": METER_KEY},
    "POST /stations/{identity}/meter-keys/{meter_key_id}/confirm": BECAUSE,
    "POST /stations/{identity}/meter-keys/{meter_key_id}/retire": BECAUSE,
    "POST /sessions/{session_id}/signed-readings/verify": BECAUSE,
    "POST /stations/{identity}/variables/refresh": None,
    "PUT /stations/{identity}/settings": {"settings": [{"variable": "Free", "value": "1"}]},
    "DELETE /stations/{identity}/settings/{setting_id}": None,
    "POST /stations/{identity}/monitors": {"monitors": [MONITOR]},
    "POST /stations/{identity}/monitors/clear": {"numbers": [1]},
    "POST /stations/{identity}/monitors/refresh": None,
    "PUT /stations/{identity}/monitoring": {"level": 4},
    **{f"POST /stations/{{identity}}/commands/{name}": body for name, body in COMMANDS.items()},
    "POST /stations/{identity}/ocpp-calls": {"action": "GetLog"},
    "POST /orders/{order_id}/cancel": None,
    "POST /tokens": {"type": "RFID", "uid": "NEWUID", "account": "{account_id}"},
    "POST /tokens/import": "uid,type,account\nNEWUID2,RFID,{account_id}\n",
    "PATCH /tokens/{token_id}": {"note": "taken"},
    "DELETE /tokens/{token_id}": None,
    "POST /accounts": {"name": "New", "billing": "free"},
    "PATCH /accounts/{account_id}": {"name": "Taken"},
    "POST /accounts/{account_id}/cards": {"payment_method": "pm_card_visa"},
    "POST /tariffs": {"name": "New", "currency": "EUR"},
    "POST /tariffs/{tariff_id}/retire": None,
    "POST /tariffs/{tariff_id}/versions": {"elements": ELEMENTS},
    "POST /tariffs/{tariff_id}/estimate": {"energy_wh": 1, "charging_s": 1},
    "PUT /tariff-assignments": {"tariff": "{tariff_id}"},
    "DELETE /tariff-assignments/{assignment_id}": None,
    "POST /sessions/{session_id}/force-end": BECAUSE,
    "POST /sessions/{session_id}/waive": BECAUSE,
    "POST /sessions/{session_id}/resolve": {"action": "retry", **BECAUSE},
    "POST /payments": {"currency": "EUR"},
    "POST /payments/{payment_id}/decision": {"action": "write_off", **BECAUSE},
    "POST /quarantine/{message_id}/replay": BECAUSE,
    "POST /quarantine/{message_id}/discard": BECAUSE,
    "POST /late-facts/{fact_id}/apply": BECAUSE,
    "POST /late-facts/{fact_id}/discard": BECAUSE,
    "POST /outbox/{row_id}/retry": BECAUSE,
    "POST /outbox/{row_id}/drop": BECAUSE,
    "POST /review-tasks/{task_id}/resolve": {"resolution": "looked at it"},
    "PUT /stations/{identity}/security/profile": {"profile": 1, **BECAUSE},
    "PUT /stations/{identity}/security/block": {"blocked": True, **BECAUSE},
    "POST /stations/{identity}/security/password-rotations": {"reset": True},
    "POST /stations/{identity}/security/certificate-requests": None,
    "POST /stations/{identity}/security/network-changes": {
        "slot": 2,
        "priority": "1",
        "profile": {"url": "wss://csms.example/ocpp", "security_profile": 1},
    },
    "POST /certificate-requests/{request_id}/decision": {"approve": False, **BECAUSE},
    "POST /station-certificates/{certificate_id}/revoke": BECAUSE,
    "POST /quirk-rules": {"quirk": "no_pings", "value": True, "vendor": "Acme"},
    "PATCH /quirk-rules/{rule_id}": {"enabled": False},
    "DELETE /quirk-rules/{rule_id}": None,
    "PUT /local-list-rules": {"rule": "off"},
    "PUT /sites/{site_id}/local-list": {"rule": "own"},
    "PUT /stations/{identity}/local-list": {"rule": "all"},
    "POST /stations/{identity}/local-list/resync": None,
    "POST /trusted-roots": {"use": "mo", "certificate": ROOT},
    "POST /stations/{identity}/trusted-roots/{root_id}/install": None,
    "POST /trusted-roots/{root_id}/retire": None,
    "POST /contracts": {"emaid": "DE-8AA-1A2B3C4D5"},
    "POST /contracts/{contract_id}/revoke": None,
    "POST /contracts/{contract_id}/cancel": None,
}
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
    "POST /payments",
    "POST /quirk-rules",
    "PUT /local-list-rules",
    "POST /trusted-roots",
    "POST /contracts",
}
# These change nothing, or nothing that the walk can reach without Stripe.
UNAUDITED = {"POST /tariffs/{tariff_id}/estimate", "POST /accounts/{account_id}/cards"}
# They end what the others need, so they come last in the walk of one's own rows.
LAST = (
    "POST /quarantine/{message_id}/discard",
    "POST /late-facts/{fact_id}/discard",
    "POST /review-tasks/{task_id}/resolve",
    "DELETE /quirk-rules/{rule_id}",
    "DELETE /tariff-assignments/{assignment_id}",
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
        for method, path in routes():
            answer = await call(rival, method, path, ids)

            sent = path + str(BODIES.get(f"{method} {path}"))
            named = {value for name, value in ids.items() if f"{{{name}}}" in sent}
            told = [value for value in ids.values() if value in answer.text]
            assert set(told) <= named, f"{method} {path}: {answer.text}"
            assert "ACME site" not in answer.text
            assert "ACME driver" not in answer.text
            if "{" in path:
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
            assert after == before + 1, f"{name} is not in the audit log"

    async with db_sessions() as db:
        actors = set(await db.scalars(select(AuditEntry.actor)))
        reasons = set(await db.scalars(select(AuditEntry.reason)))
    assert len(actors) == 1
    assert actors.pop().startswith("key:")
    assert BECAUSE["reason"] in reasons


async def make_ready(sessions: Sessions, name: str) -> None:
    """Undo what an earlier step of the walk made impossible, as time would."""
    undo = {
        "POST /tariffs/{tariff_id}/retire": "DELETE FROM tariff_assignments",
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
