"""Two gateways on one database for all examples of all tests here, and a station for each."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from cli.embedded.databases import create_database, drop_database
from gateway.app import GatewayApp
from holdfast.settings import Settings
from tests.conftest import TEST_SECRET
from tests.gateway.conftest import ANY_PORT, CARD
from tests.gateway.fuzz.line import Hook, Line


@dataclass
class Pair:
    """Two gateways, their database by one connection, and numbers that nobody used yet."""

    settings: Settings
    database: psycopg.AsyncConnection[dict[str, Any]]
    organization_id: UUID
    apps: list[GatewayApp] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """What a query finds."""
        cursor = await self.database.execute(query, parameters)
        return await cursor.fetchall() if cursor.description else []

    async def add_station(self, registration: str = "accepted") -> tuple[str, UUID]:
        """The identity and the id of a new station."""
        identity = f"F{next(self.numbers)}"
        (row,) = await self.rows(
            "INSERT INTO stations (organization_id, identity, registration) "
            "VALUES (%s, %s, %s) RETURNING id",
            self.organization_id,
            identity,
            registration,
        )
        return identity, row["id"]

    async def line(
        self, identity: str, protocol: str, which: int = 0, answered: Hook | None = None
    ) -> Line:
        """A socket of a station on one of the two."""
        return await Line.open(self.apps[which].port, identity, protocol, answered)

    async def start(self) -> GatewayApp:
        """Another gateway on the same database."""
        app = GatewayApp(
            self.settings.model_copy(update={**ANY_PORT, "gateway_id": f"gw{next(self.numbers)}"})
        )
        await app.start()
        async with asyncio.timeout(60):
            while not (app.writer.healthy and app.lease.healthy):  # noqa: ASYNC110 - plain flags
                await asyncio.sleep(0.02)
        return app

    async def restart(self, which: int) -> None:
        """One of the two goes down in order, and another comes in its place."""
        await self.apps[which].drain()
        self.apps[which] = await self.start()


@pytest.fixture(scope="package")
async def pair(postgres_url: str) -> AsyncIterator[Pair]:
    """The two gateways, a known card, and an organization."""
    name = f"fuzz_{os.getpid()}"
    url = await create_database(postgres_url, name, template="template_holdfast")
    settings = Settings.model_validate(
        {
            "database_url": url,
            "secret_key": TEST_SECRET,
            "temporal_address": "127.0.0.1:1",
            "onboarding": "reject",
            "gateway_lease_s": 60.0,  # which a busy machine renews in time
        }
    )
    async with await psycopg.AsyncConnection.connect(
        url, autocommit=True, row_factory=dict_row
    ) as database:
        cursor = await database.execute(
            "INSERT INTO organizations (slug, name) VALUES ('acme', 'Acme') RETURNING id"
        )
        (row,) = await cursor.fetchall()
        made = Pair(settings, database, row["id"])
        await database.execute(
            "INSERT INTO tokens (organization_id, type, uid) VALUES (%s, 'ISO14443', %s)",
            (row["id"], CARD),
        )
        made.apps = [await made.start(), await made.start()]
        yield made
        for app in made.apps:
            await app.drain()
    await drop_database(postgres_url, name)
