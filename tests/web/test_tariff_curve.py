"""The price over a week as steps, and what is read of an imagined session. Pure."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from holdfast.domain.pricing.context import PriceContext, SpotCurve
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.templates import BY_KEY
from holdfast.domain.tariff.version import TariffVersion
from holdfast.services.estimates import Imagined
from web.dashboard.tariff_curve import price_steps, unit_text, week_curve, with_old
from web.dashboard.tariff_what_if import Asked, day_or_today, midnight, read_imagined

MONDAY = date(2026, 10, 19)
BERLIN = PriceContext(zone="Europe/Berlin")


def tariff_of(body: Any) -> TariffVersion:
    return tariff_from_json({**body, "id": "draft", "currency": "EUR"})


def asked(**values: str) -> Asked:
    usual = {"start": "2026-11-23T12:00", "energy": "32", "charging": "2 h", "idle": ""}
    return Asked(**{"week": "", "site": "", "group": "", **usual, **values})


def test_a_week_of_day_and_night_has_a_step_at_each_change_of_price() -> None:
    steps = price_steps(tariff_of(BY_KEY["day-night"].body), BERLIN, MONDAY)

    assert len(steps) == 15
    assert [step.energy.excl for step in steps[:3]] == [
        Fraction(35, 100),
        Fraction(45, 100),
        Fraction(35, 100),
    ]
    assert steps[0].energy.incl == Fraction("0.4165")
    assert steps[0].at == datetime(2026, 10, 18, 22, tzinfo=UTC)


def test_a_week_with_a_clock_change_is_an_hour_longer_and_steps_by_the_local_clock() -> None:
    curve = week_curve(tariff_of(BY_KEY["day-night"].body), BERLIN, MONDAY)

    series = json.loads(curve.series)
    assert series["until"] - series["from"] == 7 * 86_400 + 3_600
    assert series["until"] - series["midnights"][-1] == 25 * 3_600, "the day of the change"
    assert [row.when for row in curve.rows[-3:]] == [
        "Sat 24 Oct 22:00",
        "Sun 25 Oct 06:00",
        "Sun 25 Oct 22:00",
    ]
    assert series["at"][-1] == series["until"]
    assert len(series["at"]) == len(series["net"]) == len(series["parking"])


def test_blocks_allowances_and_least_prices_do_not_bend_the_price_of_a_kwh() -> None:
    body = {
        "elements": [
            {
                "price_components": [
                    {"type": "ENERGY", "price": "0.40", "step_size": 5_000},
                    {"type": "PARKING_TIME", "price": "6", "step_size": 7_200},
                ]
            }
        ],
        "min_price": {"excl_vat": "10", "incl_vat": "10"},
        "daily_cap": {"excl_vat": "0.01", "incl_vat": "0.01"},
        "allowances": [{"type": "ENERGY", "quantity": "5"}],
    }

    (step,) = price_steps(tariff_of(body), BERLIN, MONDAY)

    assert step.energy.incl == Fraction(2, 5)
    assert step.parking.incl == 6


def test_a_group_sees_its_own_price() -> None:
    body = {
        "elements": [
            {
                "price_components": [{"type": "ENERGY", "price": "0.30"}],
                "restrictions": {"user_groups": ["fleet"]},
            },
            {"price_components": [{"type": "ENERGY", "price": "0.50"}]},
        ]
    }
    fleet = PriceContext(zone="UTC", user_groups=frozenset({"fleet"}))

    ours = week_curve(tariff_of(body), fleet, MONDAY)
    theirs = week_curve(tariff_of(body), BERLIN, MONDAY)

    assert ours.rows[0].energy == "0.30"
    both, before = with_old(ours, tariff_of(body), BERLIN, MONDAY)
    assert before.rows == theirs.rows
    assert json.loads(both.series)["old"]["gross"] == [0.5, 0.5]


def test_a_market_steps_by_its_hours_and_its_silence_is_said() -> None:
    tariff = tariff_of(BY_KEY["spot"].body)
    start = midnight(MONDAY, "Europe/Berlin")
    hours = tuple(start + timedelta(hours=hour) for hour in range(48))
    prices = tuple(Decimal(hour) / 100 for hour in range(48))
    curve = SpotCurve(hours, prices, hours[-1] + timedelta(hours=1))
    followed = PriceContext(zone="Europe/Berlin", spot={"DE-LU": curve})

    week = week_curve(tariff, followed, MONDAY)

    assert len(week.rows) == 49, "48 hours, and the fallback for the rest"
    assert week.rows[10].energy_net == "0.25", "0.10 of the market and 0.15"
    assert week.rows[-1].energy_net == "0.27"
    assert any("DE-LU" in note for note in week.notes)


def test_prices_are_read_with_two_to_four_decimals_and_rounding_is_marked() -> None:
    assert unit_text(Fraction(1, 2)) == "0.50"
    assert unit_text(Fraction("0.4165")) == "0.4165"
    assert unit_text(Fraction(1, 3)) == "≈ 0.3333"
    assert unit_text(Fraction(12)) == "12.00"


def test_seven_days_begin_on_the_day_that_was_asked_for() -> None:
    sunday, today = date(2026, 11, 29), date(2026, 10, 21)
    assert day_or_today("2026-11-29", today) == sunday, "tomorrow is seen on a Sunday too"
    assert day_or_today("nonsense", today) == today
    assert day_or_today("0001-01-01", today) == today


@pytest.mark.parametrize(
    "values",
    [
        {"start": "soon"},
        {"start": "1970-01-01T00:00"},
        {"energy": "NaN"},
        {"energy": "-1"},
        {"energy": "1e9"},
        {"charging": "for ever"},
        {"charging": "40 days"},
        {"charging": "", "energy": "5"},
        {"charging": "", "energy": "", "idle": ""},
    ],
    ids=str,
)
def test_a_session_that_cannot_be_imagined_is_named(values: dict[str, str]) -> None:
    assert isinstance(read_imagined(asked(**values), "UTC"), str)


def test_an_imagined_session_is_of_the_sites_clock() -> None:
    imagined = read_imagined(asked(energy="7,5", idle="30 min"), "Europe/Berlin")

    assert imagined == Imagined(
        started_at=datetime(2026, 11, 23, 11, tzinfo=UTC),
        energy_wh=7_500,
        charging_s=7_200,
        idle_s=1_800,
    )
