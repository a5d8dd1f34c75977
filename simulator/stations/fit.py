"""Fit the drivers' figures to ACN-Data. `python -m simulator.stations.fit PATH` prints constants.

PATH holds `*.csv.gz` with the columns arrival, departure and delivered_energy (kWh). The printed
constants live in `drivers.py`; the same input always prints the same. Three models:

- arrivals per EVSE and hour, weekday and weekend: means, checked on days left out;
- stay by arrival group: two lognormals each, by expectation maximisation;
- energy given stay: lognormal per band of stay, cut off at what the charger can deliver.

Goodness of fit on Caltech and JPL, May to August 2019 (9,519 sessions of at most a day, 104 EVSEs),
as Kolmogorov-Smirnov distances (0 is perfect):

- arrivals: hour-of-day distance between fitted and left-out days 0.036 on weekdays, 0.031 on
  weekends (volume differs by 8 % and 20 %: the weekends are few);
- stay: 0.035 for weekday mornings, 0.020 for later on weekdays, 0.043 for weekends;
- energy given the real stays: 0.073, mean 11.86 kWh against 12.08.
"""

import csv
import gzip
import math
import random
import statistics
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from simulator.stations.drivers import (
    ENERGY_KWH_MIN,
    GROUPS,
    POWER_KW_MAX,
    STAY_BANDS_H,
    EnergyBand,
    StayModel,
    arrival_group,
    draw_energy_kwh,
    draw_stay_h,
)

EM_ROUNDS = 200
DRAWS = 20_000
SEED = 20190501
SESSIONS_MAX = 1_000_000
STAY_H_MAX = 24.0


@dataclass(frozen=True, slots=True)
class PastSession:
    """One row of the data: local arrival, hours, kWh."""

    arrived_at: datetime
    stay_h: float
    energy_kwh: float
    evse: str


def read_sessions(folder: Path) -> list[PastSession]:
    """All usable rows of all files, in order. Longer than a day is a car left behind: not ours."""
    sessions = []
    for path in sorted(folder.glob("*.csv.gz")):
        with gzip.open(path, "rt", newline="") as lines:
            for row in csv.DictReader(lines):
                arrived_at = datetime.fromisoformat(row["arrival"])
                stay = datetime.fromisoformat(row["departure"]) - arrived_at
                energy_kwh = float(row["delivered_energy (kWh)"])
                stay_h = stay.total_seconds() / 3600
                if 0.05 < stay_h <= STAY_H_MAX and energy_kwh > 0:
                    evse = f"{path.name}/{row['station_id']}"
                    sessions.append(PastSession(arrived_at, stay_h, energy_kwh, evse))
                if len(sessions) >= SESSIONS_MAX:
                    raise ValueError("more sessions than one fit takes")
    if not sessions:
        raise ValueError(f"no sessions in {folder}")
    return sessions


def arrival_rates(
    sessions: Sequence[PastSession], days: Sequence[date], *, weekend: bool, evses: int
) -> list[float]:
    """Mean arrivals per EVSE in each hour of such a day."""
    chosen = {day for day in days if (day.weekday() >= 5) == weekend}
    counts = Counter(one.arrived_at.hour for one in sessions if one.arrived_at.date() in chosen)
    return [counts[hour] / len(chosen) / evses for hour in range(24)]


def fit_stay(stays_h: Sequence[float]) -> StayModel:
    """Two lognormals: the short errand and the working day."""
    logs = sorted(math.log(stay) for stay in stays_h)
    middle = len(logs) // 2
    weight = 0.5
    means = [statistics.fmean(logs[:middle]), statistics.fmean(logs[middle:])]
    sigmas = [statistics.pstdev(logs[:middle]), statistics.pstdev(logs[middle:])]
    for _ in range(EM_ROUNDS):
        shares = []
        for value in logs:
            low = weight * _density(value, means[0], sigmas[0])
            high = (1 - weight) * _density(value, means[1], sigmas[1])
            shares.append(low / (low + high))
        total = sum(shares)
        weight = total / len(logs)
        for part, weights in enumerate((shares, [1 - share for share in shares])):
            mass = sum(weights)
            mean = sum(w * x for w, x in zip(weights, logs, strict=True)) / mass
            square = sum(w * (x - mean) ** 2 for w, x in zip(weights, logs, strict=True)) / mass
            means[part], sigmas[part] = mean, max(math.sqrt(square), 0.02)
    return StayModel(
        short_share=round(weight, 4),
        short=(round(means[0], 4), round(sigmas[0], 4)),
        long=(round(means[1], 4), round(sigmas[1], 4)),
    )


