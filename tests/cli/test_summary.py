"""The summary line says what the API's overview says, in words."""

from typing import Any

import pytest

from cli.summary import money, summary_line

OVERVIEW: dict[str, Any] = {
    "stations": 12,
    "stations_online": 11,
    "sessions_active": 4,
    "energy_wh": 1_234_567,
    "captured": [
        {"currency": "EUR", "amount_minor": 1_234_05},
        {"currency": "JPY", "amount_minor": 900},
    ],
}


def test_the_line_shows_stations_sessions_energy_and_money() -> None:
    assert summary_line(OVERVIEW) == (
        "11/12 stations online · 4 sessions active · 1,234.5 kWh · 1,234.05 EUR + 900 JPY captured"
    )


def test_what_waits_for_a_person_is_shown_when_there_is_any() -> None:
    assert summary_line({"attention": 0}).endswith("nothing captured")
    assert summary_line({"attention": 2}).endswith("nothing captured · 2 waiting for a person")


def test_a_quiet_installation_has_a_line_too() -> None:
    assert summary_line({}) == (
        "0/0 stations online · 0 sessions active · 0.0 kWh · nothing captured"
    )


@pytest.mark.parametrize(
    "overview", [{"captured": 5}, {"captured": [{}]}, {"energy_wh": "much"}], ids=repr
)
def test_an_overview_that_cannot_be_read_breaks_nothing(overview: dict[str, Any]) -> None:
    assert summary_line(overview) == "the API answers, but not with an overview"


def test_no_answer_is_said_as_such() -> None:
    assert summary_line(None) == "waiting for the API to answer"


@pytest.mark.parametrize(
    ("amount_minor", "currency", "words"),
    [
        (5, "EUR", "0.05 EUR"),
        (-1_250, "EUR", "-12.50 EUR"),
        (1_250, "KWD", "1.250 KWD"),
        (1_250, "JPY", "1,250 JPY"),
    ],
)
def test_money_has_as_many_decimals_as_its_currency(
    amount_minor: int, currency: str, words: str
) -> None:
    assert money(amount_minor, currency) == words
