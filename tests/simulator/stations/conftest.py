"""A back office per test, and stations that live fast."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from simulator.stations.car import Car
from simulator.stations.config import EvseConfig, StationConfig, Timing
from tests.simulator.stations.back_office import BackOffice, back_office

FAST = Timing(
    acceleration=1,
    meter_interval_s=0.1,
    reconnect_base_s=0.03,
    reconnect_max_s=0.2,
    call_timeout_s=2,
    retry_interval_s=0.03,
    boot_delay_s=0.1,
    boot_retry_s=0.1,
    plug_delay_s=0.05,
    connection_timeout_s=2,
)

IMPATIENT = replace(FAST, call_timeout_s=0.15)


@pytest.fixture
async def office() -> AsyncIterator[BackOffice]:
    """Fails the test for every frame that breaks its schema."""
    async with back_office() as serving:
        yield serving
    assert serving.violations == []


def station_16(identity: str = "CP-16", **changes: object) -> StationConfig:
    """A 1.6 station with two connectors on two EVSEs."""
    return StationConfig(
        identity=identity,
        protocol="ocpp1.6",
        evses=(EvseConfig(max_power_w=11_000), EvseConfig(max_power_w=11_000)),
        **changes,  # type: ignore[arg-type] # the tests' own words, checked when they run
    )


def station_201(identity: str = "CS-201", **changes: object) -> StationConfig:
    """A 2.0.1 station with an AC and a DC EVSE."""
    return StationConfig(
        identity=identity,
        protocol="ocpp2.0.1",
        evses=(
            EvseConfig(max_power_w=22_000),
            EvseConfig(max_power_w=50_000, current_type="DC"),
        ),
        **changes,  # type: ignore[arg-type] # the tests' own words, checked when they run
    )


def dice(seed: int) -> random.Random:
    """A generator that always falls the same."""
    return random.Random(seed)  # noqa: S311 - figures, not secrets


def hungry_car(*, energy_wh: int, stay_s: float, max_power_w: int, **changes: int | float) -> Car:
    """A car that behaves exactly as told."""
    return Car(
        wanted_mwh=energy_wh * 1_000,
        max_power_w=max_power_w,
        departs_at=datetime.now(UTC) + timedelta(seconds=stay_s),
        **changes,  # type: ignore[arg-type] # the tests' own words, checked when they run
    )
