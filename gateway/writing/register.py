"""What energy a session has, from registers that may stand still, jump, reset or lie.

Always: energy = offset + (stop, else last) - start, in mWh, rounded half up once to Wh. As long as
the register rises in the order of time, which is nearly always, each is counted as it comes. For
anything else (a reading that is lower, older or impossible, a start or an end that came late)
these functions return true: then all readings of the session are looked at together, by the one
pure rule that also says when the energy flowed (`domain.quality.measure`), so that the order in
which they came does not matter. Energy never falls while the session runs; from its end on, the
rule alone counts, and the register in the stop wins (systems.md E9, A6).
"""

from collections.abc import Sequence
from datetime import datetime

from gateway.writing.session_row import SessionRow
from holdfast.domain.quality import (
    NOISE_MWH,
    SLACK_MWH,
    Measurement,
    MeterEnds,
    RegisterReading,
    energy_max_mwh,
    measure,
)

START_UNNAMED = "meter_start_missing"
STOP_UNNAMED = "meter_stop_missing"
DIP = "register_dip"
_TOLD = {
    "register_jump",
    "register_reset",
    "register_slip",
    "register_fell",
    "stop_below_samples",
    "stop_below_start",
    "stop_missing",
}


def sampled(row: SessionRow, register_mwh: int, at: datetime) -> bool:
    """A reading of the session's register. True: look at all readings together."""
    if row.meter_stop_mwh is not None:
        return True
    if row.meter_start_mwh is None:
        row.meter_start_mwh = register_mwh
        row.find(START_UNNAMED, "counted from the first register seen", "note")
    if row.meter_last_mwh is None or row.meter_last_at is None:
        row.meter_last_mwh, row.meter_last_at = row.meter_start_mwh, at
    if at < row.meter_last_at:
        return True
    growth = register_mwh - row.meter_last_mwh
    if growth < 0:
        return growth < -NOISE_MWH
    odd = not _possible(growth, row.meter_last_at, at)
    row.meter_last_mwh, row.meter_last_at = register_mwh, at
    _count(row)
    _judge_end(row)
    return odd


def started(row: SessionRow, register_mwh: int, at: datetime) -> bool:
    """The register at the start, which may come after later readings, and after the end."""
    if row.meter_start_mwh is not None and not row.found(START_UNNAMED):
        return False
    late = row.meter_last_mwh is not None or row.meter_stop_mwh is not None
    row.withdraw(START_UNNAMED)
    row.meter_start_mwh = register_mwh
    row.changed = True
    if not late:
        row.meter_last_mwh, row.meter_last_at = register_mwh, at
    return late


def stopped(row: SessionRow, register_mwh: int, at: datetime) -> bool:
    """The register at the end."""
    row.changed = True
    row.meter_stop_mwh = register_mwh
    _judge_end(row)
    if row.meter_start_mwh is None:
        row.find(START_UNNAMED, "the end has a register, the start has none")
        return False
    last = row.meter_start_mwh if row.meter_last_mwh is None else row.meter_last_mwh
    since = row.meter_last_at or row.started_at or at
    if (
        row.meter_offset_mwh
        or register_mwh < last - NOISE_MWH
        or not _possible(register_mwh - last, since, at)
    ):
        return True
    row.energy_wh = max(0, (register_mwh - row.meter_start_mwh + 500) // 1000)
    return False


def ended(row: SessionRow) -> bool:
    """The session ended. What one low reading meant is decided now: true where there was one, or
    anything else that was odd."""
    _judge_end(row)
    return bool(row.meter_offset_mwh) or row.found(DIP)


def recount(row: SessionRow, readings: Sequence[RegisterReading]) -> None:
    """Count anew from all readings of the session, in whatever order they came."""
    measured = _measured(row, readings)
    if measured is None:
        return
    first, last = measured.first, measured.last
    before = _exact(row)
    if first is not None and (row.meter_start_mwh is None or row.found(START_UNNAMED)):
        row.meter_start_mwh = first.register_mwh
    if last is not None:
        row.meter_last_mwh, row.meter_last_at = last.register_mwh, last.at
    _judge_end(row)
    start = row.meter_start_mwh
    end = row.meter_last_mwh if row.meter_stop_mwh is None else row.meter_stop_mwh
    if start is None or end is None:
        return
    exact = measured.energy_mwh
    if row.ended_at is None:
        exact = max(exact, before)
    row.meter_offset_mwh = exact - (end - start)
    row.energy_wh = max(0, (exact + 500) // 1000)
    row.changed = True


def _measured(row: SessionRow, readings: Sequence[RegisterReading]) -> Measurement | None:
    ended_at = row.ended_at
    kept = [reading for reading in readings if ended_at is None or reading.at <= ended_at]
    instants = [reading.at for reading in kept]
    until = ended_at or max(instants, default=None)
    if until is None:
        return None
    named = None if row.found(START_UNNAMED) else row.meter_start_mwh
    measured = measure(
        kept,
        MeterEnds(start_mwh=named, stop_mwh=row.meter_stop_mwh),
        started_at=row.started_at or min([*instants, until]),
        ended_at=until,
    )
    for finding in measured.findings:
        if finding.code == "register_fell" and ended_at is None:
            detail = "a reading was lower than the one before; it counts where it stays low"
            row.find(DIP, detail, "note")
        elif finding.code in _TOLD:
            row.find(finding.code, finding.detail, finding.severity.value)
    return measured


def _judge_end(row: SessionRow) -> None:
    """Whether what counts as the last register was read before the end: nobody knows what flowed
    since. What is missing may come late."""
    if row.ended_at is None:
        return
    last_at = row.meter_last_at
    if row.meter_stop_mwh is None and last_at is not None and last_at < row.ended_at:
        row.find(STOP_UNNAMED, "the end has no register: the last reading before counts", "note")
    else:
        row.withdraw(STOP_UNNAMED)


def _possible(growth_mwh: int, since: datetime, until: datetime) -> bool:
    return growth_mwh <= SLACK_MWH or growth_mwh <= energy_max_mwh(until - since, None)


def _exact(row: SessionRow) -> int:
    end = row.meter_last_mwh if row.meter_stop_mwh is None else row.meter_stop_mwh
    if row.meter_start_mwh is None or end is None:
        return 0
    return row.meter_offset_mwh + end - row.meter_start_mwh


def _count(row: SessionRow) -> None:
    row.energy_wh = max(row.energy_wh, (_exact(row) + 500) // 1000)
    row.metered = True
