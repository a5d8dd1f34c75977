"""What is covered by which element: every combination of weekday, date, time, energy and so on.

Each restriction bounds one thing only, so an element is a box: a set of cells per axis, cut at
all the edges that the tariff names. Taking boxes away from one another says, without trying out
instants, what no element prices and what an element still has after those ahead of it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

from holdfast.domain.tariff.version import DAY_MINUTES, Restrictions, TariffVersion

BOXES_MAX = 4_000
"""Parts of what is uncovered; a tariff of people has a dozen."""

CUTS_MAX = 100_000
"""How often one question may take a box from another: a tariff of people needs some hundred."""

DAYS_MAX = 800
"""A stretch of more days has every weekday, on a holiday and off."""

Box = tuple[int, ...]
"""A bit mask of cells for each axis of a grid, in the order of `Grid.axes`."""

Cell = TypeVar("Cell")

_DAY = timedelta(days=1)


class TooManyBoxes(ValueError):
    """A tariff so cut up that its gaps were not looked for to the end."""


@dataclass(slots=True)
class Effort:
    """What one question, asked of all elements of a tariff, may still cost."""

    cuts: int = CUTS_MAX

    def spend(self, cuts: int) -> None:
        """Raises `TooManyBoxes` where it is used up."""
        self.cuts -= cuts
        if self.cuts < 0:
            raise TooManyBoxes


@dataclass(frozen=True, slots=True)
class DayCell:
    """Days of one stretch of dates (`until` is open; None is without end), weekday and kind."""

    since: date | None
    until: date | None
    weekday: int
    holiday: bool


@dataclass(frozen=True, slots=True)
class Span:
    """From `low` (inclusive) to `high` (exclusive). `measured` False: nothing was measured."""

    low: Decimal
    high: Decimal | None
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of each axis. `groups[0]` is None: a driver of none of the groups."""

    days: tuple[DayCell, ...]
    minutes: tuple[tuple[int, int], ...]
    energies: tuple[Span, ...]
    durations: tuple[Span, ...]
    currents: tuple[Span, ...]
    powers: tuple[Span, ...]
    groups: tuple[str | None, ...]

    @property
    def full(self) -> Box:
        """Everything that can be."""
        return tuple((1 << len(cells)) - 1 for cells in self.axes)

    @property
    def axes(self) -> tuple[Sequence[object], ...]:
        return (
            self.days,
            self.minutes,
            self.energies,
            self.durations,
            self.currents,
            self.powers,
            self.groups,
        )

    def box(self, limits: Restrictions | None) -> Box:
        """Where these restrictions hold, whatever they say of reservations."""
        if limits is None:
            return self.full
        weekdays, windows = limits.weekdays(), limits.minutes()

        def day_holds(cell: DayCell) -> bool:
            return (
                cell.weekday in weekdays
                and (limits.holiday is None or cell.holiday is limits.holiday)
                and _after(cell.since, limits.start_date)
                and _before(cell.until, limits.end_date)
            )

        def minute_holds(cell: tuple[int, int]) -> bool:
            return any(cell[0] in window for window in windows)

        return (
            _mask(self.days, day_holds),
            _mask(self.minutes, minute_holds),
            _mask(self.energies, _within(limits.min_kwh, limits.max_kwh)),
            _mask(self.durations, _within(limits.min_duration, limits.max_duration)),
            _mask(self.currents, _within(limits.min_current, limits.max_current)),
            _mask(self.powers, _within(limits.min_power, limits.max_power)),
            _mask(
                self.groups,
                lambda group: not limits.user_groups or group in limits.user_groups,
            ),
        )


def grid_of(tariff: TariffVersion, *, since: date | None = None) -> Grid:
    """The grid that the tariff's restrictions cut. Days before `since` do not matter."""
    rules = [
        element.restrictions for element in tariff.elements if element.restrictions is not None
    ]
    windows = [window for rule in rules for window in rule.minutes()]
    clocks = {0, *(edge for window in windows for edge in (window.start, window.stop))}
    edges = sorted(clocks - {DAY_MINUTES})
    groups = sorted({group for rule in rules for group in rule.user_groups})
    return Grid(
        days=_days(tariff, rules, since),
        minutes=tuple(zip(edges, [*edges[1:], DAY_MINUTES], strict=True)),
        energies=_spans(value for rule in rules for value in (rule.min_kwh, rule.max_kwh)),
        durations=_spans(
            value for rule in rules for value in (rule.min_duration, rule.max_duration)
        ),
        currents=_spans(
            (value for rule in rules for value in (rule.min_current, rule.max_current)),
            unmeasured=True,
        ),
        powers=_spans(
            (value for rule in rules for value in (rule.min_power, rule.max_power)),
            unmeasured=True,
        ),
        groups=(None, *groups),
    )


