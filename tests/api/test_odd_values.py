"""Values that JSON can spell and we cannot store or say: the client's mistake, never ours."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

JSON = {"Content-Type": "application/json"}
PATHS = ["/api/v1/sites", "/api/v1/tokens", "/api/v1/tariffs"]
BODIES = {
    "infinity": b"1e400",
    "not a number": b'{"name": NaN}',
    "half a pair": b'{"name": "\\ud800", "uid": "\\ud800", "currency": "\\ud800"}',
    "no UTF-8": b'{"name": "\xff"}',
    "a number without end": b'{"name": ' + b"9" * 5_000 + b"}",
    "deep": b"[" * 20_000 + b"]" * 20_000,
    "NUL": b'{"name": "a\\u0000b", "uid": "a\\u0000b", "currency": "EUR"}',
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_what_json_can_spell_and_we_cannot_keep_is_refused(
    client: httpx.AsyncClient, path: str, body: bytes
) -> None:
    answer = await client.post(path, content=body, headers=JSON)

    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.text)["status"] == answer.status_code


BODY = {"elements": [{"price_components": [{"type": "ENERGY", "price": "0.50"}]}]}
MAKERS: dict[str, Callable[[Any], Any]] = {
    "/api/v1/tariffs/lint": lambda of: {"currency": "EUR", "body": of},
    "/api/v1/tariffs/preview": lambda of: {"currency": "EUR", "body": of},
    "/api/v1/tariff-simulations": lambda of: {"tariff": str(uuid4()), "body": of},
}


async def test_a_price_that_nobody_can_store_is_refused_wherever_one_is_asked_for(
    client: httpx.AsyncClient,
) -> None:
    for path, make in MAKERS.items():
        for odd in ({**BODY, "type": "\ud800"}, {**BODY, "idle_grace_s": 2**70}):
            answer = await client.post(path, content=json.dumps(make(odd)), headers=JSON)
            assert answer.status_code == 422, (path, answer.text)


async def test_a_call_that_no_gateway_could_write_is_not_ordered(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.post("/api/v1/stations", json={"identity": "CP-1"})).status_code == 201
    for odd in (2**70, "\ud800", "a\0b"):
        call = {"action": "SetDisplayMessage", "payload": {"id": odd}, "validate": False}
        transfer = {"vendor_id": "com.vendor", "data": [odd]}
        for path, body in (("ocpp-calls", call), ("commands/data-transfer", transfer)):
            answer = await client.post(
                f"/api/v1/stations/CP-1/{path}", content=json.dumps(body), headers=JSON
            )
            assert answer.status_code == 422, (path, answer.text)


async def test_prices_of_the_first_and_the_last_days_of_the_calendar_are_not_asked_for(
    client: httpx.AsyncClient,
) -> None:
    tariff = (await client.post("/api/v1/tariffs", json={"name": "T", "currency": "EUR"})).json()
    feed = {"key": "M", "name": "Market", "currency": "EUR", "source": "api"}
    assert (await client.post("/api/v1/spot-feeds", json=feed)).status_code == 201
    station = {"identity": "CP-1"}
    assert (await client.post("/api/v1/stations", json=station)).status_code == 201
    prices = "/api/v1/spot-feeds/M/prices"
    for at in ("0001-01-01T00:00:00Z", "9999-12-31T23:00:00Z"):
        hour = {"starts_at": at, "ends_at": at.replace("0:00:00Z", "0:15:00Z"), "price": "1"}
        answers = [
            await client.get("/api/v1/quotes", params={"station": "CP-1", "at": at}),
            await client.get(prices, params={"from": at}),
            await client.put(prices, json={"prices": [hour]}),
            await client.post(
                "/api/v1/tariffs/preview", json={"currency": "EUR", "body": BODY, "from": at}
            ),
            await client.post(
                "/api/v1/tariff-drafts", json={"tariff": tariff["id"], "valid_from": at}
            ),
            await client.post(
                "/api/v1/tariff-simulations",
                json={"tariff": tariff["id"], "body": BODY, "scope": {"from": at, "to": at}},
            ),
        ]
        assert {answer.status_code for answer in answers} == {422}, at
