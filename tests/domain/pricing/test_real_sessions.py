"""Real charging sessions, from their registers to the price, against the price of every second.

The sessions are data beside the repository, with licences of their own. They tell when a car came
and went and what it took; the samples between are made here, and come in no order.
"""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.course_price import price_course
from holdfast.domain.pricing.flow import FlowSample
from holdfast.domain.pricing.periods import Interval, SessionCourse
from holdfast.domain.quality import MeterEnds, RegisterReading, measure
from holdfast.domain.tariff.form import tariff_from_json
from tests.domain.pricing.second_oracle import Second, price_by_the_second

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "sessions" / "acn"
SITES = ("caltech", "jpl")
LONGEST = timedelta(minutes=70)
SAMPLED_S = 300
SECOND = timedelta(seconds=1)
CHANGES = (
    ("Europe/Berlin", datetime(2025, 3, 30, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2025, 11, 2, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2025, 4, 5, 15, tzinfo=UTC)),
)

if not FOLDER.is_dir():
    pytest.skip("the shared charging sessions are not beside the repository", True)


def energy(price: str, **when: Any) -> dict[str, Any]:
    """An element with a price per kWh."""
    component = {"type": "ENERGY", "price": price, "vat": "19"}
    return {"price_components": [component]} | ({"restrictions": when} if when else {})


ELSE = {
    "price_components": [
        {"type": "ENERGY", "price": "0.437", "vat": "19"},
        {"type": "TIME", "price": "0.6", "vat": "7"},
        {"type": "PARKING_TIME", "price": "5.4", "vat": "19"},
    ]
}
TARIFFS: tuple[dict[str, Any], ...] = (
    {"elements": [energy("0.31", start_time="22:00", end_time="02:30"), ELSE], "idle_grace_s": 900},
    {"elements": [energy("0.9", max_duration=901), energy("0.2", min_duration=2_400), ELSE]},
    {
        "elements": [energy("0.8", min_power="5"), energy("0.3", day_of_week=["SUNDAY"]), ELSE],
        "allowances": [{"type": "ENERGY", "quantity": "0.75", "per": "day"}],
        "daily_cap": {"excl_vat": "4", "incl_vat": "4.5"},
    },
)


@dataclass(frozen=True)
class Stay:
    """A session: when it began, and what it took in each second until it ended. Then it stood."""

    started_at: datetime
    seconds: tuple[int, ...]
    charged_s: int
    power_w: int

    def course(self, chance: Random) -> SessionCourse:
        """As it is made of a lifetime's register."""
        ended_at, first = self.started_at + len(self.seconds) * SECOND, chance.randrange(10**12)
        readings = [
            RegisterReading(
                at=self.started_at + second * SECOND,
                register_mwh=first + sum(self.seconds[:second]),
            )
            for second in range(SAMPLED_S, len(self.seconds), SAMPLED_S)
        ]
        chance.shuffle(readings)
        ends = MeterEnds(start_mwh=first, stop_mwh=first + sum(self.seconds))
        idle_at = self.started_at + self.charged_s * SECOND
        return SessionCourse(
            started_at=self.started_at,
            ended_at=ended_at,
            measurement=measure(
                readings, ends, started_at=self.started_at, ended_at=ended_at, power_w_max=400_000
            ),
            suspended=(Interval(started_at=idle_at, ended_at=ended_at),),
            flow=(
                FlowSample(at=idle_at, power_mw=0),
                FlowSample(at=self.started_at, power_mw=self.power_w * 1_000),
            ),
        )


def stays(site: str, change: datetime) -> Iterator[Stay]:
    """As they were, moved so that the clock is changed meanwhile."""
    with gzip.open(FOLDER / f"{site}_2019-05-01_2019-08-31.csv.gz", "rt") as opened:
        for row in csv.DictReader(opened):
            stood = datetime.fromisoformat(row["departure"]) - datetime.fromisoformat(
                row["arrival"]
            )
            if stood > LONGEST:
                continue
            length_s = int(stood.total_seconds())
            blocks = max(1, length_s * 3 // 4 // SAMPLED_S)
            # A whole number of Wh in each block, and of mWh in each second.
            wh = int(float(row["delivered_energy (kWh)"]) * 1_000) // blocks // 3 * 3
            per_s = wh * 1_000 // SAMPLED_S
            charged_s = min(length_s, blocks * SAMPLED_S)
            yield Stay(
                started_at=change - length_s // 2 * SECOND,
                seconds=(per_s,) * charged_s + (0,) * (length_s - charged_s),
                charged_s=charged_s,
                power_w=wh * 3_600 // SAMPLED_S,
            )


@pytest.mark.parametrize("site", SITES)
def test_a_real_session_costs_what_its_seconds_cost_one_by_one(site: str) -> None:
    chance, priced_ones = Random(site), 0  # noqa: S311 - repeatable, not secret
    for number, (zone, change) in enumerate(CHANGES):
        for stay in islice(stays(site, change), number, number + 1):
            course = stay.course(chance)
            for body in TARIFFS:
                tariff = tariff_from_json({"id": "real", "currency": "EUR", **body})
                context = PriceContext(zone=zone)
                grace_s = stay.charged_s + tariff.idle_grace_s

                found = price_course(compile_tariff(tariff), course, context)

                seconds = [
                    Second(
                        at=stay.started_at + second * SECOND,
                        energy_mwh=energy_mwh,
                        resting=second >= stay.charged_s,
                        parked=second >= grace_s,
                        power_kw=Decimal(0 if second >= stay.charged_s else stay.power_w) / 1_000,
                    )
                    for second, energy_mwh in enumerate(stay.seconds)
                ]
                expected = price_by_the_second(tariff, seconds, context)
                assert (found.priced.exact_excl, found.priced.exact_incl) == expected
                priced_ones += 1
    assert priced_ones == len(CHANGES) * len(TARIFFS)
