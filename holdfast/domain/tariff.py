"""A tariff version: what charging costs, in OCPI's shape. Immutable once in use.

The values are those of OCPI 2.2.1 and 2.3.0 (mod_tariffs), plus `idle_grace_s`, which OCPI cannot
express. `holdfast.domain.tariff_json` reads and writes them, `tariff_check` says what is unwise
or not supported in a tariff of our own.
"""

from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum

from holdfast.domain.currency import Currency

PRICE_DECIMALS_MAX = 6
PRICE_MAX = Decimal(1_000_000)
VAT_DECIMALS_MAX = 4
VAT_MAX = Decimal(100)
STEP_SIZE_MAX = 1_000_000
IDLE_GRACE_S_MAX = 86_400
ELEMENTS_MAX = 100
COMPONENTS_MAX = 10
ID_LENGTH_MAX = 64


class TariffInvalid(ValueError):
    """A value that a tariff cannot have: names the field, the value and what would be right."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"{field} is {str(value)[:80]!r}: {expected}")
        self.field = field
        self.value = value
        self.expected = expected


class DimensionType(StrEnum):
    """What is priced (OCPI TariffDimensionType)."""

    ENERGY = "ENERGY"
    """Price per kWh, step in Wh."""

    TIME = "TIME"
    """Price per hour of charging, step in seconds."""

    PARKING_TIME = "PARKING_TIME"
    """Price per hour connected without asking for power, step in seconds."""

    FLAT = "FLAT"
    """Once per session."""


class DayOfWeek(StrEnum):
    """In order: Monday is the first, as in `datetime.date.weekday`."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class Reservation(StrEnum):
    """Elements with this restriction price reservations only."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class TaxIncluded(StrEnum):
    """Whether the prices contain tax (OCPI 2.3.0)."""

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceComponent:
    """`price` in major units per kWh, per hour or per session.

    `vat` is a percentage; None says that no VAT applies, 0 that it is taxed at zero.
    """

    type: DimensionType
    price: Decimal
    vat: Decimal | None = None
    step_size: int = 1

    def __post_init__(self) -> None:
        _require_decimal("price", self.price, PRICE_MAX, PRICE_DECIMALS_MAX)
        if self.vat is not None:
            _require_decimal("vat", self.vat, VAT_MAX, VAT_DECIMALS_MAX)
        _require_whole("step_size", self.step_size, STEP_SIZE_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restrictions:
    """When an element applies: every field that is set must hold. None is no restriction.

    Clock fields are of the site's zone. Starts and minimums are inclusive, ends and maximums
    exclusive. Energy and duration count from the start of the session.
    """

    start_time: time | None = None
    end_time: time | None = None
    start_date: date | None = None
    end_date: date | None = None
    day_of_week: tuple[DayOfWeek, ...] = ()
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    min_current: Decimal | None = None
    max_current: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    reservation: Reservation | None = None

    def __post_init__(self) -> None:
        for field, clock in (("start_time", self.start_time), ("end_time", self.end_time)):
            if clock is not None and (clock.tzinfo or clock.second or clock.microsecond):
                raise TariffInvalid(field, clock, "use a local time of day in whole minutes")
        for field, quantity in (
            ("min_kwh", self.min_kwh),
            ("max_kwh", self.max_kwh),
            ("min_current", self.min_current),
            ("max_current", self.max_current),
            ("min_power", self.min_power),
            ("max_power", self.max_power),
        ):
            if quantity is not None:
                _require_decimal(field, quantity, PRICE_MAX, PRICE_DECIMALS_MAX)
        for field, seconds in (
            ("min_duration", self.min_duration),
            ("max_duration", self.max_duration),
        ):
            if seconds is not None:
                _require_whole(field, seconds, 366 * 86_400)
        if len(set(self.day_of_week)) != len(self.day_of_week):
            raise TariffInvalid("day_of_week", self.day_of_week, "name each day once")


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffElement:
    """Prices that apply together, where the restrictions hold."""

    price_components: tuple[PriceComponent, ...]
    restrictions: Restrictions | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.price_components) <= COMPONENTS_MAX:
            raise TariffInvalid(
                "price_components",
                f"{len(self.price_components)} components",
                f"use 1 to {COMPONENTS_MAX}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLimit:
    """A least or greatest price of a session, before and after tax, each for its own sum."""

    excl_vat: Decimal | None = None
    incl_vat: Decimal | None = None

    def __post_init__(self) -> None:
        if self.excl_vat is None and self.incl_vat is None:
            raise TariffInvalid("price limit", None, "state it before tax, after tax, or both")
        for field, amount in (("excl_vat", self.excl_vat), ("incl_vat", self.incl_vat)):
            if amount is not None:
                _require_decimal(field, amount, PRICE_MAX, PRICE_DECIMALS_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffVersion:
    """A version of a tariff, frozen into a session when it starts.

    `idle_grace_s`: how long a car may stay after it stopped taking power before parking time
    counts. `tax_included` is None in a 2.2.1 tariff, whose prices are before tax.
    """

    id: str
    currency: Currency
    elements: tuple[TariffElement, ...]
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    idle_grace_s: int = 0
    tax_included: TaxIncluded | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.id) <= ID_LENGTH_MAX:
            raise TariffInvalid("id", self.id, f"use 1 to {ID_LENGTH_MAX} characters")
        if not 1 <= len(self.elements) <= ELEMENTS_MAX:
            raise TariffInvalid(
                "elements", f"{len(self.elements)} elements", f"use 1 to {ELEMENTS_MAX}"
            )
        _require_whole("idle_grace_s", self.idle_grace_s, IDLE_GRACE_S_MAX)


def _require_decimal(field: str, value: Decimal, most: Decimal, decimals: int) -> None:
    if not isinstance(value, Decimal) or not value.is_finite() or not 0 <= value <= most:
        raise TariffInvalid(field, value, f"use a decimal from 0 to {most}")
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -decimals:
        raise TariffInvalid(field, value, f"use at most {decimals} decimals")


def _require_whole(field: str, value: int, most: int) -> None:
    if type(value) is not int or not 0 <= value <= most:
        raise TariffInvalid(field, value, f"use a whole number from 0 to {most}")
