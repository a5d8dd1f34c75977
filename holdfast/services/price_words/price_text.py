"""A shown price in words: one renderer for pages, the driver's page and stations' displays.

The texts hold nothing that a person wrote, so they need no escaping of their own; a template
escapes them all the same. Every language here is written from left to right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from holdfast.domain.tariff.shown import (
    LimitKind,
    ShownKind,
    ShownLimit,
    ShownLine,
    ShownPer,
    ShownPrice,
    UnitPrice,
)
from holdfast.domain.tariff.version import Allowance, AllowancePer, DimensionType
from holdfast.services.price_words import amounts
from holdfast.services.price_words.conditions import condition
from holdfast.services.price_words.reader import Reader, reader_of
from holdfast.services.price_words.words import PriceWords

SHORT_LENGTH_MAX = 512
"""Of OCPP's MessageContent (2.0.1 part 2, MessageContentType.content)."""

CUT = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One price in words. `now`: a session that starts now begins with it. `varies`: at other times
    or later in a session another one holds.

    `before_tax`: the same for business readers, None where no tax is in it.
    """

    kind: str
    label: str
    amount: str
    unit: str
    condition: str
    now: bool = False
    varies: bool = False
    before_tax: str | None = None
    colon: str = ": "

    @property
    def text(self) -> str:
        """On one line: "Energy: €0.49 per kWh (Mon, Tue)"."""
        price = f"{self.amount} {self.unit}".strip()
        return f"{self.label}{self.colon}{price}" + (
            f" ({self.condition})" if self.condition else ""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceText:
    """A price list in the reader's language. `changes`: what holds next, soonest first."""

    locale: str
    title: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    changes: tuple[str, ...]

    @property
    def plain(self) -> str:
        """The whole list as text, a line each; without what only holds at this moment."""
        return "\n".join((self.title, *(line.text for line in self.lines), *self.notes))

    @property
    def short(self) -> str:
        """`plain` in at most 512 characters, whole lines only; a last "…" says that some are gone.

        The title goes first: a price is worth more than its heading.
        """
        lines = self.plain.split("\n")
        if len(self.plain) <= SHORT_LENGTH_MAX:
            return self.plain
        return _cut(lines[1:])


def price_text(shown: ShownPrice, locale: str | Reader) -> PriceText:
    """In words. `locale` is a BCP 47 tag ("de-AT") or a reader; an unknown one reads English."""
    reader = locale if isinstance(locale, Reader) else reader_of(locale)
    words = reader.language.price
    return PriceText(
        locale=reader.tag,
        title=words.title,
        lines=(
            *(_line(line, shown, reader) for line in shown.lines),
            *(_limit(limit, shown, reader) for limit in shown.limits),
        ),
        notes=tuple(_notes(shown, reader)),
        changes=tuple(_changes(shown, reader)),
    )


def _line(line: ShownLine, shown: ShownPrice, reader: Reader) -> Line:
    words, code = reader.language.price, shown.currency.code
    free = line.price.free and not line.market
    parts = [condition(line, reader)]
    if line.per is ShownPer.MINUTE and not amounts.is_exact(line.price.incl):
        parts.insert(0, f"{amounts.money(line.per_hour, code, reader)} {words.per_hour}")
    if line.market:
        parts.append(_market(line, code, reader))
    return Line(
        kind=line.kind.value,
        label=label_of(line.kind, words),
        amount=words.free if free else amounts.money(line.price.incl, code, reader),
        unit="" if free else unit_of(line.per, words),
        condition=", ".join(part for part in parts if part),
        now=line.holds,
        varies=line.otherwise or line.when is not None,
        before_tax=None if free else _before_tax(line.price, code, reader),
        colon=words.colon,
    )


def label_of(kind: ShownKind, words: PriceWords) -> str:
    """What a line prices."""
    return {
        ShownKind.ENERGY: words.energy,
        ShownKind.CHARGING: words.charging,
        ShownKind.OCCUPANCY: words.occupancy,
        ShownKind.SESSION: words.session,
        ShownKind.RESERVATION: words.reservation,
        ShownKind.RESERVATION_FEE: words.reservation_fee,
    }[kind]


def unit_of(per: ShownPer, words: PriceWords) -> str:
    """For how much a price is."""
    return {
        ShownPer.KWH: words.per_kwh,
        ShownPer.MINUTE: words.per_minute,
        ShownPer.SESSION: words.per_session,
    }[per]


def _market(line: ShownLine, code: str, reader: Reader) -> str:
    words = reader.language.price
    parts = [words.market]
    if line.floor is not None:
        amount = amounts.money(line.floor.incl, code, reader)
        parts.append(words.market_floor.format(amount=amount))
    if line.ceiling is not None:
        amount = amounts.money(line.ceiling.incl, code, reader)
        parts.append(words.market_ceiling.format(amount=amount))
    return ", ".join(parts)


