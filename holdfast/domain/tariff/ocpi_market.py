"""Prices that follow a market, as elements for the hours whose prices are known.

After the last known hour the fallback is said, as the pricing function would use it; it is a loss,
for the market will have another price by then. An hour that happens twice cannot be told apart in
OCPI (issue #534), so where its two prices differ one of them is lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from holdfast.domain.finding import Finding, review
from holdfast.domain.pricing.context import SpotCurve
from holdfast.domain.tariff.version import (
    DAY_MINUTES,
    PRICE_DECIMALS_MAX,
    WRITTEN_ELEMENTS_MAX,
    DimensionType,
    PriceComponent,
    Restrictions,
    SpotPrice,
    TariffElement,
)

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_QUARTER = timedelta(minutes=15)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Window:
    """Minutes of a local day (`until` is open) with one price of the market."""

    day: date
    since: int
    until: int
    market: Decimal


def market_elements(
    elements: Sequence[TariffElement],
    *,
    zone: str,
    spot: Mapping[str, SpotCurve],
    losses: list[Finding],
) -> tuple[TariffElement, ...]:
    """The elements with fixed prices instead of a market's."""
    written: list[TariffElement] = []
    for element in elements:
        component = element.component(DimensionType.ENERGY)
        if component is None or component.spot is None:
            written.append(element)
            continue
        curve = spot.get(component.spot.feed)
        room = WRITTEN_ELEMENTS_MAX - len(written) - len(elements)
        if curve is not None:
            windows = _windows(curve, ZoneInfo(zone), losses)
            hours = [
                hour
                for window in windows
                for hour in _of_window(element, component, component.spot, window, losses)
            ]
            if len(hours) > room:
                _lose(losses, "ocpi_spot", f"only {room} of {len(hours)} hours are said")
            written += hours[: max(room, 0)]
        _say_end(component.spot, curve, losses)
        fixed = _fixed(component, component.spot.fallback, component.spot, losses)
        components = tuple(
            fixed if item is component else item for item in element.price_components
        )
        written.append(replace(element, price_components=components))
    return tuple(written)


def _say_end(spot: SpotPrice, curve: SpotCurve | None, losses: list[Finding]) -> None:
    until = (
        "at all times"
        if curve is None
        else f"from {curve.ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC on"
    )
    _lose(
        losses,
        "ocpi_spot",
        f"the price follows {spot.feed}: {until} it is said as if the market's were"
        f" {spot.fallback:f}",
    )


def _fixed(
    component: PriceComponent, market: Decimal, spot: SpotPrice, losses: list[Finding]
) -> PriceComponent:
    price = max(component.price + spot.factor * market, spot.floor)
    if spot.ceiling is not None:
        price = min(price, spot.ceiling)
    rounded = price.quantize(Decimal(1).scaleb(-PRICE_DECIMALS_MAX), ROUND_HALF_UP)
    if rounded != price:
        detail = f"prices that follow {spot.feed} are said to {PRICE_DECIMALS_MAX} decimals"
        _lose(losses, "ocpi_spot_rounded", detail)
    return replace(component, price=rounded, spot=None)


def _windows(curve: SpotCurve, zone: ZoneInfo, losses: list[Finding]) -> list[_Window]:
    """The market's intervals by local day and minute; neighbours at one price are one."""
    found: list[_Window] = []
    taken: dict[tuple[date, int], Decimal] = {}
    for (start, end), market in zip(
        pairwise([*curve.starts, curve.ends_at]), curve.prices, strict=True
    ):
        if market is None:
            continue
        for window in _local(start, end, market, zone):
            known = taken.get((window.day, window.since))
            taken.setdefault((window.day, window.since), market)
            if known is not None and known != market:
                _lose(
                    losses,
                    "ocpi_hour_twice",
                    f"on {window.day} an hour happens twice and OCPI cannot tell which: the price"
                    " of the first is said for both",
                )
            if known is not None:
                continue
            last = found[-1] if found else None
            if last and (last.day, last.until, last.market) == (window.day, window.since, market):
                found[-1] = replace(last, until=window.until)
            else:
                found.append(window)
    return found


def _local(start: datetime, end: datetime, market: Decimal, zone: ZoneInfo) -> Iterator[_Window]:
    """Quarter by quarter: a clock is changed at one, so within each the wall clock runs on."""
    at = start.astimezone(UTC)
    while at < end:
        stop = min(at + _QUARTER - (at - _EPOCH) % _QUARTER, end)
        local = at.astimezone(zone)
        since = local.hour * 60 + local.minute
        # Seconds have no word in OCPI; markets have none either.
        yield _Window(local.date(), since, since + (stop - at) // _MINUTE, market)
        at = stop


def _of_window(
    element: TariffElement,
    component: PriceComponent,
    spot: SpotPrice,
    window: _Window,
    losses: list[Finding],
) -> Iterator[TariffElement]:
    """The element's energy in a window, as far as its own restrictions reach into it."""
    limits = element.restrictions or Restrictions()
    if limits.start_date is not None and window.day < limits.start_date:
        return
    if limits.end_date is not None and window.day >= limits.end_date:
        return
    if window.day.weekday() not in limits.weekdays():
        return
    priced = _fixed(component, window.market, spot, losses)
    for open_at in limits.minutes():
        since, until = max(open_at.start, window.since), min(open_at.stop, window.until)
        if since < until:
            yield TariffElement(
                price_components=(priced,),
                restrictions=replace(
                    limits,
                    start_date=window.day,
                    end_date=window.day + _DAY,
                    day_of_week=(),
                    start_time=_clock(since) if since else None,
                    end_time=_clock(until) if until < DAY_MINUTES else None,
                ),
            )


def _clock(minute: int) -> time:
    return time(minute // 60, minute % 60)


def _lose(losses: list[Finding], code: str, detail: str) -> None:
    finding = review(code, detail)
    if finding not in losses:
        losses.append(finding)
