"""What no element prices, and which elements never get to price anything, in words.

In OCPI, what matches no element is free: a gap by mistake gives energy away, and nobody complains.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

from holdfast.domain.finding import Finding, Severity, review
from holdfast.domain.tariff.coverage import (
    Box,
    DayCell,
    Effort,
    Grid,
    Span,
    TooManyBoxes,
    grid_of,
    merged,
    uncovered,
)
from holdfast.domain.tariff.lint_place import LintPlace
from holdfast.domain.tariff.version import (
    DimensionType,
    Reservation,
    TariffElement,
    TariffVersion,
)
from holdfast.domain.tariff.wording import (
    KIND_WORDS,
    date_words,
    day_words,
    duration_words,
    listed,
    plain,
    restriction_words,
    span_words,
)

Cell = TypeVar("Cell")

GAPS_SAID_MAX = 5
"""Of one kind, each with its words; the rest are counted."""


def coverage_findings(tariff: TariffVersion, place: LintPlace) -> Iterator[Finding]:
    """Gaps of each kind that the tariff prices at all, and prices that never apply."""
    grid, effort = grid_of(tariff, since=place.today), Effort()
    charging = [
        (number, element)
        for number, element in enumerate(tariff.elements)
        if element.reservation is None
    ]
    yield from _never(grid, charging, effort)
    for kind in Reservation:
        reserved = [
            (number, element)
            for number, element in enumerate(tariff.elements)
            if element.reservation is kind
        ]
        yield from _never(grid, reserved, effort)
    elements = [element for _, element in charging]
    priced = {item.type for element in elements for item in element.price_components}
    if DimensionType.ENERGY not in priced and priced:
        yield review("energy_is_free", "no element prices energy, so every kWh is free")
    for dimension in DimensionType:
        if dimension in priced:
            yield from _gaps(grid, elements, dimension)
    if effort.cuts < 0:
        yield review(
            "unreachable_not_checked",
            "there are too many different cases to look for prices that never apply",
        )


def gap_words(grid: Grid, box: Box) -> str:
    """When a box of the grid is: `on weekends, 22:00 to 06:00, from 10 kWh on`."""
    parts: list[str] = []
    days, minutes, energies, durations, currents, powers, groups = box
    if groups != grid.full[6]:
        named = [group for group in _cells(grid.groups, groups) if group]
        parts.append(
            "for drivers of no group" if groups & 1 else f"for {listed([*map(str, named)])}"
        )
    if days != grid.full[0]:
        parts.append(_day_words(grid, _cells(grid.days, days)))
    if minutes != grid.full[1]:
        parts.append(_minute_words(_cells(grid.minutes, minutes)))
    for full, mask, spans, unit in (
        (grid.full[2], energies, grid.energies, "kWh"),
        (grid.full[4], currents, grid.currents, "A"),
        (grid.full[5], powers, grid.powers, "kW"),
    ):
        if mask != full:
            parts.append(_span_words(_cells(spans, mask), unit))
    if durations != grid.full[3]:
        parts.append(_duration_words(_cells(grid.durations, durations)))
    return ", ".join(parts) or "always"


def _never(
    grid: Grid, elements: Sequence[tuple[int, TariffElement]], effort: Effort
) -> Iterator[Finding]:
    """Prices that an earlier one takes every case from, and elements that no instant meets."""
    ahead: dict[DimensionType, list[tuple[int, Box]]] = {}
    for number, element in elements:
        path, box = f"elements[{number}]", grid.box(element.restrictions)
        if not all(box):
            yield review(
                "never_applies",
                f"{path}: there is no moment {restriction_words(element.restrictions)}",
            )
            continue
        named: set[DimensionType] = set()
        for component in element.price_components:
            kind = component.type
            if kind in named:
                yield _unreachable(path, kind, "an earlier price of the same element does")
                continue
            named.add(kind)
            earlier = ahead.setdefault(kind, [])
            try:
                left = uncovered(box, [other for _, other in earlier], effort)
            except TooManyBoxes:
                left = [box]
            if not left:
                taken = [f"elements[{other}]" for other, mask in earlier if _touch(mask, box)]
                yield _unreachable(path, kind, f"all its cases are those of {listed(taken)}")
            earlier.append((number, box))


def _gaps(
    grid: Grid, elements: Sequence[TariffElement], dimension: DimensionType
) -> Iterator[Finding]:
    boxes = [
        grid.box(element.restrictions)
        for element in elements
        if element.component(dimension) is not None
    ]
    # Energy for nothing is hardly ever meant; time that costs nothing at night often is.
    severity = Severity.REVIEW if dimension is DimensionType.ENERGY else Severity.NOTE
    try:
        gaps = merged(uncovered(grid.full, boxes))
    except TooManyBoxes:
        yield review(
            "gaps_not_checked",
            f"{KIND_WORDS[dimension]} has too many different cases to look for gaps",
        )
        return
    for gap in gaps[:GAPS_SAID_MAX]:
        yield Finding(
            code="gap_is_free",
            detail=f"{KIND_WORDS[dimension]} is free {gap_words(grid, gap)}:"
            " no element prices it there",
            severity=severity,
        )
    if len(gaps) > GAPS_SAID_MAX:
        yield Finding(
            code="gap_is_free",
            detail=f"{KIND_WORDS[dimension]} is free in {len(gaps) - GAPS_SAID_MAX} more cases",
            severity=severity,
        )


def _unreachable(path: str, kind: DimensionType, why: str) -> Finding:
    return review("unreachable", f"{path}: {kind} never applies: {why}")


def _touch(first: Box, second: Box) -> bool:
    return all(mine & theirs for mine, theirs in zip(first, second, strict=True))


def _cells(cells: Sequence[Cell], mask: int) -> list[Cell]:
    return [cell for number, cell in enumerate(cells) if mask >> number & 1]


def _day_words(grid: Grid, cells: Sequence[DayCell]) -> str:
    """Stretches of dates with the same kinds of day are said together."""
    by_stretch: dict[tuple[date | None, date | None], list[DayCell]] = {}
    for cell in cells:
        by_stretch.setdefault((cell.since, cell.until), []).append(cell)
    said: list[str] = []
    stretches = list(by_stretch.items())
    while stretches:
        (since, until), days = stretches.pop(0)
        kinds = {(day.weekday, day.holiday) for day in days}
        while stretches and stretches[0][0][0] == until:
            if {(day.weekday, day.holiday) for day in stretches[0][1]} != kinds:
                break
            until = stretches.pop(0)[0][1]
        said.append(_stretch_words(grid, days, since, until))
    return "; ".join(said[:GAPS_SAID_MAX]) + ("; …" if len(said) > GAPS_SAID_MAX else "")


def _stretch_words(
    grid: Grid, days: Sequence[DayCell], since: date | None, until: date | None
) -> str:
    there = [cell for cell in grid.days if cell.since == days[0].since]
    words: list[str] = []
    off = sorted({day.weekday for day in days if day.holiday})
    working = sorted({day.weekday for day in days if not day.holiday})
    all_off = sorted({day.weekday for day in there if day.holiday})
    all_working = sorted({day.weekday for day in there if not day.holiday})
    if off != all_off or working != all_working:
        if working and off and off == [day for day in working if day in all_off]:
            words.append(f"on {day_words(working)}")
        else:
            if working:
                beside = " that are no holidays" if all_off else ""
                words.append(f"on {day_words(working)}{beside}")
            if off:
                which = "" if off == all_off else f" that are {day_words(off)}"
                words.append(f"on public holidays{which}")
    if since is not None or until is not None:
        words.append(date_words(since, until))
    return ", ".join(words)


def _minute_words(cells: Sequence[tuple[int, int]]) -> str:
    runs: list[tuple[int, int]] = []
    for start, end in cells:
        if runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    if len(runs) > 1 and runs[0][0] == 0 and runs[-1][1] == 1_440:
        runs = [*runs[1:-1], (runs[-1][0], runs[0][1])]
    return listed([f"{_clock(start)} to {_clock(end)}" for start, end in runs])


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _span_words(cells: Sequence[Span], unit: str) -> str:
    kind = "power" if unit == "kW" else "current"
    runs = _runs(cells)
    words = [
        span_words(
            None if low == 0 else f"{plain(low)} {unit}",
            None if high is None else f"{plain(high)} {unit}",
        )
        for low, high in runs
        if low or high is not None
    ]
    if any(not cell.measured for cell in cells):
        words.append(f"where the station measures no {kind}")
    return listed(words)


def _duration_words(cells: Sequence[Span]) -> str:
    return listed(
        [
            duration_words(None if low == 0 else int(low), None if high is None else int(high))
            for low, high in _runs(cells)
        ]
    )


def _runs(cells: Sequence[Span]) -> list[tuple[Decimal, Decimal | None]]:
    """Spans that follow each other as one."""
    runs: list[tuple[Decimal, Decimal | None]] = []
    for cell in cells:
        if cell.measured:
            if runs and runs[-1][1] == cell.low:
                runs[-1] = (runs[-1][0], cell.high)
            else:
                runs.append((cell.low, cell.high))
    return runs
