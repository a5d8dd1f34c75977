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

from holdfast.domain.pricing.boundaries import boundaries_of, clock_instants, spot_instants
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import CompiledTariff, compile_tariff
from holdfast.domain.pricing.context import PriceContext, SpotCurve
from holdfast.domain.pricing.price import price_compiled
from holdfast.domain.pricing.priced_session import PricedSession
from holdfast.domain.tariff.version import DimensionType, TariffVersion

DAYS = 7
MWH_PER_KWH = 1_000_000
HOUR_S = 3_600
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
    """The prices of the week, one step per change. They can change at the tariff's boundaries only.

    What depends on the rest of a session (blocks, allowances, caps) is left out: it is one price
    per unit that is asked for.
    """
    bare = _per_unit(tariff)
    compiled = compile_tariff(bare)
    zone = ZoneInfo(context.zone)
    at, ends = _midnight(monday, zone), _midnight(monday + timedelta(days=DAYS), zone)
    edges = boundaries_of(bare, context.user_groups)
    instants = {
        at,
        *clock_instants(edges.clocks, at, ends, zone),
        *spot_instants(edges.feeds, context, at, ends),
    }
    steps: list[PriceStep] = []
    for instant in sorted(instants):
        step = _step(compiled, context, instant)
        if not steps or replace(steps[-1], at=instant) != step:
            steps.append(step)
    return tuple(steps)


def _per_unit(tariff: TariffVersion) -> TariffVersion:
    elements = tuple(
        replace(
            element,
            price_components=tuple(
                replace(component, step_size=1) for component in element.price_components
            ),
        )
        for element in tariff.elements
    )
    return replace(
        tariff, elements=elements, allowances=(), daily_cap=None, min_price=None, max_price=None
    )


def _step(compiled: CompiledTariff, context: PriceContext, at: datetime) -> PriceStep:
    """The prices of a session that starts then: of its first kWh, and of its first hour."""
    period = ChargingPeriod(started_at=at, energy_mwh=MWH_PER_KWH, time_s=HOUR_S)
    charged = price_compiled(compiled, [period], context)
    stood = price_compiled(compiled, [ChargingPeriod(started_at=at, parking_s=HOUR_S)], context)

    def of(priced: PricedSession, kind: DimensionType) -> UnitPrice:
        total = priced.total(kind)
        return UnitPrice(net=total.excl, gross=total.incl)

    return PriceStep(
        at=at,
        energy=of(charged, DimensionType.ENERGY),
        time=of(charged, DimensionType.TIME),
        parking=of(stood, DimensionType.PARKING_TIME),
    )


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
    edges = boundaries_of(tariff, context.user_groups)
    if edges.energies_mwh or edges.durations_s:
        notes.append("Prices change in the course of a session; shown is how one begins.")
    if edges.powers_mw or edges.currents_ua:
        notes.append("Some prices depend on the power; shown is what counts without any.")
    for feed in edges.feeds:
        curve = context.spot.get(feed)
        if curve is None or not _covers(curve, starts_at, ends_at):
            notes.append(
                f"The market {feed} has no price for some of this week: the fallback is shown."
            )
    return tuple(notes)


def _covers(curve: SpotCurve, starts_at: datetime, ends_at: datetime) -> bool:
    """Whether the market has a price for each hour of the week."""
    instant = starts_at
    while instant < ends_at:
        if curve.at(instant) is None:
            return False
        instant += timedelta(seconds=HOUR_S)
    return True


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
