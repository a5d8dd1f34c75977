"""The pages on a real database, in process, with a network in it and a browser's headers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette

from holdfast.settings import Settings
from holdfast.store.database import Sessions
from tests.web.network import Network, add_key, build
from tests.web.parsed import Element, parse
from web.app import create_web

HOST = "https://holdfast.test"


@dataclass(frozen=True)
class Browser:
    """Sends what a browser sends, and reads what it gets."""

    client: httpx.AsyncClient
    key_id: UUID

    async def page(self, path: str, status: int = 200) -> Element:
        """A page of this status, parsed."""
        answer = await self.client.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[-600:]}"
        return parse(answer.text)

    async def send(self, path: str, **fields: str) -> httpx.Response:
        """A form of the overview's sign-in, sent from a page of ours."""
        front = await self.page("/")
        token = next(front.all("input", name="form_token")).attributes["value"]
        return await self.client.post(
            path, data={"form_token": token, **fields}, headers={"Origin": HOST}
        )


SignIn = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def web(db_sessions: Sessions, settings: Settings) -> AsyncIterator[Starlette]:
    """The app, closed at the end."""
    app = create_web(sessions=db_sessions, settings=settings)
    yield app
    await app.state.live.close()


@pytest.fixture
async def network(db_sessions: Sessions, organization: UUID) -> Network:
    """A small network of the organization "acme"."""
    async with db_sessions.begin() as db:
        return await build(db, organization, "HAM", datetime.now(UTC))


@pytest.fixture
async def client(web: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that is not signed in."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(web), base_url=HOST, follow_redirects=False
    ) as client:
        yield client


@pytest.fixture
async def sign_in(
    web: Starlette, db_sessions: Sessions, settings: Settings, organization: UUID
) -> AsyncIterator[SignIn]:
    """Sign in with a new key of a role (and organization), by the form."""
    clients: list[httpx.AsyncClient] = []

    async def enter(role: str = "administrator", organization_id: UUID | None = None) -> Browser:
        async with db_sessions.begin() as db:
            key, key_id = await add_key(
                db, settings.secret_key.get_secret_value(), organization_id or organization, role
            )
        client = httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url=HOST)
        clients.append(client)
        answer = await client.post("/sign-in", data={"key": key}, headers={"Origin": HOST})
        assert answer.status_code == 303, answer.text
        return Browser(client, key_id)

    yield enter
    for client in clients:
        await client.aclose()
