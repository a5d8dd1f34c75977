"""How exact amounts become whole minor units, by a policy: partners and invoice laws differ.

All modes round the size of an amount and keep its sign, so that a credit is exactly the negative
of what it takes back.
"""

from fractions import Fraction

from holdfast.domain.currency import Currency
from holdfast.domain.pricing.context import Rounding, RoundingMode

_HALF_UP = RoundingMode.HALF_UP


def whole(numerator: int, denominator: int, mode: RoundingMode) -> int:
    """The whole number for a fraction (of a positive denominator)."""
    if mode is _HALF_UP and numerator >= 0:  # the usual case, and most of what is rounded
        return (2 * numerator + denominator) // (2 * denominator)
    size, rest = divmod(abs(numerator), denominator)
    if rest and _goes_up(size, 2 * rest, denominator, mode):
        size += 1
    return -size if numerator < 0 else size


def decimals_of(rounding: Rounding, currency: Currency) -> int:
    """The decimals that amounts are stated with."""
    return currency.exponent if rounding.decimals is None else rounding.decimals


def rounded(exact: Fraction, rounding: Rounding, currency: Currency) -> Fraction:
    """An exact amount in major units as it is stated."""
    per_major = 10 ** decimals_of(rounding, currency)
    return Fraction(whole(exact.numerator * per_major, exact.denominator, rounding.mode), per_major)


def _goes_up(size: int, doubled_rest: int, denominator: int, mode: RoundingMode) -> bool:
    if mode is _HALF_UP:
        return doubled_rest >= denominator
    if mode is RoundingMode.HALF_EVEN:
        half = doubled_rest == denominator
        return size % 2 == 1 if half else doubled_rest > denominator
    return mode is RoundingMode.UP
