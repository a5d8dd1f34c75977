import json
from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.tariff.canonical import tariff_to_json
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.version import (
    DayOfWeek,
    PriceLimit,
    Restrictions,
    TariffInvalid,
    TariffVersion,
)
from tests.domain.tariffs import (
    energy,
    restrictions,
    tariffs,
)

GOOD: dict[str, Any] = {
    "id": "T1",
    "currency": "EUR",
    "party_id": "HFT",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": 0.25, "vat": "19", "step_size": 1.0}],
            "restrictions": {"start_time": "07:00", "day_of_week": ["MONDAY"], "max_kwh": 20},
        },
        {"price_components": [{"type": "FLAT", "price": "1.00"}]},
    ],
    "max_price": {"before_taxes": 40, "after_taxes": "47.6"},
    "idle_grace_s": 900,
    "tax_included": "NO",
}


def changed(path: str, value: object) -> dict[str, Any]:
    """A copy of the good tariff with one thing in it changed."""
    data: dict[str, Any] = json.loads(json.dumps(GOOD))
    place: Any = data
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in steps:
        place = place[step]
    place[last] = value
    return data


def test_a_tariff_is_read_from_ocpis_json() -> None:
    read = tariff_from_json(GOOD)

    first = read.elements[0]
    assert first.price_components == (energy("0.25", "19"),)
    assert first.restrictions == Restrictions(
        start_time=time(7), day_of_week=(DayOfWeek.MONDAY,), max_kwh=Decimal(20)
    )
    assert read.elements[1].price_components[0].vat is None
    assert read.max_price == PriceLimit(excl_vat=Decimal(40), incl_vat=Decimal("47.6"))
    assert read.idle_grace_s == 900


@given(tariffs(st.none() | restrictions, st.integers(0, 1_000)))
def test_a_tariff_survives_its_json(written: TariffVersion) -> None:
    assert tariff_from_json(json.loads(json.dumps(tariff_to_json(written)))) == written


