"""Amounts that Stripe takes: whole minor units, with its own exponents and minimums.

docs.stripe.com/currencies. ISK and UGX are written with two decimals that must be 00; amounts in
three-decimal currencies end in 0. Currencies that an installation in Europe, North America, Asia
or Oceania would use are listed; others are refused.
"""

from simulator.stripe.errors import invalid

AMOUNT_MAX = 99_999_999
MINIMUM = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "clp": 0, "czk": 1_500,
    "dkk": 250, "eur": 50, "gbp": 30, "hkd": 400, "huf": 17_500, "inr": 50, "isk": 0, "jpy": 50,
    "krw": 0, "kwd": 0, "mxn": 1_000, "myr": 200, "nok": 300, "nzd": 50, "omr": 0, "pln": 200,
    "ron": 200, "sek": 300, "sgd": 50, "thb": 1_000, "tnd": 0, "try": 0, "ugx": 0, "usd": 50,
}  # fmt: skip
TWO_ZEROS = {"isk", "ugx"}
ONE_ZERO = {"kwd", "omr", "tnd"}


def require_known(currency: str) -> str:
    lowered = currency.lower()
    if lowered not in MINIMUM:
        raise invalid(
            f"Invalid currency: {currency[:10]}. Stripe currently supports these currencies: "
            + ", ".join(sorted(MINIMUM)),
            param="currency",
        )
    return lowered


def require_chargeable(amount: int, currency: str) -> None:
    """An amount that may be asked of a card at all."""
    if amount < MINIMUM[currency]:
        raise invalid(
            f"Amount must be at least {MINIMUM[currency]} {currency} in the smallest unit",
            code="amount_too_small",
            param="amount",
        )
    if amount > AMOUNT_MAX:
        raise invalid(
            f"Amount must be no more than {AMOUNT_MAX} in the smallest unit",
            code="amount_too_large",
            param="amount",
        )
    step = 100 if currency in TWO_ZEROS else 10 if currency in ONE_ZERO else 1
    if amount % step:
        raise invalid(
            f"Invalid amount: {amount} in {currency} must be a multiple of {step}",
            code="parameter_invalid_integer",
            param="amount",
        )
