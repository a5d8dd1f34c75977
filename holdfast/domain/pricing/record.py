"""What a CDR and its surroundings say: what it is priced from, and what it states of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from holdfast.domain.finding import Finding
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.tariff.version import TariffVersion


class RecordInvalid(ValueError):
    """A value that a record cannot have: names the field, the value and what would be right."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"{field} is {str(value)[:80]!r}: {expected}")
        self.field = field
        self.value = value
        self.expected = expected


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedCost:
    """A cost as a CDR states it, in major units, before and after tax; None where it does not."""

    excl: Decimal | None
    incl: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedCdr:
    """What a CDR says of itself. It is compared with our price, never priced from.

    Energy in kWh and times in hours, as written. `costs` by OCPI's names (`total_cost`,
    `total_energy_cost`, …).
    """

    started_at: datetime
    ended_at: datetime | None = None
    currency: str | None = None
    energy_kwh: Decimal | None = None
    time_h: Decimal | None = None
    parking_h: Decimal | None = None
    costs: Mapping[str, StatedCost] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A CDR ready for the pricing function, and what was noticed while it was read.

    `tariffs` are those that the periods name; none where a CDR comes without any. `credit`: the
    CDR takes another one back, so its total is the negative of the price (OCPI mod_cdrs, Credit
    CDRs); everything else in it is the original's.
    """

    tariffs: tuple[TariffVersion, ...]
    periods: tuple[ChargingPeriod, ...]
    context: PriceContext
    stated: StatedCdr
    credit: bool = False
    findings: tuple[Finding, ...] = ()
