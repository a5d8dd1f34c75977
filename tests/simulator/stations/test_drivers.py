"""Drivers are drawn from real sessions; where the data is at hand, real sessions are replayed."""

import asyncio
import statistics
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulator.stations.config import FleetConfig, StationConfig, Timing
from simulator.stations.drivers import (
    ARRIVALS_WEEKDAY,
    ENERGY_BANDS,
    GROUPS,
    STAYS,
    arrival_group,
    draw_car,
    draw_energy_kwh,
    draw_stay_h,
    next_arrival_h,
)
from simulator.stations.fit import distance, fit_energy, fit_stay, read_sessions
from simulator.stations.fleet import Fleet
from tests.simulator.stations.back_office import BackOffice
from tests.simulator.stations.conftest import dice, hungry_car

SESSIONS = Path(__file__).parents[4] / "shared" / "data" / "sessions" / "acn"
needs_sessions = pytest.mark.skipif(
    not SESSIONS.is_dir(), reason="the recorded sessions are not beside this repository"
)
WEDNESDAY = datetime(2026, 3, 4, tzinfo=UTC)


def test_a_working_day_has_as_many_arrivals_as_the_data() -> None:
    rng, arrivals, days = dice(1), 0, 20
    for _ in range(days):
        hour = 0.0
        while (
            hour := hour
            + next_arrival_h(rng, WEDNESDAY + timedelta(hours=hour), evses=50, demand=1)
        ) < 24:
            arrivals += 1

    assert arrivals / days / 50 == pytest.approx(sum(ARRIVALS_WEEKDAY), rel=0.1)


def test_twice_the_demand_is_twice_the_arrivals() -> None:
    morning = WEDNESDAY + timedelta(hours=7)
    waits = [
        statistics.fmean(
            next_arrival_h(dice(seed), morning, evses=10, demand=demand) for seed in range(2_000)
        )
        for demand in (5, 10)
    ]

    assert waits[0] / waits[1] == pytest.approx(2, rel=0.1)


def test_acceleration_divides_stay_and_energy_and_leaves_power_alone() -> None:
    cars = [
        draw_car(
            dice(7),
            now=WEDNESDAY,
            local=WEDNESDAY,
            max_power_w=11_000,
            is_dc=False,
            acceleration=factor,
        )
        for factor in (1, 60)
    ]

    assert cars[0].max_power_w == cars[1].max_power_w
    assert cars[0].wanted_mwh / cars[1].wanted_mwh == pytest.approx(60, rel=0.001)
    stays = [car.departs_at - WEDNESDAY for car in cars]
    assert stays[0] / stays[1] == pytest.approx(60, rel=0.001)


@pytest.mark.parametrize("is_dc", [False, True], ids=["AC", "DC"])
def test_every_drawn_car_is_full_before_its_driver_comes(is_dc: bool) -> None:
    rng, late = dice(3), 0
    for _ in range(500):
        car = draw_car(
            rng,
            now=WEDNESDAY,
            local=WEDNESDAY,
            max_power_w=150_000 if is_dc else 11_000,
            is_dc=is_dc,
            acceleration=10,
        )
        stay_s = (car.departs_at - WEDNESDAY).total_seconds()
        charging_s = 0.0
        while not car.full:
            if car.pause_due:
                car.pause(WEDNESDAY)
            step_s = car.changes_in_s(150_000) + 0.01
            car.advance(step_s, 150_000)
            charging_s += step_s
        late += charging_s > stay_s + 1

    assert late == 0


def test_the_same_seed_draws_the_same_car() -> None:
    first, second = (
        draw_car(
            dice(11),
            now=WEDNESDAY,
            local=WEDNESDAY,
            max_power_w=11_000,
            is_dc=False,
            acceleration=1,
        )
        for _ in range(2)
    )

    assert first == second


@needs_sessions
def test_the_constants_are_what_the_data_says() -> None:
    sessions = read_sessions(SESSIONS)

    assert fit_energy(sessions) == list(ENERGY_BANDS)
    weekend = [one.stay_h for one in sessions if arrival_group(one.arrived_at) == "weekend"]
    assert fit_stay(weekend) == STAYS["weekend"]


@needs_sessions
def test_drawn_stays_and_energies_look_like_the_real_ones() -> None:
    sessions, rng = read_sessions(SESSIONS), dice(5)

    for group in GROUPS:
        real = [one.stay_h for one in sessions if arrival_group(one.arrived_at) == group]
        drawn = [draw_stay_h(rng, STAYS[group]) for _ in range(5_000)]
        assert distance(real, drawn) < 0.06
    energies = [draw_energy_kwh(rng, one.stay_h, ENERGY_BANDS) for one in sessions]
    assert distance([one.energy_kwh for one in sessions], energies) < 0.09


@needs_sessions
async def test_real_sessions_are_replayed_with_their_energy(office: BackOffice) -> None:
    day = [one for one in read_sessions(SESSIONS) if 2 < one.stay_h < 6][100:120]
    acceleration = 20_000.0
    timing = Timing(
        acceleration=acceleration,
        meter_interval_s=0.3,
        reconnect_base_s=0.05,
        reconnect_max_s=0.2,
        call_timeout_s=2,
    )
    stations = tuple(
        StationConfig(identity=f"R-{at}", protocol="ocpp2.0.1" if at % 2 else "ocpp1.6")
        for at in range(len(day))
    )

    async with Fleet(
        FleetConfig(stations=stations), office.url, timing=timing, state_dir=None, seed=1
    ) as fleet:
        await office.until(lambda: all(one.is_online for one in fleet.stations.values()))
        for past, station in zip(day, fleet.stations.values(), strict=True):
            # Time to be authorised on a busy machine; what is compared is the energy.
            stay_s = 4 + past.stay_h * 3600 / acceleration
            car = hungry_car(energy_wh=1, stay_s=stay_s, max_power_w=7_000)
            car.wanted_mwh = round(past.energy_kwh * 1_000_000 / acceleration)
            await station.plug_in(1, "CARD1", car=car)
        await office.until(lambda: all(one["confirmed"] for one in fleet.transactions()))
        records = fleet.transactions()

    expected = [round(past.energy_kwh * 1_000_000 / acceleration) for past in day]
    delivered = [
        round((one["stop_register_wh"] - one["start_register_wh"]) * 1_000) for one in records
    ]
    for record, want, got in zip(records, expected, delivered, strict=True):
        is_whole_wh = fleet.stations[record["station"]].config.protocol == "ocpp1.6"
        assert abs(got - want) < (1_000 if is_whole_wh else 1)
    assert len(office.of("StartTransaction")) == 10
    assert len(office.events("Ended")) == 10


async def test_a_fleet_left_alone_charges_by_itself(office: BackOffice) -> None:
    timing = Timing(
        acceleration=40_000,
        meter_interval_s=0.2,
        reconnect_base_s=0.05,
        reconnect_max_s=0.2,
        call_timeout_s=2,
    )
    stations = tuple(StationConfig(identity=f"D-{at}") for at in range(5))

    async with Fleet(
        FleetConfig(stations=stations), office.url, timing=timing, state_dir=None, seed=1, demand=50
    ) as fleet:
        fleet.start_drivers()
        await office.until(lambda: len(office.of("StopTransaction")) >= 10)
        result = await fleet.drain(5)
        records = fleet.transactions()
        await asyncio.sleep(0)

    assert result == {"drained": True, "queue_length": 0, "unconfirmed": []}
    assert all(one["confirmed"] for one in records)
    assert all(one.counters["crashed"] == 0 for one in fleet.stations.values())
