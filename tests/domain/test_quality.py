import itertools
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.finding import Finding, Severity
from holdfast.domain.quality import (
    Measurement,
    MeterEnds,
    Register,
    RegisterReading,
    measure,
    session_findings,
)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
KWH = 1_000_000
WH = 1_000


def measured(
    registers_kwh: list[float],
    start_kwh: float | None = None,
    stop_kwh: float | None = None,
    *,
    every: timedelta = 15 * MINUTE,
    power_w_max: int | None = 22_000,
) -> Measurement:
    """Samples `every` so often from a while after the start, given in kWh to be readable."""

    def mwh(kwh: float | None) -> int | None:
        return None if kwh is None else round(kwh * KWH)

    readings = [
        RegisterReading(at=START + (number + 1) * every, register_mwh=round(kwh * KWH))
        for number, kwh in enumerate(registers_kwh)
    ]
    return measure(
        readings,
        MeterEnds(start_mwh=mwh(start_kwh), stop_mwh=mwh(stop_kwh)),
        started_at=START,
        ended_at=START + (len(registers_kwh) + 1) * every,
        power_w_max=power_w_max,
    )


def codes(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.code for finding in findings}


@pytest.mark.parametrize(
    ("samples", "start", "stop", "energy_wh", "expected"),
    [
        ([1_005, 1_010], 1_000, 1_012, 12_000, set()),
        ([1_005, 1_010], 1_000, None, 10_000, set()),
        ([], 1_000, 1_004, 4_000, set()),
        ([1_005, 1_010], None, 1_012, 7_000, {"no_start_register"}),
        ([], None, None, 0, {"no_register"}),
        ([], 1_000, None, 0, {"no_final_register"}),
        ([], None, 1_004, 0, {"no_start_register"}),
        ([1_005, 1_004.995, 1_010], 1_000, None, 10_000, {"register_noise"}),
        ([1_005, 0, 3], 1_000, None, 8_000, {"register_reset"}),
        ([1_005, 2, 3], 1_000, None, 8_000, {"register_reset"}),
        ([1_005, 77_000, 77_004], 1_000, None, 76_004_000, {"register_jump"}),
        ([1_005, 900, 904], 1_000, None, 9_000, {"register_reset"}),
        ([1_005, 0, 1_008], 1_000, None, 8_000, {"register_slip"}),
        ([995, 1_004], 1_000, None, 4_000, {"register_slip"}),
        ([1_005, 900], 1_000, None, 5_000, {"register_fell"}),
        ([1_005, 900], 1_000, 1_006, 6_000, set()),
        ([1_005, 3], 1_000, 4, 9_000, {"register_reset"}),
        ([2, 4], 0, 0, 4_000, {"stop_missing"}),
        ([1_005, 0, 3, 8], 1_000, 1_009, 9_000, {"register_reset", "stop_below_samples"}),
        ([1, 0, 0.5, 3, 8], 0, 9, 10_000, {"register_reset"}),
        ([1_005, 0, 3], 1_000, 4, 9_000, {"register_reset"}),
        ([0, 2, 4], 1_000, 1_005, 5_000, {"register_reset"}),
        ([1_005], 1_000, 0, 5_000, {"stop_below_start"}),
        ([1_005], 1_000, 6, 6_000, {"stop_below_start"}),
        ([1_005], 1_000, 1_004, 4_000, {"stop_below_samples"}),
        ([1_005], 1_000, 9_000, 8_000_000, {"register_jump"}),
        ([-1, 1_005], 1_000, -5, 5_000, {"negative_register"}),
    ],
    ids=[
        "the ends win over the samples",
        "no stop: the last sample",
        "no samples",
        "no start: from the first sample",
        "nothing at all",
        "a start only",
        "a stop only",
        "noise in the last digit",
        "a reset to zero",
        "a reset, and energy since",
        "an impossible rise is kept and flagged",
        "another meter, which began anywhere",
        "one odd zero",
        "one dip below the start",
        "a last low reading",
        "a last low reading, and a stop above it",
        "a reset that the stop confirms",
        "a stop of zero where the samples rose",
        "samples that begin at zero after the first, ends that do not",
        "a reset that grows beyond the old register",
        "a reset, then the stop",
        "samples that begin at zero, ends that do not",
        "a stop of zero says nothing",
        "a stop that counts from the start",
        "a stop below a sample wins",
        "a stop that cannot be",
        "negative registers are left out",
    ],
)
def test_what_registers_say_of_the_energy(
    samples: list[float],
    start: float | None,
    stop: float | None,
    energy_wh: int,
    expected: set[str],
) -> None:
    result = measured(samples, start, stop)

    assert result.energy_wh == energy_wh
    assert codes(result.findings) == expected


def test_a_stop_below_the_start_by_noise_alone_is_no_energy() -> None:
    fell = measured([0.555], 0.564, 0.555)

    assert (fell.energy_wh, codes(fell.findings)) == (0, {"register_noise"})


def test_a_stop_of_zero_after_a_small_start_keeps_what_the_samples_showed() -> None:
    kept = measured([5], 0.01, 0)

    assert kept.energy_wh == 4_990
    assert codes(kept.findings) == {"stop_below_start"}


def test_energy_is_rounded_half_up_once() -> None:
    assert measured([], 0, 0.0005).energy_wh == 1
    assert measured([], 0, 0.000499).energy_wh == 0


def test_what_happens_often_is_one_finding() -> None:
    result = measured([10, 9.99, 10, 9.99, 10, 9.99], 5)

    assert [finding.detail for finding in result.findings] == [
        "the register fell by a few Wh (3 times)"
    ]


