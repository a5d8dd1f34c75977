"""A charging period: a stretch of a session in which no price changes."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


class PeriodInvalid(ValueError):
    """A period that cannot be: the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingPeriod:
    """What was used from `started_at` (aware) on, until the next period starts.

    `energy_mwh` is a whole number of milliwatt-hours; a car that gave more than it took makes it
    negative. Time is charging time or parking time or, in the grace after charging, neither; time
    for which the EVSE was reserved is apart from all three. Current in A and power in kW, summed
    over phases, only where measured. `tariff_id` names the tariff that counts in this period; None
    is the session's. `interpolated`: an edge fell between two meter samples, so the split of the
    energy is calculated, not metered. `boundary_moved`: where prices may change on signed readings
    only, it kept its price past a boundary of the tariff until there was one (`signed_quarters`).
    """

    started_at: datetime
    energy_mwh: int = 0
    time_s: int = 0
    parking_s: int = 0
    grace_s: int = 0
    reservation_s: int = 0
    tariff_id: str | None = None
    interpolated: bool = False
    boundary_moved: bool = False
    min_current_a: Decimal | None = None
    max_current_a: Decimal | None = None
    min_power_kw: Decimal | None = None
    max_power_kw: Decimal | None = None

    def __post_init__(self) -> None:
        if self.started_at.tzinfo is None:
            raise PeriodInvalid(f"the start needs a zone: {self.started_at!r}")
        if self.time_s < 0 or self.parking_s < 0 or self.grace_s < 0 or self.reservation_s < 0:
            raise PeriodInvalid(f"no time in a period can be negative: {self}")

    @property
    def used_s(self) -> int:
        """All seconds of the period; 0 where it gives none."""
        return self.time_s + self.parking_s + self.grace_s + self.reservation_s

    @property
    def reserves_only(self) -> bool:
        """Whether the EVSE was only reserved: then no price of charging counts, not even FLAT."""
        return 0 < self.reservation_s == self.used_s and not self.energy_mwh
