"""A settlement's breakdown for people: each line a quantity times a price, summed to the cent.

Reads the JSON of `holdfast.domain.pricing.breakdown`. Old settlements are shown by the fields that
they have.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from holdfast.domain.finding import Severity
from holdfast.store.tables import Settlement
from web.dashboard.tariff_quantities import duration_text
from web.wording import Quantity, Tone, money, words

LINES_SHOWN = 200

DIMENSIONS = {
    "ENERGY": "Energy",
    "TIME": "Charging time",
    "PARKING_TIME": "Parking time",
    "FLAT": "Per session",
    "RESERVATION_TIME": "Reservation time",
    "RESERVATION_FLAT": "Reservation fee",
}
REASONS = {
    "used": "",
    "step_size": "rounded up to the next block",
    "allowance": "free of charge",
}
ADJUSTMENTS = {
    "min_price": "Least price of the tariff",
    "max_price": "Greatest price of the tariff",
    "daily_cap": "Cap per day",
    "rounding": "Rounding of each line",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """One line: what, how much, at what price, and the exact amount."""

    name: str
    note: str
    quantity: str
    unit: str
    unit_price: str
    price_per: str
    vat: str | None
    excl: str
    incl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSum:
    """A line below the lines."""

    name: str
    excl: str
    incl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """All of it. Exact lines and adjustments add up to `exact`; then it is rounded once."""

    currency: str
    lines: tuple[PriceLine, ...]
    lines_more: int
    adjustments: tuple[PriceSum, ...]
    exact: PriceSum | None
    rounding: PriceSum | None
    excl: str | None
    incl: Quantity
    taxes: tuple[tuple[str, str, str], ...]
    note: str | None
    findings: tuple[tuple[Tone, str], ...]


def explain(settlement: Settlement, zone: str = "UTC") -> Price:
    """The price of a settlement, on the clock of a site."""
    return explain_breakdown(
        settlement.breakdown,
        currency=settlement.currency,
        excl=settlement.excl_vat,
        incl=money(settlement.amount_minor, settlement.currency),
        zone=zone,
    )


def explain_estimate(body: Mapping[str, Any], zone: str = "UTC") -> Price:
    """The price of a session that did not happen, on the clock of a site.

    Between which readings its energy flowed is nothing that anybody wants to know of it.
    """
    currency = _text(body, "currency")
    incl = Quantity(_text(body, "incl_vat"), currency)
    breakdown = body["breakdown"]
    told = [item for item in _list(breakdown, "findings") if item.get("code") != "interpolated"]
    breakdown = {**breakdown, "findings": told}
    return explain_breakdown(
        breakdown, currency=currency, excl=body.get("excl_vat"), incl=incl, zone=zone
    )


def explain_breakdown(
    body: Mapping[str, Any], *, currency: str, excl: str | None, incl: Quantity, zone: str = "UTC"
) -> Price:
    """Any price in the form of `holdfast.domain.pricing.breakdown`."""
    lines = _list(body, "lines")
    kinds = Counter((line.get("dimension"), line.get("reason")) for line in lines)
    return Price(
        currency=currency,
        lines=tuple(
            _line(line, zone if kinds[line.get("dimension"), line.get("reason")] > 1 else None)
            for line in lines[:LINES_SHOWN]
        ),
        lines_more=max(0, len(lines) - LINES_SHOWN),
        adjustments=tuple(
            _sum(_adjustment(item), item, "_exact") for item in _list(body, "adjustments")
        ),
        exact=_named(body, "exact", "Exact total"),
        rounding=_named(body, "rounding", "Rounded once, half up"),
        excl=excl,
        incl=incl,
        taxes=tuple(
            (_text(tax, "vat"), _text(tax, "net"), _text(tax, "tax"))
            for tax in _list(body, "taxes")
            if tax.get("vat") is not None
        ),
        note=body.get("note"),
        findings=tuple(_finding(item) for item in _list(body, "findings")),
    )


def _line(line: Mapping[str, Any], zone: str | None) -> PriceLine:
    """`zone`: on whose clock it says when it began; None where nothing is like it."""
    quantity, unit = _quantity(_text(line, "quantity"), _text(line, "unit"))
    return PriceLine(
        name=DIMENSIONS.get(_text(line, "dimension"), words(_text(line, "dimension").lower())),
        note=", ".join(part for part in (_since(line, zone), _note(line)) if part),
        quantity=quantity,
        unit=unit,
        unit_price=_text(line, "unit_price"),
        price_per=_text(line, "price_per"),
        vat=line.get("vat"),
        excl=_amount(line, "excl_vat_exact"),
        incl=_amount(line, "incl_vat_exact"),
    )


def _quantity(quantity: str, unit: str) -> tuple[str, str]:
    """Seconds in the largest unit that is exact ("30 min"); the rest as it is."""
    if unit == "s":
        return duration_text(quantity), ""
    return quantity, "time" if unit == "session" else unit


def _amount(item: Mapping[str, Any], key: str) -> str:
    """An exact amount with at least two decimals, so that a column of them can be read."""
    text = _text(item, key)
    whole, point, decimals = text.partition(".")
    if not whole.removeprefix("-").isdecimal() or not (decimals.isdecimal() or not point):
        return text  # a fraction that has no end, or nothing
    return f"{whole}.{decimals:0<2}"


def _since(line: Mapping[str, Any], zone: str | None) -> str:
    if zone is None or not isinstance(line.get("started_at"), str):
        return ""
    return f"from {datetime.fromisoformat(line['started_at']).astimezone(ZoneInfo(zone)):%H:%M}"


def _note(line: Mapping[str, Any]) -> str:
    """Why it is there and, of a price that follows a market, what the market said."""
    spot = line.get("spot")
    notes = [REASONS.get(_text(line, "reason"), _text(line, "reason"))]
    if isinstance(spot, Mapping):
        source = "no market price, fallback" if spot.get("fallback") else "market"
        notes.append(f"{_text(spot, 'feed')}, {source} {_text(spot, 'market_price')}")
    return ", ".join(note for note in notes if note)


def _adjustment(item: Mapping[str, Any]) -> str:
    name = ADJUSTMENTS.get(_text(item, "reason"), "Adjustment")
    return f"{name}, {item['day']}" if item.get("day") else name


def _named(body: Mapping[str, Any], key: str, name: str) -> PriceSum | None:
    item = body.get(key)
    return _sum(name, item, "") if isinstance(item, dict) else None


def _sum(name: str, item: Mapping[str, Any], suffix: str) -> PriceSum:
    return PriceSum(
        name=name, excl=_amount(item, f"excl_vat{suffix}"), incl=_amount(item, f"incl_vat{suffix}")
    )


def _finding(item: Mapping[str, Any]) -> tuple[Tone, str]:
    text = _text(item, "detail") if "detail" in item else words(_text(item, "code"))
    return "calm" if item.get("severity") == Severity.NOTE else "wait", text


def _list(body: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    items = body.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    return "-" if value is None else str(value)
