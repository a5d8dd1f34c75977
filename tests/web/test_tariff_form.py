"""The editor's form: fields from a body, a body from fields, rows added and moved. Pure."""

from typing import Any

import pytest

from holdfast.domain.finding import Finding, Severity
from holdfast.domain.tariff.canonical import tariff_to_json
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.templates import BY_KEY, TEMPLATES, fitted
from holdfast.domain.tariff.version import TariffInvalid
from web.dashboard.tariff_element_words import UNREADABLE, element_words
from web.dashboard.tariff_form import (
    OPEN_MAX,
    body_of,
    body_text,
    fields_of,
    names_of,
    read_body_text,
    read_fields,
)
from web.dashboard.tariff_problems import findings_said, place_of, problems_of, slot_of
from web.dashboard.tariff_quantities import duration_s, duration_text, plain
from web.dashboard.tariff_rows import change_rows

EVERYTHING: dict[str, Any] = {
    "elements": [
        {
            "price_components": [
                {
                    "type": "ENERGY",
                    "price": "0.15",
                    "vat": "19",
                    "step_size": 1,
                    "spot": {
                        "feed": "DE-LU",
                        "fallback": "0.10",
                        "factor": "1.05",
                        "floor": "0.20",
                        "ceiling": "0.90",
                    },
                },
                {"type": "PARKING_TIME", "price": "6", "vat": "19", "step_size": 60},
            ],
            "restrictions": {
                "start_time": "22:00",
                "end_time": "06:00",
                "start_date": "2026-12-01",
                "end_date": "2027-03-01",
                "day_of_week": ["MONDAY", "SUNDAY"],
                "min_kwh": "1.5",
                "max_kwh": "80",
                "min_current": "6",
                "max_current": "32",
                "min_power": "3.7",
                "max_power": "50",
                "min_duration": 0,
                "max_duration": 5_430,
                "holiday": False,
                "user_groups": ["fleet.north", "staff"],
            },
        },
        {
            "price_components": [{"type": "FLAT", "price": "2.00", "step_size": 1}],
            "restrictions": {"reservation": "RESERVATION_EXPIRES"},
        },
        {"price_components": [{"type": "ENERGY", "price": "0.50", "step_size": 1}]},
    ],
    "min_price": {"excl_vat": "1.00", "incl_vat": "1.19"},
    "max_price": {"incl_vat": "99"},
    "idle_grace_s": 100,
    "tax_included": "NO",
    "type": "REGULAR",
    "allowances": [
        {"type": "ENERGY", "quantity": "12.5", "per": "month"},
        {"type": "PARKING_TIME", "quantity": "1800", "per": "day"},
    ],
    "daily_cap": {"excl_vat": "20", "incl_vat": "23.80"},
    "holiday_calendar": "DE-BY",
    "holidays": ["2026-12-25", "2026-12-26"],
}
ENDS = {"id": "draft", "currency": "EUR"}


def meaning(body: dict[str, object]) -> dict[str, object]:
    return tariff_to_json(tariff_from_json(body | ENDS))


@pytest.mark.parametrize(
    "body", [EVERYTHING, *(template.body for template in TEMPLATES)], ids=lambda body: ""
)
def test_a_body_means_the_same_after_its_way_through_the_browser(body: dict[str, Any]) -> None:
    posted = dict(names_of(fields_of(body)))

    assert meaning(body_of(read_fields(posted))) == meaning(body)


def test_what_the_form_has_no_field_for_is_kept() -> None:
    text = [{"language": "de", "text": "Günstig"}]
    body = {**EVERYTHING, "tariff_alt_text": text}

    posted = dict(names_of(fields_of(body)))

    assert body_of(read_fields(posted))["tariff_alt_text"] == text


def test_what_cannot_be_read_stays_as_it_was_typed_and_is_named() -> None:
    posted = dict(names_of(fields_of(EVERYTHING)))
    typed = {
        "elements.0.price_components.0.price": "0,3x",
        "elements.0.restrictions.max_duration": "soon",
        "elements.1.price_components.0.step_size": "one",
        "idle_grace_s": "a while",
        "min_price.excl_vat": "-1",
        "allowances.1.quantity": "half an hour",
    }

    fields = read_fields(posted | typed)
    said, tariff = problems_of(body_of(fields), "EUR")

    assert tariff is None
    assert {one.field for one in said} == set(typed)
    assert all(one.severity is Severity.BLOCK for one in said)
    shown = dict(names_of(fields))
    assert {name: shown[name] for name in typed} == typed
    assert "“0,3x”" in next(one.text for one in said if one.field.endswith("0.price"))
    assert "15 min" in next(one.text for one in said if one.field == "idle_grace_s")


