"""When an element applies and what it costs, in plain English words for reviewers.

For the people who write and check tariffs. What drivers read comes from the price display, in
their language.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time
from decimal import Decimal

from holdfast.domain.currency import Currency
from holdfast.domain.tariff.canonical import decimal_text
from holdfast.domain.tariff.version import (
    DayOfWeek,
    DimensionType,
    PriceComponent,
    Reservation,
    Restrictions,
)

KIND_WORDS = {
    DimensionType.ENERGY: "energy",
    DimensionType.TIME: "charging time",
    DimensionType.PARKING_TIME: "parking time",
    DimensionType.FLAT: "the fee per session",
}
UNIT_WORDS = {
    DimensionType.ENERGY: "per kWh",
    DimensionType.TIME: "per hour",
    DimensionType.PARKING_TIME: "per hour",
    DimensionType.FLAT: "per session",
}
ALWAYS = "at any time"

_DAYS = tuple(day.value.capitalize() for day in DayOfWeek)


def restriction_words(restrictions: Restrictions | None) -> str:
    """`on weekdays, 18:00 to 22:00`; `at any time` where nothing is restricted."""
    if restrictions is None or restrictions == Restrictions():
        return ALWAYS
    return ", ".join(_parts(restrictions))


def component_words(component: PriceComponent, currency: Currency) -> str:
    """`0.45 EUR per kWh`, and how it follows a market."""
    words = f"{plain(component.price)} {currency} {UNIT_WORDS[component.type]}"
    if component.spot is not None:
        spot = component.spot
        words += f" over the market {spot.feed} times {plain(spot.factor)}"
        words += f", at least {plain(spot.floor)}"
        if spot.ceiling is not None:
            words += f" and at most {plain(spot.ceiling)}"
        words += f", {plain(spot.fallback)} where the market has no price"
    return words


def day_words(days: Iterable[int]) -> str:
    """`weekdays`, `weekends`, `Monday to Wednesday and Friday`. Days count from Monday, 0."""
    known = sorted(set(days))
    if known == [0, 1, 2, 3, 4]:
        return "weekdays"
    if known == [5, 6]:
        return "weekends"
    runs: list[list[int]] = []
    for day in known:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    names: list[str] = []
    for run in runs:
        if len(run) > 2:
            names.append(f"{_DAYS[run[0]]} to {_DAYS[run[-1]]}")
        else:
            names += [_DAYS[day] for day in run]
    return listed(names)


def clock_words(start: time | None, end: time | None) -> str:
    """`18:00 to 22:00`; an end of 00:00 is the end of the day."""
    if end is None or end == time():
        return f"from {start:%H:%M}" if start else "the whole day"
    return f"{start or time():%H:%M} to {end:%H:%M}"


def date_words(start: date | None, end: date | None) -> str:
    """The end is the first day on which it no longer applies."""
    if end is None:
        return f"from {start} on"
    return f"before {end}" if start is None else f"from {start} to before {end}"


def span_words(low: str | None, high: str | None) -> str:
    """`from 10 kWh on`, `up to 10 kWh`, `from 10 kWh to 20 kWh`."""
    if high is None:
        return f"from {low} on"
    return f"up to {high}" if low is None else f"from {low} to {high}"


def seconds_words(seconds: int) -> str:
    """`1 h 30 min`, `45 s`."""
    hours, rest = divmod(seconds, 3_600)
    minutes, left = divmod(rest, 60)
    parts = [f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min"), (left, "s")) if n]
    return " ".join(parts) or "0 s"


def plain(value: Decimal) -> str:
    """Without exponent and without zeros at the end."""
    text = decimal_text(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _parts(limits: Restrictions) -> Iterator[str]:
    yield from _whose(limits)
    yield from _days(limits)
    for low, high, unit in (
        (limits.min_kwh, limits.max_kwh, "kWh"),
        (limits.min_current, limits.max_current, "A"),
        (limits.min_power, limits.max_power, "kW"),
    ):
        if low is not None or high is not None:
            yield span_words(
                None if low is None else f"{plain(low)} {unit}",
                None if high is None else f"{plain(high)} {unit}",
            )
    least, most = limits.min_duration, limits.max_duration
    if least is not None or most is not None:
        yield duration_words(least, most)


def _whose(limits: Restrictions) -> Iterator[str]:
    if limits.reservation is Reservation.RESERVATION:
        yield "for a reservation"
    elif limits.reservation is not None:
        yield "for a reservation that expires"
    if limits.user_groups:
        yield f"for {listed(sorted(limits.user_groups))}"


def _days(limits: Restrictions) -> Iterator[str]:
    if limits.day_of_week:
        yield f"on {day_words(limits.weekdays())}"
    if limits.holiday is not None:
        yield "on public holidays" if limits.holiday else "not on public holidays"
    if limits.start_time is not None or limits.end_time is not None:
        yield clock_words(limits.start_time, limits.end_time)
    if limits.start_date is not None or limits.end_date is not None:
        yield date_words(limits.start_date, limits.end_date)


def duration_words(least: int | None, most: int | None) -> str:
    """Of the time since the session started."""
    if most is None:
        return f"after {seconds_words(least or 0)}"
    if least is None:
        return f"in the first {seconds_words(most)}"
    return f"from {seconds_words(least)} to {seconds_words(most)} after the start"
