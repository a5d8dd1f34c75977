"""The instants at which a price may change under calibration law: signed quarter hours.

Where calibration law holds (`sites.calibration_law`), every quantity that has a price of its own
must lie between two signed readings, and meters sign on the quarter hours of the clock (OCPP:
AlignedDataCtrlr.SignReadings, context Sample.Clock). So:

- A price may change at a quarter hour of the clock for which there is a signed reading of the
  session, and nowhere else. A reading counts for a quarter hour if it was taken within
  `ALIGNED_WITHIN` of it: stations stamp what they sample on the tick a little late or early.
  Readings that are proven wrong are none.
- The price of a stretch is that of its starting quarter: clock, energy, duration, power and market
  are looked at as it starts. A boundary between two signed quarters (a threshold that is reached, a
  window that opens at 14:05) takes effect at the next one, and the period that it fell into is
  marked `boundary_moved`. Without any signed quarter the price of the start holds to the end.
- Charging, grace and parking are quantities, not prices: a period holds the seconds of each, told
  apart by the station's own word, and needs no reading between them.
- The energy at a cut is the signed register's, as far as it agrees with the samples around it; if
  not, that of the samples, and the cut is marked as interpolated where no sample was taken then.
- Allowances and caps are reckoned on the quantities so found. They cut nothing.

All zones in use today are whole quarter hours from UTC, so that a quarter hour is one in all.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from holdfast.domain.pricing.energy_curve import Cut, EnergyCurve

QUARTER = timedelta(minutes=15)
ALIGNED_WITHIN = timedelta(seconds=10)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPoint:
    """A signed reading of the session, at an instant (aware).

    `energy_mwh`: its register, since the session's first signed one; None where that is not known.
    """

    at: datetime
    energy_mwh: int | None = None


def quarter_cuts(readings: Iterable[SignedPoint], curve: EnergyCurve) -> list[Cut]:
    """The signed quarter hours strictly inside a session, ascending, none twice."""
    nearest: dict[datetime, SignedPoint] = {}
    for reading in readings:
        quarter = _quarter(reading.at.astimezone(UTC))
        if quarter is None or not curve.started_at < quarter < curve.ended_at:
            continue
        known = nearest.get(quarter)
        if known is None or _rank(reading, quarter) < _rank(known, quarter):
            nearest[quarter] = reading
    cuts: list[Cut] = []
    least = 0
    for quarter, reading in sorted(nearest.items()):
        cut = _cut(quarter, reading, curve)
        least = max(least, cut.energy_mwh)
        cuts.append(Cut(quarter, least, cut.interpolated))
    return cuts


def next_cuts(boundaries: Iterable[datetime], cuts: Sequence[Cut]) -> set[Cut]:
    """For each boundary the first cut at or after it, where there is one."""
    instants = [cut.at for cut in cuts]
    numbers = {bisect_left(instants, boundary) for boundary in boundaries}
    return {cuts[number] for number in numbers if number < len(cuts)}


def _cut(quarter: datetime, reading: SignedPoint, curve: EnergyCurve) -> Cut:
    taken_at = min(max(reading.at.astimezone(UTC), curve.started_at), curve.ended_at)
    low, high = curve.around(taken_at)
    if low == high:
        return Cut(quarter, low)
    if reading.energy_mwh is not None and low <= reading.energy_mwh <= high:
        return Cut(quarter, reading.energy_mwh)
    return Cut(quarter, curve.at(taken_at).energy_mwh, interpolated=True)


def _quarter(at: datetime) -> datetime | None:
    """The quarter hour that a reading was taken for."""
    quarter = _EPOCH + (at - _EPOCH + QUARTER // 2) // QUARTER * QUARTER
    return quarter if abs(at - quarter) <= ALIGNED_WITHIN else None


def _rank(reading: SignedPoint, quarter: datetime) -> tuple[timedelta, bool, int, datetime]:
    """The nearest wins; of equals one with a register, then the lower: whatever came first."""
    energy = reading.energy_mwh
    at = reading.at.astimezone(UTC)
    return abs(at - quarter), energy is None, energy or 0, at