def test_every_problem_of_one_element_is_named_at_once() -> None:
    row = {"price_components": [{"type": "ENERGY", "price": ""}, {"type": "HEAT", "price": "1"}]}

    said, _ = problems_of({"elements": [row, {"price_components": []}], "colour": "red"}, "EUR")

    assert [one.slot for one in said] == [
        "said-tariff",
        "said-element-0-price-0",
        "said-element-0-price-1",
        "said-element-1",
    ]
    assert said[1].place == "Element 1, price 1, price"
    assert said[1].text.startswith("is empty")


@pytest.mark.parametrize(
    "body",
    [
        {"elements": "x"},
        {"elements": [3]},
        {"elements": [{"price_components": 1}]},
        {"elements": [{"price_components": [[]], "restrictions": []}]},
        {"elements": [], "allowances": {"a": 1}, "min_price": 3, "holidays": [[]]},
        {},
    ],
    ids=["text", "number", "no list", "wrong things", "wrong everywhere", "nothing"],
)
def test_problems_end_however_wrong_a_body_is(body: dict[str, Any]) -> None:
    said, tariff = problems_of(body, "EUR")

    assert said
    assert tariff is None


def test_a_comma_is_a_decimal_point_and_a_duration_has_a_unit() -> None:
    assert plain("0,25") == "0.25"
    assert plain("1,000,000") == "1,000,000", "ambiguous: left for the reader to refuse"
    assert [duration_s(text) for text in ("15", "15 min", "2h", "90 s", "1 day")] == [
        900,
        900,
        7_200,
        90,
        86_400,
    ]
    assert [duration_s(text) for text in ("1 h 30 min", "1h30m", "1,5 h", "1.5")] == [
        5_400,
        5_400,
        5_400,
        90,
    ]
    for text in ("-5", "1:30", "1 h 30", "30 min 1 h", "1 h 1 h", "0.3333 s", ""):
        assert duration_s(text) == text
    assert duration_s("9999999999") == "9999999999"
    for seconds in (0, 1, 59, 60, 90, 900, 3_600, 5_400, 86_400):
        assert duration_s(duration_text(seconds)) == seconds


def test_rows_come_in_order_whatever_order_a_browser_sends_them_in() -> None:
    posted = {
        "elements.7.price_components.2.price": "3",
        "elements.7.price_components.0.price": "2",
        "elements.3.price_components.0.price": "1",
        "elements.3.restrictions.day_of_week.SUNDAY": "on",
        "elements.3.restrictions.day_of_week.MONDAY": "on",
        "elements.3.restrictions.day_of_week.NODAY": "on",
        "elements.x.price_components.0.price": "4",
    }

    fields = read_fields(posted)

    assert [[row["price"] for row in item.components] for item in fields.elements] == [
        ["1"],
        ["2", "3"],
    ]
    assert body_of(fields)["elements"][0]["restrictions"] == {  # type: ignore[index]
        "day_of_week": ["MONDAY", "SUNDAY"]
    }


def test_elements_are_added_copied_moved_and_removed_with_all_that_was_typed() -> None:
    fields = fields_of(EVERYTHING)
    fields.elements[0].components[0]["price"] = "not yet a price"

    moved = change_rows(fields, "lower-element 0")
    assert moved is not None
    assert moved.focus == "lower-element 1"
    assert fields.elements[1].components[0]["price"] == "not yet a price"
    change_rows(fields, "copy-element 1")
    change_rows(fields, "remove-element 1")
    assert fields.elements[1].components[0]["price"] == "not yet a price"
    assert fields.elements[1].groups == ["fleet.north", "staff"]

    added = change_rows(fields, "add-element")
    assert added is not None
    assert added.focus == "elements.3.price_components.0.price"
    change_rows(fields, "add-component 3")
    assert [row["type"] for row in fields.elements[3].components] == ["ENERGY", "TIME"]
    change_rows(fields, "remove-component 3 0")
    assert [row["type"] for row in fields.elements[3].components] == ["TIME"]
    change_rows(fields, "add-allowance")
    change_rows(fields, "remove-allowance 0")
    assert len(fields.allowances) == 2


