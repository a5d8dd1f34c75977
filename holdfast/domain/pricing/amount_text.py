"""Exact amounts as text, from whole numbers: a bill has many, so no `Fraction` is made for them."""

from fractions import Fraction
from math import gcd

AMOUNT_DECIMALS_MAX = 40

_USUAL_DECIMALS = 18
_USUAL = 10**_USUAL_DECIMALS
_MOST = 10**AMOUNT_DECIMALS_MAX
_POWERS = tuple(10**decimals for decimals in range(AMOUNT_DECIMALS_MAX + 1))


def exact_text(value: Fraction) -> str:
    """A decimal string where the value has one, else the fraction: `"0.125"`, `"17/60"`.

    `Fraction(text)` reads both back exactly.
    """
    return ratio_text(value.numerator, value.denominator)


def ratio_text(numerator: int, denominator: int) -> str:
    """`exact_text` of a fraction in parts, which need not be in lowest terms."""
    digits, rest = divmod(numerator * _USUAL, denominator)
    if not rest:
        return decimal_text_of(digits, _USUAL_DECIMALS)
    digits, rest = divmod(numerator * _MOST, denominator)
    if not rest:
        return decimal_text_of(digits, AMOUNT_DECIMALS_MAX)
    common = gcd(numerator, denominator)
    return f"{numerator // common}/{denominator // common}"


def decimal_text_of(digits: int, decimals: int) -> str:
    """A whole number of the last decimal as text, without zeros at its end: 1610 is `"16.1"`."""
    if not decimals:
        return str(digits)
    whole_part, rest = divmod(abs(digits), _POWERS[decimals])
    sign = "-" if digits < 0 else ""
    if not rest:
        return f"{sign}{whole_part}"
    return f"{sign}{whole_part}.{str(rest).zfill(decimals).rstrip('0')}"


def decimal_places(digits: int, decimals: int) -> str:
    """A whole number of the last decimal as text: 1610 with two is `"16.10"`."""
    text = str(digits)
    if len(text) <= decimals or digits < 0:
        # zfill puts the zeros after the sign.
        text = text.zfill(decimals + (1 if digits >= 0 else 2))
    return f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text
