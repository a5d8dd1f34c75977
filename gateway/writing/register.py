"""What energy a session has, from registers that may stand still, jump, reset or lie.

Always: energy = offset + (stop, else last) - start, in mWh, rounded half up once to Wh. An older
reading changes nothing; energy never falls while the session runs; the register in the stop wins
(systems.md E9, A6).
"""

from datetime import datetime

from gateway.writing.session_row import SessionRow

NOISE_MWH = 10_000  # kWh as floats wobble (charger-quirks 16)
POWER_MAX_MW = 1_000_000_000  # a megawatt: no register can have run faster
HOUR_S = 3_600
GRACE_S = 60


def sampled(row: SessionRow, register_mwh: int, at: datetime) -> None:
    """A reading of the running session's register."""
    if row.meter_stop_mwh is not None:
        return
    if row.meter_start_mwh is None:
        row.meter_start_mwh = register_mwh
        row.find("meter_start_missing", "counted from the first register seen", "note")
    if row.meter_last_mwh is None or row.meter_last_at is None:
        row.meter_last_mwh, row.meter_last_at = row.meter_start_mwh, at
    if at < row.meter_last_at:
        return
    last = row.meter_last_mwh
    if register_mwh < last:
        if last - register_mwh <= NOISE_MWH:
            return
        _reset(row, last, register_mwh, row.meter_last_at, at)
    row.meter_last_mwh, row.meter_last_at = register_mwh, at
    _count(row)


def started(row: SessionRow, register_mwh: int, at: datetime) -> None:
    """The register at the start, which may come after later readings."""
    if row.meter_start_mwh is not None and row.meter_last_mwh is not None:
        if register_mwh < row.meter_start_mwh:
            row.meter_start_mwh = register_mwh
            _count(row)
        return
    row.meter_start_mwh = register_mwh
    row.meter_last_mwh, row.meter_last_at = register_mwh, at
    row.changed = True
    _count(row)  # the end may have come first


def stopped(row: SessionRow, register_mwh: int, at: datetime) -> None:
    """The register at the end. It wins over readings, unless it lies below them."""
    row.changed = True
    if row.meter_start_mwh is None:
        row.meter_stop_mwh = register_mwh
        row.find("meter_start_missing", "the end has a register, the start has none")
        return
    start = row.meter_start_mwh
    last = row.meter_last_mwh if row.meter_last_mwh is not None else start
    if register_mwh < last - NOISE_MWH:
        counted = row.meter_offset_mwh + last - start
        if register_mwh == 0:
            row.find("meter_stop_missing", "the register at the end is 0; the last reading counts")
            row.meter_offset_mwh = counted + start
        elif register_mwh < start:
            since = row.meter_last_at or row.started_at or at
            _reset(row, last, register_mwh, since, at)
        elif row.meter_offset_mwh == 0:
            # Both lie above the start: the end is the figure that the station stands by.
            row.find("meter_stop_below_last", "the register at the end lies below a reading")
        else:
            row.find("meter_stop_below_last", "after a reset; the last reading counts")
            row.meter_offset_mwh = counted + start - register_mwh
    row.meter_stop_mwh = register_mwh
    exact = row.meter_offset_mwh + register_mwh - start
    row.energy_wh = max(0, (exact + 500) // 1000)


def _reset(row: SessionRow, last: int, register_mwh: int, since: datetime, at: datetime) -> None:
    """The register fell. What it shows now was charged since, unless that is impossible."""
    charged = register_mwh if _possible(register_mwh, since, at) else 0
    row.meter_offset_mwh += last - register_mwh + charged
    row.find("register_reset", "the register fell; energy was carried over")


def _possible(energy_mwh: int, since: datetime, until: datetime) -> bool:
    seconds = max(0.0, (until - since).total_seconds()) + GRACE_S
    return energy_mwh <= POWER_MAX_MW * seconds / HOUR_S


def _count(row: SessionRow) -> None:
    if row.meter_start_mwh is None or row.meter_last_mwh is None:
        return
    end = row.meter_stop_mwh if row.meter_stop_mwh is not None else row.meter_last_mwh
    exact = row.meter_offset_mwh + end - row.meter_start_mwh
    row.energy_wh = max(row.energy_wh, (exact + 500) // 1000)
    row.metered = True
