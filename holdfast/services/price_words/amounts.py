"""Money, quantities and times in the reader's formats. No amount is shown rounder than it is."""

import re
from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from babel.dates import format_date, format_time, get_day_names
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

from holdfast.domain.tariff.version import DayOfWeek
from holdfast.services.price_words.reader import Reader

EXACT_DECIMALS_MAX = 6
ROUNDED_DECIMALS = 4
NBSP = "\N{NO-BREAK SPACE}"
TO = "\N{EN DASH}"
ABOUT = f"≈{NBSP}"

_LETTER_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_WEEKDAYS = {day: number for number, day in enumerate(DayOfWeek)}


def money(exact: Fraction | Decimal, currency: str, reader: Reader) -> str:
    """An amount in major units with all its decimals, at least the currency's.

    What has no end within six decimals is rounded to four and marked as about.
    """
    value, whole = _decimal(Fraction(exact))
    text = format_currency(value, currency, locale=reader.locale, decimal_quantization=False)
    # CLDR puts a space between a currency's letters and a number; babel leaves it out.
    text = _LETTER_DIGIT.sub(NBSP, text)
    return text if whole else ABOUT + text


def is_exact(exact: Fraction) -> bool:
    """Whether `money` shows it to the end."""
    return _decimal(exact)[1]


def number(exact: Fraction | Decimal, reader: Reader) -> str:
    """A plain number with the decimals that it has."""
    value, _ = _decimal(Fraction(exact))
    text = format_decimal(value, locale=reader.locale, decimal_quantization=False)
    return str(text)


def percent(rate: Decimal) -> Decimal:
    """A rate without needless zeros, as a number of percent."""
    whole = rate.normalize()
    return whole.quantize(Decimal(1)) if whole == whole.to_integral_value() else whole


def energy(kwh: Fraction | Decimal, reader: Reader) -> str:
    """A quantity in kWh."""
    return _unit(kwh, "energy-kilowatt-hour", reader)


def power(kw: Decimal, reader: Reader) -> str:
    """A power in kW."""
    return _unit(kw, "power-kilowatt", reader)


def current(amperes: Decimal, reader: Reader) -> str:
    """A current in A."""
    return _unit(amperes, "electric-ampere", reader)


def duration(seconds: int, reader: Reader) -> str:
    """Minutes below two hours, else hours and minutes; seconds only where there are some."""
    minutes, rest = divmod(seconds, 60)
    hours, of_hour = divmod(minutes, 60) if minutes >= 120 else (0, minutes)
    parts = [
        _unit(Decimal(value), f"duration-{unit}", reader)
        for value, unit in ((hours, "hour"), (of_hour, "minute"), (rest, "second"))
        if value
    ]
    return NBSP.join(parts) if parts else _unit(Decimal(0), "duration-minute", reader)


def clock(at: time, reader: Reader) -> str:
    """A time of day."""
    return str(format_time(at, "short", locale=reader.locale))


def day(date_: date, reader: Reader) -> str:
    """A date."""
    return str(format_date(date_, "medium", locale=reader.locale))


def moment(local: datetime, now: datetime, reader: Reader) -> str:
    """An instant of the coming week in local time: the weekday too unless it is today's."""
    text = clock(local.timetz().replace(tzinfo=None), reader)
    if local.date() == now.date():
        return text
    return f"{_day_names(reader)[local.weekday()]}{NBSP}{text}"


def weekdays(days: Iterable[DayOfWeek], reader: Reader) -> str:
    """Three and more in a row as a range: "Mon to Fri, Sun" with a dash."""
    names, numbers = _day_names(reader), sorted(_WEEKDAYS[day] for day in days)
    rows: list[list[int]] = []
    for each in numbers:
        if rows and rows[-1][-1] == each - 1:
            rows[-1].append(each)
        else:
            rows.append([each])
    texts: list[str] = []
    for row in rows:
        if len(row) > 2:
            texts.append(f"{names[row[0]]}{TO}{names[row[-1]]}")
        else:
            texts += [names[each] for each in row]
    return ", ".join(texts)


def _day_names(reader: Reader) -> dict[int, str]:
    return dict(get_day_names("abbreviated", "stand-alone", locale=reader.locale))


def _unit(value: Fraction | Decimal, unit: str, reader: Reader) -> str:
    return str(format_unit(_decimal(Fraction(value))[0], unit, "short", locale=reader.locale))


def _decimal(exact: Fraction) -> tuple[Decimal, bool]:
    scaled = exact * 10**EXACT_DECIMALS_MAX
    if scaled.denominator == 1:
        value = Decimal(scaled.numerator).scaleb(-EXACT_DECIMALS_MAX)
        return (value.normalize() if value else Decimal(0)), True
    quotient = Decimal(exact.numerator) / Decimal(exact.denominator)
    return quotient.quantize(Decimal(1).scaleb(-ROUNDED_DECIMALS), ROUND_HALF_UP), False
