"""What is usual in a country, for advice only: its currency, its VAT, how high prices are.

Rates change by law and cuts for electricity come and go, so nothing is refused by these; state of
2026.
"""

from decimal import Decimal

_AFIR = """
    AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK
"""
AFIR_COUNTRIES = frozenset(_AFIR.split())
"""The European Union and the EEA, where Regulation (EU) 2023/1804 counts."""

_EURO = "AT BE BG CY DE EE ES FI FR GR HR IE IT LT LU LV MC MT NL PT SI SK"

CURRENCIES: dict[str, str] = {
    **dict.fromkeys(_EURO.split(), "EUR"),
    "AU": "AUD",
    "CA": "CAD",
    "CH": "CHF",
    "CZ": "CZK",
    "DK": "DKK",
    "GB": "GBP",
    "HU": "HUF",
    "IS": "ISK",
    "JP": "JPY",
    "LI": "CHF",
    "NO": "NOK",
    "NZ": "NZD",
    "PL": "PLN",
    "RO": "RON",
    "SE": "SEK",
    "TR": "TRY",
    "UA": "UAH",
    "US": "USD",
}

VAT_RATES: dict[str, tuple[Decimal, ...]] = {
    country: tuple(Decimal(rate) for rate in rates.split())
    for country, rates in (
        ("AT", "20"),
        ("BE", "21 6"),
        ("BG", "20"),
        ("CH", "8.1"),
        ("CY", "19"),
        ("CZ", "21"),
        ("DE", "19"),
        ("DK", "25"),
        ("EE", "24"),
        ("ES", "21"),
        ("FI", "25.5"),
        ("FR", "20"),
        ("GB", "20"),
        ("GR", "24"),
        ("HR", "25 13"),
        ("HU", "27"),
        ("IE", "23 9"),
        ("IS", "24"),
        ("IT", "22"),
        ("LI", "8.1"),
        ("LT", "21"),
        ("LU", "17 8"),
        ("LV", "21"),
        ("MT", "18"),
        ("NL", "21"),
        ("NO", "25"),
        ("PL", "23"),
        ("PT", "23 22 16"),
        ("RO", "21"),
        ("SE", "25"),
        ("SI", "22"),
        ("SK", "23"),
    )
}
"""Standard rates first, then those that some charging is taxed at."""

PRICE_LEVEL: dict[str, Decimal] = {
    code: Decimal(level)
    for code, level in (
        ("AUD", "1.7"),
        ("CAD", "1.5"),
        ("CHF", "1"),
        ("CZK", "25"),
        ("DKK", "7.5"),
        ("EUR", "1"),
        ("GBP", "1"),
        ("HUF", "400"),
        ("ISK", "145"),
        ("JPY", "170"),
        ("NOK", "11.5"),
        ("NZD", "1.8"),
        ("PLN", "4.3"),
        ("RON", "5"),
        ("SEK", "11.5"),
        ("USD", "1.1"),
    )
}
"""About what a euro is in a currency: enough to see that a price is ten times too high."""
