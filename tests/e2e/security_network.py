"""A network whose stations change their credentials: the real engines, and stations that live.

One gateway (plain and TLS), the workers, the API and a fleet of simulated stations in this process,
on a Postgres and a Temporal of their own processes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert

from api.app import create_app, with_pages
from gateway.app import GatewayApp
from holdfast.services import api_keys
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import Organization
from simulator.stations.config import FleetConfig, StationConfig, Timing
from simulator.stations.fleet import Fleet
from simulator.stations.station import SimulatedStation
from tests.gateway.certificates import server_authority, write_server
from tests.gateway.conftest import ANY_PORT

FAST = Timing(
    reconnect_base_s=0.1,
    reconnect_max_s=0.5,
    boot_delay_s=0.1,
    boot_retry_s=0.5,
    call_timeout_s=5,
    step_s=0.05,
)
WITHIN_S = 90.0


def security_settings(settings: Settings, temporal_address: str, folder: Path) -> Settings:
    """Everything on; certificates leave at once."""
    files = write_server(folder)
    return settings.model_copy(
        update={
            "temporal_address": temporal_address,
            **ANY_PORT,
            "gateway_tls_certificate": files.certificate,
            "gateway_tls_key": files.key,
            "max_cached_workflows": 200,
            "onboarding": "accept",
            "onboarding_organization": "acme",
            "certificate_pause_s": 0.1,
        }
    )


@dataclass(frozen=True)
class SecurityNetwork:
    """What a test of it needs."""

    settings: Settings
    gateway: GatewayApp
    api: httpx.AsyncClient
    root: Path  # of the server's certificate

    @property
    def plain_url(self) -> str:
        """For stations of profiles 0 and 1."""
        return f"ws://127.0.0.1:{self.gateway.port}/ocpp/{{identity}}"

    @property
    def tls_url(self) -> str:
        """For stations of profiles 2 and 3."""
        return f"wss://localhost:{self.gateway.tls_port}/ocpp/{{identity}}"

    async def made(self, identity: str) -> str:
        """A new station, known by its password."""
        answer = await self.api.post("/stations", json={"identity": identity})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["password"])

    async def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """What a write answers."""
        answer = await self.api.post(path, json=body or {})
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def read(self, path: str) -> dict[str, Any]:
        """What a GET answers."""
        answer = await self.api.get(path)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def until(
        self, path: str, is_there: Callable[[dict[str, Any]], object]
    ) -> dict[str, Any]:
        """A GET, as soon as it shows what is waited for."""
        seen: dict[str, Any] = {}

        async def look() -> bool:
            nonlocal seen
            seen = await self.read(path)
            return bool(is_there(seen))

        await until(look, lambda: f"{path}: {seen}")
        return seen

    @asynccontextmanager
    async def living(self, *stations: StationConfig, url: str) -> AsyncIterator[Fleet]:
        """Simulated stations, once all are online."""
        config = FleetConfig(stations=stations)
        async with Fleet(config, url, timing=FAST, state_dir=None, seed=7) as fleet:
            for one in fleet.stations.values():
                await online(one)
            yield fleet


async def online(station: SimulatedStation, *, connections: int = 1) -> None:
    """It is there, and has connected so often in all."""

    async def is_there() -> bool:
        return station.is_online and station.counters["connected"] >= connections

    await until(is_there, lambda: f"{station.identity} is not there: {dict(station.counters)}")


async def until(is_true: Callable[[], Awaitable[bool]], told: Callable[[], str]) -> None:
    """Look again and again; what is told is why it failed."""
    deadline = asyncio.get_running_loop().time() + WITHIN_S
    while not await is_true():
        assert asyncio.get_running_loop().time() < deadline, told()
        await asyncio.sleep(0.05)


@asynccontextmanager
async def opened_network(
    settings: Settings, sessions: Sessions, folder: Path
) -> AsyncIterator[SecurityNetwork]:
    """The gateway and the API, on a database with nothing in it. The workers run beside."""
    key = api_keys.new_key()
    async with sessions.begin() as db:
        made = insert(Organization).values(slug="acme", name="Acme").returning(Organization.id)
        organization_id = (await db.execute(made)).scalar_one()
        await api_keys.register_key(
            db,
            settings.secret_key.get_secret_value(),
            organization_id,
            name="test",
            role="administrator",
            api_key=key,
        )
    root = folder / "server-root.pem"
    root.write_text(server_authority().issuing_chain_pem)
    gateway = GatewayApp(settings)
    await gateway.start()
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(with_pages(create_app(settings, sessions), None)),
            base_url="http://api.test/api/v1",
            headers={"Authorization": f"Bearer {key}"},
        ) as api:
            yield SecurityNetwork(settings, gateway, api, root)
    finally:
        await gateway.drain()
