"""A charging period: a stretch of a session in which no price changes."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


class PeriodInvalid(ValueError):
    """A period that cannot be: the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingPeriod:
    """What was used from `started_at` (aware) on, until the next period starts.

    `energy_mwh` is a whole number of milliwatt-hours. Time is charging time or parking time or,
    in the grace after charging, neither. Current in A and power in kW, summed over phases, only
    where measured. `interpolated`: an edge fell between two meter samples, so the split of the
    energy is calculated, not metered.
    """

    started_at: datetime
    energy_mwh: int = 0
    time_s: int = 0
    parking_s: int = 0
    grace_s: int = 0
    interpolated: bool = False
    min_current_a: Decimal | None = None
    max_current_a: Decimal | None = None
    min_power_kw: Decimal | None = None
    max_power_kw: Decimal | None = None

    def __post_init__(self) -> None:
        if self.started_at.tzinfo is None:
            raise PeriodInvalid(f"the start needs a zone: {self.started_at!r}")
        if self.energy_mwh < 0 or self.time_s < 0 or self.parking_s < 0 or self.grace_s < 0:
            raise PeriodInvalid(f"nothing in a period can be negative: {self}")
