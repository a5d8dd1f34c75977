"""The API in this process, on a real database, asked as a client would ask it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert

from api.app import create_app, with_pages
from holdfast.services import api_keys
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import Organization

WEBHOOK_SECRET = "whsec_for_tests_only"  # noqa: S105 - guards nothing


@dataclass(frozen=True)
class Clients:
    """Makes clients of one application, each with a key of its own."""

    app: FastAPI
    sessions: Sessions
    secret_key: str

    async def key(self, organization_id: UUID, role: str = "administrator") -> str:
        """A new key of this role."""
        key = api_keys.new_key()
        async with self.sessions.begin() as db:
            await api_keys.register_key(
                db, self.secret_key, organization_id, name=role, role=role, api_key=key
            )
        return key

    @asynccontextmanager
    async def as_role(
        self, organization_id: UUID, role: str = "administrator"
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A client with a key of this role."""
        async with self.with_key(await self.key(organization_id, role)) as client:
            yield client

    @asynccontextmanager
    async def with_key(self, key: str | None) -> AsyncIterator[httpx.AsyncClient]:
        """A client with this key, or with none."""
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(with_pages(self.app, None), raise_app_exceptions=False),
            base_url="http://api.test",
            headers={} if key is None else {"Authorization": f"Bearer {key}"},
        ) as client:
            yield client


@pytest.fixture
def api_settings(settings: Settings) -> Settings:
    """With a webhook secret, and no Temporal."""
    return Settings.model_validate(
        {
            **settings.model_dump(),
            "database_url": settings.database_url.get_secret_value(),
            "secret_key": settings.secret_key.get_secret_value(),
            "stripe_webhook_secret": WEBHOOK_SECRET,
        }
    )


@pytest.fixture
def app(api_settings: Settings, db_sessions: Sessions) -> FastAPI:
    """The application; nothing runs in its background, and Temporal is not there."""
    return create_app(api_settings, db_sessions)


@pytest.fixture
def clients(app: FastAPI, db_sessions: Sessions, api_settings: Settings) -> Clients:
    """Clients of it."""
    return Clients(app, db_sessions, api_settings.secret_key.get_secret_value())


@pytest.fixture
async def other_organization(db_sessions: Sessions) -> UUID:
    """A second one, which must never see into the first."""
    async with db_sessions.begin() as db:
        row = await db.execute(
            insert(Organization).values(slug="rival", name="Rival").returning(Organization.id)
        )
        return row.scalar_one()


@pytest.fixture
async def client(clients: Clients, organization: UUID) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator of the organization "acme"."""
    async with clients.as_role(organization) as client:
        yield client
