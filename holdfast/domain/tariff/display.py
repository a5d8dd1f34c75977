"""What a driver must know of a tariff at an instant, before charging starts.

Shown price = billed price: every amount and every "which price counts" is asked of the pricing
engine (`display_probe`); this module only orders the answers as AFIR wants them, leaves out what
can never apply to this driver, and says where a tariff is no simple list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import combinations

from holdfast.domain.finding import Finding, review
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.tariff.display_points import Points, points_of
from holdfast.domain.tariff.display_probe import Point, Probe
from holdfast.domain.tariff.display_when import Reach, left_to_say
from holdfast.domain.tariff.shown import (
    LimitKind,
    ShownChange,
    ShownKind,
    ShownLimit,
    ShownLine,
    ShownPer,
    ShownPrice,
    UnitPrice,
)
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceComponent,
    Reservation,
    Restrictions,
    TariffVersion,
    TaxIncluded,
)
from holdfast.domain.time_zone import time_zone

LINES_SIMPLE_MAX = 4
"""Of one kind: more is a table, not a price that a driver grasps."""

CHANGES_MAX = 8
MINUTES_PER_HOUR = 60
NOTHING = UnitPrice(incl=Fraction(0), excl=Fraction(0))

KINDS = {
    DimensionType.ENERGY: (ShownKind.ENERGY, ShownPer.KWH),
    DimensionType.TIME: (ShownKind.CHARGING, ShownPer.MINUTE),
    DimensionType.PARKING_TIME: (ShownKind.OCCUPANCY, ShownPer.MINUTE),
    DimensionType.FLAT: (ShownKind.SESSION, ShownPer.SESSION),
}
RESERVED = {
    DimensionType.TIME: (ShownKind.RESERVATION, ShownPer.MINUTE),
    DimensionType.FLAT: (ShownKind.RESERVATION_FEE, ShownPer.SESSION),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A price of one kind, the elements that it stands for, and what restricts it.

    Without a component nothing is asked for.
    """

    elements: frozenset[int]
    component: PriceComponent | None
    when: Restrictions | None = None

    @property
    def costs_nothing(self) -> bool:
        one = self.component
        return one is None or (one.price == 0 and one.spot is None)

    def same_price(self, other: "_Entry") -> bool:
        return self.component == other.component


@dataclass(frozen=True, slots=True)
class _Survey:
    """Which elements' prices count somewhere, by kind, and which kinds cost nothing somewhere."""

    winning: Mapping[DimensionType, frozenset[int]]
    open: frozenset[DimensionType]
    holding: Mapping[DimensionType, int]


def shown_price(compiled: CompiledTariff, context: PriceContext, at: datetime) -> ShownPrice:
    """What a driver in this context is to be shown at `at` (aware). Raises `UnknownZone`."""
    tariff, at, zone = compiled.tariff, at.astimezone(UTC), time_zone(context.zone)
    probe, today = Probe.of(compiled, context), at.astimezone(zone).date()
    points = points_of(tariff, context, at, zone)
    survey = _survey(probe, points, at)
    lines: list[ShownLine] = []
    findings: list[Finding] = []
    for kind in KINDS:
        entries = _entries(kind, tariff, survey, context, today)
        findings += _complications(kind, entries)
        lines += _lines(kind, entries, probe, survey, at)
    lines += _reservations(tariff, probe, context, at)
    if points.cut:
        findings.append(review("display_many", "the prices depend on too much to list it all"))
    return ShownPrice(
        currency=tariff.currency,
        zone=context.zone,
        at=at,
        lines=tuple(lines),
        changes=_changes(probe, points.changes, at),
        limits=_limits(tariff),
        allowances=tariff.allowances,
        taxed=tariff.tax_included is not TaxIncluded.NOT_APPLICABLE,
        vat=tuple(sorted({line.price.vat for line in lines if line.price.vat is not None})),
        findings=(*findings, *_tax_findings(tariff, lines)),
    )