def _before_tax(price: UnitPrice, code: str, reader: Reader) -> str | None:
    if price.excl is None or price.excl == price.incl:
        return None
    return reader.language.price.before_tax.format(amount=amounts.money(price.excl, code, reader))


def _limit(limit: ShownLimit, shown: ShownPrice, reader: Reader) -> Line:
    """With tax where that is stated, else before tax and marked so where tax comes on top."""
    words, code = reader.language.price, shown.currency.code
    label = {
        LimitKind.MIN_PRICE: words.min_price,
        LimitKind.MAX_PRICE: words.max_price,
        LimitKind.DAILY_CAP: words.daily_cap,
    }[limit.kind]
    net = None if limit.excl is None else amounts.money(limit.excl, code, reader)
    marked = None if net is None else words.before_tax.format(amount=net)
    if limit.incl is not None:
        amount, marked = amounts.money(limit.incl, code, reader), marked if shown.vat else None
    else:
        amount = (marked if shown.vat else net) or ""
        marked = None
    return Line(
        kind=limit.kind.value,
        label=label,
        amount=amount,
        unit="",
        condition="",
        before_tax=marked,
        colon=words.colon,
    )


def _notes(shown: ShownPrice, reader: Reader) -> list[str]:
    words = reader.language.price
    codes = {finding.code for finding in shown.findings}
    notes = [words.all_free] if shown.free else []
    notes += [_allowance(allowance, reader) for allowance in shown.allowances]
    if any(not line.market_known for line in shown.lines):
        notes.append(words.market_unknown)
    if "display_overlap" in codes:
        notes.append(words.first_counts)
    if "display_measured" in codes:
        notes.append(words.power_decides)
    if not shown.free:
        notes.append(_tax(shown, codes, reader))
    return notes


def _allowance(allowance: Allowance, reader: Reader) -> str:
    words = reader.language.price
    text = {
        AllowancePer.SESSION: words.allowance_session,
        AllowancePer.DAY: words.allowance_day,
        AllowancePer.MONTH: words.allowance_month,
    }[allowance.per]
    if allowance.type is DimensionType.ENERGY:
        quantity = amounts.energy(allowance.quantity, reader)
    else:
        quantity = amounts.duration(int(allowance.quantity), reader)
    return text.format(kind=label_of(_KINDS[allowance.type], words), quantity=quantity)


def _tax(shown: ShownPrice, codes: set[str], reader: Reader) -> str:
    words = reader.language.price
    if "display_tax_unknown" in codes:
        return words.tax_unknown
    rates = [rate for rate in shown.vat if rate]
    if rates:
        texts = [f"{amounts.number(rate, reader)}{amounts.NBSP}%" for rate in rates]
        return words.tax_included.format(rates=" / ".join(texts))
    if shown.taxed and any(line.price.excl is None for line in shown.lines):
        return words.tax_included_unstated
    return words.no_tax


def _changes(shown: ShownPrice, reader: Reader) -> list[str]:
    words, zone = reader.language.price, ZoneInfo(shown.zone)
    now = shown.at.astimezone(zone)
    together: dict[datetime, list[str]] = {}
    for change in shown.changes:
        per = _PER.get(change.kind, ShownPer.SESSION)
        if change.price is None or change.price.free:
            price = words.free
        else:
            amount = amounts.money(change.price.incl, shown.currency.code, reader)
            price = f"{amount} {unit_of(per, words)}"
        at = change.at.astimezone(UTC)
        together.setdefault(at, []).append(f"{label_of(change.kind, words)}, {price}")
    return [
        words.change.format(
            time=amounts.moment(at.astimezone(zone), now, reader), price="; ".join(prices)
        )
        for at, prices in together.items()
    ]


_KINDS = {
    DimensionType.ENERGY: ShownKind.ENERGY,
    DimensionType.TIME: ShownKind.CHARGING,
    DimensionType.PARKING_TIME: ShownKind.OCCUPANCY,
}
_PER = {
    ShownKind.ENERGY: ShownPer.KWH,
    ShownKind.CHARGING: ShownPer.MINUTE,
    ShownKind.OCCUPANCY: ShownPer.MINUTE,
}


def _cut(lines: Sequence[str]) -> str:
    kept: list[str] = []
    room = SHORT_LENGTH_MAX - len(CUT) - 1
    for line in lines:
        if len(line) + 1 > room:
            return "\n".join([*kept, CUT])
        kept.append(line)
        room -= len(line) + 1
    return "\n".join(kept)
