"""Exact amounts as text, from whole numbers: a bill has many, so no `Fraction` is made for them."""

from fractions import Fraction
from math import gcd

AMOUNT_DECIMALS_MAX = 40

Ratio = tuple[int, int]
"""A numerator and a positive denominator, not in lowest terms: amounts on the way to a text."""

_USUAL_DECIMALS = 18
_POWERS = tuple(10**decimals for decimals in range(AMOUNT_DECIMALS_MAX + 1))
_DECIMALS = {power: decimals for decimals, power in enumerate(_POWERS)}


def exact_text(value: Fraction) -> str:
    """A decimal string where the value has one, else the fraction: `"0.125"`, `"17/60"`.

    `Fraction(text)` reads both back exactly.
    """
    return ratio_text(value.numerator, value.denominator)


def ratio_text(numerator: int, denominator: int) -> str:
    """`exact_text` of a fraction in parts, which need not be in lowest terms."""
    decimals = _DECIMALS.get(denominator)
    if decimals is not None:
        return decimal_text_of(numerator, decimals)
    common = gcd(numerator, denominator)
    numerator, denominator = numerator // common, denominator // common
    for decimals in (_USUAL_DECIMALS, AMOUNT_DECIMALS_MAX):
        times, rest = divmod(_POWERS[decimals], denominator)
        if not rest:
            return decimal_text_of(numerator * times, decimals)
    return f"{numerator}/{denominator}"


def shortest_ratio(value: Fraction) -> Ratio:
    """Over the least power of ten that will do, where there is one: cheap to add and to write."""
    numerator, denominator = value.as_integer_ratio()
    for power in _POWERS:
        times, rest = divmod(power, denominator)
        if not rest:
            return numerator * times, power
    return numerator, denominator


def decimal_text_of(digits: int, decimals: int) -> str:
    """A whole number of the last decimal as text, without zeros at its end: 1610 is `"16.1"`."""
    if digits < 0:
        return f"-{decimal_text_of(-digits, decimals)}"
    units, rest = divmod(digits, _POWERS[decimals])
    return f"{units}.{str(rest).zfill(decimals).rstrip('0')}" if rest else str(units)


def decimal_places(digits: int, decimals: int) -> str:
    """A whole number of the last decimal as text: 1610 with two is `"16.10"`."""
    if digits < 0:
        return f"-{decimal_places(-digits, decimals)}"
    text = str(digits).zfill(decimals + 1)
    return f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text
