"""Signing in: a cookie that is signed, out of reach, and worth nothing once its key is revoked."""

from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, update

from holdfast.services.api_keys import new_key
from holdfast.settings import Settings
from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import HOST, SignIn
from tests.web.network import add_key
from web.sign_in import own_path
from web.viewer import COOKIE, Cookies


async def test_the_cookie_is_signed_and_holds_no_key(
    sign_in: SignIn, settings: Settings, db_sessions: Sessions
) -> None:
    browser = await sign_in()

    value = browser.client.cookies[COOKIE]
    seen = Cookies(settings.secret_key.get_secret_value()).read(value)

    assert seen is not None
    assert seen[0] == browser.key_id
    assert Cookies("another secret of at least 32 chars").read(value) is None
    assert Cookies(settings.secret_key.get_secret_value()).read(value + "x") is None


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    client: httpx.AsyncClient, organization: UUID, db_sessions: Sessions, settings: Settings
) -> None:
    async with db_sessions.begin() as db:
        key, _ = await add_key(db, settings.secret_key.get_secret_value(), organization)
    answer = await client.post("/sign-in", data={"key": key}, headers={"Origin": HOST})

    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" in cookie
    assert "max-age=43200" in cookie
    assert key.lower() not in cookie


async def test_a_wrong_key_is_refused_and_a_guesser_is_slowed_down(
    client: httpx.AsyncClient,
) -> None:
    answers = [
        await client.post("/sign-in", data={"key": new_key()}, headers={"Origin": HOST})
        for _ in range(40)
    ]

    assert answers[0].status_code == 401
    assert "unknown, revoked or expired" in answers[0].text
    assert answers[-1].status_code == 429
    assert all("set-cookie" not in answer.headers for answer in answers)


async def test_a_revoked_key_is_signed_out_at_once(sign_in: SignIn, db_sessions: Sessions) -> None:
    browser = await sign_in()
    async with db_sessions.begin() as db:
        await db.execute(
            update(t.ApiKey).where(t.ApiKey.id == browser.key_id).values(revoked_at=func.now())
        )

    answer = await browser.client.get("/")

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/sessions?state=active", "/sessions?state=active"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("/\\evil.test", "/"),
        ("javascript:alert(1)", "/"),
        ("/\n//evil.test", "/"),
        (None, "/"),
    ],
)
def test_signing_in_leads_to_a_page_of_ours(text: str | None, path: str) -> None:
    assert own_path(text) == path
