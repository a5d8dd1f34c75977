"""What of a session is free: the first so-much of a kind, per session, local day or local month.

Every allowance counts by itself all that had a price since its span began, and what any of them
covers is free. So "the first 2 kWh of a session" and "the first 50 kWh of a month" overlap: the
kilowatt-hours that the one makes free are among the first of the other.
"""

from datetime import date

from holdfast.domain.pricing.context import Earlier
from holdfast.domain.tariff.version import (
    PRICE_DECIMALS_MAX,
    Allowance,
    AllowancePer,
    DimensionType,
    TariffVersion,
)


class Allowances:
    """The allowances of a tariff in a session, and how much of each was used up."""

    def __init__(self, tariff: TariffVersion, earlier: Earlier) -> None:
        self._earlier = earlier.used
        self._by_kind: dict[DimensionType, list[Allowance]] = {}
        for allowance in tariff.allowances:
            self._by_kind.setdefault(allowance.type, []).append(allowance)
        self._used: dict[tuple[DimensionType, AllowancePer, str], int] = {}

    def take(self, kind: DimensionType, quantity: int, day: int) -> int:
        """How much of a quantity (mWh or s) is free on a local day (an ordinal)."""
        free = 0
        for allowance in self._by_kind.get(kind, ()):
            key = (kind, allowance.per, span_key(allowance.per, day))
            used = self._used.get(key)
            if used is None:
                used = 0 if allowance.per is AllowancePer.SESSION else self._earlier.get(key, 0)
            free = max(free, min(quantity, allowance_quantity(allowance) - used))
            self._used[key] = used + quantity
        return free


def allowance_quantity(allowance: Allowance) -> int:
    """In mWh or seconds."""
    decimals = PRICE_DECIMALS_MAX if allowance.type is DimensionType.ENERGY else 0
    return int(allowance.quantity.scaleb(decimals))


def span_key(per: AllowancePer, day: int) -> str:
    """How a span is named in `context.Earlier.used`; a session needs no name."""
    if per is AllowancePer.SESSION:
        return ""
    text = date.fromordinal(day).isoformat()
    return text if per is AllowancePer.DAY else text[:7]
