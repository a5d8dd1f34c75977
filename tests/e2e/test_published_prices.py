"""A price from its approval to the displays of real stations, and back as the ledger.

Every engine is real: gateway, workers, API, Postgres, Temporal, and simulated stations that speak
OCPP on sockets.
"""

import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.service import RPCError

from cli.embedded.databases import create_database, drop_database
from holdfast.settings import Settings
from holdfast.store.database import open_engine, open_sessions
from simulator.stations.config import StationConfig
from simulator.stations.station import SimulatedStation
from tests.conftest import TEST_SECRET
from tests.e2e.security_network import (
    SecurityNetwork,
    opened_network,
    security_settings,
    until,
)
from tests.workers.conftest import serving

CARD = "CARD0001"
ENERGY = {"price_components": [{"type": "ENERGY", "price": "0.50", "vat": "20"}]}


@pytest.fixture
async def net(
    postgres_url: str, temporal_server: str, temporal: Client, tmp_path: Path
) -> AsyncIterator[SecurityNetwork]:
    """One network."""
    name = f"prices_{os.getpid()}"
    url = await create_database(postgres_url, name, template="template_holdfast")
    settings = security_settings(
        Settings.model_validate({"database_url": url, "secret_key": TEST_SECRET}),
        temporal_server,
        tmp_path,
    )
    engine = open_engine(SecretStr(url), pool_size=5)
    async with (
        serving(settings),
        opened_network(settings, open_sessions(engine), tmp_path) as opened,
    ):
        yield opened
    await engine.dispose()
    await drop_database(postgres_url, name)
    async for execution in temporal.list_workflows("ExecutionStatus = 'Running'"):
        # Queues are shared between tests: what this one leaves must not reach the next.
        with contextlib.suppress(RPCError):  # it may be over since it was listed
            await temporal.get_workflow_handle(execution.id).terminate()


async def priced(net: SecurityNetwork, elements: list[dict[str, Any]]) -> str:
    """A tariff that everybody pays; its id."""
    body = {"name": "AC", "currency": "EUR", "version": {"elements": elements}}
    tariff = await net.post("/tariffs", body)
    answer = await net.api.put("/tariff-assignments", json={"tariff": tariff["id"]})
    assert answer.is_success, answer.text
    return str(tariff["id"])


def said(station: SimulatedStation) -> dict[str, Any]:
    """What its driver was told of prices: the last message of each name."""
    return {one["message"]: one for one in station.memory.read("price_messages", [])}


def has(station: SimulatedStation, message: str) -> Callable[[], Awaitable[bool]]:
    """Whether its driver was told such a message."""

    async def told() -> bool:
        return message in said(station)

    return told


async def test_a_price_reaches_displays_pages_and_partners_and_its_cost_the_driver(
    net: SecurityNetwork,
) -> None:
    answer = await net.api.patch("/organizations/current", json={"tariff_approval": "author"})
    assert answer.is_success, answer.text
    account = await net.post("/accounts", {"name": "Driver", "billing": "invoice"})
    token = {"type": "ISO14443", "uid": CARD, "status": "accepted", "account": account["id"]}
    await net.post("/tokens", token)
    stations = [
        StationConfig(identity="SHOW-16", password=await net.made("SHOW-16"), price_display=True),
        StationConfig(identity="SHOW-21", password=await net.made("SHOW-21"), protocol="ocpp2.1"),
    ]
    async with net.living(*stations, url=net.plain_url) as fleet:
        old, new = fleet.stations["SHOW-16"], fleet.stations["SHOW-21"]
        await net.post(
            "/stations/SHOW-16/ocpp-calls?wait=10",
            {"action": "GetConfiguration", "payload": {"key": ["CustomDisplayCostAndPrice"]}},
        )
        await priced(net, [ENERGY])

        async def everybody_shows_it() -> bool:
            return bool(new.memory.read("tariffs", {})) and bool(old.settings.text("default_price"))

        await until(everybody_shows_it, lambda: "the price reached no station")
        (tariff,) = {
            json.dumps(one, sort_keys=True) for one in new.memory.read("tariffs", {}).values()
        }
        assert json.loads(tariff)["energy"] == {
            "prices": [{"priceKwh": 0.5}],
            "taxRates": [{"type": "VAT", "tax": 20}],
        }
        default = json.loads(old.settings.text("default_price") or "{}")
        assert default["chargingPrice"] == {"kWhPrice": 0.6}
        await net.until(
            "/shown-prices?station=SHOW-16&channel=data_transfer",
            lambda seen: [one["state"] for one in seen["items"]] == ["shown"],
        )
        await net.until(
            "/tariff-publications",
            lambda seen: [one["state"] for one in seen["items"]] == ["live"],
        )
        (partner,) = (await net.read("/ocpi-tariffs?form=2.3.0"))["items"]
        assert partner["elements"][0]["price_components"][0]["price"] == 0.5

        # The car stays until its driver was told what it costs, however long that takes.
        await old.plug_in(1, CARD, energy_wh=10_000, stay_s=600)
        await until(has(old, "RunningCost"), lambda: str(said(old)))
        old.unplug(1)
        await until(has(old, "FinalCost"), lambda: str(said(old)))
        told = said(old)
        (session,) = (await net.read("/sessions?station=SHOW-16"))["items"]
        assert told["SetUserPrice"]["idToken"] == CARD
        assert told["RunningCost"]["chargingPrice"] == {"kWhPrice": 0.6}
        assert told["FinalCost"]["cost"] == float(session["price"]["incl_vat"])
        assert told["FinalCost"]["transactionId"] == int(session["transaction_id"])
