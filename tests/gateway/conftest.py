"""A whole gateway in process on a free port, real Postgres behind it, and a plain OCPP client."""

import asyncio
import base64
import itertools
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import orjson
import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import insert
from websockets.asyncio.client import ClientConnection, connect

from cli.embedded.databases import create_database, drop_database
from gateway.app import GatewayApp
from holdfast.services.passwords import hash_password
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import Account, Site, Station, Token

ANSWER_S = 30.0
MESSAGE_IDS = itertools.count(1)
CARD = "CARD0001"
# Of a gateway in this process: the kernel finds them while it binds them.
ANY_PORT = {"gateway_port": 0, "gateway_tls_port": 0, "admin_port": 0}


class StationClient:
    """A station's side of one socket, as plain as can be: frames out, frames in."""

    def __init__(self, socket_: ClientConnection) -> None:
        self.socket = socket_

    async def send(self, text: str) -> None:
        await self.socket.send(text)

    async def receive(self, timeout_s: float = ANSWER_S) -> list[Any]:
        async with asyncio.timeout(timeout_s):
            frame = orjson.loads(await self.socket.recv())
        assert isinstance(frame, list)
        return frame

    async def post(self, action: str, payload: Any, message_id: str | None = None) -> str:
        """Send a call without waiting; returns its id."""
        message_id = message_id or f"m{next(MESSAGE_IDS)}"
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        return message_id

    async def call(self, action: str, payload: Any, message_id: str | None = None) -> Any:
        """Send a call; the payload of its CALLRESULT."""
        sent = await self.post(action, payload, message_id)
        answer = await self.receive()
        assert answer[:2] == [3, sent], answer
        return answer[2]

    async def close(self) -> None:
        await self.socket.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def connect_station(
    port: int,
    identity: str,
    protocol: str = "ocpp1.6",
    *,
    password: str | None = None,
    path: str | None = None,
) -> StationClient:
    """Open a socket as a station does."""
    headers = {}
    if password is not None:
        credentials = base64.b64encode(f"{identity}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
    return StationClient(
        await connect(
            f"ws://127.0.0.1:{port}{path or f'/ocpp/{identity}'}",
            subprotocols=[protocol],  # type: ignore[list-item]
            additional_headers=headers,
            compression=None,
        )
    )


@dataclass(frozen=True)
class Network:
    """An organization with a station and a card."""

    organization_id: UUID
    site_id: UUID
    station_id: UUID
    account_id: UUID
    token_id: UUID


@pytest.fixture
async def network(db_sessions: Sessions, organization: UUID) -> Network:
    """Station CP1 (accepted, no password), the card CARD0001 of an account with an invoice."""
    async with db_sessions.begin() as db:
        site = (
            await db.execute(
                insert(Site)
                .values(
                    organization_id=organization,
                    name="Depot",
                    time_zone="Europe/Berlin",
                    currency="EUR",
                )
                .returning(Site.id)
            )
        ).scalar_one()
        station = (
            await db.execute(
                insert(Station)
                .values(
                    organization_id=organization,
                    site_id=site,
                    identity="CP1",
                    registration="accepted",
                )
                .returning(Station.id)
            )
        ).scalar_one()
        account = (
            await db.execute(
                insert(Account)
                .values(organization_id=organization, name="Ada", billing="invoice")
                .returning(Account.id)
            )
        ).scalar_one()
        token = (
            await db.execute(
                insert(Token)
                .values(organization_id=organization, account_id=account, type="ISO14443", uid=CARD)
                .returning(Token.id)
            )
        ).scalar_one()
    return Network(organization, site, station, account, token)


@pytest.fixture
def gateway_settings(settings: Settings) -> Settings:
    """On any port; onboarding rejects. On a busy machine its lease does not run out."""
    return settings.model_copy(update={**ANY_PORT, "onboarding": "reject", "gateway_lease_s": 60.0})


Start = Callable[[Settings], Awaitable[GatewayApp]]


@pytest.fixture
async def start_gateway(database_url: str) -> AsyncIterator[Start]:
    """Starts gateways and drains them before their database is dropped."""
    started: list[GatewayApp] = []

    async def start(settings: Settings) -> GatewayApp:
        app = GatewayApp(settings)
        await app.start()
        started.append(app)
        async with asyncio.timeout(60):
            while not (app.writer.healthy and app.lease.healthy):  # noqa: ASYNC110 - plain flags
                await asyncio.sleep(0.02)
        return app

    yield start
    for app in started:
        await app.drain()


@pytest.fixture
async def gateway(start_gateway: Start, gateway_settings: Settings, network: Network) -> GatewayApp:
    """A running gateway with the network in its database."""
    return await start_gateway(gateway_settings)


@dataclass(frozen=True)
class Database:
    """Reads rows for assertions."""

    url: str

    async def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        async with await psycopg.AsyncConnection.connect(
            self.url, autocommit=True, row_factory=dict_row
        ) as connection:
            cursor = await connection.execute(query, parameters)
            return await cursor.fetchall() if cursor.description else []

    async def row(self, query: str, *parameters: Any) -> dict[str, Any]:
        """The only row."""
        (found,) = await self.rows(query, *parameters)
        return found

    async def until(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """Rows, as soon as there are any."""
        async with asyncio.timeout(30):
            while not (found := await self.rows(query, *parameters)):  # noqa: ASYNC110 - rows
                await asyncio.sleep(0.05)
        return found


@pytest.fixture
def database(database_url: str) -> Database:
    """The test's database, read directly."""
    return Database(database_url)


@pytest.fixture
def password_hash(settings: Settings) -> Callable[[str], bytes]:
    """Hashes a password with the test's secret."""
    return lambda password: hash_password(settings.secret_key.get_secret_value(), password)


@pytest.fixture(scope="module")
async def field(postgres_url: str) -> AsyncIterator[Any]:
    """One gateway for all tests of a module (`tests.gateway.field.Field`)."""
    from tests.gateway.field import open_field

    name = f"field_{os.getpid()}_{next(MESSAGE_IDS)}"
    url = await create_database(postgres_url, name, template="template_holdfast")
    async with open_field(url) as opened:
        yield opened
    await drop_database(postgres_url, name)