def _survey(probe: Probe, points: Points, at: datetime) -> _Survey:
    """Nothing is said to win or to be free of a tariff that was not looked at whole."""
    holding = probe.elements(Point(at))
    if points.cut:
        return _Survey({}, frozenset(), holding)
    winning: dict[DimensionType, set[int]] = {kind: set() for kind in KINDS}
    free: set[DimensionType] = set()
    for point in points.all:
        found = probe.elements(point)
        free |= KINDS.keys() - found.keys()
        for kind, number in found.items():
            winning[kind].add(number)
    return _Survey(
        {kind: frozenset(numbers) for kind, numbers in winning.items()}, frozenset(free), holding
    )


def _entries(
    kind: DimensionType,
    tariff: TariffVersion,
    survey: _Survey,
    context: PriceContext,
    today: date,
) -> list[_Entry]:
    """The prices of a kind in the order in which they are looked through, as few as will do."""
    entries: list[_Entry] = []
    winning = survey.winning.get(kind)
    for number, element in enumerate(tariff.elements):
        rules = element.restrictions
        component = element.component(kind)
        if component is None or element.reservation or not _for_reader(rules, context):
            continue
        if winning is not None and number not in winning:
            continue
        when = left_to_say(rules, today)
        entries.append(_Entry(elements=frozenset({number}), component=component, when=when))
        if when is None:
            break
    if not entries:
        return []
    if entries[-1].when is not None:
        entries = _closed(kind, entries, survey)
    entries = _merged(entries)
    if kind is not DimensionType.ENERGY and entries[-1].when is None:
        # That time costs nothing otherwise goes without saying; that energy does is worth a line.
        return entries[:-1] if entries[-1].costs_nothing else entries
    return entries


def _closed(kind: DimensionType, entries: list[_Entry], survey: _Survey) -> list[_Entry]:
    """With what holds where none of them does: nothing to pay, or nowhere at all."""
    if kind in survey.open:
        return [*entries, _Entry(elements=frozenset(), component=None)]
    if kind in survey.winning and all(entry.same_price(entries[0]) for entry in entries):
        everywhere = frozenset().union(*(entry.elements for entry in entries))
        return [replace(entries[0], elements=everywhere, when=None)]
    return entries


def _merged(entries: list[_Entry]) -> list[_Entry]:
    """Without those right before the last one that ask the same as it."""
    while len(entries) > 1 and entries[-1].when is None and entries[-2].same_price(entries[-1]):
        both = entries[-2].elements | entries[-1].elements
        entries = [*entries[:-2], replace(entries[-1], elements=both)]
    return entries


def _for_reader(rules: Restrictions | None, context: PriceContext) -> bool:
    return not rules or not rules.user_groups or bool(context.user_groups & set(rules.user_groups))


def _lines(
    kind: DimensionType, entries: Sequence[_Entry], probe: Probe, survey: _Survey, at: datetime
) -> list[ShownLine]:
    shown, per = KINDS[kind]
    holding = survey.holding.get(kind)
    lines: list[ShownLine] = []
    for number, entry in enumerate(entries):
        line = ShownLine(
            kind=shown,
            per=per,
            price=NOTHING,
            when=entry.when,
            otherwise=number > 0 and entry.when is None,
            holds=holding in entry.elements if entry.elements else holding is None,
            grace_s=probe.tariff.idle_grace_s if shown is ShownKind.OCCUPANCY else 0,
        )
        lines.append(_priced(line, entry.component, probe, at))
    return lines


def _priced(
    line: ShownLine, component: PriceComponent | None, probe: Probe, at: datetime
) -> ShownLine:
    if component is None:
        return line
    price, spot = probe.price_of(component, at), component.spot
    bounds = [
        None if not bound else probe.price_of(replace(component, price=bound, spot=None), at)
        for bound in ((spot.floor, spot.ceiling) if spot is not None else (None, None))
    ]
    return replace(
        line,
        price=_per_minute(price) if line.per is ShownPer.MINUTE else price,
        step=1 if component.type is DimensionType.FLAT else component.step_size,
        market=spot is not None,
        market_known=probe.market_known(component, at),
        floor=bounds[0],
        ceiling=bounds[1],
    )


