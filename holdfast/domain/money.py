"""Money: a whole number of minor units with its currency. Rounding happens in one function."""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from holdfast.domain.currency import Currency

AMOUNT_MINOR_MAX = 10**15
"""Ten trillion euros: far above any real amount, and inside a 64-bit column."""

_DECIMAL = re.compile(r"([+-]?)(\d{1,15})(?:\.(\d{1,9}))?")


class MoneyInvalid(ValueError):
    """An amount that cannot be money: the message says why."""


class CurrencyMismatch(ValueError):
    """Amounts in two currencies were added or compared."""

    def __init__(self, left: Currency, right: Currency) -> None:
        super().__init__(f"{left.code} and {right.code} cannot be mixed")


def round_half_up(exact: Fraction | Decimal | int) -> int:
    """The nearest whole number; a half goes away from zero.

    The only rounding of money and registers in the system. Away from zero, not upwards, so that
    a credit note is exactly the negative of what it takes back.
    """
    value = Fraction(exact)
    doubled = 2 * abs(value.numerator) + value.denominator
    whole = doubled // (2 * value.denominator)
    return -whole if value < 0 else whole


def to_minor(exact_major: Fraction | Decimal | int, currency: Currency) -> int:
    """An exact amount in major units (euros) as whole minor units (cents), rounded once."""
    return round_half_up(Fraction(exact_major) * currency.minor_per_major)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`amount_minor` whole minor units of `currency`; may be negative (a credit)."""

    amount_minor: int
    currency: Currency

    def __post_init__(self) -> None:
        if type(self.amount_minor) is not int:
            raise MoneyInvalid(f"minor units are whole numbers, not {self.amount_minor!r}")
        if abs(self.amount_minor) > AMOUNT_MINOR_MAX:
            raise MoneyInvalid(f"{self.amount_minor} minor units is beyond any real amount")

    @classmethod
    def zero(cls, currency: Currency) -> "Money":
        return cls(0, currency)

    @classmethod
    def rounded(cls, exact_minor: Fraction | Decimal | int, currency: Currency) -> "Money":
        """From an exact amount in minor units, half up."""
        return cls(round_half_up(exact_minor), currency)

    @classmethod
    def rounded_major(cls, exact_major: Fraction | Decimal | int, currency: Currency) -> "Money":
        """From an exact amount in major units, half up."""
        return cls(to_minor(exact_major, currency), currency)

    @classmethod
    def parse(cls, text: str, currency: Currency) -> "Money":
        """From a decimal string in major units, `"16.17"`. Never rounds: raises `MoneyInvalid`."""
        match = _DECIMAL.fullmatch(text.strip())
        if match is None:
            raise MoneyInvalid(f"{text!r} is no amount: write it as '12.50'")
        sign, whole, fraction = match[1], match[2], (match[3] or "").rstrip("0")
        if len(fraction) > currency.exponent:
            raise MoneyInvalid(f"{text!r} has more than {currency.exponent} decimals of {currency}")
        minor = int(whole + fraction.ljust(currency.exponent, "0"))
        return cls(-minor if sign == "-" else minor, currency)

    @classmethod
    def from_stripe(cls, amount: int, currency: Currency) -> "Money":
        """From the integer that Stripe reports. Raises `MoneyInvalid` below our minor unit."""
        exact = Fraction(amount * currency.minor_per_major, 10**currency.stripe_exponent)
        if exact.denominator != 1:
            raise MoneyInvalid(f"Stripe's {amount} is no whole number of minor units of {currency}")
        return cls(exact.numerator, currency)

    def to_stripe(self) -> int:
        """The integer that Stripe takes. Raises `MoneyInvalid` where Stripe would refuse it.

        Round with `chargeable` first in a currency whose cards cannot carry every minor unit.
        """
        exact = Fraction(
            self.amount_minor * 10**self.currency.stripe_exponent, self.currency.minor_per_major
        )
        if exact.denominator != 1 or exact.numerator % self.currency.stripe_step:
            raise MoneyInvalid(f"{self} cannot be charged: not a step of {self.currency}")
        return exact.numerator

    def chargeable(self) -> "Money":
        """The nearest amount that a card can be charged: for most currencies the same amount."""
        step = self.currency.charge_step_minor
        return Money(round_half_up(Fraction(self.amount_minor, step)) * step, self.currency)

    def decimal_text(self) -> str:
        """The amount in major units with all decimals of the currency: `"16.17"`, `"-0.05"`."""
        exponent = self.currency.exponent
        digits = str(abs(self.amount_minor)).rjust(exponent + 1, "0")
        sign = "-" if self.amount_minor < 0 else ""
        if exponent == 0:
            return sign + digits
        return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}"

    def __str__(self) -> str:
        return f"{self.decimal_text()} {self.currency.code}"

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount_minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount_minor - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount_minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount_minor < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount_minor <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        return self.amount_minor > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        return self.amount_minor >= self._same(other)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(self.currency, other.currency)
        return other.amount_minor


def amount_text(amount_minor: int, currency: str) -> str:
    """How people read an amount, `"1.76 EUR"`; a code that is none of ours stays in minor units."""
    try:
        return f"{Money(amount_minor=amount_minor, currency=Currency.of(currency))}"
    except ValueError:
        return f"{amount_minor} {currency} (minor units)"
