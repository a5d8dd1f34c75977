"""A price as JSON, for the API, the receipt and the session page: every cent explained.

Amounts are decimal strings; `*_exact` is unrounded, as a decimal where it has one and else as a
fraction ("17/60"). `rounding` is what rounding once added to the exact total.
"""

from collections.abc import Iterable
from fractions import Fraction

from holdfast.domain.currency import Currency
from holdfast.domain.money import Money
from holdfast.domain.pricing.priced_session import PricedLine, PricedSession, exact_text
from holdfast.domain.tariff.canonical import decimal_text
from holdfast.domain.tariff.version import DimensionType

_UNITS = {
    DimensionType.ENERGY: ("kWh", 1_000_000, "kWh"),
    DimensionType.TIME: ("s", 1, "h"),
    DimensionType.PARKING_TIME: ("s", 1, "h"),
    DimensionType.FLAT: ("session", 1, "session"),
}


def price_to_json(priced: PricedSession) -> dict[str, object]:
    """`{currency, excl_vat, incl_vat, breakdown}` as in DESIGN 6; amounts in major units."""
    currency = priced.currency
    return {
        "currency": currency.code,
        "excl_vat": None if priced.excl is None else priced.excl.decimal_text(),
        "incl_vat": priced.incl.decimal_text(),
        "breakdown": {
            "tariff_version": priced.tariff_id,
            "lines": [_line(line, currency) for line in priced.lines],
            "adjustments": [
                {"reason": item.reason.value, **_amounts(item.excl, item.incl, currency)}
                for item in priced.adjustments
            ],
            "totals": _totals(priced),
            "taxes": [
                {
                    "vat": item.vat,
                    "net": _rounded(item.net, currency),
                    "tax": _rounded(item.tax, currency),
                }
                for item in priced.taxes()
            ],
            "exact": {
                "excl_vat": None if priced.exact_excl is None else exact_text(priced.exact_excl),
                "incl_vat": exact_text(priced.exact_incl),
            },
            "rounding": {
                "excl_vat": _rounding(priced.excl, priced.exact_excl),
                "incl_vat": _rounding(priced.incl, priced.exact_incl),
            },
            "findings": [finding.to_json() for finding in priced.findings],
        },
    }


def _line(line: PricedLine, currency: Currency) -> dict[str, object]:
    unit, per_unit, price_unit = _UNITS[line.dimension]
    component = line.rate.component
    return {
        "dimension": line.dimension.value,
        "reason": line.reason.value,
        "period": line.period,
        "started_at": line.started_at.isoformat(),
        "quantity": exact_text(Fraction(line.quantity, per_unit)),
        "unit": unit,
        "unit_price": decimal_text(component.price),
        "price_per": price_unit,
        "vat": None if component.vat is None else decimal_text(component.vat),
        **_amounts(line.excl, line.incl, currency),
    }


def _totals(priced: PricedSession) -> dict[str, object]:
    totals: dict[str, object] = {}
    for dimension in _present(priced.lines):
        total = priced.total(dimension)
        unit, per_unit, _ = _UNITS[dimension]
        totals[dimension.value] = {
            "quantity": exact_text(Fraction(total.quantity, per_unit)),
            "unit": unit,
            **_amounts(total.excl, total.incl, priced.currency),
        }
    return totals


def _present(lines: Iterable[PricedLine]) -> list[DimensionType]:
    seen = {line.dimension for line in lines}
    return [dimension for dimension in DimensionType if dimension in seen]


def _amounts(excl: Fraction | None, incl: Fraction, currency: Currency) -> dict[str, object]:
    return {
        "excl_vat": _rounded(excl, currency),
        "incl_vat": _rounded(incl, currency),
        "excl_vat_exact": None if excl is None else exact_text(excl),
        "incl_vat_exact": exact_text(incl),
    }


def _rounded(exact: Fraction | None, currency: Currency) -> str | None:
    return None if exact is None else Money.rounded_major(exact, currency).decimal_text()


def _rounding(rounded: Money | None, exact: Fraction | None) -> str | None:
    if rounded is None or exact is None:
        return None
    per_major = rounded.currency.minor_per_major
    return exact_text(Fraction(rounded.amount_minor, per_major) - exact)
