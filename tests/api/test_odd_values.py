"""Values that JSON can spell and we cannot store or say: the client's mistake, never ours."""

import json

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
