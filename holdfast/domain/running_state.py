"""A session in progress, as far as its limits are concerned."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

POWER_W_DEFAULT = 11_000
POWER_W_MIN = 1_000

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningState:
    """A session at `as_of`, its newest event time. Energy since its start, in mWh.

    `cost` is exact, after tax, in major units: `PricedSession.exact_incl` of the session so far;
    `flat_charged` says whether that has the flat fee in it. `power_w` is what it draws, if known,
    else its average is taken; it decides how well a plan fits, not whether it is safe.

    Parking may begin at any moment: nobody plants again when the car stops taking power.

    `held_since` and `held_from_mwh`: where the last price was looked up, if it is held from there
    until a signed reading comes (`pricing.signed_quarters`); None where prices change at once.
    """

    started_at: datetime
    as_of: datetime
    energy_mwh: int = 0
    cost: Fraction = Fraction(0)
    flat_charged: bool = False
    power_w: int | None = None
    held_since: datetime | None = None
    held_from_mwh: int = 0

    @property
    def mwh_per_s(self) -> Fraction:
        """At the power that is known, or the average so far, or of an ordinary AC charger."""
        power_w: Fraction | int = POWER_W_DEFAULT
        if self.power_w is not None:
            power_w = self.power_w
        elif self.energy_mwh and self.as_of > self.started_at:
            microseconds = (self.as_of - self.started_at) // _MICROSECOND
            power_w = Fraction(self.energy_mwh * 3_600_000, microseconds)
        return Fraction(max(power_w, POWER_W_MIN) * 1_000, 3_600)
