"""Market prices from a folder of files, one per feed: `<folder>/<key>.csv` or `<key>.json`.

A file says so much: a start, perhaps an end, and a price with its unit in the header
(docs/howto/spot-prices.md). It is written by others, so it is bounded, and a bad row is named by
its line and left out without losing the rest. Prices stay decimals from the text on.
"""

import asyncio
import csv
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from holdfast.adapters.spot_price_rows import BadHeader, PriceUnit, Row, reading_of, unit_of
from holdfast.contracts.ports import SpotPricesUnreadable, SpotReading
from holdfast.domain.tariff.version import NAME

FILE_BYTES_MAX = 8 * 1_048_576
ROWS_MAX = 50_000  # a year of quarter-hours is 35,136
STARTS = ("starts_at", "start", "starts_at_utc", "start_utc")
ENDS = ("ends_at", "end", "ends_at_utc", "end_utc")


@dataclass(frozen=True, slots=True)
class SpotPriceFolder:
    """The folder of an installation; None: there is none, and nothing can be read."""

    folder: str | None

    async def read(self, key: str) -> SpotReading:
        """The feed's file. Raises `SpotPricesUnreadable`."""
        if self.folder is None:
            raise SpotPricesUnreadable("the installation has no folder of price files")
        return await asyncio.to_thread(read_file, Path(self.folder), key)


def read_file(folder: Path, key: str) -> SpotReading:
    """The file of a key. Raises `SpotPricesUnreadable`."""
    if not NAME.fullmatch(key):
        raise SpotPricesUnreadable(f"{key[:80]!r} cannot name a file")
    for suffix, read in ((".csv", _csv_rows), (".json", _json_rows)):
        content = _content(folder, f"{key}{suffix}")
        if content is None:
            continue
        try:
            text = content.decode("utf-8-sig")
            unit, rows = read(text)
        except UnicodeDecodeError:
            raise SpotPricesUnreadable(f"{key}{suffix} is not UTF-8") from None
        except BadHeader as error:
            raise SpotPricesUnreadable(f"{key}{suffix}: {error}") from None
        return reading_of(unit, rows, ROWS_MAX)
    raise SpotPricesUnreadable(f"there is no file {key}.csv or {key}.json")


def _content(folder: Path, name: str) -> bytes | None:
    """A plain file of the folder itself; None where there is none. No link leads out of it."""
    try:
        path = (folder / name).resolve(strict=True)
        if not path.is_relative_to(folder.resolve(strict=True)):
            raise SpotPricesUnreadable(f"{name} leads out of the folder")
        # A pipe would keep us waiting for whoever writes it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SpotPricesUnreadable(f"{name} is no plain file")
            content = file.read(FILE_BYTES_MAX + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, RuntimeError) as error:
        raise SpotPricesUnreadable(f"{name} cannot be read: {type(error).__name__}") from error
    if len(content) > FILE_BYTES_MAX:
        raise SpotPricesUnreadable(f"{name} is larger than {FILE_BYTES_MAX // 1_048_576} MiB")
    return content


def _csv_rows(text: str) -> tuple[PriceUnit, Iterator[Row]]:
    """Commas, or semicolons with decimal commas. Lines that begin with # are notes."""
    head, _, _ = text.lstrip("\r\n").partition("\n")
    delimiter = ";" if ";" in head else ","
    lines = csv.reader(StringIO(text), delimiter=delimiter)
    try:
        header = next((line for line in lines if line and not line[0].startswith("#")), [])
    except csv.Error as error:
        raise BadHeader(f"the first line cannot be read: {error}") from None
    names = [name.strip().lower() for name in header]
    start, end = _column(names, STARTS), _column(names, ENDS)
    if start is None:
        raise BadHeader("the first line names its columns, one of them starts_at")
    prices = [(number, unit) for number, name in enumerate(names) if (unit := unit_of(name))]
    if len(prices) != 1:
        raise BadHeader("one column of prices, with its unit: price_per_kwh or eur_per_mwh, say")
    number, unit = prices[0]
    unit = PriceUnit(
        currency=unit.currency,
        kwh=unit.kwh,
        utc=names[start].endswith("_utc"),
        comma=delimiter == ";",
    )
    return unit, _rows_of(lines, start, end, number)


def _rows_of(lines: Any, start: int, end: int | None, price: int) -> Iterator[Row]:
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(place=f"line {lines.line_num}", problem=str(error))
            continue
        place = f"line {lines.line_num}"
        if not any(cell.strip() for cell in line) or line[0].startswith("#"):
            continue
        if len(line) <= max(start, price, end or 0):
            yield Row(place=place, problem="it has fewer columns than the first line")
            continue
        ends = None if end is None else line[end].strip()
        yield Row(place=place, start=line[start].strip(), end=ends, price=line[price].strip())


def _column(names: list[str], wanted: tuple[str, ...]) -> int | None:
    return next((number for number, name in enumerate(names) if name in wanted), None)


def _json_rows(text: str) -> tuple[PriceUnit, Iterator[Row]]:
    """`{"unit": "EUR/MWh", "prices": [{"starts_at": …, "ends_at": …, "price": …}]}`."""
    try:
        # Numbers stay the text that they were: 0.1 is a decimal, not what a float makes of it.
        form = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise BadHeader(f"it is not JSON: {str(error)[:100]}") from None
    if not isinstance(form, dict) or not isinstance(form.get("prices"), list):
        raise BadHeader('an object with "unit" and a list "prices"')
    unit = unit_of(str(form.get("unit", "")).strip().lower())
    if unit is None:
        raise BadHeader('"unit" says what the prices are of: "EUR/MWh" or "EUR/kWh", say')
    return unit, _items_of(form["prices"])


def _items_of(items: list[Any]) -> Iterator[Row]:
    for number, item in enumerate(items, start=1):
        place = f"price {number}"
        if not isinstance(item, dict):
            yield Row(place=place, problem="it is no object")
            continue
        start, end, price = item.get("starts_at"), item.get("ends_at"), item.get("price")
        if not isinstance(start, str) or not isinstance(price, str):
            yield Row(place=place, problem="it has no starts_at or no price")
            continue
        yield Row(place=place, start=start, end=None if end is None else str(end), price=price)
