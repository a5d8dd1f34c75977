"""One gateway for a whole module of tests, and a new station for each: nothing to wait for twice.

Tests of charger quirks are many and small. They share the gateway and its database, and never a
station, so what one leaves behind is nobody's else.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from pydantic import SecretStr
from sqlalchemy import insert
from websockets.asyncio.client import connect
from websockets.protocol import State

from gateway.app import GatewayApp
from holdfast.settings import Settings
from holdfast.store.database import open_engine, open_sessions
from holdfast.store.tables import Account, Organization, Site, Station, Token
from tests.conftest import TEST_SECRET
from tests.gateway.conftest import ANY_PORT, CARD, Database, StationClient

BOOT_16 = {"chargePointVendor": "Acme", "chargePointModel": "X"}
BOOT_201 = {"reason": "PowerUp", "chargingStation": {"model": "X", "vendorName": "Acme"}}
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)


def stamp(minutes: float = 0) -> str:
    """So long after five hours ago."""
    return (BEGAN + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def sampled(minutes: float, *values: Any, **more: Any) -> dict[str, Any]:
    """A MeterValue of registers in Wh."""
    return {
        "timestamp": stamp(minutes),
        "sampledValue": [{"value": value} | more for value in values],
    }


class Wire(StationClient):
    """A station's side of one socket, with what stations say most."""

    identity = ""
    database: Database

    async def start(self, minutes: float = 0, meter: Any = 1000, **more: Any) -> Any:
        """StartTransaction; its answer."""
        payload = {
            "connectorId": 1,
            "idTag": CARD,
            "timestamp": stamp(minutes),
            "meterStart": meter,
        }
        return await self.call("StartTransaction", payload | more)

    async def meter(self, number: Any, minutes: float, *values: Any, **more: Any) -> Any:
        """MeterValues of connector 1."""
        payload = {"connectorId": 1, "meterValue": [sampled(minutes, *values)]}
        named = {} if number is None else {"transactionId": number}
        return await self.call("MeterValues", payload | named | more)

    async def stop(self, number: Any, minutes: float, meter: Any, **more: Any) -> Any:
        """StopTransaction; its answer."""
        payload = {"transactionId": number, "timestamp": stamp(minutes), "meterStop": meter}
        return await self.call("StopTransaction", payload | more)

    async def event(
        self, kind: str, number: int, transaction: Any = "T1", wh: Any = None, **more: Any
    ) -> Any:
        """TransactionEvent of OCPP 2.x, a minute per number."""
        info = {"transactionId": transaction} | more.pop("info", {})
        minutes = more.pop("minutes", number)
        payload: dict[str, Any] = {
            "eventType": kind,
            "timestamp": stamp(minutes),
            "triggerReason": "MeterValuePeriodic",
            "seqNo": number,
            "transactionInfo": info,
        }
        if wh is not None:
            payload["meterValue"] = [sampled(minutes, wh)]
        return await self.call("TransactionEvent", payload | more)

    async def status(self, connector: int, status: str, minutes: float = 0, **more: Any) -> Any:
        """StatusNotification of OCPP 1.6."""
        payload = {
            "connectorId": connector,
            "errorCode": "NoError",
            "status": status,
            "timestamp": stamp(minutes),
        }
        return await self.call("StatusNotification", payload | more)

    async def raw(self, text: str) -> None:
        """A frame as it is."""
        await self.socket.send(text)

    async def alive(self) -> None:
        """The socket still answers; what comes before is to other messages."""
        await self.raw('[2,"alive","Heartbeat",{}]')
        while True:
            answer = await self.receive()
            if answer[:2] == [3, "alive"]:
                return
            assert answer[0] in (3, 4), answer

    async def sessions(self, columns: str = "*") -> list[dict[str, Any]]:
        """Its sessions, oldest first."""
        return await self.database.rows(
            f"SELECT s.* FROM (SELECT {columns}, id AS by, station_id AS of FROM sessions) s "  # noqa: S608
            "JOIN stations t ON t.id = s.of WHERE t.identity = %s ORDER BY s.by",
            self.identity,
        )

    async def session(self) -> dict[str, Any]:
        """Its only session."""
        (found,) = await self.sessions()
        return found

    async def energies(self) -> list[int]:
        """Of its sessions, oldest first, in Wh."""
        return [row["energy_wh"] for row in await self.sessions()]

    async def rows(self, table: str) -> list[dict[str, Any]]:
        """Rows of another table that are this station's."""
        return await self.database.rows(
            f"SELECT x.* FROM {table} x JOIN stations t ON t.id = x.station_id "  # noqa: S608
            "WHERE t.identity = %s",
            self.identity,
        )


