"""Whether a period runs past a point at which its price changes.

Periods of ours are cut there. One of a partner's may not be: it is priced by its start (OCPI
mod_cdrs, ChargingPeriod), and reported. Almost no period crosses an edge, so that is asked first,
with whole numbers; only where one does are prices compared.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from holdfast.domain.pricing.allowances import span_key
from holdfast.domain.pricing.bill import Place
from holdfast.domain.pricing.compiled_tariff import Walk, find_rate
from holdfast.domain.pricing.conditions import Instant, local_instant
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.tariff.version import AllowancePer, DimensionType

DAYS_LOOKED_AT_MAX = 40
LOOKS_MAX = 4_000_000
"""In a session, about one second's worth; some ten per period with a tariff that people wrote."""

_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Looks:
    """How many more conditions may be looked at: a tariff of a thousand windows beside a CDR of
    ten thousand long periods would take an hour."""

    left: int = LOOKS_MAX
    left_out: int = 0
    """Periods that were not looked at."""

    def take(self, place: Place, end: Instant) -> bool:
        """Whether the edges inside a period may be looked at."""
        edges = place.tariff.edges
        days = min(end.day - place.at.day, DAYS_LOOKED_AT_MAX) + 1
        moments = len(edges.clock_s) * days + len(edges.elapsed_s) + len(edges.energy_mwh) + 1
        count = moments * len(place.tariff.conditions)
        if count > self.left:
            self.left_out += 1
            return False
        self.left -= count
        return True


def crosses_boundary(
    place: Place, end: Instant, context: PriceContext, *, fee_open: bool, looks: Looks
) -> bool:
    """Whether a price of the period is another one before its end, as far as `looks` allows.

    `end` is the state of the session there. `fee_open`: no FLAT was billed so far, so the first
    that comes to match counts.
    """
    if end.elapsed_s <= place.at.elapsed_s:
        return False
    tariff = place.tariff
    return (
        (
            _edge_inside(place, end)
            and looks.take(place, end)
            and _rate_changes(place, end, context, fee_open=fee_open)
        )
        or (tariff.by_market and _market_changes(place, end, context))
        or (tariff.by_day and _span_changes(place, end, context))
    )


def _edge_inside(place: Place, end: Instant) -> bool:
    start, edges = place.at, place.tariff.edges
    return (
        (bool(edges.clock_s) and _clock_crossed(edges.clock_s, start, end))
        or (bool(edges.elapsed_s) and _crossed(edges.elapsed_s, start.elapsed_s, end.elapsed_s))
        or (bool(edges.energy_mwh) and _crossed(edges.energy_mwh, start.energy_mwh, end.energy_mwh))
    )


def _clock_crossed(edges_s: tuple[int, ...], start: Instant, end: Instant) -> bool:
    """By the number of edges that lie behind; fewer than before where the clock was set back."""
    behind = start.day * len(edges_s) + bisect_right(edges_s, start.second_of_day)
    ahead = end.day * len(edges_s) + bisect_left(edges_s, end.second_of_day)
    return ahead != behind


def _crossed(edges: tuple[int, ...], after: int, before: int) -> bool:
    """Whether an edge lies between two values, both excluded."""
    return bisect_right(edges, after) < bisect_left(edges, before)


def _rate_changes(place: Place, end: Instant, context: PriceContext, *, fee_open: bool) -> bool:
    period = place.period
    for walk in _walks(place, context, fee_open=fee_open):
        first = find_rate(walk, place.at, period)
        for at in _moments(place, end, context):
            rate = find_rate(walk, at, period)
            if (None if rate is None else rate.component) != (first and first.component):
                return True
    return False


def _moments(place: Place, end: Instant, context: PriceContext) -> Iterator[Instant]:
    """The states at the edges inside, one edge at a time, and the last state before the end."""
    start, edges = place.at, place.tariff.edges
    for elapsed_s in _inside(edges.elapsed_s, start.elapsed_s, end.elapsed_s):
        yield replace(start, elapsed_s=elapsed_s)
    for energy_mwh in _inside(edges.energy_mwh, start.energy_mwh, end.energy_mwh):
        yield replace(start, energy_mwh=energy_mwh)
    for day in range(start.day, min(end.day, start.day + DAYS_LOOKED_AT_MAX) + 1):
        for second in edges.clock_s:
            if (start.day, start.second_of_day) < (day, second) < (end.day, end.second_of_day):
                yield replace(start, day=day, second_of_day=second)
    yield _just_before(place, end, context)


def _just_before(place: Place, end: Instant, context: PriceContext) -> Instant:
    """The state a second before the end, by the zone: its clock may be set back right there."""
    elapsed_s = end.elapsed_s - 1
    at = place.period.started_at.astimezone(UTC) + (elapsed_s - place.at.elapsed_s) * _SECOND
    zone = ZoneInfo(context.zone) if place.tariff.by_clock else None
    return local_instant(at, elapsed_s, max(end.energy_mwh - 1, 0), zone)


def _market_changes(place: Place, end: Instant, context: PriceContext) -> bool:
    period = place.period
    rate = find_rate(place.tariff.walks[DimensionType.ENERGY], place.at, period)
    if period.energy_mwh <= 0 or rate is None or rate.component.spot is None:
        return False
    curve = context.spot.get(rate.component.spot.feed)
    if curve is None:
        return False
    # To the second: an edge of the market in the last one is the period's own end.
    ended_at = period.started_at + (end.elapsed_s - place.at.elapsed_s - 1) * _SECOND
    first = curve.at(period.started_at)
    inside = slice(
        bisect_right(curve.starts, period.started_at), bisect_left(curve.starts, ended_at)
    )
    later = chain(
        curve.prices[inside], [None] if period.started_at < curve.ends_at < ended_at else []
    )
    return any(price != first for price in later)


def _span_changes(place: Place, end: Instant, context: PriceContext) -> bool:
    """Whether a day or month ends inside that a cap or an allowance counts by."""
    tariff, first = place.tariff.tariff, place.at.day
    if end.day == first:
        return False
    last = _just_before(place, end, context).day
    spans = {allowance.per for allowance in tariff.allowances}
    if tariff.daily_cap is not None:
        spans.add(AllowancePer.DAY)
    return any(span_key(per, first) != span_key(per, last) for per in spans)


def _walks(place: Place, context: PriceContext, *, fee_open: bool) -> Iterator[Walk]:
    """Those that price something of the period."""
    period, tariff = place.period, place.tariff
    if period.reservation_s:
        reserved = tariff.expired if context.reservation_expired else tariff.reserved
        yield reserved[DimensionType.TIME]
    for kind, quantity in (
        (DimensionType.ENERGY, period.energy_mwh),
        (DimensionType.TIME, period.time_s),
        (DimensionType.PARKING_TIME, period.parking_s),
        (DimensionType.FLAT, fee_open and not period.reserves_only),
    ):
        if quantity > 0:
            yield tariff.walks[kind]


def _inside(edges: tuple[int, ...], after: int, before: int) -> tuple[int, ...]:
    """The edges between two values, both excluded."""
    return edges[bisect_right(edges, after) : bisect_left(edges, before)]
