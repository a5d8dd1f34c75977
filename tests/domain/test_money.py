from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.currency import EUR, Currency, UnknownCurrency
from holdfast.domain.money import (
    CurrencyMismatch,
    Money,
    MoneyInvalid,
    amount_text,
    round_half_up,
    to_minor,
)

CURRENCIES = ["EUR", "USD", "JPY", "KWD", "ISK", "UGX", "MGA", "HUF"]


@pytest.mark.parametrize(
    ("exact", "whole"),
    [("0.125", 0), ("0.5", 1), ("1.5", 2), ("2.5", 3), ("-0.5", -1), ("-0.49", 0), ("2.4999", 2)],
)
def test_a_half_is_rounded_away_from_zero(exact: str, whole: int) -> None:
    assert round_half_up(Decimal(exact)) == whole


@given(st.fractions())
def test_rounding_moves_by_half_a_unit_at_most_and_mirrors_at_zero(exact: Fraction) -> None:
    whole = round_half_up(exact)

    assert abs(whole - exact) <= Fraction(1, 2)
    assert round_half_up(-exact) == -whole


@given(st.integers(-(10**12), 10**12), st.sampled_from(CURRENCIES))
def test_money_reads_back_what_it_wrote(amount: int, code: str) -> None:
    money = Money(amount, Currency.of(code))

    assert Money.parse(money.decimal_text(), money.currency) == money


@given(st.integers(-(10**9), 10**9), st.sampled_from(CURRENCIES))
def test_a_chargeable_amount_reaches_stripe_and_comes_back(amount: int, code: str) -> None:
    money = Money(amount, Currency.of(code)).chargeable()

    assert Money.from_stripe(money.to_stripe(), money.currency) == money


@pytest.mark.parametrize(
    ("code", "amount_minor", "stripe"),
    [
        ("EUR", 1_999, 1_999),
        ("JPY", 500, 500),
        ("ISK", 500, 50_000),
        ("UGX", 7, 700),
        ("KWD", 1_230, 1_230),
        ("MGA", 50_000, 500),
    ],
)
def test_stripe_hears_each_currency_in_its_own_units(
    code: str, amount_minor: int, stripe: int
) -> None:
    assert Money(amount_minor, Currency.of(code)).to_stripe() == stripe


@pytest.mark.parametrize(("code", "amount_minor"), [("KWD", 1_234), ("MGA", 150)])
def test_an_amount_that_stripe_would_refuse_is_refused_here(code: str, amount_minor: int) -> None:
    money = Money(amount_minor, Currency.of(code))

    with pytest.raises(MoneyInvalid, match="cannot be charged"):
        money.to_stripe()

    assert money.chargeable().to_stripe() > 0


@pytest.mark.parametrize("text", ["", "1,50", "1.234", "1e3", "0x1", "--1", "NaN", "1."])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(MoneyInvalid):
        Money.parse(text, EUR)


def test_nineteen_ninety_nine_is_not_nineteen_ninety_eight() -> None:
    assert to_minor(Decimal("19.99"), EUR) == 1_999
    assert Money.parse("19.99", EUR).amount_minor == 1_999
    assert str(Money(-5, EUR)) == "-0.05 EUR"


def test_two_currencies_do_not_mix() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(1, EUR) + Money(1, Currency.of("USD"))
    with pytest.raises(CurrencyMismatch):
        _ = Money(1, EUR) < Money(1, Currency.of("USD"))


@pytest.mark.parametrize("code", ["eur", "XYZ", "", "EURO"])
def test_an_unknown_currency_is_refused(code: str) -> None:
    with pytest.raises(UnknownCurrency, match="ISO 4217"):
        Currency.of(code)


def test_money_is_never_a_float() -> None:
    with pytest.raises(MoneyInvalid, match="whole numbers"):
        Money(19.99, EUR)  # type: ignore[arg-type]


def test_an_amount_reads_as_people_write_it() -> None:
    assert amount_text(176, "EUR") == "1.76 EUR"
    assert amount_text(176, "JPY") == "176 JPY"
    assert amount_text(176, "???") == "176 ??? (minor units)"
