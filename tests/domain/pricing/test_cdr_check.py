"""The check of a partner's CDR: what is odd in it, and where its cost is unlike its tariff."""

import json
from decimal import Decimal
from typing import Any

import pytest

from holdfast.domain.finding import Finding, Severity
from holdfast.domain.pricing.cdr import price_record, read_record
from holdfast.domain.pricing.cdr_check import FINDINGS_MAX, check_cdr

SOUND: dict[str, Any] = {
    "time_zone": "Europe/Berlin",
    "tariff": {
        "id": "T1",
        "currency": "EUR",
        "elements": [
            {"price_components": [{"type": "FLAT", "price": 1, "vat": 20, "step_size": 1}]},
            {
                "price_components": [{"type": "ENERGY", "price": 0.5, "vat": 20, "step_size": 1}],
                "restrictions": {"end_time": "14:00"},
            },
            {"price_components": [{"type": "ENERGY", "price": 0.6, "vat": 20, "step_size": 1}]},
            {"price_components": [{"type": "PARKING_TIME", "price": 6, "vat": 20}]},
        ],
    },
    "cdr": {
        "start_date_time": "2026-03-04T12:00:00Z",
        "end_date_time": "2026-03-04T13:30:00Z",
        "currency": "EUR",
        "charging_periods": [
            {
                "start_date_time": "2026-03-04T12:00:00Z",
                "dimensions": [{"type": "ENERGY", "volume": 8}, {"type": "TIME", "volume": 1}],
            },
            {
                "start_date_time": "2026-03-04T13:00:00Z",
                "dimensions": [{"type": "PARKING_TIME", "volume": 0.5}],
            },
        ],
        "total_cost": {"excl_vat": 8.0, "incl_vat": 9.6},
        "total_energy_cost": {"excl_vat": 4, "incl_vat": 4.8},
        "total_fixed_cost": {"excl_vat": 1, "incl_vat": 1.2},
        "total_parking_cost": {"excl_vat": 3, "incl_vat": 3.6},
        "total_energy": 8,
        "total_time": 1.5,
        "total_parking_time": 0.5,
    },
}


def changed(path: str, value: object) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(SOUND))
    place: Any = data
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in steps:
        place = place[step]
    place[last] = value
    return data


def checked(value: dict[str, Any]) -> tuple[Finding, ...]:
    record = read_record(value)
    return check_cdr(record, price_record(record))


def test_a_sound_cdr_has_no_findings() -> None:
    assert checked(SOUND) == ()


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("cdr/charging_periods", [], "no_periods"),
        ("cdr/end_date_time", None, "no_end"),
        ("cdr/end_date_time", "2026-03-04T11:00:00Z", "ends_before_start"),
        ("cdr/start_date_time", "2026-03-04T12:10:00Z", "period_before_start"),
        ("cdr/start_date_time", "2026-03-04T11:50:00Z", "periods_gap"),
        ("cdr/end_date_time", "2026-03-04T12:50:00Z", "period_after_end"),
        ("cdr/total_energy", 8.5, "energy_unlike_total"),
        ("cdr/total_time", 1.4, "time_unlike_total"),
        ("cdr/total_parking_time", 0.4, "parking_unlike_total"),
        ("cdr/charging_periods/0/dimensions/1/volume", 0.8, "time_unlike_duration"),
        ("cdr/currency", "SEK", "currency_unlike_tariff"),
        ("cdr/total_cost", None, "no_total"),
        ("cdr/total_cost/excl_vat", 8.01, "total_cost_unlike_ours"),
        ("cdr/total_cost/incl_vat", 9.5, "total_cost_unlike_ours"),
        ("cdr/total_cost/incl_vat", 9.6001, "total_cost_unlike_ours"),
        ("cdr/total_fixed_cost/excl_vat", 2, "total_fixed_cost_unlike_ours"),
        ("cdr/total_parking_cost/incl_vat", 0, "total_parking_cost_unlike_ours"),
        ("cdr/total_cost", {"before_taxes": 8, "taxes": [{"amount": 1}]},
         "total_cost_unlike_ours"),
    ],
)  # fmt: skip
def test_what_is_odd_is_found(path: str, value: object, code: str) -> None:
    assert code in {item.code for item in checked(changed(path, value))}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("cdr/total_energy", 8.0009),
        ("cdr/total_time", 1.5003),
        ("cdr/charging_periods/0/dimensions/1/volume", 1.0003),
        ("cdr/total_cost/excl_vat", 8),
        ("cdr/total_cost", {"before_taxes": 8, "taxes": [{"amount": 1.6}]}),
        ("cdr/total_cost", {"excl_vat": 8}),
    ],
)
def test_what_rounding_explains_is_not_odd(path: str, value: object) -> None:
    assert checked(changed(path, value)) == ()