def fit_energy(sessions: Sequence[PastSession]) -> list[EnergyBand]:
    """Mean and deviation of log energy in each band of stay."""
    bands: list[list[float]] = [[] for _ in range(len(STAY_BANDS_H) + 1)]
    for one in sessions:
        bands[bisect_right(STAY_BANDS_H, one.stay_h)].append(math.log(one.energy_kwh))
    return [
        EnergyBand(mu=round(statistics.fmean(logs), 4), sigma=round(statistics.pstdev(logs), 4))
        for logs in bands
    ]


def distance(left: Sequence[float], right: Sequence[float]) -> float:
    """Kolmogorov-Smirnov distance of two samples."""
    left, right = sorted(left), sorted(right)
    return max(
        abs(bisect_right(left, at) / len(left) - bisect_right(right, at) / len(right))
        for at in (*left, *right)
    )


def _density(value: float, mean: float, sigma: float) -> float:
    return math.exp(-0.5 * ((value - mean) / sigma) ** 2) / sigma + 1e-300


def say(line: str) -> None:
    """A line of the result: constants as they are, findings as comments."""
    sys.stdout.write(line + "\n")


def _report(sessions: list[PastSession]) -> None:
    days = sorted({one.arrived_at.date() for one in sessions})
    evses = len({one.evse for one in sessions})
    rng = random.Random(SEED)  # noqa: S311 - figures, not secrets
    for name, weekend in (("WEEKDAY", False), ("WEEKEND", True)):
        rates = arrival_rates(sessions, days, weekend=weekend, evses=evses)
        say(f"ARRIVALS_{name} = {tuple(round(rate, 5) for rate in rates)}")
        half = [
            arrival_rates(sessions, days[start::2], weekend=weekend, evses=evses)
            for start in (0, 1)
        ]
        say(
            f"# held-out days: hour-of-day distance {_shape_distance(*half):.3f},"
            f" volume ratio {sum(half[0]) / sum(half[1]):.3f}"
        )
    models = {}
    for group in GROUPS:
        stays = [one.stay_h for one in sessions if arrival_group(one.arrived_at) == group]
        models[group] = fit_stay(stays)
        drawn = [draw_stay_h(rng, models[group]) for _ in range(DRAWS)]
        say(f"# {group}: {models[group]} distance {distance(stays, drawn):.3f} of {len(stays)}")
    bands = fit_energy(sessions)
    for band in bands:
        say(f"# {band}")
    drawn = [draw_energy_kwh(rng, one.stay_h, tuple(bands)) for one in sessions for _ in range(2)]
    real = [one.energy_kwh for one in sessions]
    say(
        f"# energy: distance {distance(real, drawn):.3f}, mean {statistics.fmean(drawn):.2f} kWh"
        f" against {statistics.fmean(real):.2f}"
    )
    say(
        f"# limits: {ENERGY_KWH_MIN} kWh, {POWER_KW_MAX} kW;"
        f" {len(sessions)} sessions, {evses} EVSEs"
    )


def _shape_distance(left: Sequence[float], right: Sequence[float]) -> float:
    gap, worst = 0.0, 0.0
    for one, other in zip(left, right, strict=True):
        gap += one / sum(left) - other / sum(right)
        worst = max(worst, abs(gap))
    return worst


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m simulator.stations.fit PATH")
    _report(read_sessions(Path(sys.argv[1])))
