"""What a driver is shown of a price: values without a language, in the order that AFIR asks for.

Regulation (EU) 2023/1804, article 5: price per kWh, per minute, per session, and the rest.
`display` makes them from a tariff, `services.price_words` puts them into words.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from holdfast.domain.currency import Currency
from holdfast.domain.finding import Finding
from holdfast.domain.tariff.version import Allowance, Restrictions


class ShownKind(StrEnum):
    """What a line prices, in the order of display."""

    ENERGY = "energy"
    CHARGING = "charging"
    """Time while the car takes power."""

    OCCUPANCY = "occupancy"
    """Time connected without taking power (parking)."""

    SESSION = "session"
    RESERVATION = "reservation"
    """Time that a place is kept for a driver."""

    RESERVATION_FEE = "reservation_fee"


class ShownPer(StrEnum):
    """The unit of a shown price."""

    KWH = "kwh"
    MINUTE = "minute"
    SESSION = "session"


class LimitKind(StrEnum):
    """What bounds a total."""

    MIN_PRICE = "min_price"
    MAX_PRICE = "max_price"
    DAILY_CAP = "daily_cap"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrice:
    """One unit's price, exact, in major units.

    `incl` is what the public pays. `excl` is None where it is not known (tax included at a rate
    that the tariff does not state). `vat` in percent; None: no tax applies, or its rate is unknown.
    """

    incl: Fraction
    excl: Fraction | None
    vat: Decimal | None = None

    @property
    def free(self) -> bool:
        return self.incl == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLine:
    """A price and when it holds.

    `when`: restrictions that are left to say; None where there are none. `otherwise`: it holds
    where no line of its kind above it does. `holds`: for a session that starts now. `grace_s`:
    occupancy counts only after so long. `step`: charged by so many Wh or seconds at a time, 1 or 0
    is none. `market`: the price follows one, never below `floor` nor above `ceiling`;
    `market_known`: what is shown is the market's, not the tariff's fallback. `expired`: of a
    reservation that was not used.
    """

    kind: ShownKind
    per: ShownPer
    price: UnitPrice
    when: Restrictions | None = None
    otherwise: bool = False
    holds: bool = False
    grace_s: int = 0
    step: int = 1
    market: bool = False
    market_known: bool = True
    floor: UnitPrice | None = None
    ceiling: UnitPrice | None = None
    expired: bool | None = None

    @property
    def per_hour(self) -> Fraction:
        """Of a price per minute, what an hour costs including tax."""
        return self.price.incl * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownChange:
    """From `at` on a session that starts then pays this; None is nothing for this kind."""

    at: datetime
    kind: ShownKind
    price: UnitPrice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLimit:
    """A least or greatest total; each side of tax where the tariff states it."""

    kind: LimitKind
    incl: Decimal | None
    excl: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPrice:
    """All that a driver must know before charging starts.

    `changes` are the next ones of what holds now, soonest first. `taxed`: False where no tax
    applies at all. `vat`: the rates of tax in the prices, ascending. `findings` say why a tariff
    cannot be shown simply (codes `display_*`).
    """

    currency: Currency
    zone: str
    at: datetime
    lines: tuple[ShownLine, ...]
    changes: tuple[ShownChange, ...] = ()
    limits: tuple[ShownLimit, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    taxed: bool = True
    vat: tuple[Decimal, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def free(self) -> bool:
        """Whether charging can cost nothing at all."""
        charged = any(not line.price.free or line.market for line in self.lines)
        least = any(limit.kind is LimitKind.MIN_PRICE for limit in self.limits)
        return not charged and not least

    def now(self, kind: ShownKind) -> ShownLine | None:
        """The line that a session starting now begins with; None: this kind costs nothing."""
        return next((line for line in self.lines if line.kind is kind and line.holds), None)

    @property
    def simple(self) -> bool:
        """Whether the price can be shown as a list that a driver grasps at once."""
        return not self.findings
