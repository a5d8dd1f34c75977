"""What every route shares: keys, roles, problems, pages, sizes, the commit before the answer."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import SecretStr
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import ROUTERS
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.permissions import Permission
from holdfast.http.principal import RateLimits
from holdfast.http.rate_limit import RateLimit
from holdfast.store.database import Sessions, open_engine, open_sessions
from holdfast.store.tables import Site
from tests.api.conftest import Clients

SITE = {"name": "North", "time_zone": "Europe/Berlin", "currency": "EUR"}
PROBLEM = "application/problem+json"


async def test_a_failed_commit_is_never_answered_with_success(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'not today'; END $$"
            )
        )
        await connection.execute(
            text(
                "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON sites DEFERRABLE "
                "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
        )

    answer = await client.post("/api/v1/sites", json=SITE)

    assert answer.status_code == 500
    assert answer.headers["content-type"] == PROBLEM
    assert "not today" not in answer.text
    assert (await client.get("/api/v1/sites")).json()["items"] == []


@pytest.mark.parametrize("key", [None, "hf_wrong", "x" * 500], ids=["none", "wrong", "long"])
async def test_a_request_without_a_good_key_is_unauthorized(
    clients: Clients, key: str | None
) -> None:
    async with clients.with_key(key) as client:
        answer = await client.get("/api/v1/sites")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == PROBLEM
    assert key is None or key not in answer.text


async def test_a_revoked_key_works_no_more_and_the_last_administrator_stays(
    client: httpx.AsyncClient, clients: Clients
) -> None:
    made = (await client.post("/api/v1/api-keys", json={"name": "ci", "role": "operator"})).json()
    async with clients.with_key(made["key"]) as other:
        assert (await other.get("/api/v1/sites")).status_code == 200
        await client.post(f"/api/v1/api-keys/{made['id']}/revoke")
        assert (await other.get("/api/v1/sites")).status_code == 401
    own = next(
        key
        for key in (await client.get("/api/v1/api-keys")).json()["items"]
        if key["role"] == "administrator"
    )

    answer = await client.post(f"/api/v1/api-keys/{own['id']}/revoke")

    assert answer.status_code == 409


async def test_keys_are_listed_without_themselves(client: httpx.AsyncClient) -> None:
    made = (await client.post("/api/v1/api-keys", json={"name": "ci", "role": "support"})).json()

    listed = await client.get("/api/v1/api-keys")

    assert made["key"] not in listed.text
    assert made["key"].endswith(made["hint"])


@pytest.mark.parametrize(
    ("role", "method", "path", "body"),
    [
        ("read-only", "POST", "/api/v1/sites", SITE),
        ("read-only", "GET", "/api/v1/audit-log", None),
        ("finance", "POST", "/api/v1/sites", SITE),
        ("support", "POST", "/api/v1/tariffs", {"name": "x", "currency": "EUR"}),
        ("support", "POST", "/api/v1/stations/X/ocpp-calls", {"action": "GetLog"}),
        *(
            ("support", "POST", f"/api/v1/stations/X/commands/{name}", None)
            for name in ("cost", "default-tariff", "clear-tariffs", "transaction-tariff")
        ),
        ("operator", "POST", "/api/v1/api-keys", {"name": "x", "role": "administrator"}),
        ("operator", "POST", "/api/v1/tariffs", {"name": "x", "currency": "EUR"}),
    ],
)
async def test_a_role_does_only_what_it_may(
    clients: Clients, organization: UUID, role: str, method: str, path: str, body: object
) -> None:
    async with clients.as_role(organization, role) as client:
        answer = await client.request(method, path, json=body)

    assert answer.status_code == 403
    assert role in answer.json()["detail"]


def permissions(dependant: Dependant) -> Iterator[Permission]:
    """What a route asks of its caller, at whatever depth it asks."""
    for dependency in dependant.dependencies:
        permission = getattr(dependency.call, "permission", None)
        if isinstance(permission, Permission):
            yield permission
        yield from permissions(dependency)


ASKED_BY_POST = ("/estimate", "/tariffs/lint", "/tariffs/preview")
"""They change nothing: what they are asked about does not fit an address."""


def test_no_route_is_without_a_permission_and_all_keep_their_answers() -> None:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            assert isinstance(route, IdempotentRoute), route.path
            asked = set(permissions(route.dependant))
            assert len(asked) == 1, f"{route.methods} {route.path}"
            if route.methods != {"GET"}:
                reads = asked == {Permission.READ}
                assert not reads or route.path.endswith(ASKED_BY_POST), route.path


async def test_a_wrong_value_is_named_with_what_would_be_right(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/sites", json={**SITE, "country": "Germany", "colour": "red", "name": "\u0000"}
    )

    assert answer.status_code == 422
    errors = {error["field"]: error for error in answer.json()["errors"]}
    assert errors["country"]["value"] == "Germany"
    assert "A-Z" in errors["country"]["expected"]
    assert errors["colour"]["expected"].startswith("unknown field: leave it out; known are a")
    assert "control" in errors["name"]["expected"]


async def test_a_misspelt_filter_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/sessions?stat=charging")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query.stat"
    assert "state" in answer.json()["errors"][0]["expected"]


async def test_a_secret_that_was_sent_in_the_wrong_place_is_not_sent_back(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/api/v1/sites", json={**SITE, "password": "hunter2 hunter2"})

    assert answer.status_code == 422
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/sites/00000000-0000-0000-0000-000000000000", 404),
        ("GET", "/api/v1/sites/x", 422),
        ("DELETE", "/api/v1/sites", 405),
        ("GET", "/api/v1/sites?cursor=zzz", 422),
        ("GET", "/api/v1/sites?limit=501", 422),
        ("GET", "/api/v1/sites?limit=0", 422),
        ("GET", "/api/v1/stations/a%00b", 422),
    ],
)
async def test_every_error_is_a_problem(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["status"] == status
    assert answer.json()["type"].startswith("urn:holdfast:problem:")


async def test_a_command_that_does_not_exist_and_a_text_for_an_object_are_told_in_words(
    client: httpx.AsyncClient,
) -> None:
    misspelt = await client.post("/api/v1/stations/CP-1/commands/restart", json={})
    reserve = {"reservation": 1, "token": "04A2B3C4", "expires_at": "2030-01-01T00:00:00Z"}
    flat = await client.post("/api/v1/stations/CP-1/commands/reserve", json=reserve)

    assert misspelt.json()["detail"] == "no such address: /api/v1/stations/CP-1/commands/restart"
    assert flat.json()["errors"] == [
        {"field": "token", "expected": "use an object in braces", "value": "04A2B3C4"}
    ]


async def test_a_body_that_is_no_json_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/sites", content=b"{", headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 422
    assert answer.headers["content-type"] == PROBLEM


async def test_a_body_above_the_limit_is_refused_whether_its_length_is_said_or_not(
    client: httpx.AsyncClient,
) -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    said = await client.post("/api/v1/sites", content=b" " * 2_000_000)
    unsaid = await client.post("/api/v1/sites", content=drip())

    assert (said.status_code, unsaid.status_code) == (413, 413)
    assert unsaid.headers["content-type"] == PROBLEM


async def test_a_list_is_read_in_pages_without_gap_or_repeat(
    client: httpx.AsyncClient, db_sessions: Sessions, organization: UUID
) -> None:
    async with db_sessions.begin() as db:
        for number in range(7):
            await db.execute(
                insert(Site).values(
                    organization_id=organization,
                    name=f"site {number}",
                    time_zone="UTC",
                    currency="EUR",
                )
            )

    names: list[str] = []
    sizes: list[int] = []
    query = "limit=3"
    while True:
        body = (await client.get(f"/api/v1/sites?{query}")).json()
        names += [item["name"] for item in body["items"]]
        sizes.append(len(body["items"]))
        if body["next"] is None:
            break
        query = f"limit=3&cursor={body['next']}"

    assert names == [f"site {number}" for number in range(7)]
    assert sizes == [3, 3, 1]


async def test_the_database_away_is_a_503_and_not_a_crash(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    away = open_engine(SecretStr("postgresql://nobody@127.0.0.1:1/nothing"))
    app.state.sessions = open_sessions(away)

    answer = await client.get("/api/v1/sites")

    await away.dispose()
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"


async def test_guessing_keys_is_slowed_down_and_a_good_key_still_works_elsewhere(
    app: FastAPI, clients: Clients
) -> None:
    limits = RateLimits()
    limits.strangers = RateLimit(per_s=0.01, burst=3)
    app.state.rate_limits = limits
    async with clients.with_key("hf_guess") as client:
        statuses = [(await client.get("/api/v1/sites")).status_code for _ in range(5)]

    assert statuses == [401, 401, 401, 429, 429]


async def test_a_runaway_client_is_told_when_to_come_back(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    limits = RateLimits()
    limits.keys = RateLimit(per_s=0.001, burst=2)
    app.state.rate_limits = limits

    answers = [await client.get("/api/v1/sites") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    # A token takes 1,000 s; the requests themselves took some of it.
    assert 900 <= int(answers[2].headers["retry-after"]) <= 1_000


def test_a_bucket_refills_with_time() -> None:
    limit = RateLimit(per_s=2, burst=2)

    waits = [limit.wait_s("a", now) for now in (0.0, 0.0, 0.0, 0.5, 0.5)]

    assert waits == [0, 0, 1, 0, 1]
    assert limit.wait_s("b", 0.5) == 0


async def test_the_documentation_is_complete_and_loads_nothing_from_elsewhere(
    clients: Clients,
) -> None:
    async with clients.with_key(None) as client:
        document = (await client.get("/api/openapi.json")).json()
        page = await client.get("/api/docs")
        style = await client.get("/api/docs.css")

    assert page.status_code == style.status_code == 200
    assert "<script" not in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert all(path.replace("&", "&amp;") in page.text for path in document["paths"])
    assert all(
        operation.get("description")
        for operations in document["paths"].values()
        for operation in operations.values()
    )


async def test_answers_are_not_cached(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/sites")

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