def test_samples_may_come_in_any_order_and_outside_the_session() -> None:
    readings = [
        RegisterReading(at=START + 2 * HOUR, register_mwh=9 * KWH),
        RegisterReading(at=START + 30 * MINUTE, register_mwh=6 * KWH),
        RegisterReading(at=START - HOUR, register_mwh=5 * KWH),
    ]

    result = measure(readings, MeterEnds(), started_at=START, ended_at=START + HOUR)

    assert result.energy_wh == 4_000
    assert all(START <= point.at <= START + HOUR for point in result.curve)


REGISTERS = st.lists(st.integers(0, 50 * KWH), max_size=30)


@given(REGISTERS, st.lists(st.integers(1, 7_200), min_size=30, max_size=30))
def test_the_energy_of_a_register_never_falls(registers: list[int], gaps: list[int]) -> None:
    register = Register.opened(RegisterReading(at=START, register_mwh=10 * KWH))
    at = START
    for value, gap_s in zip(registers, gaps, strict=False):
        at += timedelta(seconds=gap_s)
        after, _ = register.take(RegisterReading(at=at, register_mwh=value), 22_000)
        assert after.energy_mwh >= register.energy_mwh
        register = after


@given(REGISTERS, st.none() | st.integers(0, 60 * KWH), st.none() | st.integers(0, 60 * KWH))
def test_a_curve_begins_at_zero_never_falls_and_ends_at_the_energy(
    registers: list[int], start: int | None, stop: int | None
) -> None:
    readings = [
        RegisterReading(at=START + number * MINUTE, register_mwh=value)
        for number, value in enumerate(registers)
    ]

    result = measure(
        readings,
        MeterEnds(start_mwh=start, stop_mwh=stop),
        started_at=START,
        ended_at=START + HOUR,
    )

    energies = [point.energy_mwh for point in result.curve]
    assert energies == sorted(energies)
    assert (energies[0], energies[-1]) == (0, result.energy_mwh)


@given(st.lists(st.integers(0, 5 * KWH), min_size=1, max_size=30), st.integers(0, 10**12))
def test_a_register_that_only_rises_gives_the_difference_of_its_ends(
    rises: list[int], start: int
) -> None:
    total, readings = start, []
    for number, rise in enumerate(rises):
        total += rise
        readings.append(RegisterReading(at=START + number * HOUR, register_mwh=total))

    result = measure(
        readings, MeterEnds(start_mwh=start), started_at=START, ended_at=START + 40 * HOUR
    )

    assert result.energy_mwh == total - start


@pytest.mark.parametrize(
    ("energy_wh", "began", "lasted", "expected"),
    [
        (10_000, timedelta(0), HOUR, set()),
        (10_000, timedelta(0), -HOUR, {"negative_duration", "energy_above_power"}),
        (10_000, -91 * timedelta(days=1), HOUR, {"too_old"}),
        (10_000, timedelta(days=1), HOUR, {"in_the_future"}),
        (90_000, timedelta(0), HOUR, {"energy_above_power"}),
        (0, -9 * HOUR, 9 * HOUR, {"no_energy"}),
        (0, timedelta(0), MINUTE, set()),
        (-1, timedelta(0), MINUTE, {"negative_energy"}),
    ],
    ids=["usual", "backwards", "old", "future", "too much", "nothing", "short", "given back"],
)
def test_the_gate_before_settlement(
    energy_wh: int, began: timedelta, lasted: timedelta, expected: set[str]
) -> None:
    found = session_findings(
        energy_wh=energy_wh,
        started_at=START + began,
        ended_at=START + began + lasted,
        now=START + HOUR,
        power_w_max=22_000,
    )

    assert codes(found) == expected
    assert all(item.severity is Severity.BLOCK for item in found if item.code != "no_energy")


SMALL = st.integers(0, KWH)
SEGMENT = st.builds(
    # Two low readings are what tells a reset from noise; then it rises above them.
    lambda low, rises: [*low, 3 * KWH, *rises],
    st.lists(SMALL, min_size=2, max_size=2),
    st.lists(st.integers(0, 4 * KWH), max_size=6),
)


@given(st.lists(SEGMENT, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_energy_is_the_sum_of_what_rose_in_whatever_order_the_readings_came(
    segments: list[list[int]], chance: Random
) -> None:
    """Each segment begins at zero: a station whose register resets in the middle of a session."""
    registers = [value for rises in segments for value in itertools.accumulate(rises)]
    readings = [
        RegisterReading(at=START + number * HOUR, register_mwh=value)
        for number, value in enumerate(registers)
    ]
    shuffled = list(readings)
    chance.shuffle(shuffled)

    def energy(of: list[RegisterReading]) -> int:
        ended_at = START + len(registers) * HOUR
        return measure(of, MeterEnds(), started_at=START, ended_at=ended_at).energy_mwh

    assert energy(shuffled) == energy(readings) == sum(map(sum, segments)) - registers[0]


@given(st.lists(st.integers(0, 4 * KWH), min_size=3, max_size=12), st.data())
def test_one_dip_that_recovers_changes_no_energy(rises: list[int], data: st.DataObject) -> None:
    registers = list(itertools.accumulate(rises, initial=50 * KWH))
    where = data.draw(st.integers(1, len(registers) - 1))
    low = data.draw(st.integers(0, registers[where - 1]))
    dipped = [*registers[:where], low, *registers[where:]]

    def energy(of: list[int]) -> int:
        readings = [
            RegisterReading(at=START + number * HOUR, register_mwh=value)
            for number, value in enumerate(of)
        ]
        return measure(
            readings, MeterEnds(), started_at=START, ended_at=START + 20 * HOUR
        ).energy_mwh

    assert energy(dipped) == energy(registers)
