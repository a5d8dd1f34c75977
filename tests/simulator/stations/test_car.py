"""A car takes what it wants, at the power it can, and not a milliwatt-hour more."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from simulator.stations.car import Car, from_document, read_meter
from tests.simulator.stations.conftest import hungry_car


def test_energy_is_power_times_time() -> None:
    car = hungry_car(energy_wh=50_000, stay_s=60, max_power_w=11_000)

    taken_mwh = sum(car.advance(0.7, 22_000) for _ in range(1_000))

    assert taken_mwh == pytest.approx(11_000 * 700 / 3.6, abs=1)
    assert car.delivered_mwh == taken_mwh


def test_the_station_limits_the_car() -> None:
    car = hungry_car(energy_wh=50_000, stay_s=60, max_power_w=11_000)

    assert car.advance(3_600, 3_700) == 3_700_000


def test_a_full_car_takes_nothing_more() -> None:
    car = hungry_car(energy_wh=10, stay_s=60, max_power_w=11_000)

    taken = [car.advance(10, 11_000), car.advance(10, 11_000)]

    assert taken == [10_000, 0]
    assert car.full


def test_thresholds_are_met_exactly() -> None:
    car = hungry_car(
        energy_wh=100,
        stay_s=60,
        max_power_w=36_000,
        taper_at_mwh=50_000,
        taper_power_w=3_600,
        pause_at_mwh=80_000,
        pause_s=5,
    )

    assert car.changes_in_s(50_000) == pytest.approx(5)
    assert car.advance(60, 50_000) == 50_000
    assert car.power_w(50_000) == 3_600
    assert car.changes_in_s(50_000) == pytest.approx(30)
    assert car.advance(31, 50_000) == 30_000
    assert car.pause_due


def test_a_pause_happens_once() -> None:
    now = datetime.now(UTC)
    car = hungry_car(energy_wh=100, stay_s=60, max_power_w=36_000, pause_at_mwh=1_000, pause_s=5)
    car.advance(60, 36_000)

    car.pause(now)

    assert car.paused_until == now + timedelta(seconds=5)
    assert not car.pause_due
    assert car.advance(60, 36_000) == 99_000


def test_a_car_survives_the_state_file() -> None:
    car = hungry_car(energy_wh=100, stay_s=60, max_power_w=11_000, pause_at_mwh=5, pause_s=1)
    car.advance(1, 11_000)
    car.pause(datetime.now(UTC))

    assert from_document(orjson.loads(orjson.dumps(car.document()))) == car


def test_only_dc_tells_the_state_of_charge() -> None:
    car: Car = hungry_car(energy_wh=100, stay_s=60, max_power_w=11_000, phases=3)

    ac = read_meter(5_000, car, power_w=11_000, is_dc=False)
    dc = read_meter(5_000, car, power_w=11_000, is_dc=True)

    assert (ac.soc, ac.phases, ac.current_a) == (None, 3, 15.9)
    assert (dc.soc, dc.phases, dc.current_a) == (40, 1, 27.5)
