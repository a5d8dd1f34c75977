"""Exact amounts as text, from whole numbers: a bill has many, so no `Fraction` is made for them."""

from fractions import Fraction
from math import gcd

from holdfast.domain.pricing.context import RoundingMode
from holdfast.domain.pricing.rounding import whole

AMOUNT_DECIMALS_MAX = 40

_USUAL_DECIMALS = 18
_USUAL = 10**_USUAL_DECIMALS


def exact_text(value: Fraction) -> str:
    """A decimal string where the value has one, else the fraction: `"0.125"`, `"17/60"`.

    `Fraction(text)` reads both back exactly.
    """
    return ratio_text(value.numerator, value.denominator)


def ratio_text(numerator: int, denominator: int) -> str:
    """`exact_text` of a fraction in parts, which need not be in lowest terms."""
    common = gcd(numerator, denominator)
    numerator, denominator = numerator // common, denominator // common
    if denominator == 1:
        return str(numerator)
    decimals, power = _USUAL_DECIMALS, _USUAL
    if power % denominator:
        decimals, power = AMOUNT_DECIMALS_MAX, 10**AMOUNT_DECIMALS_MAX
        if power % denominator:
            return f"{numerator}/{denominator}"
    return decimal_places(numerator * (power // denominator), decimals).rstrip("0")


def rounded_text(numerator: int, denominator: int, decimals: int, mode: RoundingMode) -> str:
    """A fraction rounded to so many decimals, all of them written: `"16.10"`."""
    return decimal_places(whole(numerator * 10**decimals, denominator, mode), decimals)


def decimal_places(value: int, decimals: int) -> str:
    """A whole number of the last decimal as text: 1610 with two is `"16.10"`."""
    if not decimals:
        return str(value)
    digits = str(abs(value)).rjust(decimals + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"
