"""A partner's CDR: what is read of it, what it costs."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from holdfast.domain.finding import Severity
from holdfast.domain.pricing.cdr import price_record, read_record, session_costs
from holdfast.domain.pricing.record import RecordInvalid
from holdfast.domain.tariff.version import AllowancePer, DimensionType
from tests.domain.pricing.records import RECORD, changed, cheap, found, total


def test_hours_become_whole_seconds_before_anything_else() -> None:
    record = read_record(RECORD)

    first, second = record.periods
    assert (first.energy_mwh, first.time_s) == (8_000_000, 2_400)
    assert second.parking_s == 1_200
    assert first.tariff_id == second.tariff_id == "T1"
    assert first.started_at == datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert record.findings == ()
    assert total(record) == 4


def test_currents_powers_and_reservations_are_read() -> None:
    dimensions = [
        {"type": "min_power", "volume": 3},
        {"type": "MAX_POWER", "volume": 11},
        {"type": "MIN_CURRENT", "volume": 6},
        {"type": "MAX_CURRENT", "volume": "16.5"},
        {"type": "RESERVATION_TIME", "volume": 0.25},
        {"type": "STATE_OF_CHARGE", "volume": 40},
        {"type": "ENERGY_EXPORT", "volume": 1},
    ]

    record = read_record(changed("cdr/charging_periods/0/dimensions", dimensions))

    period = record.periods[0]
    assert [period.min_power_kw, period.max_power_kw] == [Decimal(3), Decimal(11)]
    assert [period.min_current_a, period.max_current_a] == [Decimal(6), Decimal("16.5")]
    assert period.reservation_s == 900
    assert record.findings == ()


def test_unknown_dimensions_are_passed_over_and_double_ones_added_up() -> None:
    dimensions = [
        {"type": "ENERGY", "volume": 1},
        {"type": "ENERGY", "volume": 2},
        {"type": "MIN_POWER", "volume": 5},
        {"type": "MIN_POWER", "volume": 4},
        {"type": "MAX_POWER", "volume": 5},
        {"type": "MAX_POWER", "volume": 7},
        {"type": "HAPPINESS", "volume": 9},
    ]

    record = read_record(changed("cdr/charging_periods/0/dimensions", dimensions))

    period = record.periods[0]
    assert period.energy_mwh == 3_000_000
    assert [period.min_power_kw, period.max_power_kw] == [Decimal(4), Decimal(7)]
    assert set(found(record)) == {"dimension_twice", "unknown_value"}


def test_fields_of_a_partners_own_are_passed_over_with_a_note() -> None:
    record = changed("cdr/vendor_mood", "good")
    record["cdr"]["remark"] = "thanks"
    for period in record["cdr"]["charging_periods"]:
        period |= {"weather": "rain", "tariff_id": "T1", "nothing": None}

    read = read_record(record)

    assert [item.detail for item in read.findings] == [
        "cdr: vendor_mood not known: passed over",
        "cdr.charging_periods: weather not known: passed over",
    ]
    assert set(found(read).values()) == {Severity.NOTE}


def test_periods_out_of_order_are_put_in_order() -> None:
    record = changed("context", {})
    record["cdr"]["charging_periods"].reverse()

    read = read_record(record)

    assert [period.energy_mwh for period in read.periods] == [8_000_000, 0]
    assert found(read) == {"period_out_of_order": Severity.REVIEW}


def test_the_context_comes_beside_the_cdr() -> None:
    context = {
        "reservation_expired": True,
        "user_groups": ["staff"],
        "spot": {
            "DE": {
                "starts": ["2026-03-04T12:00:00Z", "2026-03-04T13:00:00Z"],
                "prices": ["-0.01", None],
                "ends_at": "2026-03-04T14:00:00Z",
            }
        },
        "earlier": {
            "used": [
                {"type": "ENERGY", "per": "month", "span": "2026-03", "quantity": "1.5"},
                {"type": "TIME", "per": "day", "span": "2026-03-04", "quantity": 60},
            ],
            "spent": [{"day": "2026-03-04", "excl_vat": "1.5", "incl_vat": 2}],
        },
        "mood": "good",
    }

    record = read_record(changed("context", context))

    read = record.context
    assert read.zone == "Europe/Berlin"
    assert read.reservation_expired
    assert read.user_groups == {"staff"}
    assert read.spot["DE"].at(datetime(2026, 3, 4, 12, 30, tzinfo=UTC)) == Decimal("-0.01")
    assert read.spot["DE"].at(datetime(2026, 3, 4, 13, 30, tzinfo=UTC)) is None
    assert read.earlier.used == {
        (DimensionType.ENERGY, AllowancePer.MONTH, "2026-03"): 1_500_000,
        (DimensionType.TIME, AllowancePer.DAY, "2026-03-04"): 60,
    }
    assert read.earlier.spent == {"2026-03-04": (Fraction(3, 2), Fraction(2))}
    assert found(record) == {"unknown_field": Severity.REVIEW}


@pytest.mark.parametrize(
    ("context", "field"),
    [
        ([1], "context"),
        ({"user_groups": "staff"}, "context.user_groups"),
        ({"user_groups": [3]}, "context.user_groups"),
        ({"spot": []}, "context.spot"),
        ({"spot": {"DE": 4}}, "context.spot.DE"),
        ({"spot": {"DE": {"starts": ["2026-03-04T12:00:00Z"], "prices": []}}},
         "context.spot.DE.starts"),
        ({"spot": {"DE": {"starts": [], "prices": [], "ends_at": None}}},
         "context.spot.DE.ends_at"),
        ({"earlier": 4}, "context.earlier"),
        ({"earlier": {"used": [3]}}, "context.earlier.used[0]"),
        ({"earlier": {"used": [{"type": "SOC"}]}}, "context.earlier.used[0].type"),
        ({"earlier": {"used": [{"type": "TIME", "per": "year"}]}}, "context.earlier.used[0].per"),
        ({"earlier": {"used": [{"type": "TIME", "per": "day", "quantity": 0.5}]}},
         "context.earlier.used[0].quantity"),
        ({"earlier": {"spent": [None]}}, "context.earlier.spent[0]"),
        ({"earlier": {"spent": [{"day": "2026-03-04", "excl_vat": None}]}},
         "context.earlier.spent[0].excl_vat"),
    ],
)  # fmt: skip
def test_a_context_that_is_wrong_is_refused_by_its_place(context: object, field: str) -> None:
    with pytest.raises(RecordInvalid) as refusal:
        read_record(changed("context", context))

    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("cdr/charging_periods/0", 4, "cdr.charging_periods[0]"),
        ("cdr/charging_periods/0/tariff_id", 4, "cdr.charging_periods[0].tariff_id"),
        ("cdr/charging_periods/0/dimensions/0", 4, "cdr.charging_periods[0].dimensions[0]"),
        ("cdr/charging_periods/0/dimensions/0/volume", True,
         "cdr.charging_periods[0].dimensions[0].volume"),
        ("cdr/charging_periods/1/dimensions/0/volume", 1_000_000_000,
         "cdr.charging_periods[1].dimensions[0].volume"),
        ("cdr/total_energy", "much", "cdr.total_energy"),
        ("cdr/total_cost", 5, "cdr.total_cost"),
        ("cdr/total_cost", {"before_taxes": 1, "taxes": [{"amount": "x"}]},
         "cdr.total_cost.taxes[0].amount"),
        ("tariffs", [cheap("T1", 1), 4], "tariffs[1]"),
        ("tariffs", {}, "tariffs"),
    ],
)  # fmt: skip
def test_a_cdr_that_is_wrong_is_refused_by_its_place(path: str, value: object, field: str) -> None:
    with pytest.raises(RecordInvalid) as refusal:
        read_record(changed(path, value))

    assert refusal.value.field == field


def test_a_credit_takes_back_the_total_and_repeats_the_rest() -> None:
    record = changed("cdr/credit", True)

    read = read_record(record)
    priced = price_record(read)

    assert priced is not None
    costs = session_costs(read, priced)
    assert costs["total_cost"] == (Fraction(-4), Fraction(-4))
    assert costs["total_energy_cost"] == (Fraction(4), Fraction(4))


def test_a_credit_with_negative_volumes_is_the_same_credit() -> None:
    record = changed("cdr/credit", True)
    record["cdr"]["charging_periods"][0]["dimensions"][0]["volume"] = -8

    read = read_record(record)

    assert total(read) == -4
    assert set(found(read)) == {"credit_volumes_negative"}


def test_energy_that_is_fed_back_is_read_and_time_is_never_negative() -> None:
    read = read_record(changed("cdr/charging_periods/0/dimensions/0/volume", -1))

    assert read.periods[0].energy_mwh == -1_000_000
    with pytest.raises(RecordInvalid, match="use 0 or more"):
        read_record(changed("cdr/charging_periods/0/dimensions/1/volume", -1))


def test_durations_count_from_the_start_of_the_session() -> None:
    record = changed("cdr/start_date_time", "2026-03-04T11:00:00Z")
    record["tariff"]["elements"].insert(
        0, {**cheap("", 1)["elements"][0], "restrictions": {"min_duration": 3_600}}
    )

    read = read_record(record)

    assert total(read) == 8
    assert len(read.periods) == 2
    for period in record["cdr"]["charging_periods"]:
        period["dimensions"] = [{"type": "RESERVATION_TIME", "volume": 0.5}]
    assert read_record(record).context.session_started_at is None


def test_a_fee_is_that_of_the_first_period_and_not_of_a_start_without_one() -> None:
    record = changed("cdr/start_date_time", "2026-03-04T11:00:00Z")
    fee = {"price_components": [{"type": "FLAT", "price": 5}]}
    record["tariff"]["elements"] = [
        fee | {"restrictions": {"max_duration": 60}},
        fee | {"restrictions": {"end_time": "12:30"}},
        {"price_components": [{"type": "FLAT", "price": 2}]},
    ]

    assert total(read_record(record)) == 2


def test_the_durations_of_a_session_that_starts_late_count_from_the_first_period() -> None:
    record = changed("cdr/start_date_time", "2026-03-04T12:30:00Z")
    record["tariff"]["elements"] = [
        {**cheap("", 1)["elements"][0], "restrictions": {"max_duration": 60}}
    ]

    assert total(read_record(record)) == 8


def test_both_forms_of_a_stated_cost_are_read() -> None:
    record = changed(
        "cdr/total_cost", {"before_taxes": 4.2, "taxes": [{"amount": 0.8}, {"amount": "0.04"}]}
    )
    record["cdr"]["total_energy_cost"] = {"excl_vat": 4}
    record["cdr"]["total_time_cost"] = {"before_taxes": 1}

    stated = read_record(record).stated.costs

    assert (stated["total_cost"].excl, stated["total_cost"].incl) == (
        Decimal("4.2"),
        Decimal("5.04"),
    )
    assert stated["total_energy_cost"].excl == 4
    assert stated["total_energy_cost"].incl is None
    assert stated["total_time_cost"].incl is None