@pytest.mark.parametrize(
    "wish",
    [
        "",
        "remove-element 9",
        "raise-element 0",
        "remove-component 0 7",
        "explode 1",
        "add-element 1",
    ],
)
def test_a_wish_that_cannot_be_granted_changes_nothing(wish: str) -> None:
    fields = fields_of(EVERYTHING)

    assert change_rows(fields, wish) is None
    assert body_of(fields) == body_of(fields_of(EVERYTHING))


def test_the_experts_text_is_read_without_floats_and_a_mistake_has_its_line() -> None:
    assert read_body_text('{"a": 0.1000000000000000055511}') == {"a": "0.1000000000000000055511"}
    assert read_body_text(body_text(EVERYTHING)) == EVERYTHING
    with pytest.raises(TariffInvalid, match="line 2"):
        read_body_text('{\n"a" 1}')
    assert read_body_text('{"a": 99999999999999999999}') == {"a": "99999999999999999999"}
    no_text = ('{"a": "\\ud800"}', '{"a": "\\u0000"}')
    for text in ("[]", "{" * 100_000, '{"a":' * 50_000, "9" * 5_000, *no_text):
        with pytest.raises(TariffInvalid):
            read_body_text(text)


def test_advice_is_in_the_words_of_the_form() -> None:
    detail = "max_price.excl_vat is less than a fee: set tax_included to YES"

    (said,) = findings_said([Finding(code="any", detail=f"elements[0]: {detail}")])

    assert said.text == (
        "The greatest price before tax is less than a fee: say that prices are after tax"
    )


def test_a_finding_stands_beside_what_it_is_about() -> None:
    detail = "elements[1].price_components[0]: a begun block of 60 is billed whole: use 1"

    (said,) = findings_said([Finding(code="step_size", detail=detail)])

    assert said.slot == "said-element-1-price-0"
    assert said.place == "Element 2, price 1"
    assert said.text == "A begun block of 60 is billed whole: use 1"
    assert slot_of("elements[4].restrictions.min_kwh") == "said-element-4"
    assert slot_of("allowances[2].quantity") == "said-allowance-2"
    assert slot_of("min_price.incl_vat") == "said-tariff"
    assert place_of("elements[0].restrictions.min_kwh") == "Element 1, energy from"


def test_each_element_is_told_in_a_line_and_a_mistake_spoils_no_other() -> None:
    body = dict(BY_KEY["day-night"].body)
    broken = {"price_components": [{"type": "ENERGY", "price": "cheap"}]}

    lines = element_words({"elements": [*body["elements"], broken, "nonsense"]}, "EUR")

    assert lines == (
        "Energy 0.35 EUR per kWh, 22:00 to 06:00",
        "Energy 0.45 EUR per kWh, at any time",
        UNREADABLE,
        UNREADABLE,
    )
    assert element_words(None, "EUR") == element_words({"elements": "none"}, "EUR") == ()


def test_of_many_elements_the_first_is_open_and_what_is_shut_stays_so_where_it_is_moved() -> None:
    body = {"elements": [BY_KEY["plain"].body["elements"][0]] * (OPEN_MAX + 1)}
    fields = fields_of(body)
    assert [element.shut for element in fields.elements] == [False, True, True, True]

    fields.elements[1].shut = False
    assert change_rows(fields, "copy-element 3") is not None
    assert change_rows(fields, "raise-element 1") is not None
    assert change_rows(fields, "remove-element 1") is not None

    fields = read_fields(dict(names_of(fields)))
    assert [element.shut for element in fields.elements] == [False, True, True, False]
    assert not any(element.shut for element in fields_of(BY_KEY["day-night"].body).elements)


def test_a_beginning_names_a_market_and_a_group_that_there_are() -> None:
    spot, members = BY_KEY["spot"], BY_KEY["members"]

    body = fitted(spot, feeds=["NO1", "NO2"], groups=["crew"])
    assert body["elements"][0]["price_components"][0]["spot"]["feed"] == "NO1"
    assert fitted(spot, feeds=["AT", "DE-LU"]) == fitted(spot) == spot.body
    body = fitted(members, feeds=["NO1"], groups=["crew"])
    assert body["elements"][0]["restrictions"] == {"user_groups": ["crew"]}
    assert "members" in str(members.body), "the template itself stays"
