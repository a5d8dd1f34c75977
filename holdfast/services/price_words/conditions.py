"""When a price holds, in words."""

from datetime import time, timedelta
from decimal import Decimal

from holdfast.domain.tariff.shown import ShownKind, ShownLine
from holdfast.domain.tariff.version import Restrictions
from holdfast.services.price_words import amounts
from holdfast.services.price_words.reader import Reader

_MIDNIGHT = time()
_DAY = timedelta(days=1)


def condition(line: ShownLine, reader: Reader) -> str:
    """All that restricts a shown price, the most usual first; empty where nothing does."""
    words = reader.language.price
    parts: list[str] = []
    if line.expired:
        parts.append(words.unused)
    if line.when is not None:
        parts += _by_calendar(line.when, reader)
        parts += _by_session(line.when, reader)
        parts += _by_measurement(line.when, reader)
    if line.otherwise:
        parts.append(words.otherwise)
    if line.grace_s and not line.price.free:
        parts.append(words.grace.format(quantity=amounts.duration(line.grace_s, reader)))
    if line.step > 1 and not line.price.free:
        quantity = (
            amounts.energy(Decimal(line.step) / 1_000, reader)
            if line.kind is ShownKind.ENERGY
            else amounts.duration(line.step, reader)
        )
        parts.append(words.step.format(quantity=quantity))
    return ", ".join(parts)


def _by_calendar(when: Restrictions, reader: Reader) -> list[str]:
    words = reader.language.price
    parts: list[str] = []
    if when.day_of_week:
        parts.append(amounts.weekdays(when.day_of_week, reader))
    start, end = when.start_time or _MIDNIGHT, when.end_time or _MIDNIGHT
    if start != end:
        if end == _MIDNIGHT:
            parts.append(words.from_time.format(time=amounts.clock(start, reader)))
        elif start == _MIDNIGHT:
            parts.append(words.until_time.format(time=amounts.clock(end, reader)))
        else:
            parts.append(f"{amounts.clock(start, reader)}{amounts.TO}{amounts.clock(end, reader)}")
    if when.start_date is not None:
        parts.append(words.from_date.format(date=amounts.day(when.start_date, reader)))
    if when.end_date is not None:
        # The end is exclusive; people say the last day.
        parts.append(words.until_date.format(date=amounts.day(when.end_date - _DAY, reader)))
    if when.holiday is not None:
        parts.append(words.on_holidays if when.holiday else words.not_on_holidays)
    return parts


def _by_session(when: Restrictions, reader: Reader) -> list[str]:
    words = reader.language.price
    low = None if when.min_kwh is None else amounts.energy(when.min_kwh, reader)
    high = None if when.max_kwh is None else amounts.energy(when.max_kwh, reader)
    parts = _range(low, high, words.after_energy, words.first_energy, reader)
    low = None if when.min_duration is None else amounts.duration(when.min_duration, reader)
    high = None if when.max_duration is None else amounts.duration(when.max_duration, reader)
    return parts + _range(low, high, words.after_duration, words.first_duration, reader)


def _by_measurement(when: Restrictions, reader: Reader) -> list[str]:
    words = reader.language.price
    low = None if when.min_power is None else amounts.power(when.min_power, reader)
    high = None if when.max_power is None else amounts.power(when.max_power, reader)
    parts = _range(low, high, words.at_least, words.below, reader)
    low = None if when.min_current is None else amounts.current(when.min_current, reader)
    high = None if when.max_current is None else amounts.current(when.max_current, reader)
    return parts + _range(low, high, words.at_least, words.below, reader)


def _range(low: str | None, high: str | None, after: str, first: str, reader: Reader) -> list[str]:
    if low is not None and high is not None:
        return [reader.language.price.between.format(low=low, high=high)]
    if low is not None:
        return [after.format(quantity=low)]
    return [] if high is None else [first.format(quantity=high)]
