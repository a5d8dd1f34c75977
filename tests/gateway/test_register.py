"""Energy from registers that stand still, jump, reset or lie: it never falls and never invents."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.writing import register
from gateway.writing.session_row import SessionRow

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


def running(start_wh: int | None = 1000) -> SessionRow:
    row = SessionRow(
        id=uuid4(),
        organization_id=uuid4(),
        station_id=uuid4(),
        created_at=T0,
        evse=1,
        started_at=T0,
    )
    if start_wh is not None:
        register.started(row, start_wh * 1000, T0)
    return row


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def codes(row: SessionRow) -> list[str]:
    return [finding["code"] for finding in row.findings]


def test_energy_is_the_difference_rounded_half_up_once() -> None:
    row = running()

    register.sampled(row, 2_500_500, at(5))
    assert row.energy_wh == 1501
    register.stopped(row, 2_500_499, at(6))

    assert row.energy_wh == 1500


def test_a_start_that_comes_after_the_end_counts_the_energy_between_them() -> None:
    row = running(start_wh=None)
    register.stopped(row, 5_000_000, at(30))
    assert row.energy_wh == 0

    register.started(row, 1_000_000, T0)

    assert row.energy_wh == 4000


def test_an_older_reading_changes_nothing() -> None:
    row = running()
    register.sampled(row, 5_000_000, at(10))

    register.sampled(row, 3_000_000, at(5))

    assert row.energy_wh == 4000
    assert row.meter_last_mwh == 5_000_000


def test_a_wobble_is_no_reset() -> None:
    row = running()
    register.sampled(row, 5_000_000, at(10))

    register.sampled(row, 4_999_000, at(11))

    assert row.energy_wh == 4000
    assert codes(row) == []


def test_a_register_that_starts_again_carries_the_energy_over() -> None:
    row = running()
    register.sampled(row, 5_000_000, at(30))
    register.sampled(row, 200_000, at(32))
    register.sampled(row, 700_000, at(40))
    register.stopped(row, 900_000, at(45))

    assert row.energy_wh == 4000 + 900
    assert codes(row) == ["register_reset"]


def test_a_swapped_meter_adds_nothing_of_its_own_life() -> None:
    row = running(24_800_000)
    register.sampled(row, 24_810_000_000, at(30))

    register.sampled(row, 9_000_000_000, at(31))
    register.sampled(row, 9_000_500_000, at(32))

    assert row.energy_wh == 10_500


def test_a_stop_of_zero_falls_back_to_the_last_reading() -> None:
    row = running(0)
    register.sampled(row, 7_000_000, at(30))

    register.stopped(row, 0, at(31))

    assert row.energy_wh == 7000
    assert codes(row) == ["meter_stop_missing"]


def test_the_register_of_the_stop_wins_over_lifetime_readings() -> None:
    """Meter values from a lifetime register beside a start and stop that count from zero."""
    row = running(0)
    register.sampled(row, 24_800_000_000, at(5))

    register.stopped(row, 8_000_000, at(60))

    assert row.energy_wh == 8000
    assert codes(row) == ["meter_stop_below_last"]


def test_without_a_start_the_first_reading_is_the_start() -> None:
    row = running(None)

    register.sampled(row, 3_000_000, at(5))
    register.sampled(row, 4_000_000, at(9))

    assert row.energy_wh == 1000
    assert codes(row) == ["meter_start_missing"]


def test_a_start_that_comes_late_adds_what_was_before() -> None:
    row = running(None)
    register.sampled(row, 3_000_000, at(5))

    register.started(row, 2_000_000, at(0))

    assert row.energy_wh == 1000


@pytest.mark.parametrize("late_wh", [0, 4_000, 900_000])
def test_readings_after_the_stop_change_nothing(late_wh: int) -> None:
    row = running()
    register.stopped(row, 3_000_000, at(30))

    register.sampled(row, late_wh * 1000, at(31))

    assert row.energy_wh == 2000


@given(st.lists(st.integers(0, 10**12), max_size=30))
def test_energy_never_falls_while_a_session_runs(registers: list[int]) -> None:
    row = running()
    before = 0
    for number, reading in enumerate(registers):
        register.sampled(row, reading, at(number))
        assert row.energy_wh >= before
        before = row.energy_wh
