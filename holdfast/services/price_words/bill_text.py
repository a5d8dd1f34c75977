"""A priced session in words: the lines of a receipt, of an estimate and of a quote.

Reads the JSON of `domain.pricing.breakdown`, of old settlements too: a field that is not there is
not shown. Lines of one price are added up; they and the adjustments add up exactly to the total
before rounding, and the rounding has its own line.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from holdfast.domain.tariff.shown import ShownKind, ShownPer
from holdfast.services.price_words import amounts
from holdfast.services.price_words.price_text import label_of, unit_of
from holdfast.services.price_words.reader import Reader

_KINDS = {
    "ENERGY": (ShownKind.ENERGY, ShownPer.KWH),
    "TIME": (ShownKind.CHARGING, ShownPer.MINUTE),
    "PARKING_TIME": (ShownKind.OCCUPANCY, ShownPer.MINUTE),
    "FLAT": (ShownKind.SESSION, ShownPer.SESSION),
    "RESERVATION_TIME": (ShownKind.RESERVATION, ShownPer.MINUTE),
    "RESERVATION_FLAT": (ShownKind.RESERVATION_FEE, ShownPer.SESSION),
}
_S_PER_MINUTE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """A quantity at a price. Amounts with tax; `net` before it, None where it is not known."""

    label: str
    note: str
    quantity: str
    unit_price: str
    vat: str
    amount: str
    net: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BillTax:
    """What is taxed at one rate."""

    rate: str
    net: str
    tax: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BillText:
    """A bill in the reader's language. `sums` stand between the lines and the total."""

    lines: tuple[BillLine, ...]
    sums: tuple[tuple[str, str], ...]
    taxes: tuple[BillTax, ...]
    net: str | None
    total: str
    notes: tuple[str, ...]


def bill_text(
    price: Mapping[str, Any],
    reader: Reader,
    *,
    signed: bool = False,
    open_payment: bool = False,
    not_charged: bool = False,
) -> BillText:
    """The words of `{currency, excl_vat, incl_vat, breakdown}`. `signed`: the meter signed it.

    `not_charged`: the driver pays nothing of it.
    """
    body, code = price["breakdown"], str(price["currency"])
    words = reader.language.bill
    lines = tuple(_lines(_items(body, "lines"), code, reader))
    net = _exact(price.get("excl_vat"))
    notes: list[str] = []
    if body.get("note"):
        notes.append(words.no_tariff)
    elif not lines:
        notes.append(words.nothing)
    notes += _found(body, reader)
    notes += [words.signed] if signed else []
    notes += [words.outcome_open] if open_payment else []
    notes += [words.outcome_free] if not_charged else []
    return BillText(
        lines=lines,
        sums=tuple(_sums(body, code, reader)),
        taxes=tuple(_taxes(_items(body, "taxes"), code, reader)),
        net=None if net is None else amounts.money(net, code, reader),
        total=amounts.money(_exact(price["incl_vat"]) or Fraction(0), code, reader),
        notes=tuple(notes),
    )


def _lines(items: Iterable[Mapping[str, Any]], code: str, reader: Reader) -> Iterable[BillLine]:
    """One line for each price, in the order in which the prices first counted."""
    groups: dict[tuple[object, ...], list[Mapping[str, Any]]] = {}
    for item in items:
        if item.get("dimension") in _KINDS:
            free = item.get("reason") == "allowance"  # at no price, whichever it would have been
            names = ("dimension", "reason", "vat") + (() if free else ("unit_price",))
            groups.setdefault(tuple(item.get(name) for name in names), []).append(item)
    for group in groups.values():
        yield _line(group, code, reader)


def _line(group: list[Mapping[str, Any]], code: str, reader: Reader) -> BillLine:
    words, first = reader.language.bill, group[0]
    free = first.get("reason") == "allowance"
    kind, per = _KINDS[str(first["dimension"])]
    quantity = _sum(group, "quantity") or Fraction(0)
    amount, net = _sum(group, "incl_vat_exact") or Fraction(0), _sum(group, "excl_vat_exact")
    units = quantity / _S_PER_MINUTE if per is ShownPer.MINUTE else quantity
    price = ""
    if units and not free:
        shown = amounts.money(amount / units, code, reader)
        price = f"{shown} {unit_of(per, reader.language.price)}"
    notes = {"step_size": words.step_size, "allowance": words.allowance}
    vat = _exact(first.get("vat"))
    return BillLine(
        label=label_of(kind, reader.language.price),
        note=notes.get(str(first.get("reason")), ""),
        quantity=_quantity(per, quantity, reader),
        unit_price=price,
        vat="" if vat is None else _rate(vat, reader),
        amount=amounts.money(amount, code, reader),
        net=None if net is None else amounts.money(net, code, reader),
    )


def _quantity(per: ShownPer, quantity: Fraction, reader: Reader) -> str:
    if per is ShownPer.KWH:
        return amounts.energy(quantity, reader)
    if per is ShownPer.SESSION:
        return amounts.number(quantity, reader)
    return amounts.duration(int(quantity), reader)


def _sums(body: Mapping[str, Any], code: str, reader: Reader) -> Iterable[tuple[str, str]]:
    """What a cap or a limit adds or takes, and what rounding did; with tax, as the total is."""
    for item in _items(body, "adjustments"):
        change = _exact(item.get("incl_vat_exact"))
        if change:
            yield _reason(item, reader), amounts.money(change, code, reader)
    rounding = body.get("rounding")
    change = _exact(rounding.get("incl_vat")) if isinstance(rounding, Mapping) else None
    if change:
        yield reader.language.bill.rounding, amounts.money(change, code, reader)


def _reason(item: Mapping[str, Any], reader: Reader) -> str:
    words, price, reason = reader.language.bill, reader.language.price, item.get("reason")
    if reason == "daily_cap" and (day := _day(item.get("day"))) is not None:
        return words.daily_cap.format(day=amounts.day(day, reader))
    return {
        "daily_cap": price.daily_cap,
        "min_price": price.min_price,
        "max_price": price.max_price,
        "rounding": words.rounding_policy,
    }.get(str(reason), str(reason)[:40])


def _taxes(items: Iterable[Mapping[str, Any]], code: str, reader: Reader) -> Iterable[BillTax]:
    for item in items:
        rate, net, tax = (_exact(item.get(name)) for name in ("vat", "net", "tax"))
        if rate is not None and net is not None and tax is not None:
            yield BillTax(
                rate=_rate(rate, reader),
                net=amounts.money(net, code, reader),
                tax=amounts.money(tax, code, reader),
            )


def _found(body: Mapping[str, Any], reader: Reader) -> list[str]:
    codes = {str(item.get("code")) for item in _items(body, "findings")}
    return [reader.language.bill.interpolated] if "interpolated" in codes else []


def _rate(rate: Fraction, reader: Reader) -> str:
    return f"{amounts.number(rate, reader)}{amounts.NBSP}%"


def _sum(group: Iterable[Mapping[str, Any]], name: str) -> Fraction | None:
    """None where one of them is not known."""
    total = Fraction(0)
    for item in group:
        value = _exact(item.get(name))
        if value is None:
            return None
        total += value
    return total


def _exact(value: object) -> Fraction | None:
    """A decimal or a fraction ("17/60") as text."""
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        return None
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError):
        return None


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def _items(body: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    items = body.get(key)
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
