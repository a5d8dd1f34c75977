"""What OCPI has no word for, in elements that it has: groups, holidays, markets, free energy.

Each rewriting is exact or it is a loss. Groups: rendered for one kind of driver. Holidays: dates.
A market: an element per hour that is known. Free energy per session: a first element up to so many
kWh. The rest (a grace, use that is free per day or month, a cap per day) OCPI cannot say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from holdfast.domain.finding import Finding, block, note, review
from holdfast.domain.pricing.context import SpotCurve
from holdfast.domain.tariff.coverage import TooManyBoxes, grid_of, uncovered
from holdfast.domain.tariff.ocpi_market import market_elements
from holdfast.domain.tariff.version import (
    WRITTEN_ELEMENTS_MAX,
    AllowancePer,
    DimensionType,
    PriceComponent,
    Restrictions,
    TariffElement,
    TariffVersion,
    TaxIncluded,
)
from holdfast.domain.tariff.wording import KIND_WORDS, listed, plain, seconds_words

_DAY = timedelta(days=1)
_WH_PER_KWH = 1_000


def plain_tariff(
    version: TariffVersion,
    *,
    user_groups: frozenset[str],
    zone: str,
    spot: Mapping[str, SpotCurve],
) -> tuple[TariffVersion, list[Finding]]:
    """The version in elements that OCPI knows, for drivers of these groups; what got lost."""
    losses: list[Finding] = []
    said = _or_free(version, _for_groups(version.elements, user_groups, losses))
    said = _or_free(version, _on_dates(replace(version, elements=said), losses))
    said = market_elements(_bounded(said, losses), zone=zone, spot=spot, losses=losses)
    said = _with_free_energy(replace(version, elements=said), losses)
    _unsaid(version, losses)
    written = replace(
        version,
        elements=_bounded(said, losses),
        idle_grace_s=0,
        allowances=(),
        daily_cap=None,
        holiday_calendar=None,
        holidays=(),
    )
    return written, losses


def _for_groups(
    elements: Sequence[TariffElement], groups: frozenset[str], losses: list[Finding]
) -> tuple[TariffElement, ...]:
    """Without those of other groups, and without the word."""
    kept: list[TariffElement] = []
    others: set[str] = set()
    for element in elements:
        limits = element.restrictions
        if limits is None or not limits.user_groups:
            kept.append(element)
        elif groups.isdisjoint(limits.user_groups):
            others.update(limits.user_groups)
        else:
            kept.append(_restricted(element, replace(limits, user_groups=())))
    if others:
        losses.append(
            note(
                "ocpi_groups",
                f"prices for {listed(sorted(others))} are left out: they are a tariff of their own",
            )
        )
    return tuple(kept)


def _or_free(
    version: TariffVersion, elements: tuple[TariffElement, ...]
) -> tuple[TariffElement, ...]:
    """An object needs an element: a fee of nothing says that all is free, as it is then."""
    free = _nothing(version, DimensionType.FLAT)
    return elements or (TariffElement(price_components=(free,)),)


def _nothing(version: TariffVersion, kind: DimensionType) -> PriceComponent:
    """A price of 0. Its rate of tax is one of the tariff's: where prices include tax, a price
    without a rate makes what is before tax unknown, and that of nothing is nothing."""
    rates = [component.vat for component in version.components if component.vat is not None]
    zero = Decimal(0) if version.tax_included is TaxIncluded.YES else None
    return PriceComponent(type=kind, price=Decimal(0), vat=rates[0] if rates else zero)


def _bounded(
    elements: tuple[TariffElement, ...], losses: list[Finding]
) -> tuple[TariffElement, ...]:
    if len(elements) > WRITTEN_ELEMENTS_MAX:
        losses.append(
            block(
                "ocpi_too_many_elements",
                f"{len(elements)} elements would be needed: only {WRITTEN_ELEMENTS_MAX} are said",
            )
        )
    return elements[:WRITTEN_ELEMENTS_MAX]


def _on_dates(version: TariffVersion, losses: list[Finding]) -> tuple[TariffElement, ...]:
    """Elements for holidays as elements for dates; elements for other days as those between."""
    written: list[TariffElement] = []
    for number, element in enumerate(version.elements):
        limits = element.restrictions
        if limits is None or limits.holiday is None:
            written.append(element)
        elif limits.holiday:
            stretches = _stretches(version.holidays)
            written += _dated(element, replace(limits, holiday=None), stretches)
        elif _taken(version, number):
            written.append(_restricted(element, replace(limits, holiday=None)))
        else:
            between = _between(_stretches(version.holidays))
            written += _dated(element, replace(limits, holiday=None), between)
    by_holiday = any(
        (element.restrictions or Restrictions()).holiday is not None for element in version.elements
    )
    if by_holiday and version.holidays:
        losses.append(
            note(
                "ocpi_holidays", f"public holidays are said by date, up to {max(version.holidays)}"
            )
        )
    elif by_holiday:
        losses.append(
            review("ocpi_holidays", "the dates of the holidays are not written out: none is said")
        )
    return tuple(written)


def _stretches(days: Sequence[date]) -> list[tuple[date | None, date | None]]:
    """Days that follow each other as one stretch; its end is open."""
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found and found[-1][1] == day:
            found[-1] = (found[-1][0], day + _DAY)
        else:
            found.append((day, day + _DAY))
    return [*found]


def _between(
    stretches: Sequence[tuple[date | None, date | None]],
) -> list[tuple[date | None, date | None]]:
    edges: list[date | None] = [None]
    for start, end in stretches:
        edges += [start, end]
    edges.append(None)
    return list(zip(edges[::2], edges[1::2], strict=True))


def _dated(
    element: TariffElement,
    limits: Restrictions,
    stretches: Sequence[tuple[date | None, date | None]],
) -> Iterator[TariffElement]:
    """The element once per stretch, as far as its own dates and weekdays reach into it."""
    for start, end in stretches:
        since = max((day for day in (start, limits.start_date) if day is not None), default=None)
        until = min((day for day in (end, limits.end_date) if day is not None), default=None)
        if since is not None and until is not None:
            if since >= until:
                continue
            days = (until - since).days
            there = {(since.weekday() + number) % 7 for number in range(min(days, 7))}
            if there.isdisjoint(limits.weekdays()):
                continue
        yield _restricted(element, replace(limits, start_date=since, end_date=until))


def _taken(version: TariffVersion, number: int) -> bool:
    """Whether on holidays the elements ahead price all that this one would: then it may apply."""
    element = version.elements[number]
    limits = element.restrictions or Restrictions()
    grid = grid_of(version)
    box = grid.box(replace(limits, holiday=True))
    for component in element.price_components:
        ahead = [
            grid.box(other.restrictions)
            for other in version.elements[:number]
            if other.reservation is element.reservation
            and other.component(component.type) is not None
        ]
        try:
            if uncovered(box, ahead):
                return False
        except TooManyBoxes:
            return False
    return True


def _with_free_energy(version: TariffVersion, losses: list[Finding]) -> tuple[TariffElement, ...]:
    """Free energy per session as a first element, where that is the same."""
    for allowance in version.allowances:
        if allowance.type is not DimensionType.ENERGY or not allowance.quantity:
            continue
        if allowance.per is not AllowancePer.SESSION:
            continue
        priced = [item for item in version.components if item.type is DimensionType.ENERGY]
        wh = allowance.quantity * _WH_PER_KWH
        if _energy_everywhere(version) and all(
            not item.step_size or not wh % item.step_size for item in priced
        ):
            free = _nothing(version, DimensionType.ENERGY)
            limits = Restrictions(max_kwh=allowance.quantity)
            first = TariffElement(price_components=(free,), restrictions=limits)
            return (first, *version.elements)
        losses.append(
            review(
                "ocpi_allowance",
                f"the first {plain(allowance.quantity)} kWh are free: energy that no element"
                " prices or whole blocks of energy do not count for them, which OCPI cannot say",
            )
        )
    return version.elements


def _energy_everywhere(version: TariffVersion) -> bool:
    grid = grid_of(version)
    boxes = [
        grid.box(element.restrictions)
        for element in version.elements
        if element.reservation is None and element.component(DimensionType.ENERGY) is not None
    ]
    try:
        return not uncovered(grid.full, boxes)
    except TooManyBoxes:
        return False


def _unsaid(version: TariffVersion, losses: list[Finding]) -> None:
    """What there is no way to say."""
    parked = any(
        component.type is DimensionType.PARKING_TIME and component.price
        for component in version.components
    )
    if version.idle_grace_s and parked:
        losses.append(
            review(
                "ocpi_grace",
                f"parking is free for {seconds_words(version.idle_grace_s)} after charging: OCPI"
                " has no grace, a CDR simply has no parking time for it",
            )
        )
    for allowance in version.allowances:
        energy = allowance.type is DimensionType.ENERGY
        if not allowance.quantity or (energy and allowance.per is AllowancePer.SESSION):
            continue
        quantity = (
            f"{plain(allowance.quantity)} kWh" if energy else seconds_words(int(allowance.quantity))
        )
        losses.append(
            review(
                "ocpi_allowance",
                f"{quantity} of {KIND_WORDS[allowance.type]} per {allowance.per} are free: OCPI"
                " cannot say it",
            )
        )
    if version.daily_cap is not None:
        limit = version.daily_cap
        amount = limit.incl_vat if limit.incl_vat is not None else limit.excl_vat
        losses.append(
            review(
                "ocpi_daily_cap",
                f"a day costs at most {plain(amount or Decimal(0))} {version.currency}: OCPI has"
                " limits per session only",
            )
        )


def _restricted(element: TariffElement, limits: Restrictions) -> TariffElement:
    return replace(element, restrictions=None if limits == Restrictions() else limits)
