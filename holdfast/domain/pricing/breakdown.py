"""A price as JSON, for the API, the receipt and the session page: every cent explained.

Amounts are decimal strings; `*_exact` is unrounded, as a decimal where it has one and else as a
fraction ("17/60"). `rounding` is what rounding once added to the exact total. Lines and adjustments
add up to the exact total; taxes, with what the adjustments changed, to the tax in it.
"""

from collections.abc import Iterable
from fractions import Fraction

from holdfast.domain.pricing.amount_text import exact_text, ratio_text, rounded_text
from holdfast.domain.pricing.context import OUR_ROUNDING
from holdfast.domain.pricing.priced_session import (
    Adjustment,
    PricedLine,
    PricedSession,
    Sum,
    TaxTotal,
    added,
)
from holdfast.domain.pricing.rate import Rate
from holdfast.domain.pricing.rounding import decimals_of
from holdfast.domain.tariff.canonical import decimal_text
from holdfast.domain.tariff.version import DimensionType

_UNITS = {
    DimensionType.ENERGY: ("kWh", 1_000_000, "kWh"),
    DimensionType.TIME: ("s", 1, "h"),
    DimensionType.PARKING_TIME: ("s", 1, "h"),
    DimensionType.FLAT: ("session", 1, "session"),
}
_CHARGING = {kind: kind.value for kind in DimensionType}
_RESERVATION = {kind: f"RESERVATION_{kind.value}" for kind in DimensionType}
_KINDS = {name: kind for names in (_CHARGING, _RESERVATION) for kind, name in names.items()}
_COSTS = {
    "total_fixed_cost": DimensionType.FLAT,
    "total_energy_cost": DimensionType.ENERGY,
    "total_time_cost": DimensionType.TIME,
    "total_parking_cost": DimensionType.PARKING_TIME,
}


def price_to_json(priced: PricedSession) -> dict[str, object]:
    """`{currency, excl_vat, incl_vat, breakdown}` as in DESIGN 6; amounts in major units."""
    texts = _Texts(priced)
    excl, incl = texts.stated(priced.exact_excl), texts.stated(priced.exact_incl)
    totals = _totals(priced.lines)
    several = len(priced.tariff_ids) > 1
    breakdown: dict[str, object] = {
        "tariff_version": priced.tariff_id,
        "lines": [texts.line(line, several=several) for line in priced.lines],
        "adjustments": [texts.adjustment(item) for item in priced.adjustments],
        "totals": {name: texts.total(name, total) for name, total in totals.items()},
        "costs": texts.costs(priced.lines, totals),
        "taxes": [texts.tax(item) for item in priced.taxes()],
        "exact": {
            "excl_vat": None if priced.exact_excl is None else exact_text(priced.exact_excl),
            "incl_vat": exact_text(priced.exact_incl),
        },
        "rounding": {
            "excl_vat": _added(excl, priced.exact_excl),
            "incl_vat": _added(incl, priced.exact_incl),
        },
        "findings": [finding.to_json() for finding in priced.findings],
    }
    if several:
        breakdown["tariff_versions"] = list(priced.tariff_ids)
    if priced.rounding != OUR_ROUNDING:
        breakdown["rounding_policy"] = {
            "per": priced.rounding.per.value,
            "mode": priced.rounding.mode.value,
            "tax_on_rounded_net": priced.rounding.tax_on_rounded_net,
            "decimals": texts.decimals,
        }
    if priced.credit:
        breakdown["credit"] = True
    return {
        "currency": priced.currency.code,
        "excl_vat": excl,
        "incl_vat": incl,
        "breakdown": breakdown,
    }


