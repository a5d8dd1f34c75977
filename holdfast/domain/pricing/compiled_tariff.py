"""A tariff made ready for pricing many sessions: whole numbers, and a walk per dimension.

Compile a version once and price often; `pricing.price` compiles for you. What a session cannot
change while it lasts (the driver's groups, whether its reservation expired) picks a set of walks
before the first period, so that no period asks for it again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.conditions import Conditions, Instant, compile_conditions
from holdfast.domain.pricing.rate import Rate, rate_of
from holdfast.domain.tariff.version import (
    AllowancePer,
    DimensionType,
    Reservation,
    Restrictions,
    TariffElement,
    TariffVersion,
)

_NOBODY: frozenset[str] = frozenset()

GROUPS_KEPT_MAX = 256
"""Sets of user groups per tariff whose walks are kept."""

Walk = tuple[tuple[Conditions | None, Rate], ...]
Walks = dict[DimensionType, Walk]
_Found = dict[Reservation | None, dict[DimensionType, list[tuple[Conditions | None, Rate]]]]


@dataclass(frozen=True, slots=True)
class Edges:
    """The values past which a price may be another: s of a local day, s and mWh of a session."""

    clock_s: tuple[int, ...]
    elapsed_s: tuple[int, ...]
    energy_mwh: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CompiledTariff:
    """`walks` holds, for each dimension, the rates in element order with their conditions.

    The lookup is per dimension: an element that matches but lacks the dimension does not end it.
    `reserved` are the walks of a reservation that was used, `expired` those of one that was not.
    """

    tariff: TariffVersion
    walks: Walks
    reserved: Walks
    expired: Walks
    conditions: tuple[Conditions, ...]
    edges: Edges
    groups: frozenset[str]
    """All user groups that an element names; none in the tariff of a driver in some of them."""

    by_clock: bool
    """Whether anything depends on the wall clock or the local date."""

    by_edge: bool
    """Whether anything changes inside a session: whether a period may run past a change."""

    by_day: bool
    """Whether a cap or an allowance counts by local days or months."""

    by_market: bool
    """Whether a price follows a market."""

    by_measurement: bool
    """Whether anything depends on current or power."""

    kinds_by_current: frozenset[DimensionType]
    kinds_by_power: frozenset[DimensionType]
    """What has a price that depends on current, or on power."""

    _by_groups: dict[frozenset[str], "CompiledTariff"] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def by_current(self) -> bool:
        """Whether anything depends on current."""
        return bool(self.kinds_by_current)

    def for_groups(self, groups: frozenset[str]) -> "CompiledTariff":
        """The tariff of a driver in these groups, with the elements for them."""
        mine = groups & self.groups
        if not mine:
            return self
        known = self._by_groups.get(mine)
        if known is None:
            if len(self._by_groups) >= GROUPS_KEPT_MAX:
                self._by_groups.clear()
            known = self._by_groups[mine] = replace(_compiled(self.tariff, mine), groups=_NOBODY)
        return known


def compile_tariff(tariff: TariffVersion) -> CompiledTariff:
    """Once per version. It is the tariff of a driver in no group: see `for_groups`."""
    return _compiled(tariff, _NOBODY)


def find_rate(walk: Walk, at: Instant, period: ChargingPeriod) -> Rate | None:
    """The rate of the first element that matches and has the dimension; None is free.

    One that follows a market has no price before `Rate.at_market`.
    """
    for conditions, rate in walk:
        if conditions is None or conditions.hold(at, period):
            return rate
    return None


def _compiled(tariff: TariffVersion, groups: frozenset[str]) -> CompiledTariff:
    holidays = frozenset(day.toordinal() for day in tariff.holidays)
    found: _Found = {
        context: {kind: [] for kind in DimensionType} for context in (None, *Reservation)
    }
    seen: list[Conditions] = []
    for number, element in enumerate(tariff.elements):
        if not _is_for(element, groups):
            continue
        rule, conditions, context = element.restrictions, None, None
        if rule is not None:
            conditions = compile_conditions(rule, holidays)
            context = rule.reservation
            seen.append(conditions)
        priced: set[DimensionType] = set()
        for component in element.price_components:
            if component.type not in priced:  # of two of one type the first counts
                priced.add(component.type)
                rate = rate_of(component, tariff.tax_included, number)
                found[context][component.type].append((conditions, rate))
    by_market = any(component.spot is not None for component in tariff.components)
    charging, used, unused = found[None], *(found[context] for context in Reservation)
    by_day = tariff.daily_cap is not None or any(
        allowance.per is not AllowancePer.SESSION for allowance in tariff.allowances
    )
    by_current = _limited(found, lambda rule: (rule.min_current, rule.max_current))
    by_power = _limited(found, lambda rule: (rule.min_power, rule.max_power))
    edges = _edges(seen)
    return CompiledTariff(
        tariff=tariff,
        walks={kind: tuple(walk) for kind, walk in charging.items()},
        reserved={kind: tuple(walk) for kind, walk in used.items()},
        # Per dimension: what only an expired reservation costs comes first, the rest stands in.
        expired={kind: (*unused[kind], *used[kind]) for kind in DimensionType},
        conditions=tuple(seen),
        edges=edges,
        groups=frozenset(
            group
            for element in tariff.elements
            if element.restrictions is not None
            for group in element.restrictions.user_groups
        ),
        by_clock=by_day or any(conditions.by_clock for conditions in seen),
        by_edge=by_day or by_market or any((edges.clock_s, edges.elapsed_s, edges.energy_mwh)),
        by_day=by_day,
        by_market=by_market,
        by_measurement=bool(by_current or by_power),
        kinds_by_current=by_current,
        kinds_by_power=by_power,
    )


def _is_for(element: TariffElement, groups: frozenset[str]) -> bool:
    rule = element.restrictions
    return rule is None or not rule.user_groups or not groups.isdisjoint(rule.user_groups)


def _edges(conditions: Iterable[Conditions]) -> Edges:
    clock: set[int] = set()
    elapsed: set[int] = set()
    energy: set[int] = set()
    for item in conditions:
        clock |= item.edges_s()
        elapsed.update(limit for limit in (item.min_duration, item.max_duration) if limit)
        energy.update(limit for limit in (item.min_mwh, item.max_mwh) if limit)
    return Edges(tuple(sorted(clock)), tuple(sorted(elapsed)), tuple(sorted(energy)))


def _limited(
    found: _Found, limits: Callable[[Restrictions], tuple[Decimal | None, Decimal | None]]
) -> frozenset[DimensionType]:
    return frozenset(
        kind
        for walks in found.values()
        for kind, walk in walks.items()
        for conditions, _ in walk
        if conditions is not None
        and conditions.measured is not None
        and limits(conditions.measured) != (None, None)
    )