def test_a_cdr_may_cost_something_else_and_a_currency_may_not() -> None:
    other_total = checked(changed("cdr/total_cost/excl_vat", 5))
    other_currency = checked(changed("cdr/currency", "SEK"))

    assert {item.severity for item in other_total} == {Severity.REVIEW}
    assert Severity.BLOCK in {item.severity for item in other_currency}


def test_a_period_across_a_change_of_price_says_what_a_cut_would_cost() -> None:
    # Until 14:30 in Berlin; from 14:00 on a kWh costs 0.60.
    late = changed("cdr/charging_periods/0/start_date_time", "2026-03-04T12:30:00Z")
    late["cdr"]["charging_periods"][1]["start_date_time"] = "2026-03-04T13:30:00Z"
    late["cdr"]["start_date_time"] = "2026-03-04T12:30:00Z"
    late["cdr"]["end_date_time"] = "2026-03-04T14:00:00Z"

    found = checked(late)

    assert [item.code for item in found] == ["price_changes_inside"]
    assert found[0].detail == (
        "period 0 runs past 2026-03-04 14:00:00, where its price changes: by its start the session"
        " costs 9.60 EUR, cut at every change about 10.08 EUR"
    )


def test_thresholds_of_energy_and_time_are_edges_too() -> None:
    by_energy = changed("tariff/elements/1/restrictions", {"max_kwh": 6})
    by_time = changed("tariff/elements/1/restrictions", {"max_duration": 1_800})
    beyond = changed("tariff/elements/1/restrictions", {"max_kwh": 8})

    assert "price_changes_inside" in {item.code for item in checked(by_energy)}
    assert "price_changes_inside" in {item.code for item in checked(by_time)}
    assert checked(beyond) == ()


def test_a_month_of_charging_past_a_threshold_of_energy_is_cut_like_any_other_period() -> None:
    month = changed("tariff/elements/1/restrictions", {"max_kwh": 50})
    month["cdr"]["start_date_time"] = "2026-02-04T12:00:00Z"
    month["cdr"]["charging_periods"][0] = {
        "start_date_time": "2026-02-04T12:00:00Z",
        "dimensions": [{"type": "ENERGY", "volume": 80}],
    }

    found = {item.code: item.detail for item in checked(month)}

    # 30 of the 80 kWh cost 0.60 instead of 0.50, with 20 % tax: 3.60 more.
    assert "costs 52.80 EUR, cut at every change about 56.40 EUR" in found["price_changes_inside"]


def test_periods_that_give_no_times_say_nothing_of_the_duration() -> None:
    silent = changed("cdr/charging_periods/0/dimensions", [{"type": "ENERGY", "volume": 8}])

    assert checked(silent) == ()


def test_a_credit_has_a_negative_total_whatever_the_sign_of_the_rest() -> None:
    credit = changed("cdr/credit", True)
    credit["cdr"]["total_cost"] = {"excl_vat": -8, "incl_vat": -9.6}
    all_negative = json.loads(json.dumps(credit))
    all_negative["cdr"]["total_energy_cost"] = {"excl_vat": -4, "incl_vat": -4.8}
    positive = changed("cdr/credit", True)

    assert checked(credit) == ()
    assert checked(all_negative) == ()
    assert {item.code for item in checked(positive)} == {"credit_sign"}


def test_without_a_tariff_the_cdr_itself_is_still_checked() -> None:
    alone = changed("cdr/total_energy", 9)
    del alone["tariff"]

    assert [item.code for item in checked(alone)] == ["energy_unlike_total"]


def test_the_same_trouble_in_thousands_of_periods_is_said_a_few_times() -> None:
    record = changed("cdr/start_date_time", "2026-03-04T13:29:00Z")
    record["cdr"]["charging_periods"] *= 500

    found = [item.code for item in checked(record)]

    assert found.count("period_before_start") == FINDINGS_MAX


def test_the_stated_total_never_changes_the_price() -> None:
    told = price_record(read_record(changed("cdr/total_cost", {"excl_vat": 1, "incl_vat": 1})))
    ours = price_record(read_record(SOUND))

    assert told is not None
    assert ours is not None
    assert told.exact_incl == ours.exact_incl == Decimal("9.6")