@pytest.mark.parametrize(
    ("path", "value", "field", "expected"),
    [
        ("currency", "EURO", "currency", "ISO 4217"),
        ("elements", [], "elements", "1 to 100"),
        ("elements", {}, "elements", "a list"),
        ("elements/0/price_components", [], "elements[0].price_components", "1 to 10"),
        ("elements/0/price_components/0/type", "POWER", "elements[0].price_components[0].type",
         "ENERGY, TIME"),
        ("elements/0/price_components/0/price", "-1", "elements[0].price_components[0].price",
         "0 to 1000000"),
        ("elements/0/price_components/0/price", "0.1234567",
         "elements[0].price_components[0].price", "6 decimals"),
        ("elements/0/price_components/0/price", "1E-999999999",
         "elements[0].price_components[0].price", "6 decimals"),
        ("max_price/excl_vat", "1E-999999999", "max_price.excl_vat", "6 decimals"),
        ("elements/0/price_components/0/price", True, "elements[0].price_components[0].price",
         "a decimal"),
        ("elements/0/price_components/0/price", "NaN", "elements[0].price_components[0].price",
         "a decimal"),
        ("elements/0/price_components/0/price", "0_1", "elements[0].price_components[0].price",
         "a decimal"),
        ("elements/0/price_components/0/price", None, "elements[0].price_components[0].price",
         "a decimal"),
        ("elements/0/price_components/0/vat", "190", "elements[0].price_components[0].vat",
         "0 to 100"),
        ("elements/0/price_components/0/vat", "19%", "elements[0].price_components[0].vat",
         'a percentage such as "19"'),
        ("elements/0/price_components/0/step_size", 1.5,
         "elements[0].price_components[0].step_size", "whole number"),
        ("elements/0/price_components/0/step", 1, "elements[0].price_components[0].step",
         "unknown field"),
        ("elements/0/restrictions/start_time", "7:00", "elements[0].restrictions.start_time",
         "07:30"),
        ("elements/0/restrictions/end_time", "24:00", "elements[0].restrictions.end_time", "23:59"),
        ("elements/0/restrictions/start_date", "1.3.2026", "elements[0].restrictions.start_date",
         "2026-03-29"),
        ("elements/0/restrictions/day_of_week", ["MONTAG"],
         "elements[0].restrictions.day_of_week[0]", "MONDAY"),
        ("elements/0/restrictions/day_of_week", ["MONDAY", "MONDAY"],
         "elements[0].restrictions.day_of_week", "each day once"),
        ("elements/0/restrictions/max_kWh", 3, "elements[0].restrictions.max_kWh",
         "unknown field"),
        ("elements/0/restrictions/min_duration", "long", "elements[0].restrictions.min_duration",
         "whole number"),
        ("max_price", {}, "max_price.price limit", "before tax"),
        ("idle_grace_s", -1, "idle_grace_s", "0 to 86400"),
        ("tax_included", "MAYBE", "tax_included", "YES, NO, N/A"),
        ("tarif_alt_text", [], "tarif_alt_text", "unknown field"),
        ("id", "", "id", "1 to 64"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_its_place(
    path: str, value: object, field: str, expected: str
) -> None:
    with pytest.raises(TariffInvalid) as refusal:
        tariff_from_json(changed(path, value))

    assert refusal.value.field == field
    assert expected in refusal.value.expected
    assert field in str(refusal.value)


@pytest.mark.parametrize("value", [None, [], "tariff", 3])
def test_what_is_no_object_is_no_tariff(value: object) -> None:
    with pytest.raises(TariffInvalid, match="JSON object"):
        tariff_from_json(value)


@pytest.mark.parametrize("wrong", ["10", 10, [], True])
@pytest.mark.parametrize(
    "path",
    [
        "daily_cap",
        "min_price",
        "max_price",
        "allowances/0",
        "elements/0",
        "elements/0/restrictions",
        "elements/0/price_components/0",
        "elements/0/price_components/0/spot",
    ],
)
def test_what_should_be_an_object_is_refused_with_one_that_would_do(
    path: str, wrong: object
) -> None:
    def with_it(value: object) -> dict[str, Any]:
        whole = path == "allowances/0"  # the good tariff has none
        return changed("allowances", [value]) if whole else changed(path, value)

    with pytest.raises(TariffInvalid) as refusal:
        tariff_from_json(with_it(wrong))

    expected, example = refusal.value.expected.split(" such as ")
    assert expected == "use an object"
    assert refusal.value.field == path.replace("/0", "[0]").replace("/", ".")
    assert tariff_from_json(with_it(json.loads(example)))


@pytest.mark.parametrize(("written", "read"), [(0.1, "0.1"), (0.29, "0.29"), (1e-06, "0.000001")])
def test_a_float_is_read_as_it_was_written(written: float, read: str) -> None:
    data = changed("elements/0/price_components/0/price", written)

    assert tariff_from_json(data).elements[0].price_components[0].price == Decimal(read)


def test_a_float_that_was_calculated_is_refused() -> None:
    with pytest.raises(TariffInvalid, match="a decimal such as"):
        tariff_from_json(changed("elements/0/price_components/0/price", 0.1 + 0.2))


@pytest.mark.parametrize(
    ("start", "end", "stretches"),
    [
        (None, None, [(0, 1_440)]),
        (time(7), time(9, 30), [(420, 570)]),
        (time(18), None, [(1_080, 1_440)]),
        (time(18), time(0), [(1_080, 1_440)]),
        (None, time(6), [(0, 360)]),
        (time(22), time(6), [(0, 360), (1_320, 1_440)]),
        (time(8), time(8), [(0, 1_440)]),
    ],
    ids=["no window", "by day", "no end", "to midnight", "no start", "by night", "equal times"],
)
def test_a_window_is_open_from_its_start_to_before_its_end_also_over_midnight(
    start: time | None, end: time | None, stretches: list[tuple[int, int]]
) -> None:
    window = Restrictions(start_time=start, end_time=end)

    assert [(open_at.start, open_at.stop) for open_at in window.minutes()] == stretches
