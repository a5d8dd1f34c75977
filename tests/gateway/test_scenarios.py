"""The simulator's own scenarios against the real gateway: what it stores is what stations lived."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.app import GatewayApp
from holdfast.settings import Settings
from simulator.stations.play import Conditions, Play
from simulator.stations.scenario import read_scenario
from tests.gateway.conftest import Network, Start


@pytest.fixture
async def open_gateway(
    start_gateway: Start, gateway_settings: Settings, network: Network
) -> GatewayApp:
    """Takes stations that it does not know."""
    return await start_gateway(gateway_settings.model_copy(update={"onboarding": "accept"}))


async def test_scenarios_of_bad_lines_and_hostile_stations_pass(open_gateway: GatewayApp) -> None:
    reports = await asyncio.gather(
        *(
            _played(name, open_gateway.port)
            for name in (
                "all-versions",
                "duplicates",
                "hostile-frames",
                "offline-queue",
                "reboot-in-session",
            )
        )
    )

    assert [one["failures"] for one in reports] == [[]] * 5
    assert all(one["met"] == one["expected"] > 0 for one in reports)


async def _played(name: str, port: int) -> dict[str, Any]:
    scenario = read_scenario(name)
    stations = tuple(replace(one, tokens=("CARD0001",)) for one in scenario.stations)
    conditions = Conditions(
        url=f"ws://127.0.0.1:{port}/ocpp/{{identity}}",
        seed=3,
        speed=200,
        connect_per_s=200,
        for_s=40,
    )
    async with asyncio.timeout(180), Play(replace(scenario, stations=stations), conditions) as play:
        await play.run()
        return play.report()
