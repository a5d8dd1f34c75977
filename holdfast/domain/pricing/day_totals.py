"""What a session used and cost on each local day: from this, later sessions of the same driver know
what is left of an allowance or of a cap.

A day is that of a charging period's start, as for the cap itself. Used is what had a price or was
free by an allowance; spent is what the lines of the day cost after its cap, before any least or
greatest price of the session.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from holdfast.domain.pricing.allowances import span_key
from holdfast.domain.pricing.amount_text import exact_text
from holdfast.domain.pricing.context import Earlier
from holdfast.domain.pricing.priced_session import (
    AdjustmentReason,
    LineReason,
    PricedSession,
)
from holdfast.domain.tariff.version import AllowancePer, DimensionType
from holdfast.domain.time_zone import time_zone


@dataclass(slots=True)
class DayTotal:
    """Used in mWh or s by kind; spent exactly, in major units, before and after tax.

    What is not known before tax counts as nothing there: the cap cannot be reached on that side.
    """

    used: dict[DimensionType, int] = field(default_factory=dict)
    excl: Fraction = Fraction(0)
    incl: Fraction = Fraction(0)


def day_totals(priced: PricedSession, zone: str) -> dict[str, DayTotal]:
    """By local day ("2026-11-22"). Raises `UnknownZone`."""
    place = time_zone(zone)
    totals: dict[str, DayTotal] = {}
    for line in priced.lines:
        day = line.started_at.astimezone(place).date().isoformat()
        total = totals.setdefault(day, DayTotal())
        if line.reason is not LineReason.STEP_SIZE and line.dimension is not DimensionType.FLAT:
            total.used[line.dimension] = total.used.get(line.dimension, 0) + line.quantity
        total.excl += line.excl or 0
        total.incl += line.incl
    for item in priced.adjustments:
        if item.reason is AdjustmentReason.DAILY_CAP and item.day is not None:
            total = totals.setdefault(item.day.isoformat(), DayTotal())
            total.excl += item.excl or 0
            total.incl += item.incl
    return totals


def earlier_of(sessions: Iterable[Mapping[str, DayTotal]]) -> Earlier:
    """The totals of several sessions together."""
    used: dict[tuple[DimensionType, AllowancePer, str], int] = {}
    spent: dict[str, tuple[Fraction, Fraction]] = {}
    for totals in sessions:
        for day, total in totals.items():
            for kind, quantity in total.used.items():
                for per in (AllowancePer.DAY, AllowancePer.MONTH):
                    key = kind, per, span_key(per, date.fromisoformat(day).toordinal())
                    used[key] = used.get(key, 0) + quantity
            net, gross = spent.get(day, (Fraction(0), Fraction(0)))
            spent[day] = net + total.excl, gross + total.incl
    return Earlier(used=used, spent=spent)


def totals_to_json(totals: Mapping[str, DayTotal]) -> dict[str, Any]:
    """By day: `{"used": {"ENERGY": 12000000}, "excl_vat": "5.2", "incl_vat": "6.188"}`, in mWh, s
    and major units."""
    return {
        day: {
            "used": {kind.value: quantity for kind, quantity in total.used.items()},
            "excl_vat": exact_text(total.excl),
            "incl_vat": exact_text(total.incl),
        }
        for day, total in totals.items()
    }


def totals_from_json(written: Mapping[str, Any]) -> dict[str, DayTotal]:
    """What `totals_to_json` wrote."""
    return {
        day: DayTotal(
            used={DimensionType(kind): int(quantity) for kind, quantity in item["used"].items()},
            excl=Fraction(item["excl_vat"]),
            incl=Fraction(item["incl_vat"]),
        )
        for day, item in written.items()
    }
