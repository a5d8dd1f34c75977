"""Tax and currency: what is unlike the country of the site, and what cannot be meant."""

from collections.abc import Iterator
from decimal import Decimal

from holdfast.domain.finding import Finding, note, review
from holdfast.domain.tariff.countries import CURRENCIES, VAT_RATES
from holdfast.domain.tariff.lint_place import LintPlace
from holdfast.domain.tariff.version import (
    DimensionType,
    TariffType,
    TariffVersion,
    TaxIncluded,
)
from holdfast.domain.tariff.wording import UNIT_WORDS, plain

VAT_PLAUSIBLE_MIN, VAT_PLAUSIBLE_MAX = Decimal(1), Decimal(30)
PRICE_TAG_DECIMALS = 2
"""What a price tag has; the net of a rounded end price has more."""


def tax_findings(tariff: TariffVersion, place: LintPlace) -> Iterator[Finding]:
    """Advice only: a rate may be right although we do not know it."""
    yield from _currency(tariff, place)
    rates = {item.vat for item in tariff.components}
    named = {rate for rate in rates if rate is not None}
    if named and None in rates:
        yield review("mixed_tax", "some prices have a rate of VAT and some have none")
    elif len(named) > 1:
        shown = ", ".join(f"{plain(rate)} %" for rate in sorted(named))
        detail = f"prices have different rates of VAT: {shown}"
        yield note("mixed_tax", detail)
    if tariff.tax_included is TaxIncluded.NOT_APPLICABLE:
        if any(named):
            yield review(
                "tax_not_applicable",
                "tax_included says that no tax applies, so the stated rates of VAT count for"
                " nothing: use NO or YES",
            )
        return
    if tariff.tax_included is TaxIncluded.YES and not named:
        yield review(
            "tax_rate_unknown",
            "prices include tax and no rate is stated, so the price before tax is unknown and"
            " neither a receipt nor a CDR can state it: add vat",
        )
    for rate in sorted(named):
        if rate > VAT_PLAUSIBLE_MAX:
            yield review("vat_implausible", f"a VAT of {plain(rate)} % is higher than any")
        elif 0 < rate < VAT_PLAUSIBLE_MIN:
            detail = f"a VAT of {plain(rate)} % is lower than any: rates are percentages"
            yield review("vat_implausible", f"{detail}, was {plain(rate * 100)} meant?")
    yield from _rates(tariff, place, named)
    if place.ad_hoc or tariff.type is TariffType.AD_HOC_PAYMENT:
        yield from _typed_gross(tariff)


def _currency(tariff: TariffVersion, place: LintPlace) -> Iterator[Finding]:
    if place.currency is not None and place.currency != tariff.currency.code:
        yield review(
            "currency_unlike_site",
            f"the tariff is in {tariff.currency} and the site in {place.currency}",
        )
        return
    usual = CURRENCIES.get(place.country or "")
    if usual is not None and usual != tariff.currency.code:
        yield review(
            "currency_unlike_country",
            f"the tariff is in {tariff.currency}, in {place.country} people pay in {usual}",
        )


def _rates(tariff: TariffVersion, place: LintPlace, named: set[Decimal]) -> Iterator[Finding]:
    usual = VAT_RATES.get(place.country or "")
    if usual is None:
        return
    if not named and tariff.tax_included is not TaxIncluded.YES:
        yield review(
            "vat_missing",
            f"no price has a VAT, in {place.country} it is {plain(usual[0])} %: add vat, 0 where"
            " it is taxed at zero, or set tax_included to N/A",
        )
    for rate in sorted(named):
        if rate and rate not in usual:
            yield review(
                "vat_unlike_country",
                f"a VAT of {plain(rate)} % is unlike {place.country}'s"
                f" {' or '.join(plain(item) for item in usual)} %",
            )


def _typed_gross(tariff: TariffVersion) -> Iterator[Finding]:
    """0.49 before tax that becomes 0.5831 after it looks like an end price in the wrong field."""
    if tariff.tax_included is TaxIncluded.YES:
        return
    for component in tariff.components:
        if not component.price or not component.vat or component.type is DimensionType.FLAT:
            continue
        gross = component.price * (1 + component.vat / 100)
        if _decimals(component.price) <= PRICE_TAG_DECIMALS < _decimals(gross):
            yield note(
                "gross_as_net",
                f"{plain(component.price)} {UNIT_WORDS[component.type]} is before tax, so"
                f" drivers pay {plain(gross)}: where they are to pay {plain(component.price)},"
                " set tax_included to YES",
            )
            return


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
