"""A car on a cable: how much it wants, how fast it takes it, when it pauses and when it leaves.

Pure: time comes in as seconds and instants. Power is constant between thresholds of delivered
energy (taper, pause, full), so energy never has to be integrated in small steps.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

MWH_PER_WATT_SECOND = 1 / 3.6

VOLTAGE_AC_V = 230
VOLTAGE_DC_V = 400


@dataclass(slots=True, kw_only=True)
class Car:
    """Energies in mWh, power in W. `departs_at` is when its driver comes back."""

    wanted_mwh: int
    max_power_w: int
    departs_at: datetime
    phases: int = 1
    taper_at_mwh: int | None = None
    taper_power_w: int = 0
    pause_at_mwh: int | None = None
    pause_s: float = 0.0
    paused_until: datetime | None = None
    soc_at_start: float = 40.0
    battery_mwh: int = 60_000_000
    delivered_mwh: int = 0
    leaves_by_card: bool = False
    carry_mwh: float = 0.0

    @property
    def full(self) -> bool:
        """It has what it came for."""
        return self.delivered_mwh >= self.wanted_mwh

    @property
    def pause_due(self) -> bool:
        """It stops taking power for a while, once."""
        return self.pause_at_mwh is not None and self.delivered_mwh >= self.pause_at_mwh

    @property
    def soc(self) -> int:
        """State of charge in whole percent."""
        gained = 100 * self.delivered_mwh / self.battery_mwh
        return min(100, int(self.soc_at_start + gained))

    def power_w(self, limit_w: int) -> int:
        """What it draws while it is charging."""
        tapered = self.taper_at_mwh is not None and self.delivered_mwh >= self.taper_at_mwh
        return min(self.taper_power_w if tapered else self.max_power_w, limit_w)

    def advance(self, duration_s: float, limit_w: int) -> int:
        """Take power for a while; returns the energy taken, mWh. Never passes a threshold."""
        self.carry_mwh += self.power_w(limit_w) * max(duration_s, 0.0) * MWH_PER_WATT_SECOND
        taken = min(int(self.carry_mwh), self._threshold_mwh() - self.delivered_mwh)
        self.carry_mwh = 0.0 if taken < int(self.carry_mwh) else self.carry_mwh - taken
        self.delivered_mwh += taken
        return taken

    def changes_in_s(self, limit_w: int) -> float:
        """Seconds of charging until the next threshold."""
        left = self._threshold_mwh() - self.delivered_mwh - self.carry_mwh
        return max(left, 0.0) / MWH_PER_WATT_SECOND / max(self.power_w(limit_w), 1)

    def pause(self, now: datetime) -> None:
        """Start the one pause."""
        self.pause_at_mwh = None
        self.paused_until = now + timedelta(seconds=self.pause_s)

    def _threshold_mwh(self) -> int:
        ahead = [self.wanted_mwh]
        for threshold in (self.taper_at_mwh, self.pause_at_mwh):
            if threshold is not None and threshold > self.delivered_mwh:
                ahead.append(threshold)
        return min(ahead)

    def document(self) -> dict[str, Any]:
        """The car as the state file keeps it."""
        return asdict(self)


def from_document(document: dict[str, Any]) -> Car:
    """A car as `document` and JSON left it."""
    values = dict(document)
    values["departs_at"] = datetime.fromisoformat(values["departs_at"])
    if values.get("paused_until"):
        values["paused_until"] = datetime.fromisoformat(values["paused_until"])
    return Car(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the meter shows at one instant. Currents are per phase; SoC is known on DC only."""

    register_mwh: int
    power_w: int
    phases: int
    voltage_v: int
    soc: int | None

    @property
    def current_a(self) -> float:
        """Current of each phase."""
        return round(self.power_w / self.phases / self.voltage_v, 1)


def read_meter(register_mwh: int, car: Car | None, *, power_w: int, is_dc: bool) -> Reading:
    """The reading of a connector; without a car nothing flows."""
    return Reading(
        register_mwh=register_mwh,
        power_w=power_w,
        phases=1 if is_dc or car is None else car.phases,
        voltage_v=VOLTAGE_DC_V if is_dc else VOLTAGE_AC_V,
        soc=car.soc if is_dc and car is not None else None,
    )
