"""What a price depends on besides the tariff and the periods: all of it handed in, none looked up.

A CDR carries none of these (OCPI issues #395, #517), so they are inputs of their own. Whoever
settles writes them down beside the price, and a later look prices with the same.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Self

from holdfast.domain.tariff.version import AllowancePer, DimensionType

DECIMALS_MAX = 9


class RoundedPer(StrEnum):
    """What is rounded to the currency's minor unit before it is added up."""

    TOTAL = "total"
    """Nothing: exact through the sum, each stated total rounded once. Ours."""

    LINE = "line"
    """Each dimension's total."""

    PERIOD = "period"
    """Each charging period's amount."""


class RoundingMode(StrEnum):
    """Where the rest goes."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """How amounts become whole minor units; partners differ. `decimals` None: the currency's own.

    `tax_on_rounded_net`: tax is worked out from the rounded net amount and rounded by itself, as
    some invoice laws want it; else both sides of tax are rounded from their exact values.
    """

    per: RoundedPer = RoundedPer.TOTAL
    mode: RoundingMode = RoundingMode.HALF_UP
    tax_on_rounded_net: bool = False
    decimals: int | None = None

    def __post_init__(self) -> None:
        if self.decimals is not None and not 0 <= self.decimals <= DECIMALS_MAX:
            raise ValueError(f"{self.decimals} decimals: use 0 to {DECIMALS_MAX}")


OUR_ROUNDING = Rounding()


@dataclass(frozen=True, slots=True)
class SpotCurve:
    """A market's prices, in major units per kWh. `starts` are ascending instants (aware).

    A price counts from its start to the next one's, and never beyond `ends_at`. A price of None is
    a hole: nothing is known from that start to the next.
    """

    starts: tuple[datetime, ...]
    prices: tuple[Decimal | None, ...]
    ends_at: datetime

    @classmethod
    def of(cls, intervals: Iterable[tuple[datetime, datetime, Decimal]]) -> Self:
        """From (start, end, price): ascending, none into the next, at least one. A hole between
        two is a hole in the curve. Raises ValueError."""
        starts: list[datetime] = []
        prices: list[Decimal | None] = []
        until: datetime | None = None
        for start, end, price in intervals:
            if end <= start or (until is not None and start < until):
                raise ValueError(f"the market's prices overlap at {start.isoformat()}")
            if until is not None and until < start:
                starts.append(until)
                prices.append(None)
            starts.append(start)
            prices.append(price)
            until = end
        if until is None:
            raise ValueError("a curve has one price at least")
        return cls(tuple(starts), tuple(prices), until)

    def at(self, instant: datetime) -> Decimal | None:
        """The market's price at an instant; None where the curve says nothing."""
        number = bisect_right(self.starts, instant) - 1
        if number < 0 or instant >= self.ends_at:
            return None
        return self.prices[number]

    def changes_after(self, instant: datetime) -> datetime | None:
        """Until when nothing changes of what the curve says; None: it says nothing of later."""
        number = bisect_right(self.starts, instant)
        if number < len(self.starts):
            return self.starts[number]
        return self.ends_at if instant < self.ends_at else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What the same driver had before this session, under the same tariff.

    `used`: by kind, span and the span's key (`"2026-11-22"`, `"2026-11"`, local), in mWh or s.
    `spent`: by local day, exact, before and after tax.
    """

    used: Mapping[tuple[DimensionType, AllowancePer, str], int] = field(default_factory=dict)
    spent: Mapping[str, tuple[Fraction, Fraction]] = field(default_factory=dict)


NOTHING_EARLIER = Earlier()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceContext:
    """`zone`: the site's IANA zone. `user_groups`: keys of the driver's groups.

    `reservation_expired`: the reservation was not used. `spot`: market prices by feed.
    `session_started_at` (aware): durations count from there, where no period starts before it.
    """

    zone: str
    reservation_expired: bool = False
    user_groups: frozenset[str] = frozenset()
    spot: Mapping[str, SpotCurve] = field(default_factory=dict)
    earlier: Earlier = NOTHING_EARLIER
    rounding: Rounding = OUR_ROUNDING
    session_started_at: datetime | None = None

    def market_price(self, feed: str, at: datetime) -> Decimal | None:
        """The price of a feed's market at an instant; None where nothing is known of it."""
        curve = self.spot.get(feed)
        return None if curve is None else curve.at(at)