def uncovered(box: Box, others: Iterable[Box], effort: Effort | None = None) -> list[Box]:
    """What is in the box and in none of the others, as boxes that do not overlap.

    Raises `TooManyBoxes`.
    """
    effort = Effort() if effort is None else effort
    left = [box] if all(box) else []
    for other in others:
        effort.spend(len(left))
        remaining: list[Box] = []
        for part in left:
            remaining += _without(part, other)
        if len(remaining) > BOXES_MAX:
            raise TooManyBoxes
        left = remaining
        if not left:
            break
    return left


def merged(boxes: Sequence[Box]) -> list[Box]:
    """Fewer boxes for the same: those that differ on one axis only are one."""
    found = list(boxes)
    while True:
        before = len(found)
        for axis in range(len(found[0]) if found else 0):
            by_rest: dict[Box, int] = {}
            for box in found:
                rest = (*box[:axis], 0, *box[axis + 1 :])
                by_rest[rest] = by_rest.get(rest, 0) | box[axis]
            found = [(*rest[:axis], cells, *rest[axis + 1 :]) for rest, cells in by_rest.items()]
        if len(found) == before:
            return found


def _without(box: Box, other: Box) -> list[Box]:
    common = tuple(mine & theirs for mine, theirs in zip(box, other, strict=True))
    if not all(common):
        return [box]
    parts: list[Box] = []
    for axis, (mine, theirs) in enumerate(zip(box, other, strict=True)):
        if rest := mine & ~theirs:
            parts.append((*common[:axis], rest, *box[axis + 1 :]))
    return parts


def _days(
    tariff: TariffVersion, rules: Sequence[Restrictions], since: date | None
) -> tuple[DayCell, ...]:
    """Only days that there are: a single date has one weekday, and is a holiday or not."""
    edges = {day for rule in rules for day in (rule.start_date, rule.end_date) if day is not None}
    starts = [since, *sorted(edge for edge in edges if since is None or edge > since)]
    by_holiday = any(rule.holiday is not None for rule in rules)
    holidays = sorted(set(tariff.holidays))
    # The dates of a calendar are written out when a draft is approved; until then any day may be.
    unwritten = tariff.holiday_calendar is not None and not holidays
    cells: list[DayCell] = []
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        kinds: set[tuple[int, bool]] = set()
        if start is None or end is None or (end - start).days > DAYS_MAX:
            kinds |= {(weekday, False) for weekday in range(7)}
        else:
            days = [start + number * _DAY for number in range((end - start).days)]
            off = set(holidays) if by_holiday else set()
            kinds |= {(day.weekday(), False) for day in days if day not in off}
        if by_holiday and unwritten:
            kinds |= {(weekday, True) for weekday in range(7)}
        elif by_holiday:
            kinds |= {
                (day.weekday(), True)
                for day in holidays
                if (start is None or day >= start) and (end is None or day < end)
            }
        cells += [DayCell(start, end, *kind) for kind in sorted(kinds)]
    return tuple(cells)


def _spans(limits: Iterable[Decimal | int | None], *, unmeasured: bool = False) -> tuple[Span, ...]:
    edges = sorted({Decimal(0), *(Decimal(limit) for limit in limits if limit is not None)})
    spans = [Span(low, high) for low, high in zip(edges, [*edges[1:], None], strict=True)]
    if unmeasured and len(spans) > 1:
        spans.append(Span(Decimal(0), None, measured=False))
    return tuple(spans)


def _within(low: Decimal | int | None, high: Decimal | int | None) -> Callable[[Span], bool]:
    """An edge is always the edge of a span, so a span is inside as a whole or not at all."""

    def holds(span: Span) -> bool:
        if low is None and high is None:
            return True
        return (
            span.measured and (low is None or span.low >= low) and (high is None or span.low < high)
        )

    return holds


def _mask(cells: Sequence[Cell], holds: Callable[[Cell], bool]) -> int:
    return sum(1 << number for number, cell in enumerate(cells) if holds(cell))


def _after(since: date | None, start: date | None) -> bool:
    return start is None or (since is not None and since >= start)


def _before(until: date | None, end: date | None) -> bool:
    return end is None or (until is not None and until <= end)
