"""From the rows of a price file to intervals: instants in UTC, exact prices per kWh, no overlap."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from holdfast.contracts.ports import SpotInterval, SpotPricesUnreadable, SpotReading

LENGTHS = tuple(timedelta(minutes=minutes) for minutes in (15, 30, 60))
PRICE_MOST = Decimal(1_000)  # per kWh, either way
DECIMALS_MAX = 12
TEXT_MAX = 40
PROBLEMS_SHOWN = 10
YEARS = range(2000, 2100)
# "price_per_kwh", "eur_per_mwh", "price_eur_per_mwh", "EUR/MWh"
_UNIT = re.compile(r"(?:price_?)?(?P<currency>[a-z]{3})?(?:_per_|/| per )(?P<unit>[km]wh)")
# Few enough digits that a Decimal keeps all of them.
_DECIMAL = re.compile(r"[+-]?\d{1,8}(?:\.\d{1,16})?(?:e[+-]?\d{1,2})?", re.IGNORECASE)


class BadHeader(ValueError):
    """The file does not say what its rows are; nothing of it is used."""


class BadRow(ValueError):
    """A row that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceUnit:
    """What the header says. `utc`: times without a zone are UTC; `comma`: decimal commas."""

    currency: str | None
    kwh: bool
    utc: bool = False
    comma: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row as it was written; `problem` where it could not even be taken apart."""

    place: str
    start: str = ""
    end: str | None = None
    price: str = ""
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A row that was understood, perhaps without its end."""

    place: str
    starts_at: datetime
    ends_at: datetime | None
    price: Decimal


def unit_of(name: str) -> PriceUnit | None:
    """The unit that a header names in small letters; None where it names none."""
    found = _UNIT.fullmatch(name)
    if found is None:
        return None
    currency = found["currency"]
    return PriceUnit(
        currency=None if currency is None else currency.upper(), kwh=found["unit"] == "kwh"
    )


def reading_of(unit: PriceUnit, rows: Iterable[Row], rows_max: int) -> SpotReading:
    """All rows that can be used. Raises `SpotPricesUnreadable` for too many."""
    known: list[_Known] = []
    problems: list[str] = []
    for number, row in enumerate(rows, start=1):
        if number > rows_max:
            raise SpotPricesUnreadable(f"it has more than {rows_max} prices: leave the oldest out")
        try:
            known.append(_known(row, unit))
        except BadRow as error:
            problems.append(f"{row.place}: {error}")
    known.sort(key=lambda row: row.starts_at)
    intervals: list[SpotInterval] = []
    resolution = _resolution(known)
    before: _Known | None = None
    for one in known:
        ends_at = one.ends_at or (None if resolution is None else one.starts_at + resolution)
        if ends_at is None:
            problems.append(f"{one.place}: nothing says when its price ends: add ends_at")
            continue
        if before is not None and intervals and one.starts_at < intervals[-1].ends_at:
            same = (one.starts_at, ends_at, one.price) == (
                intervals[-1].starts_at,
                intervals[-1].ends_at,
                intervals[-1].price,
            )
            if not same:
                problems.append(f"{one.place}: {before.place} has a price for that time")
            continue
        intervals.append(SpotInterval(starts_at=one.starts_at, ends_at=ends_at, price=one.price))
        before = one
    return SpotReading(
        currency=unit.currency,
        intervals=tuple(intervals),
        problems=tuple(problems[:PROBLEMS_SHOWN]),
        left_out=len(problems),
    )


def _resolution(known: list[_Known]) -> timedelta | None:
    """How long a price without an end counts: the least distance of two in this file. A longer
    distance is a hole, which must not be bridged; so a file of hours and quarters needs ends."""
    open_ended = [row.starts_at for row in known if row.ends_at is None]
    starts = sorted(set(open_ended))
    least = min((after - before for before, after in pairwise(starts)), default=None)
    return least if least in LENGTHS else None


def _known(row: Row, unit: PriceUnit) -> _Known:
    """Raises `BadRow`."""
    if row.problem is not None:
        raise BadRow(row.problem[:100])
    starts_at = _instant(row.start, utc=unit.utc)
    ends_at = None if not row.end else _instant(row.end, utc=unit.utc)
    if ends_at is not None and ends_at - starts_at not in LENGTHS:
        raise BadRow("a price is of an hour, a half or a quarter of one")
    return _Known(
        place=row.place, starts_at=starts_at, ends_at=ends_at, price=_price(row.price, unit)
    )


def _instant(text: str, *, utc: bool) -> datetime:
    try:
        instant = datetime.fromisoformat(text[:TEXT_MAX])
        if instant.tzinfo is None:
            if not utc:
                raise BadRow(f"{text[:TEXT_MAX]!r} has no zone: write Z or +01:00 behind it")
            instant = instant.replace(tzinfo=UTC)
        instant = instant.astimezone(UTC)
    except BadRow:
        raise
    except (ValueError, OverflowError):
        raise BadRow(f"{text[:TEXT_MAX]!r} is no time such as 2026-03-29T01:00:00Z") from None
    if instant.year not in YEARS or instant.minute % 15 or instant.second or instant.microsecond:
        raise BadRow(f"{text[:TEXT_MAX]!r} is not on a quarter of an hour from 2000 on")
    return instant


def _price(text: str, unit: PriceUnit) -> Decimal:
    """Per kWh. Dividing by a thousand only moves the point."""
    written = text[: TEXT_MAX + 1]
    if unit.comma and "." not in written:
        written = written.replace(",", ".", 1)
    if len(text) > TEXT_MAX or not _DECIMAL.fullmatch(written):
        raise BadRow(f"{text[:TEXT_MAX]!r} is no price")
    try:
        price = Decimal(written)
    except InvalidOperation:
        raise BadRow(f"{text[:TEXT_MAX]!r} is no price") from None
    price = price if unit.kwh else price.scaleb(-3)
    exponent = price.normalize().as_tuple().exponent
    if abs(price) > PRICE_MOST:
        raise BadRow(f"{text} is more than {PRICE_MOST} per kWh: is its unit right?")
    if not isinstance(exponent, int) or exponent < -DECIMALS_MAX:
        raise BadRow(f"{text} has more than {DECIMALS_MAX} decimals per kWh")
    return price
