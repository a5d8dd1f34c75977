"""A price as JSON, for the API, the receipt and the session page: every cent explained.

Amounts are decimal strings; `*_exact` is unrounded, as a decimal where it has one and else as a
fraction ("17/60"). `rounding` is what rounding once added to the exact total. Lines and adjustments
add up to the exact total; taxes, with what the adjustments changed, to the tax in it.
"""

from collections.abc import Iterable

from holdfast.domain.pricing.amount_text import (
    Ratio,
    decimal_places,
    decimal_text_of,
    ratio_text,
)
from holdfast.domain.pricing.context import OUR_ROUNDING
from holdfast.domain.pricing.priced_session import (
    Adjustment,
    LineReason,
    PricedLine,
    PricedSession,
    RateSum,
    Sum,
    TaxTotal,
    summed,
)
from holdfast.domain.pricing.rate import Rate
from holdfast.domain.pricing.rounding import decimals_of, whole
from holdfast.domain.tariff.canonical import decimal_text
from holdfast.domain.tariff.version import DimensionType

_UNITS = {
    DimensionType.ENERGY: ("kWh", 6, "kWh"),
    DimensionType.TIME: ("s", 0, "h"),
    DimensionType.PARKING_TIME: ("s", 0, "h"),
    DimensionType.FLAT: ("session", 0, "session"),
}
"""The unit, the decimals of a quantity in it, and what a price is for."""

_CHARGING = {kind: kind.value for kind in DimensionType}
_RESERVATION = {kind: f"RESERVATION_{kind.value}" for kind in DimensionType}
_KINDS = {name: kind for names in (_CHARGING, _RESERVATION) for kind, name in names.items()}
_ALLOWANCE = LineReason.ALLOWANCE
_REASONS = {reason: reason.value for reason in LineReason}
_COSTS = {
    "total_fixed_cost": DimensionType.FLAT.value,
    "total_energy_cost": DimensionType.ENERGY.value,
    "total_time_cost": DimensionType.TIME.value,
    "total_parking_cost": DimensionType.PARKING_TIME.value,
}

Amounts = tuple[str | None, str | None, str, str]
"""Before tax as stated and exact, None where it is not known; after tax likewise."""


def price_to_json(priced: PricedSession) -> dict[str, object]:
    """`{currency, excl_vat, incl_vat, breakdown}` as in DESIGN 6; amounts in major units."""
    texts = _Texts(priced)
    excl, incl = priced.net, priced.gross
    totals = {name: texts.total(name, total) for name, total in _totals(priced.sums).items()}
    breakdown: dict[str, object] = {
        "tariff_version": priced.tariff_id,
        "lines": [texts.line(line) for line in priced.lines],
        "adjustments": [texts.adjustment(item) for item in priced.adjustments],
        "totals": totals,
        "costs": texts.costs(priced.sums, totals),
        "taxes": [texts.tax(item) for item in priced.taxes()],
        "exact": {"excl_vat": _exact(excl), "incl_vat": _exact(incl)},
        "rounding": {"excl_vat": texts.added(excl), "incl_vat": texts.added(incl)},
        "findings": [finding.to_json() for finding in priced.findings],
    }
    if texts.several:
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
        "excl_vat": texts.stated(excl),
        "incl_vat": texts.stated(incl),
        "breakdown": breakdown,
    }


