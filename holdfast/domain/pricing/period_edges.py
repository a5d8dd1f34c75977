"""Edges of a tariff inside a period of somebody else's CDR.

A period is priced wholly by what matches as it starts, so whoever makes one across a change of
price has moved money. We price by the start, as OCPI says, and report what a cut would have cost,
the energy and the times of the period spread evenly over it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from holdfast.domain.finding import Finding, review
from holdfast.domain.pricing.boundaries import boundaries_of, clock_instants, spot_instants
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.price import PERIODS_MAX, price
from holdfast.domain.pricing.priced_session import PricedSession
from holdfast.domain.pricing.record import Record
from holdfast.domain.tariff.version import TariffVersion
from holdfast.domain.time_zone import time_zone

DAYS_MAX = 40

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)


def edges_inside(record: Record, priced: PricedSession) -> Iterator[Finding]:
    """One finding, where cutting the periods at the tariff's edges would change the price."""
    periods = record.periods
    by_id = {tariff.id: tariff for tariff in record.tariffs}
    parts: list[ChargingPeriod] = []
    first: tuple[int, datetime] | None = None
    energy_mwh = 0
    origin = record.context.session_started_at
    for number, period in enumerate(periods):
        last = number + 1 == len(periods)
        ended_at = record.stated.ended_at if last else periods[number + 1].started_at
        ended_at = period.started_at if ended_at is None else ended_at
        tariff = by_id.get(period.tariff_id or "", record.tariffs[0])
        span = _Span(period, ended_at, energy_mwh, origin or periods[0].started_at)
        cuts = sorted(_cuts(record, tariff, span))
        energy_mwh += period.energy_mwh
        if len(parts) + len(cuts) + len(periods) - number > PERIODS_MAX:
            return
        parts += _cut(period, ended_at, cuts)
        if cuts and first is None:
            first = number, cuts[0]
    if first is None:
        return
    cut = price(record.tariffs, parts, record.context)
    if (cut.exact_excl, cut.exact_incl) == (priced.exact_excl, priced.exact_incl):
        return
    local = first[1].astimezone(time_zone(record.context.zone))
    yield review(
        "price_changes_inside",
        f"period {first[0]} runs past {local:%Y-%m-%d %H:%M:%S}, where its price changes:"
        f" by its start the session costs {priced.incl}, cut at every change about {cut.incl}",
    )


@dataclass(frozen=True, slots=True)
class _Span:
    """A period in its session: when it ends, what was used before it."""

    period: ChargingPeriod
    ended_at: datetime
    energy_mwh: int
    session_started_at: datetime


def _cuts(record: Record, tariff: TariffVersion, span: _Span) -> set[datetime]:
    """The edges strictly inside, to the second."""
    period, ended_at = span.period, span.ended_at
    started_at, context = period.started_at, record.context
    if not _SECOND < ended_at - started_at < DAYS_MAX * _DAY:
        return set()
    edges = boundaries_of(tariff, context.user_groups)
    found = set(clock_instants(edges.clocks, started_at, ended_at, time_zone(context.zone)))
    found |= set(spot_instants(edges.feeds, context, started_at, ended_at))
    found |= {span.session_started_at + s * _SECOND for s in edges.durations_s}
    if period.energy_mwh > 0:
        took_us = (ended_at - started_at) // _TICK  # a span times an energy has too many days
        found |= {
            started_at + took_us * (edge - span.energy_mwh) // period.energy_mwh * _TICK
            for edge in edges.energies_mwh
            if span.energy_mwh < edge < span.energy_mwh + period.energy_mwh
        }
    return {at for at in found if started_at < at < ended_at}


def _cut(
    period: ChargingPeriod, ended_at: datetime, cuts: Sequence[datetime]
) -> list[ChargingPeriod]:
    """The period in parts whose quantities are whole and add up to its own."""
    if not cuts:
        return [period]
    took = ended_at - period.started_at
    parts: list[ChargingPeriod] = []
    edges = [period.started_at, *cuts, ended_at]
    quantities = ("energy_mwh", "time_s", "parking_s", "grace_s", "reservation_s")
    given = dict.fromkeys(quantities, 0)
    for start, end in pairwise(edges):
        share: dict[str, int] = {}
        for name in quantities:
            until = getattr(period, name) * ((end - period.started_at) // _TICK) // (took // _TICK)
            share[name], given[name] = until - given[name], until
        parts.append(
            replace(
                period,
                started_at=start,
                energy_mwh=share["energy_mwh"],
                time_s=share["time_s"],
                parking_s=share["parking_s"],
                grace_s=share["grace_s"],
                reservation_s=share["reservation_s"],
            )
        )
    return parts
