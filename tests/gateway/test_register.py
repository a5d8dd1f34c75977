"""Energy from registers that stand still, jump, reset or lie: it never falls and never invents."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.writing import register
from gateway.writing.session_row import SessionRow
from holdfast.domain.quality import RegisterReading

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


class Meter:
    """A session's row with its readings, counted as the writer does: one by one, and all together
    where that is not enough. In Wh."""

    def __init__(self, start_wh: float | None = 1000) -> None:
        self.readings: list[RegisterReading] = []
        self.row = SessionRow(
            id=uuid4(),
            organization_id=uuid4(),
            station_id=uuid4(),
            created_at=T0,
            evse=1,
            started_at=T0,
        )
        if start_wh is not None:
            self.start(start_wh)

    def start(self, register_wh: float) -> None:
        self._counted(register.started(self.row, round(register_wh * 1000), T0))

    def sample(self, register_wh: float, minutes: float) -> None:
        reading = RegisterReading(at=at(minutes), register_mwh=round(register_wh * 1000))
        self.readings.append(reading)
        if self.row.ended_at is None or reading.at <= self.row.ended_at:
            self._counted(register.sampled(self.row, reading.register_mwh, reading.at))

    def stop(self, register_wh: float, minutes: float) -> None:
        self.row.ended_at = at(minutes)
        self._counted(register.stopped(self.row, round(register_wh * 1000), at(minutes)))

    def end(self, minutes: float) -> None:
        """An end that names no register."""
        self.row.ended_at = at(minutes)
        self._counted(register.ended(self.row))

    def _counted(self, odd: bool) -> None:
        if odd:
            register.recount(self.row, self.readings)

    @property
    def codes(self) -> set[str]:
        return {finding["code"] for finding in self.row.findings}

    @property
    def balance_wh(self) -> int | None:
        """What `holdfast verify` asks of the row's columns."""
        row = self.row
        end = row.meter_last_mwh if row.meter_stop_mwh is None else row.meter_stop_mwh
        if row.meter_start_mwh is None or end is None:
            return None
        return max(0, (row.meter_offset_mwh + end - row.meter_start_mwh + 500) // 1000)


def test_energy_is_the_difference_rounded_half_up_once() -> None:
    meter = Meter()

    meter.sample(2_500.5, 5)
    assert meter.row.energy_wh == 1501
    meter.stop(2_500.499, 6)

    assert meter.row.energy_wh == 1500


def test_a_start_that_comes_after_the_end_counts_the_energy_between_them() -> None:
    meter = Meter(None)
    meter.stop(5_000, 30)
    assert meter.row.energy_wh == 0

    meter.start(1_000)

    assert meter.row.energy_wh == 4000
    assert meter.codes == set()


def test_an_older_reading_changes_nothing() -> None:
    meter = Meter()
    meter.sample(5_000, 10)

    meter.sample(3_000, 5)

    assert meter.row.energy_wh == 4000
    assert meter.row.meter_last_mwh == 5_000_000


def test_a_wobble_is_no_reset() -> None:
    meter = Meter()
    meter.sample(5_000, 10)

    meter.sample(4_999, 11)

    assert meter.row.energy_wh == 4000
    assert meter.codes == set()


@pytest.mark.parametrize("low_wh", [0, 400, 990, 3_000])
def test_one_low_reading_is_noise_and_noted(low_wh: int) -> None:
    meter = Meter()
    meter.sample(5_000, 10)

    meter.sample(low_wh, 11)
    assert meter.row.energy_wh == 4000
    meter.sample(5_100, 12)
    meter.stop(5_200, 13)

    assert meter.row.energy_wh == 4200
    assert meter.codes == {"register_dip"}


def test_a_register_that_starts_again_carries_the_energy_over() -> None:
    meter = Meter()
    meter.sample(5_000, 30)
    meter.sample(200, 32)
    meter.sample(700, 40)
    meter.stop(900, 45)

    assert meter.row.energy_wh == 4000 + 900
    assert meter.codes == {"register_dip", "register_reset"}


def test_a_reset_that_only_the_end_shows_counts_too() -> None:
    meter = Meter()
    meter.sample(5_000, 30)
    meter.sample(200, 32)
    meter.stop(900, 45)

    assert meter.row.energy_wh == 4000 + 900


def test_a_swapped_meter_adds_nothing_of_its_own_life() -> None:
    meter = Meter(24_800_000)
    meter.sample(24_810_000, 30)

    meter.sample(9_000_000, 31)
    meter.sample(9_000_500, 32)

    assert meter.row.energy_wh == 10_500


def test_a_stop_of_zero_falls_back_to_the_last_reading() -> None:
    meter = Meter(0)
    meter.sample(7_000, 30)

    meter.stop(0, 31)

    assert meter.row.energy_wh == 7000
    assert meter.codes == {"stop_missing"}


def test_an_end_without_a_register_says_that_the_last_reading_counts() -> None:
    meter = Meter(0)
    meter.sample(7_000, 30)

    meter.end(45)

    assert meter.row.energy_wh == 7000
    assert [(found["code"], found["severity"]) for found in meter.row.findings] == [
        ("meter_stop_missing", "note")
    ]


def test_an_end_that_is_also_the_last_reading_lacks_no_register() -> None:
    meter = Meter(0)
    meter.sample(7_000, 30)

    meter.end(30)

    assert meter.codes == set()


@pytest.mark.parametrize("by", ["the end's register", "a reading at the end"])
def test_the_register_of_an_end_may_come_late(by: str) -> None:
    meter = Meter(0)
    meter.sample(7_000, 30)
    meter.end(45)

    if by == "the end's register":
        meter.stop(8_000, 45)
    else:
        meter.sample(8_000, 45)

    assert meter.row.energy_wh == 8000
    assert meter.codes == set()


def test_the_register_of_the_stop_wins_over_lifetime_readings() -> None:
    """Meter values from a lifetime register beside a start and stop that count from zero."""
    meter = Meter(0)
    meter.sample(24_800_000, 5)

    meter.stop(8_000, 60)

    assert meter.row.energy_wh == 8000
    assert meter.codes == {"register_jump", "stop_below_samples"}


def test_a_jump_is_kept_and_stops_the_settlement() -> None:
    meter = Meter()

    meter.sample(90_000_000, 5)

    assert meter.row.findings == [
        {
            "code": "register_jump",
            "severity": "block",
            "detail": "the register rose faster than the station can charge",
        }
    ]


def test_without_a_start_the_first_reading_is_the_start() -> None:
    meter = Meter(None)

    meter.sample(3_000, 5)
    meter.sample(4_000, 9)

    assert meter.row.energy_wh == 1000
    assert meter.codes == {"meter_start_missing"}


def test_a_start_that_comes_late_adds_what_was_before() -> None:
    meter = Meter(None)
    meter.sample(3_000, 5)

    meter.start(2_000)

    assert meter.row.energy_wh == 1000
    assert meter.codes == set()


@pytest.mark.parametrize("late_wh", [0, 4_000, 900_000])
def test_readings_after_the_stop_change_nothing(late_wh: int) -> None:
    meter = Meter()
    meter.stop(3_000, 30)

    meter.sample(late_wh, 31)

    assert meter.row.energy_wh == 2000


REGISTERS = st.lists(st.integers(0, 10**9), max_size=30)


@given(REGISTERS)
def test_energy_never_falls_while_a_session_runs(registers: list[int]) -> None:
    meter = Meter()
    before = 0
    for number, reading in enumerate(registers):
        meter.sample(reading, number)
        assert meter.row.energy_wh >= before
        before = meter.row.energy_wh
        assert meter.balance_wh == before


STORY = st.lists(st.integers(0, 60_000), min_size=1, max_size=12)


@given(STORY, st.none() | st.integers(0, 60_000), st.randoms(use_true_random=False))
def test_the_final_energy_does_not_depend_on_the_order_of_arrival(
    registers: list[int], stop_wh: int | None, chance: Random
) -> None:
    """Start, samples and end in any order: once all are in, the energy is the same."""
    end = len(registers) + 1
    events: list[tuple[str, float, float]] = [("start", 1_000, 0)]
    events += [("sample", value, number + 1) for number, value in enumerate(registers)]
    events.append(("stop", stop_wh, end) if stop_wh is not None else ("end", 0, end))
    shuffled = list(events)
    chance.shuffle(shuffled)

    def energy(of: list[tuple[str, float, float]]) -> int:
        meter = Meter(None)
        for kind, value, minutes in of:
            if kind == "start":
                meter.start(value)
            elif kind == "sample":
                meter.sample(value, minutes)
            elif kind == "stop":
                meter.stop(value, minutes)
            else:
                meter.end(minutes)
        assert meter.balance_wh in (None, meter.row.energy_wh)
        return meter.row.energy_wh

    assert energy(shuffled) == energy(events)
