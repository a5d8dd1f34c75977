"""Currencies: how many decimals money has, and how Stripe wants to hear the amount.

ISO 4217 says how many minor units a currency has. Stripe counts some of them otherwise
(zero-decimal Malagasy ariary, Icelandic krónur in hundredths that must be 00, three-decimal
dinars whose last digit must be 0), so each currency carries both.
"""

from dataclasses import dataclass
from functools import lru_cache

# Plain text and one split: a list of 157 quoted codes would be a line each.
_ISO = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
    CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
    GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW
    KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR
    MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
_CODES = frozenset(_ISO.split())
_NO_DECIMALS = frozenset(
    {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }
)
_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})

_STRIPE_NO_DECIMALS = frozenset(
    {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }
)
_STRIPE_THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


class UnknownCurrency(ValueError):
    """The code is no active ISO 4217 currency that money can be charged in."""

    def __init__(self, code: object) -> None:
        super().__init__(f"{code!r} is no currency: use an ISO 4217 code such as 'EUR'")
        self.code = code


@dataclass(frozen=True, slots=True)
class Currency:
    """An ISO 4217 currency: `code`, and `exponent`, the decimals of its minor unit."""

    code: str
    exponent: int
    stripe_exponent: int
    """Decimals of the integer that Stripe takes."""

    stripe_step: int
    """Stripe refuses an amount, in its own units, that is not a multiple of this."""

    @classmethod
    def of(cls, code: str) -> "Currency":
        """The currency with this ISO 4217 code. Raises `UnknownCurrency`."""
        return _currency(code)

    @property
    def minor_per_major(self) -> int:
        return int(10**self.exponent)

    @property
    def charge_step_minor(self) -> int:
        """The smallest amount, in minor units, that a card payment can differ by."""
        up = 10 ** max(0, self.stripe_exponent - self.exponent)
        down = 10 ** max(0, self.exponent - self.stripe_exponent)
        return int(max(1, self.stripe_step * down // up))

    def __str__(self) -> str:
        return self.code


@lru_cache(maxsize=256)
def _currency(code: str) -> Currency:
    if code not in _CODES:
        raise UnknownCurrency(code)
    exponent = 0 if code in _NO_DECIMALS else 3 if code in _THREE_DECIMALS else 2
    if code in ("ISK", "UGX"):
        # Whole units by ISO, but Stripe kept two decimals for old clients and wants them 00.
        return Currency(code, exponent, stripe_exponent=2, stripe_step=100)
    if code in _STRIPE_NO_DECIMALS:
        return Currency(code, exponent, stripe_exponent=0, stripe_step=1)
    if code in _STRIPE_THREE_DECIMALS:
        return Currency(code, exponent, stripe_exponent=3, stripe_step=10)
    return Currency(code, exponent, stripe_exponent=2, stripe_step=1)


EUR = Currency.of("EUR")
