"""One gateway for a whole module of requirements, and a station of its own for each test."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb
from temporalio.testing import ActivityEnvironment

from cli.embedded.databases import create_database, drop_database
from gateway.app import GatewayApp
from holdfast.contracts.orders import OrderAnswer, SendOrder
from holdfast.domain import order_policy
from holdfast.services.passwords import hash_password
from holdfast.settings import Settings
from simulator.stations.witness import Witness
from tests.conftest import TEST_SECRET
from tests.gateway.conftest import ANY_PORT, Database

NUMBERS = itertools.count(1)
CARD = "CARD0001"


@dataclass(frozen=True)
class Central:
    """The central system under test: a gateway on a port, and its database."""

    app: GatewayApp
    database: Database
    organization_id: UUID

    @property
    def url(self) -> str:
        """Without the identity."""
        return f"ws://127.0.0.1:{self.app.port}/ocpp"

    async def add_station(self, **values: Any) -> str:
        """The identity of a new station, accepted unless said otherwise."""
        identity = f"CS{next(NUMBERS)}"
        row = {
            "organization_id": self.organization_id,
            "identity": identity,
            "registration": "accepted",
        } | values
        marks = ", ".join(["%s"] * len(row))
        await self.database.rows(
            f"INSERT INTO stations ({', '.join(row)}) VALUES ({marks})",  # noqa: S608
            *row.values(),
        )
        return identity

    async def add_token(self, uid: str, **values: Any) -> None:
        """A token of the organization."""
        row = {
            "organization_id": self.organization_id,
            "type": "ISO14443",
            "uid": uid,
        } | values
        marks = ", ".join(["%s"] * len(row))
        await self.database.rows(
            f"INSERT INTO tokens ({', '.join(row)}) VALUES ({marks})",  # noqa: S608
            *row.values(),
        )

    @asynccontextmanager
    async def station(
        self, protocol: str, *, boot: bool = True, **values: Any
    ) -> AsyncIterator[Witness]:
        """A new station, connected, and booted unless said otherwise."""
        password = values.pop("password", None)
        if password is not None:
            values["password_hash"] = hash_password(TEST_SECRET, password)
        identity = await self.add_station(**values)
        async with Witness(self.url, identity, protocol, password=password) as witness:
            if boot:
                await witness.boot()
            yield witness

    async def order(self, witness: Witness, kind: str, payload: Mapping[str, Any]) -> UUID:
        """The row of an order to this station.

        What the gateway orders by itself after a boot is cancelled first: no workflow runs here
        that would send it, and a younger order makes way for it, for seconds.
        """
        order_id = uuid4()
        await self.database.rows(
            "UPDATE orders o SET state = 'cancelled' FROM stations s WHERE s.id = o.station_id "
            "AND s.identity = %s AND o.state = 'waiting' AND o.requested_by <> 'test'",
            witness.identity,
        )
        await self.database.rows(
            "INSERT INTO orders (id, request_id, organization_id, station_id, kind, payload, "
            "requested_by, not_after) SELECT %s, %s, organization_id, id, %s, %s, 'test', %s "
            "FROM stations WHERE identity = %s",
            order_id,
            next(NUMBERS) if kind in order_policy.NUMBERED else None,
            kind,
            Jsonb(dict(payload)),
            datetime.now(UTC) + timedelta(minutes=5),
            witness.identity,
        )
        return order_id

    def send(self, order_id: UUID, timeout_s: float = 5.0) -> "asyncio.Task[OrderAnswer]":
        """Send an order as its workflow does, on the station's newest socket."""
        return asyncio.create_task(self._send(order_id, timeout_s))

    async def _send(self, order_id: UUID, timeout_s: float) -> OrderAnswer:
        row = await self.database.row(
            "SELECT generation FROM station_connections c JOIN orders o USING (station_id) "
            "WHERE o.id = %s",
            order_id,
        )
        order = SendOrder(order_id=order_id, generation=row["generation"], timeout_s=timeout_s)
        answer: OrderAnswer = await ActivityEnvironment().run(self.app.orders.send, order)
        return answer

    async def ordered(
        self,
        witness: Witness,
        kind: str,
        payload: Mapping[str, Any],
        answer: Mapping[str, Any],
    ) -> tuple[str, dict[str, Any], OrderAnswer]:
        """Order something and answer the one call that comes: its action, payload, and the end."""
        sending = self.send(await self.order(witness, kind, payload))
        frame = await witness.receive()
        assert frame.kind == 2, frame.text
        _, message_id, action, sent = frame.envelope
        await witness.answer(message_id, dict(answer))
        return action, sent, await sending


@asynccontextmanager
async def open_central(postgres_url: str, **settings: Any) -> AsyncIterator[Central]:
    """A central system on a database of its own, with these settings beside the usual ones."""
    name = f"conformance_{os.getpid()}_{next(NUMBERS)}"
    url = await create_database(postgres_url, name, template="template_holdfast")
    database = Database(url)
    (organization,) = await database.rows(
        "INSERT INTO organizations (slug, name) VALUES ('acme', 'Acme') RETURNING id"
    )
    usual = {
        "database_url": url,
        "secret_key": TEST_SECRET,
        "temporal_address": "127.0.0.1:1",
        "onboarding": "reject",
        "onboarding_organization": "acme",
        "gateway_lease_s": 60.0,  # which a busy machine renews in time
    }
    app = GatewayApp(Settings.model_validate(usual | settings).model_copy(update=ANY_PORT))
    await app.start()
    async with asyncio.timeout(60):
        while not (app.writer.healthy and app.lease.healthy):  # noqa: ASYNC110 - plain flags
            await asyncio.sleep(0.02)
    central = Central(app, database, organization["id"])
    await central.add_token(CARD)
    try:
        yield central
    finally:
        await app.drain()
        await drop_database(postgres_url, name)


@pytest.fixture(scope="module")
async def central(postgres_url: str) -> AsyncIterator[Central]:
    """A central system that knows its stations and the card CARD0001."""
    async with open_central(postgres_url) as central:
        yield central


Running = Callable[..., AbstractAsyncContextManager[Central]]


@pytest.fixture
def running(postgres_url: str) -> Running:
    """A central system with settings of its own; costs half a second."""
    return lambda **settings: open_central(postgres_url, **settings)
