"""The price over a week, for a chart and for the table that says the same in words.

Prices are those of a session that starts at each instant (`pricing.rates`). The chart
takes binary floating point, since it draws; what is read as text is exact.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from holdfast.domain.pricing.boundaries import boundaries_of
from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.rates import RatePrice, rate_steps
from holdfast.domain.tariff.version import DimensionType, TariffVersion

DAYS = 7
SHOWN_DECIMALS = 4
FREE = RatePrice(excl=Fraction(0), incl=Fraction(0), vat=None)
DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStep:
    """The prices from an instant on, until the next step; what has no price is free.

    `estimated`: a market was silent, and the tariff's fallback stands in.
    """

    at: datetime
    energy: RatePrice
    time: RatePrice
    parking: RatePrice
    estimated: bool


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


def week_curve(tariff: TariffVersion, context: PriceContext, first_day: date) -> WeekCurve:
    """Seven days from a local day on. Raises UnknownZone."""
    return drawn(price_steps(tariff, context, first_day), tariff, context, first_day)


def with_old(
    new: WeekCurve, old: TariffVersion, context: PriceContext, first_day: date
) -> tuple[WeekCurve, WeekCurve]:
    """The new week with the old prices in its chart, and the old week for a table of its own."""
    before = week_curve(old, context, first_day)
    series = json.loads(new.series) | {"old": json.loads(before.series)}
    return replace(new, series=json.dumps(series, separators=(",", ":"))), before


def price_steps(
    tariff: TariffVersion, context: PriceContext, first_day: date
) -> tuple[PriceStep, ...]:
    """The prices of seven days, one step per change of a price."""
    zone = ZoneInfo(context.zone)
    begins, ends = _midnight(first_day, zone), _midnight(first_day + timedelta(days=DAYS), zone)
    steps: list[PriceStep] = []
    for rates in rate_steps(compile_tariff(tariff), context, begins, ends):
        step = PriceStep(
            at=rates.from_at,
            energy=rates.prices.get(DimensionType.ENERGY, FREE),
            time=rates.prices.get(DimensionType.TIME, FREE),
            parking=rates.prices.get(DimensionType.PARKING_TIME, FREE),
            estimated=any(price.estimated for price in rates.prices.values()),
        )
        if not steps or _amounts(steps[-1]) != _amounts(step):
            steps.append(step)  # else only what the price was made of has changed
    return tuple(steps)


def _amounts(step: PriceStep) -> tuple[object, ...]:
    prices = (step.energy, step.time, step.parking)
    return (step.estimated, *((price.excl, price.incl) for price in prices))


def drawn(
    steps: Sequence[PriceStep], tariff: TariffVersion, context: PriceContext, first_day: date
) -> WeekCurve:
    """Steps as the chart and the table want them."""
    zone = ZoneInfo(context.zone)
    starts_at = _midnight(first_day, zone)
    ends_at = _midnight(first_day + timedelta(days=DAYS), zone)
    edge = [*steps, replace(steps[-1], at=ends_at)] if steps else []
    series = {
        "at": [int(step.at.timestamp()) for step in edge],
        "from": int(starts_at.timestamp()),
        "until": int(ends_at.timestamp()),
        "midnights": [
            int(_midnight(first_day + timedelta(days=number), zone).timestamp())
            for number in range(1, DAYS)
        ],
        "net": [None if step.energy.excl is None else float(step.energy.excl) for step in edge],
        "gross": [float(step.energy.incl) for step in edge],
        "parking": [float(step.parking.incl) for step in edge],
    }
    return WeekCurve(
        zone=context.zone,
        series=json.dumps(series, separators=(",", ":")),
        rows=tuple(_row(step, zone) for step in steps),
        timed=any(step.time.incl for step in steps),
        notes=_notes(tariff, context, steps),
    )


def _row(step: PriceStep, zone: ZoneInfo) -> CurveRow:
    local = step.at.astimezone(zone)
    return CurveRow(
        when=f"{DAY_NAMES[local.weekday()]} {local:%d %b %H:%M}",
        energy_net="-" if step.energy.excl is None else unit_text(step.energy.excl),
        energy=unit_text(step.energy.incl),
        time=unit_text(step.time.incl),
        parking=unit_text(step.parking.incl),
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
    tariff: TariffVersion, context: PriceContext, steps: Sequence[PriceStep]
) -> tuple[str, ...]:
    """What the curve does not show, so that nobody takes it for all."""
    notes = []
    edges = boundaries_of(tariff, context.user_groups)
    if edges.energies_mwh or edges.durations_s:
        notes.append("Prices change in the course of a session; shown is how one begins.")
    if edges.powers_mw or edges.currents_ua:
        notes.append("Some prices depend on the power; shown is what counts without any.")
    if any(step.estimated for step in steps):
        notes.append(
            f"The market {', '.join(edges.feeds)} has no price for some of this week: "
            "the fallback is shown."
        )
    return tuple(notes)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
