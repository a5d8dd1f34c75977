"""What can be told to go wrong with a station. Armed by number: each use takes one away."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES_MAX = 1_000
OFFLINE_S_MAX = 7 * 24 * 3600.0
SKEW_S_MAX = 200 * 366 * 24 * 3600.0


class FaultUnknown(Exception):
    """No such fault, or a figure outside its limits."""


@dataclass(slots=True)
class Faults:
    """What is armed. `no_stop` and `no_start` take effect with the next transaction event."""

    duplicate_next: int = 0
    hold_next_meter: int = 0
    ignore_remote_stop: int = 0
    no_start: int = 0
    no_stop: int = 0
    pipeline_next: int = 0
    eager_boot: int = 0
    clock_offset: timedelta = timedelta()
    clock_stopped_at: datetime | None = None

    def spend(self, name: str) -> bool:
        """Use one of a fault, if any is left."""
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0

    def station_time(self, now: datetime) -> datetime:
        """What the station's own clock shows."""
        return self.clock_stopped_at or now + self.clock_offset


_COUNTED = {
    "duplicate": "duplicate_next",
    "late_meter": "hold_next_meter",
    "ignore_remote_stop": "ignore_remote_stop",
    "no_start": "no_start",
    "no_stop": "no_stop",
    "pipeline": "pipeline_next",
    "eager_boot": "eager_boot",
}

KINDS = ("drop", "offline", "reboot", "clock", *_COUNTED)


def inject(station: "SimulatedStation", order: Mapping[str, Any]) -> None:
    """Make something go wrong, as the control port's `/fault` asks. Raises `FaultUnknown`.

    - `{"kind": "drop", "close_frame": true}`: the socket goes, and the station comes back.
    - `{"kind": "offline", "seconds": 30}`: gone for a while; charging continues, messages queue.
    - `{"kind": "reboot", "keep": true, "boot_notification": true}`: reboot in session; with
      `keep` false running transactions end with PowerLoss.
    - `{"kind": "clock", "offset_s": -3600}` or `{"kind": "clock", "epoch": true}` (1970).
    - `{"kind": "duplicate" | "late_meter" | "ignore_remote_stop" | "no_start" | "no_stop" |
      "pipeline" | "eager_boot", "times": 1}`: the next so many times. `pipeline` counts frames;
      an eager boot sends the status right behind the BootNotification.
    """
    kind = order.get("kind")
    if kind == "drop":
        _start(station, station.drop(close_frame=bool(order.get("close_frame", False))))
    elif kind == "offline":
        station.go_offline(_number(order, "seconds", 0.0, OFFLINE_S_MAX))
    elif kind == "reboot":
        keep, boots = order.get("keep", True), order.get("boot_notification", True)
        _start(station, station.reboot(keep=bool(keep), boot_notification=bool(boots)))
    elif kind == "clock" and order.get("epoch"):
        station.faults.clock_offset = EPOCH - datetime.now(UTC)
    elif kind == "clock":
        offset_s = _number(order, "offset_s", -SKEW_S_MAX, SKEW_S_MAX)
        station.faults.clock_offset = timedelta(seconds=offset_s)
    elif kind in _COUNTED:
        setattr(station.faults, _COUNTED[kind], int(_number(order, "times", 0, TIMES_MAX, 1)))
    else:
        raise FaultUnknown(f"the faults are {', '.join(KINDS)}")


def _start(station: "SimulatedStation", work: Any) -> "asyncio.Task[None]":
    return station.background(work)


def _number(
    order: Mapping[str, Any], name: str, low: float, high: float, default: float | None = None
) -> float:
    value = order.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise FaultUnknown(f"{name} must be a number from {low:g} to {high:g}")
    return float(value)
