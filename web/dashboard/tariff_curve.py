"""The price over a week, for a chart and for the table that says the same in words.

Prices are those of a session that starts at each instant, asked of the pricing function. The chart
takes binary floating point, since it draws; what is read as text is exact.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.price import price_compiled
from holdfast.domain.tariff.version import DimensionType, TariffVersion

DAYS = 7
QUARTER = timedelta(minutes=15)
SHOWN_DECIMALS = 4
DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """Of one kWh or hour, in major units. `net` is None where nobody knows it; free is zero."""

    net: Fraction | None
    gross: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStep:
    """The prices from an instant on, until the next step."""

    at: datetime
    energy: UnitPrice
    time: UnitPrice
    parking: UnitPrice


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveRow:
    """A row of the table: from when, and the prices as text."""

    when: str
    energy_net: str
    energy: str
    time: str
    parking: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekCurve:
    """`series` is JSON for static/tariff_chart.js; `timed`: charging time has a price too."""

    zone: str
    series: str
    rows: tuple[CurveRow, ...]
    timed: bool
    notes: tuple[str, ...]


def week_curve(tariff: TariffVersion, context: PriceContext, monday: date) -> WeekCurve:
    """The week from a local Monday on. Raises UnknownZone."""
    return drawn(price_steps(tariff, context, monday), tariff, context, monday)


def with_old(
    new: WeekCurve, old: TariffVersion, context: PriceContext, monday: date
) -> tuple[WeekCurve, WeekCurve]:
    """The new week with the old prices in its chart, and the old week for a table of its own."""
    before = week_curve(old, context, monday)
    series = json.loads(new.series) | {"old": json.loads(before.series)}
    return replace(new, series=json.dumps(series, separators=(",", ":"))), before


def price_steps(
    tariff: TariffVersion, context: PriceContext, monday: date
) -> tuple[PriceStep, ...]:
    """The prices of the week, one step per change."""
    compiled = compile_tariff(replace(tariff, allowances=(), daily_cap=None))
    zone = ZoneInfo(context.zone)
    at, ends = _midnight(monday, zone), _midnight(monday + timedelta(days=DAYS), zone)
    steps: list[PriceStep] = []
    while at < ends:
        period = ChargingPeriod(started_at=at, energy_mwh=1_000_000, time_s=3_600)
        parked = ChargingPeriod(started_at=at, parking_s=3_600)
        charged = price_compiled(compiled, [period], context)
        stood = price_compiled(compiled, [parked], context)
        prices = {
            kind: UnitPrice(net=total.excl, gross=total.incl)
            for kind, total in (
                (DimensionType.ENERGY, charged.total(DimensionType.ENERGY)),
                (DimensionType.TIME, charged.total(DimensionType.TIME)),
                (DimensionType.PARKING_TIME, stood.total(DimensionType.PARKING_TIME)),
            )
        }
        step = PriceStep(
            at=at,
            energy=prices[DimensionType.ENERGY],
            time=prices[DimensionType.TIME],
            parking=prices[DimensionType.PARKING_TIME],
        )
        if not steps or replace(steps[-1], at=at) != step:
            steps.append(step)
        at += QUARTER
    return tuple(steps)


def drawn(
    steps: Sequence[PriceStep], tariff: TariffVersion, context: PriceContext, monday: date
) -> WeekCurve:
    """Steps as the chart and the table want them."""
    zone = ZoneInfo(context.zone)
    starts_at = _midnight(monday, zone)
    ends_at = _midnight(monday + timedelta(days=DAYS), zone)
    edge = [*steps, replace(steps[-1], at=ends_at)] if steps else []
    series = {
        "at": [int(step.at.timestamp()) for step in edge],
        "from": int(starts_at.timestamp()),
        "until": int(ends_at.timestamp()),
        "net": [None if step.energy.net is None else float(step.energy.net) for step in edge],
        "gross": [float(step.energy.gross) for step in edge],
        "parking": [float(step.parking.gross) for step in edge],
    }
    return WeekCurve(
        zone=context.zone,
        series=json.dumps(series, separators=(",", ":")),
        rows=tuple(_row(step, zone) for step in steps),
        timed=any(step.time.gross for step in steps),
        notes=_notes(tariff, context, starts_at, ends_at),
    )


def _row(step: PriceStep, zone: ZoneInfo) -> CurveRow:
    local = step.at.astimezone(zone)
    return CurveRow(
        when=f"{DAY_NAMES[local.weekday()]} {local:%d %b %H:%M}",
        energy_net="-" if step.energy.net is None else unit_text(step.energy.net),
        energy=unit_text(step.energy.gross),
        time=unit_text(step.time.gross),
        parking=unit_text(step.parking.gross),
    )


def unit_text(price: Fraction) -> str:
    """At least two decimals, at most four; marked where it was rounded."""
    scale = 10**SHOWN_DECIMALS
    rounded = round(price * scale)
    text = f"{rounded // scale}.{rounded % scale:0{SHOWN_DECIMALS}d}"
    while text.endswith("0") and len(text.partition(".")[2]) > 2:
        text = text[:-1]
    return text if price * scale == rounded else f"≈ {text}"


def _notes(
    tariff: TariffVersion, context: PriceContext, starts_at: datetime, ends_at: datetime
) -> tuple[str, ...]:
    """What the curve does not show, so that nobody takes it for all."""
    notes = []
    restrictions = [item.restrictions for item in tariff.elements if item.restrictions is not None]
    if any(
        limit is not None
        for item in restrictions
        for limit in (item.min_kwh, item.max_kwh, item.min_duration, item.max_duration)
    ):
        notes.append("Prices change in the course of a session; shown is how one begins.")
    feeds = {
        component.spot.feed
        for element in tariff.elements
        for component in element.price_components
        if component.spot is not None
    }
    for feed in sorted(feeds):
        curve = context.spot.get(feed)
        if curve is None or not _covers(curve.at, starts_at, ends_at):
            notes.append(
                f"The market {feed} has no price for some of this week: the fallback is shown."
            )
    return tuple(notes)


def _covers(at: object, starts_at: datetime, ends_at: datetime) -> bool:
    instant = starts_at
    while instant < ends_at:
        if callable(at) and at(instant) is None:
            return False
        instant += timedelta(hours=1)
    return True


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
