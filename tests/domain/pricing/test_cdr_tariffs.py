"""Which of a CDR's tariffs prices which period."""

from fractions import Fraction
from typing import Any

import pytest

from holdfast.domain.finding import Severity
from holdfast.domain.pricing.cdr import price_record, read_record
from holdfast.domain.pricing.record import RecordInvalid
from tests.domain.pricing.records import changed, cheap, found, total


def test_tariffs_in_two_currencies_are_no_tariffs_of_one_session() -> None:
    record = changed("tariffs", [cheap("A", 1), {**cheap("B", 1), "currency": "SEK"}])
    record["cdr"]["charging_periods"][0]["tariff_id"] = "A"
    record["cdr"]["charging_periods"][1]["tariff_id"] = "B"

    with pytest.raises(RecordInvalid, match="currenc"):
        read_record(record)


def test_a_period_is_priced_by_the_tariff_that_it_names() -> None:
    record = changed("tariffs", [cheap("A", 1), cheap("B", 2)])
    record["cdr"]["charging_periods"][0]["tariff_id"] = "b"

    read = read_record(record)

    assert total(read) == 16
    assert read.tariffs[0].id == "B"


def test_a_period_that_names_no_tariff_while_others_do_is_priced_and_reported() -> None:
    record = changed("cdr/charging_periods/0/tariff_id", "T1")

    read = read_record(record)

    assert total(read) == 4
    assert found(read) == {"tariff_unnamed": Severity.REVIEW}
    record["cdr"]["charging_periods"][1]["tariff_id"] = "T1"
    assert found(read_record(record)) == {}


def test_a_tariff_that_only_the_cdr_has_counts_for_the_periods_that_name_it() -> None:
    record = changed("cdr/tariffs", [cheap("T1", 9), cheap("Embedded", 2), cheap("Other", 3)])
    for period in record["cdr"]["charging_periods"]:
        period["dimensions"] = [{"type": "ENERGY", "volume": 1}]
    record["cdr"]["charging_periods"][0]["tariff_id"] = "EMBEDDED"
    record["cdr"]["charging_periods"][1]["tariff_id"] = "T1"

    read = read_record(record)

    assert total(read) == Fraction("2.5")
    assert [tariff.id for tariff in read.tariffs] == ["Embedded", "T1"]
    assert found(read) == {}


def test_a_tariff_that_is_not_there_blocks() -> None:
    record = changed("cdr/charging_periods/0/tariff_id", "T9")
    record["cdr"]["charging_periods"][1]["tariff_id"] = "T1"

    read = read_record(record)

    assert found(read) == {"missing_tariff": Severity.BLOCK}
    assert total(read) == 4


def test_an_empty_tariff_id_names_none() -> None:
    record = changed("cdr/charging_periods/0/tariff_id", "")
    record["cdr"]["charging_periods"][1]["tariff_id"] = ""

    read = read_record(record)

    assert found(read) == {}
    assert total(read) == 4


def test_without_any_tariff_there_is_no_price() -> None:
    record = changed("context", {})
    del record["tariff"]

    read = read_record(record)

    assert price_record(read) is None
    assert found(read) == {"missing_tariff": Severity.BLOCK}


def test_a_tariff_of_which_no_element_can_be_judged_gives_no_price() -> None:
    record = changed("tariff/elements/0/restrictions", {"min_soc": 20})

    read = read_record(record)

    assert price_record(read) is None
    assert found(read) == {
        "unknown_restriction": Severity.BLOCK,
        "missing_tariff": Severity.BLOCK,
    }


def test_a_cdr_without_tariffs_beside_it_has_those_that_it_embeds() -> None:
    record = changed("cdr/tariffs", [cheap("T1", 2)])
    del record["tariff"]

    assert total(read_record(record)) == 16


@pytest.mark.parametrize(
    ("tariffs", "price", "codes"),
    [
        ([cheap("A", 1, end_date_time="2026-01-01T00:00:00Z"), cheap("A", 2)], 2, set()),
        ([cheap("A", 2), cheap("A", 1, start_date_time="2027-01-01T00:00:00Z")], 2, set()),
        ([cheap("A", 1), cheap("A", 2, start_date_time="2026-01-01T00:00:00Z")], 2, set()),
        ([cheap("A", 1, type="AD_HOC_PAYMENT"), cheap("B", 2, type="REGULAR")], 2, set()),
        ([cheap("A", 1, type="AD_HOC_PAYMENT"), cheap("B", 2)], 2, set()),
        ([cheap("A", 1, type="PROFILE_FAST"), cheap("B", 2, type="PROFILE_CHEAP")], 1,
         {"tariff_ambiguous"}),
        ([cheap("A", 1), cheap("B", 2)], 1, {"tariff_ambiguous"}),
        ([cheap("A", 3, end_date_time="2026-01-01T00:00:00Z")], 3, {"tariff_not_valid"}),
    ],
)  # fmt: skip
def test_without_an_id_validity_at_the_start_and_type_choose_the_tariff(
    tariffs: list[dict[str, Any]], price: int, codes: set[str]
) -> None:
    read = read_record(changed("tariffs", tariffs))

    assert total(read) == 8 * price
    assert set(found(read)) == codes


@pytest.mark.parametrize("kind", ["AD_HOC_USER", "ad_hoc_user"])
def test_a_driver_without_a_contract_pays_ad_hoc(kind: str) -> None:
    record = changed("tariffs", [cheap("A", 1), cheap("B", 2, type="AD_HOC_PAYMENT")])
    record["cdr"]["cdr_token"] = {"type": kind}

    assert total(read_record(record)) == 16


def test_findings_of_a_tariff_that_prices_nothing_are_left_out() -> None:
    record = changed("tariffs", [cheap("A", 1), {**cheap("B", 2), "mood": "bad"}])
    for period in record["cdr"]["charging_periods"]:
        period["tariff_id"] = "A"

    assert found(read_record(record)) == {}