class _Texts:
    """Amounts as the session's policy of rounding states them."""

    def __init__(self, priced: PricedSession) -> None:
        self.decimals = decimals_of(priced.rounding, priced.currency)
        self._mode = priced.rounding.mode

    def stated(self, exact: Fraction | None) -> str | None:
        if exact is None:
            return None
        return rounded_text(exact.numerator, exact.denominator, self.decimals, self._mode)

    def line(self, line: PricedLine, *, several: bool) -> dict[str, object]:
        """In whole numbers up to the text: most of the work of a breakdown is here."""
        kind, reason, number, started_at, quantity, rate, tariff_id, reservation = line
        unit, per_unit, price_unit = _UNITS[kind]
        charged, decimals, mode = line.charged, self.decimals, self._mode
        numerator, denominator = charged * rate.gross_n, rate.gross_d
        incl, incl_exact = (
            rounded_text(numerator, denominator, decimals, mode),
            ratio_text(numerator, denominator),
        )
        excl: str | None = incl
        excl_exact: str | None = incl_exact
        if not rate.net_d:
            excl = excl_exact = None
        elif rate.vat_n:
            numerator, denominator = charged * rate.net_n, rate.net_d
            excl = rounded_text(numerator, denominator, decimals, mode)
            excl_exact = ratio_text(numerator, denominator)
        shown: dict[str, object] = {
            "dimension": (_RESERVATION if reservation else _CHARGING)[kind],
            "reason": reason.value,
            "period": number,
            "started_at": started_at.isoformat(),
            "quantity": ratio_text(quantity, per_unit),
            "unit": unit,
            "unit_price": _unit_price(rate),
            "price_per": price_unit,
            "vat": None if rate.component.vat is None else decimal_text(rate.component.vat),
            "excl_vat": excl,
            "incl_vat": incl,
            "excl_vat_exact": excl_exact,
            "incl_vat_exact": incl_exact,
        }
        if rate.market is not None:
            shown["spot"] = _spot(rate)
        if several:
            shown["tariff_version"] = tariff_id
        return shown

    def adjustment(self, item: Adjustment) -> dict[str, object]:
        shown: dict[str, object] = {"reason": item.reason.value}
        if item.day is not None:
            shown["day"] = item.day.isoformat()
        return {**shown, **self._amounts(item.excl, item.incl)}

    def total(self, name: str, total: Sum) -> dict[str, object]:
        """Of a dimension; what was free is apart from what is billed."""
        unit, per_unit, _ = _UNITS[_KINDS[name]]
        shown: dict[str, object] = {"quantity": ratio_text(total.quantity, per_unit), "unit": unit}
        if total.free_quantity:
            shown["free_quantity"] = ratio_text(total.free_quantity, per_unit)
        return {**shown, **self._amounts(total.excl, total.incl)}

    def costs(self, lines: Iterable[PricedLine], totals: dict[str, Sum]) -> dict[str, object]:
        """As OCPI names them (mod_cdrs, CDR object)."""
        shown = {name: self._cost(totals.get(kind.value)) for name, kind in _COSTS.items()}
        reserved = [line for line in lines if line.reservation]
        shown["total_reservation_cost"] = self._cost(added(reserved) if reserved else None)
        return dict(shown)

    def tax(self, item: TaxTotal) -> dict[str, object]:
        shown: dict[str, object] = {
            "vat": item.vat,
            "net": self.stated(item.net),
            "tax": self.stated(item.tax),
        }
        if item.adjusted:
            shown["reason"] = "adjustments"
        return shown

    def _cost(self, total: Sum | None) -> dict[str, str | None]:
        if total is None:
            zero = rounded_text(0, 1, self.decimals, self._mode)
            return {"excl_vat": zero, "incl_vat": zero}
        return {"excl_vat": self.stated(total.excl), "incl_vat": self.stated(total.incl)}

    def _amounts(self, excl: Fraction | None, incl: Fraction) -> dict[str, object]:
        return {
            "excl_vat": self.stated(excl),
            "incl_vat": self.stated(incl),
            "excl_vat_exact": None if excl is None else exact_text(excl),
            "incl_vat_exact": exact_text(incl),
        }


def _totals(lines: Iterable[PricedLine]) -> dict[str, Sum]:
    """Of every dimension that has lines, in one order."""
    found: dict[str, Sum] = {}
    for line in lines:
        name = (_RESERVATION if line.reservation else _CHARGING)[line.dimension]
        total = found.get(name)
        if total is None:
            total = found[name] = Sum()
        total.add(line)
    return {name: found[name] for name in _KINDS if name in found}


def _unit_price(rate: Rate) -> str:
    return decimal_text(rate.component.price) if rate.market is None else exact_text(rate.price)


def _spot(rate: Rate) -> dict[str, object]:
    """Which market's price the unit price was made of."""
    spot, market = rate.component.spot, rate.market
    if spot is None or market is None:
        return {}
    return {
        "feed": spot.feed,
        "market_price": decimal_text(market.price),
        "markup": decimal_text(rate.component.price),
        "fallback": market.stood_in,
    }


def _added(stated: str | None, exact: Fraction | None) -> str | None:
    """What rounding added to an exact amount."""
    return None if stated is None or exact is None else exact_text(Fraction(stated) - exact)
