"""Partners' tariffs: what is unknown is a finding, what would misprice blocks, wrong is refused."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from holdfast.domain.finding import Severity
from holdfast.domain.tariff.foreign import ForeignTariff, date_time, foreign_tariff
from holdfast.domain.tariff.version import DayOfWeek, DimensionType, TariffInvalid, TariffType

GOOD: dict[str, Any] = {
    "country_code": "NL",
    "party_id": "TST",
    "id": "17",
    "currency": "EUR",
    "type": "REGULAR",
    "start_date_time": "2026-01-01T00:00:00Z",
    "end_date_time": "2026-07-01T00:00:00",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": 0.25, "vat": 19, "step_size": 1}],
            "restrictions": {"start_time": "07:00", "day_of_week": ["MONDAY"]},
        },
        {"price_components": [{"type": "FLAT", "price": "1.00"}]},
    ],
    "max_price": {"excl_vat": 40, "incl_vat": "47.6"},
    "last_updated": "2026-01-01T00:00:00Z",
}


def changed(path: str, value: object) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(GOOD))
    place: Any = data
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in steps:
        place = place[step]
    place[last] = value
    return data


def found(read: ForeignTariff) -> dict[str, Severity]:
    return {item.code: item.severity for item in read.findings}


def test_a_sound_tariff_is_read_without_findings() -> None:
    read = foreign_tariff(GOOD)

    assert read.findings == ()
    assert read.version is not None
    assert (read.id, read.version.type) == ("17", TariffType.REGULAR)
    assert read.valid_at(datetime(2026, 1, 1, tzinfo=UTC))
    assert not read.valid_at(datetime(2025, 12, 31, 23, 59, tzinfo=UTC))
    assert not read.valid_at(datetime(2026, 7, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("path", "value", "code", "severity", "elements"),
    [
        ("vendor_mood", "good", "unknown_field", Severity.NOTE, 2),
        ("max_price/per_day", 4, "unknown_field", Severity.REVIEW, 2),
        ("elements/0/label", "day", "unknown_field", Severity.REVIEW, 2),
        ("elements/0/price_components/0/discount", 1, "unknown_field", Severity.REVIEW, 2),
        ("type", "PROFILE_LOUD", "unknown_value", Severity.REVIEW, 2),
        ("tax_included", "PARTLY", "unknown_value", Severity.BLOCK, 2),
        ("elements/0/restrictions/min_soc", 20, "unknown_restriction", Severity.BLOCK, 1),
        ("elements/0/restrictions/day_of_week", ["HOLIDAY"], "unknown_restriction",
         Severity.BLOCK, 1),
        ("elements/0/restrictions/reservation", "MAYBE", "unknown_restriction", Severity.BLOCK, 1),
        ("elements/0/price_components/0/type", "SESSION_TIME", "unknown_dimension",
         Severity.BLOCK, 1),
        ("elements/0/restrictions/end_time", "24:00", "odd_time", Severity.NOTE, 2),
        ("elements/0/restrictions/start_time", "08:00:00", "odd_time", Severity.NOTE, 2),
        ("elements/0/restrictions/max_duration", 2**31 - 1, "no_limit", Severity.NOTE, 2),
        ("elements/0/restrictions/max_kwh", "9999999", "no_limit", Severity.NOTE, 2),
        ("max_price/incl_vat", 99_999_999, "no_limit", Severity.NOTE, 2),
        ("elements/0/price_components", [], "no_component", Severity.NOTE, 1),
        ("elements/0/price_components/0/price", "0.40336134", "finer_than_we_count",
         Severity.REVIEW, 2),
        ("elements/0/restrictions/max_kwh", "1.23456789", "finer_than_we_count",
         Severity.REVIEW, 2),
    ],
)  # fmt: skip
def test_what_is_not_known_is_a_finding(
    path: str, value: object, code: str, severity: Severity, elements: int
) -> None:
    read = foreign_tariff(changed(path, value))

    assert found(read)[code] is severity
    assert read.version is not None
    assert len(read.version.elements) == elements


def test_null_is_no_value_and_case_is_no_matter() -> None:
    odd = changed("elements/0/restrictions/min_soc", None)
    odd["elements"][0]["price_components"][0]["type"] = "energy"
    odd["elements"][0]["restrictions"]["day_of_week"] = ["Monday", "MONDAY"]
    odd["vendor_mood"] = None

    read = foreign_tariff(odd)

    assert read.findings == ()
    assert read.version is not None
    element = read.version.elements[0]
    assert element.price_components[0].type is DimensionType.ENERGY
    assert element.restrictions is not None
    assert element.restrictions.day_of_week == (DayOfWeek.MONDAY,)


def test_what_is_written_in_another_way_and_means_the_same_is_no_finding() -> None:
    odd = changed("currency", "eur")
    odd["elements"][0]["price_components"][0]["step_size"] = "60"
    odd["elements"][0]["restrictions"] |= {"min_duration": "0", "max_duration": "3600"}
    odd["elements"][1]["restrictions"] = []
    odd["min_price"] = {}

    read = foreign_tariff(odd)

    assert read.findings == ()
    assert read.version is not None
    first, second = read.version.elements
    assert first.restrictions is not None
    assert (first.restrictions.min_duration, first.restrictions.max_duration) == (0, 3_600)
    assert first.price_components[0].step_size == 60
    assert (second.restrictions, read.version.min_price) == (None, None)
    assert str(read.version.currency) == "EUR"


def test_an_upper_limit_that_nothing_reaches_is_none() -> None:
    endless = changed("max_price", {"excl_vat": 1e9, "incl_vat": "1e9"})
    endless["elements"][0]["restrictions"] |= {"max_power": 1e9, "max_current": 10**30}

    read = foreign_tariff(endless)

    assert {item.code for item in read.findings} == {"no_limit"}
    assert read.version is not None
    assert read.version.max_price is None
    limits = read.version.elements[0].restrictions
    assert limits is not None
    assert (limits.max_power, limits.max_current) == (None, None)


def test_the_noise_of_a_binary_float_is_no_finding() -> None:
    read = foreign_tariff(changed("elements/0/price_components/0/price", 0.1 + 0.2))

    assert read.findings == ()
    assert read.version is not None
    assert read.version.elements[0].price_components[0].price == Decimal("0.3")


def test_a_tariff_of_which_nothing_is_left_has_no_version() -> None:
    alone = changed("elements/0/restrictions", {"min_soc": 20})
    del alone["elements"][1]

    read = foreign_tariff(alone)

    assert read.version is None
    assert found(read) == {"unknown_restriction": Severity.BLOCK}


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("id", None, "tariff.id"),
        ("currency", "EURO", "tariff.currency"),
        ("elements", [], "tariff.elements"),
        ("elements", None, "tariff.elements"),
        ("elements", {}, "tariff.elements"),
        ("elements", [None], "tariff.elements[0]"),
        ("elements/0/price_components", [3], "tariff.elements[0].price_components[0]"),
        ("elements/0/price_components", None, "tariff.elements[0].price_components"),
        ("elements/0/price_components/0/price", "0_1.1234567",  # digits grouped as Python does
         "tariff.elements[0].price_components[0].price"),
        ("elements/0/price_components/0/price", "cheap",
         "tariff.elements[0].price_components[0].price"),
        ("elements/0/price_components/0/price", -1,
         "tariff.elements[0].price_components[0].price"),
        ("elements/0/price_components/0/step_size", Decimal("1E+999999999"),
         "tariff.elements[0].price_components[0].step_size"),
        ("elements/0/restrictions", ["MONDAY"], "tariff.elements[0].restrictions"),
        ("elements/0/restrictions/min_kwh", 1_000_001, "tariff.elements[0].restrictions.min_kwh"),
        ("elements/0/restrictions/min_duration", "soon",
         "tariff.elements[0].restrictions.min_duration"),
        ("max_price", {"per_day": 4}, "tariff.max_price.price limit"),
        ("elements/0/restrictions/start_time", "25:99",
         "tariff.elements[0].restrictions.start_time"),
        ("elements/0/restrictions/day_of_week", "MONDAY",
         "tariff.elements[0].restrictions.day_of_week"),
        ("elements/0/restrictions/day_of_week", [["MONDAY"]],
         "tariff.elements[0].restrictions.day_of_week[0]"),
        ("start_date_time", "soon", "tariff.start_date_time"),
        ("end_date_time", 3, "tariff.end_date_time"),
        ("max_price", 40, "tariff.max_price"),
    ],
)  # fmt: skip
def test_what_is_known_and_wrong_is_refused_by_its_place(
    path: str, value: object, field: str
) -> None:
    with pytest.raises(TariffInvalid) as refusal:
        foreign_tariff(changed(path, value))

    assert refusal.value.field == field


def test_what_is_no_object_is_refused_under_its_path() -> None:
    with pytest.raises(TariffInvalid, match=r"tariffs\[3\]"):
        foreign_tariff([], "tariffs[3]")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-29T01:30:00Z", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("2026-03-29T01:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("2026-03-29T01:30:00.250Z", datetime(2026, 3, 29, 1, 30, 0, 250_000, tzinfo=UTC)),
        ("2026-03-29t01:30:00z", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("2026-03-29T03:30:00+02:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_an_instant_without_a_zone_is_utc(written: str, meant: datetime) -> None:
    assert date_time(written, "at") == meant


@pytest.mark.parametrize("written", ["", "2026-03-29", "29.3.2026 01:30:00", "x" * 20, None, 5])
def test_what_is_no_instant_is_refused(written: object) -> None:
    with pytest.raises(TariffInvalid, match="use an instant"):
        date_time(written, "at")