def _per_minute(price: UnitPrice) -> UnitPrice:
    """From a price per hour, exactly."""
    return replace(
        price,
        incl=price.incl / MINUTES_PER_HOUR,
        excl=None if price.excl is None else price.excl / MINUTES_PER_HOUR,
    )


def _reservations(
    tariff: TariffVersion, probe: Probe, context: PriceContext, at: datetime
) -> list[ShownLine]:
    """What keeping a place costs, also where the driver never came."""
    today = at.astimezone(time_zone(context.zone)).date()
    lines = [
        _priced(
            ShownLine(
                kind=RESERVED[component.type][0],
                per=RESERVED[component.type][1],
                price=NOTHING,
                when=left_to_say(element.restrictions, today),
                expired=element.reservation is Reservation.RESERVATION_EXPIRES,
            ),
            component,
            probe,
            at,
        )
        for element in tariff.elements
        if element.reservation is not None and _for_reader(element.restrictions, context)
        for component in element.price_components
        if component.type in RESERVED
    ]
    return sorted(lines, key=lambda line: (line.expired, line.kind is ShownKind.RESERVATION_FEE))


def _changes(probe: Probe, candidates: Sequence[datetime], at: datetime) -> tuple[ShownChange, ...]:
    changes: list[ShownChange] = []
    before = probe.unit_prices(at)
    for instant in candidates:
        after = probe.unit_prices(instant)
        for kind, (shown, per) in KINDS.items():
            price = after.get(kind)
            if (before.get(kind) or NOTHING) != (price or NOTHING):
                if price is not None and per is ShownPer.MINUTE:
                    price = _per_minute(price)
                changes.append(ShownChange(at=instant, kind=shown, price=price))
        before = after
        if len(changes) >= CHANGES_MAX:
            break
    return tuple(changes)


def _limits(tariff: TariffVersion) -> tuple[ShownLimit, ...]:
    return tuple(
        ShownLimit(kind=kind, incl=limit.incl_vat, excl=limit.excl_vat)
        for kind, limit in (
            (LimitKind.MIN_PRICE, tariff.min_price),
            (LimitKind.MAX_PRICE, tariff.max_price),
            (LimitKind.DAILY_CAP, tariff.daily_cap),
        )
        if limit is not None
    )


def _complications(kind: DimensionType, entries: Sequence[_Entry]) -> list[Finding]:
    """Why the prices of a kind are no simple list."""
    name = KINDS[kind][0].value
    conditional = [entry for entry in entries if entry.when is not None]
    found: list[Finding] = []
    if len(entries) > LINES_SIMPLE_MAX:
        found.append(review("display_many", f"{len(entries)} prices for {name}"))
    reaches = [(entry, Reach.of(entry.when)) for entry in conditional if entry.when is not None]
    if any(
        reach.overlaps(others) and not one.same_price(other)
        for (one, reach), (other, others) in combinations(reaches, 2)
    ):
        found.append(
            review("display_overlap", f"two prices for {name} can hold at once: the first counts")
        )
    if any(_measured(entry.when) for entry in conditional):
        found.append(
            review("display_measured", f"a price for {name} depends on the measured power")
        )
    if any(entry.component is not None and entry.component.step_size > 1 for entry in entries):
        found.append(review("display_step", f"{name} is charged in steps"))
    return found


def _measured(when: Restrictions | None) -> bool:
    return when is not None and any(
        limit is not None
        for limit in (when.min_power, when.max_power, when.min_current, when.max_current)
    )


def _tax_findings(tariff: TariffVersion, lines: Sequence[ShownLine]) -> list[Finding]:
    """Where the price with tax, which the public must see, is not known to the tariff."""
    unknown = tariff.tax_included is TaxIncluded.NO and any(
        line.price.vat is None and not line.price.free for line in lines
    )
    if not unknown:
        return []
    return [review("display_tax_unknown", "a price before tax states no rate of tax")]