@dataclass
class Field:
    """The gateway with its database; makes stations."""

    app: GatewayApp
    database: Database
    organization: UUID
    site: UUID
    sessions: Any
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def make(self, registration: str = "accepted", **values: Any) -> str:
        """A station; its identity."""
        identity = f"CP-{next(self._numbers)}"
        async with self.sessions.begin() as db:
            await db.execute(
                insert(Station).values(
                    organization_id=self.organization,
                    site_id=self.site,
                    identity=identity,
                    registration=registration,
                    **values,
                )
            )
        return identity

    @asynccontextmanager
    async def station(
        self,
        protocol: str | None = "ocpp1.6",
        *,
        identity: str | None = None,
        path: str | None = None,
        headers: dict[str, str] | None = None,
        compression: str | None = None,
    ) -> AsyncIterator[Wire]:
        """A socket of a new station, or of one that is there; once the gateway knows it by its
        generation, which comes after the handshake."""
        identity = identity or await self.make()
        socket = await connect(
            f"ws://127.0.0.1:{self.app.port}{path or f'/ocpp/{identity}'}",
            subprotocols=[protocol] if protocol else None,  # type: ignore[list-item]
            additional_headers=headers,
            compression=compression,
        )
        wire = Wire(socket)
        wire.identity, wire.database = identity, self.database
        try:
            async with asyncio.timeout(60):
                while socket.state is State.OPEN and not self._is_known(identity):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            yield wire
        finally:
            await wire.close()

    def _is_known(self, identity: str) -> bool:
        return any(one.peer.identity == identity for one in self.app.registry)

    def connection(self, identity: str) -> Any:
        """The gateway's side of a station's socket."""
        (found,) = (one for one in self.app.registry if one.peer.identity == identity)
        return found


@asynccontextmanager
async def open_field(url: str, temporal_address: str = "127.0.0.1:1") -> AsyncIterator[Field]:
    """The gateway on a fresh database, with one driver's card; by default Temporal is away."""
    settings = Settings.model_validate(
        {
            "database_url": url,
            "secret_key": TEST_SECRET,
            "temporal_address": temporal_address,
            "onboarding": "reject",
            "gateway_lease_s": 60.0,  # which a busy machine renews in time
        }
    )
    engine = open_engine(SecretStr(url), pool_size=3)
    db_sessions = open_sessions(engine)
    async with db_sessions.begin() as db:
        organization = await db.scalar(
            insert(Organization).values(slug="acme", name="Acme").returning(Organization.id)
        )
        of = {"organization_id": organization}
        site = await db.scalar(
            insert(Site)
            .values(name="Depot", time_zone="Europe/Berlin", currency="EUR", **of)
            .returning(Site.id)
        )
        account = await db.scalar(
            insert(Account).values(name="Ada", billing="invoice", **of).returning(Account.id)
        )
        for uid, status in ((CARD, "accepted"), ("BLOCKED1", "blocked")):
            await db.execute(
                insert(Token).values(
                    account_id=account, type="ISO14443", uid=uid, status=status, **of
                )
            )
    app = GatewayApp(settings.model_copy(update=ANY_PORT))
    await app.start()
    async with asyncio.timeout(60):
        while not (app.writer.healthy and app.lease.healthy):  # noqa: ASYNC110 - plain flags
            await asyncio.sleep(0.02)
    assert organization is not None
    assert site is not None
    try:
        yield Field(app, Database(url), organization, site, db_sessions)
    finally:
        await app.drain()
        await engine.dispose()


def frame(message_id: str, action: str, payload: Any) -> str:
    """A CALL as most stations write it."""
    return json.dumps([2, message_id, action, payload])


def payload_of(text: str | bytes) -> Any:
    """What a CALLRESULT carries."""
    return orjson.loads(text)[2]