class _Texts:
    """Amounts as the session's policy of rounding states them."""

    def __init__(self, priced: PricedSession) -> None:
        self.decimals = decimals_of(priced.rounding, priced.currency)
        self.several = len(priced.tariff_ids) > 1
        self._power = 10**self.decimals
        self._mode = priced.rounding.mode
        # A bill says much twice: the start of a period with several lines, whole quarters of an
        # hour at one price. By identity: a rate is made once per component and market's price.
        self._starts: dict[int, str] = {}
        self._amounts_of: dict[tuple[int, int], Amounts] = {}

    def stated(self, exact: Ratio | None) -> str | None:
        """Rounded; None where it is not known."""
        return None if exact is None else decimal_places(self._whole(exact), self.decimals)

    def added(self, exact: Ratio | None) -> str | None:
        """What rounding adds to an exact amount."""
        if exact is None:
            return None
        numerator, denominator = exact
        more = self._whole(exact) * denominator - numerator * self._power
        return ratio_text(more, denominator * self._power)

    def line(self, line: PricedLine) -> dict[str, object]:
        kind, reason, number, started_at, quantity, rate, tariff_id, reservation = line
        unit, per_unit_decimals, price_unit = _UNITS[kind]
        charged = 0 if reason is _ALLOWANCE else quantity
        amounts = self._amounts_of.get((id(rate), charged))
        if amounts is None:
            amounts = self._amounts_of[id(rate), charged] = self._of_rate(charged, rate)
        excl, excl_exact, incl, incl_exact = amounts
        start = self._starts.get(number)
        if start is None:
            start = self._starts[number] = started_at.isoformat()
        shown: dict[str, object] = {
            "dimension": (_RESERVATION if reservation else _CHARGING)[kind],
            "reason": _REASONS[reason],
            "period": number,
            "started_at": start,
            "quantity": decimal_text_of(quantity, per_unit_decimals),
            "unit": unit,
            "element": rate.element,
            "unit_price": rate.price_text,
            "price_per": price_unit,
            "vat": rate.vat_text,
            "excl_vat": excl,
            "incl_vat": incl,
            "excl_vat_exact": excl_exact,
            "incl_vat_exact": incl_exact,
        }
        if rate.market is not None:
            shown["spot"] = _spot(rate)
        if self.several:
            shown["tariff_version"] = tariff_id
        return shown

    def adjustment(self, item: Adjustment) -> dict[str, object]:
        shown: dict[str, object] = {"reason": item.reason.value}
        if item.day is not None:
            shown["day"] = item.day.isoformat()
        excl = None if item.excl is None else item.excl.as_integer_ratio()
        return {**shown, **self._amounts(excl, item.incl.as_integer_ratio())}

    def total(self, name: str, total: Sum) -> dict[str, object]:
        """Of a dimension; what was free is apart from what is billed."""
        unit, decimals, _ = _UNITS[_KINDS[name]]
        shown: dict[str, object] = {
            "quantity": decimal_text_of(total.quantity, decimals),
            "unit": unit,
        }
        if total.free_quantity:
            shown["free_quantity"] = decimal_text_of(total.free_quantity, decimals)
        return {**shown, **self._amounts(total.net, total.gross)}

    def costs(
        self, sums: Iterable[RateSum], totals: dict[str, dict[str, object]]
    ) -> dict[str, object]:
        """As OCPI names them (mod_cdrs, CDR object)."""
        zero = decimal_places(0, self.decimals)
        nothing: dict[str, object] = {"excl_vat": zero, "incl_vat": zero}
        shown: dict[str, object] = {}
        for name, kind in _COSTS.items():
            total = totals.get(kind, nothing)
            shown[name] = {"excl_vat": total["excl_vat"], "incl_vat": total["incl_vat"]}
        shown["total_reservation_cost"] = nothing
        reserved = [one for one in sums if one.reservation]
        if reserved:
            part = summed(reserved)
            shown["total_reservation_cost"] = {
                "excl_vat": self.stated(part.net),
                "incl_vat": self.stated(part.gross),
            }
        return shown

    def tax(self, item: TaxTotal) -> dict[str, object]:
        shown: dict[str, object] = {
            "vat": item.vat,
            "net": self.stated(item.net),
            "tax": self.stated(item.tax),
        }
        if item.adjusted:
            shown["reason"] = "adjustments"
        return shown

    def _of_rate(self, quantity: int, rate: Rate) -> Amounts:
        incl = self._both(quantity, rate.gross)
        if rate.net is None:
            return None, None, *incl
        if rate.net == rate.gross:
            return incl + incl
        return self._both(quantity, rate.net) + incl

    def _amounts(self, excl: Ratio | None, incl: Ratio) -> dict[str, object]:
        return {
            "excl_vat": self.stated(excl),
            "incl_vat": self.stated(incl),
            "excl_vat_exact": _exact(excl),
            "incl_vat_exact": _exact(incl),
        }

    def _both(self, quantity: int, unit: Ratio) -> tuple[str, str]:
        """What a quantity costs, as it is stated and as it is."""
        numerator, denominator = quantity * unit[0], unit[1]
        stated = whole(numerator * self._power, denominator, self._mode)
        return decimal_places(stated, self.decimals), ratio_text(numerator, denominator)

    def _whole(self, exact: Ratio) -> int:
        return whole(exact[0] * self._power, exact[1], self._mode)


def _totals(sums: Iterable[RateSum]) -> dict[str, Sum]:
    """Of every dimension that has lines, in one order."""
    found: dict[str, list[RateSum]] = {}
    for one in sums:
        name = (_RESERVATION if one.reservation else _CHARGING)[one.dimension]
        found.setdefault(name, []).append(one)
    return {name: summed(found[name]) for name in _KINDS if name in found}


def _exact(ratio: Ratio | None) -> str | None:
    return None if ratio is None else ratio_text(*ratio)


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
