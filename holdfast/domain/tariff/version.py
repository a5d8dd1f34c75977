"""A tariff version: what charging costs, in OCPI's shape. Immutable once in use.

The values are those of OCPI 2.2.1 and 2.3.0 (mod_tariffs), plus what OCPI cannot express: a grace
before parking counts (`idle_grace_s`), free `allowances`, a `daily_cap`, spot prices, elements for
holidays and for user groups. `form` reads them, `canonical` writes them, `ocpi` renders what OCPI
can say of them, `lint` says what is unwise in a tariff of our own.
"""

import re
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
DURATION_S_MAX = 366 * 86_400
DAY_MINUTES = 1_440
ELEMENTS_MAX = 100
"""More than this no person oversees: the bound of the tariffs that people write (`form`)."""

WRITTEN_ELEMENTS_MAX = 1_000
"""Of a tariff that a program wrote: a partner's, or ours in OCPI, an element per holiday."""

COMPONENTS_MAX = 10
ID_LENGTH_MAX = 64
HOLIDAYS_MAX = 1_000
ALLOWANCES_MAX = 10
USER_GROUPS_MAX = 50
NAME_LENGTH_MAX = 64
NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{NAME_LENGTH_MAX - 1}}}")
SPOT_FACTOR_DECIMALS_MAX = 4


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


class TariffType(StrEnum):
    """For whom and for which wish a tariff is (OCPI TariffType); none fits any session."""

    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"


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
class SpotPrice:
    """A price per kWh that follows a market: `factor` times the market's, within two bounds.

    `feed` names the market's prices (`pricing.context.SpotCurve`); `fallback` is the market's price
    where the feed has none for an instant. `floor` and `ceiling` bound the component's whole price
    per kWh (market and markup together); a market may pay for use, a tariff of ours does not.
    """

    feed: str
    fallback: Decimal
    factor: Decimal = Decimal(1)
    floor: Decimal = Decimal(0)
    ceiling: Decimal | None = None

    def __post_init__(self) -> None:
        _require_name("feed", self.feed)
        _require_decimal("fallback", self.fallback, PRICE_MAX, PRICE_DECIMALS_MAX)
        _require_decimal("factor", self.factor, Decimal(100), SPOT_FACTOR_DECIMALS_MAX)
        _require_decimal("floor", self.floor, PRICE_MAX, PRICE_DECIMALS_MAX)
        if self.ceiling is not None:
            _require_decimal("ceiling", self.ceiling, PRICE_MAX, PRICE_DECIMALS_MAX)
            if self.ceiling < self.floor:
                raise TariffInvalid(
                    "ceiling", self.ceiling, f"use the floor, {self.floor}, or more"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceComponent:
    """`price` in major units per kWh, per hour or per session.

    `vat` is a percentage; None says that no VAT applies, 0 that it is taxed at zero. With `spot`
    (ENERGY only) the price is `price`, the markup, plus what the market says for the hour.
    """

    type: DimensionType
    price: Decimal
    vat: Decimal | None = None
    step_size: int = 1
    spot: SpotPrice | None = None

    def __post_init__(self) -> None:
        _require_decimal("price", self.price, PRICE_MAX, PRICE_DECIMALS_MAX)
        if self.vat is not None:
            _require_decimal("vat", self.vat, VAT_MAX, VAT_DECIMALS_MAX)
        _require_whole("step_size", self.step_size, STEP_SIZE_MAX)
        if self.spot is not None and self.type is not DimensionType.ENERGY:
            raise TariffInvalid("spot", self.spot.feed, "only ENERGY can follow a market")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restrictions:
    """When an element applies: every field that is set must hold. None is no restriction.

    Clock fields are of the site's zone. Starts and minimums are inclusive, ends and maximums
    exclusive. Energy and duration count from the start of the session. `holiday`: only on the
    version's `holidays` (True) or only on other days (False). `user_groups`: only for members of
    one of them; their keys.
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
    holiday: bool | None = None
    user_groups: tuple[str, ...] = ()

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
                _require_whole(field, seconds, DURATION_S_MAX)
        if len(set(self.day_of_week)) != len(self.day_of_week):
            raise TariffInvalid("day_of_week", self.day_of_week, "name each day once")
        if len(self.user_groups) > USER_GROUPS_MAX:
            raise TariffInvalid(
                "user_groups", f"{len(self.user_groups)} groups", f"use at most {USER_GROUPS_MAX}"
            )
        for group in self.user_groups:
            _require_name("user_groups", group)

    def weekdays(self) -> frozenset[int]:
        """The days of the week on which it may apply, counted as `datetime.date.weekday` does."""
        order = tuple(DayOfWeek)
        return frozenset(order.index(day) for day in self.day_of_week or order)

    def minutes(self) -> tuple[range, ...]:
        """The minutes of a local day at which its window is open: one stretch, or two where it goes
        over midnight. An end of 00:00 is the end of the day, and equal times are the whole day."""
        start, end = _minute(self.start_time), _minute(self.end_time) or DAY_MINUTES
        if start == end:
            return (range(DAY_MINUTES),)
        if start < end:
            return (range(start, end),)
        return range(end), range(start, DAY_MINUTES)


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

    @property
    def reservation(self) -> Reservation | None:
        """Of which reservations it is the price; None: of charging."""
        return None if self.restrictions is None else self.restrictions.reservation

    def component(self, kind: DimensionType) -> PriceComponent | None:
        """What it asks for a kind: of two components of one kind the first; None is nothing."""
        return next((item for item in self.price_components if item.type is kind), None)


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


class AllowancePer(StrEnum):
    """Over what an allowance is counted, from the shortest span on."""

    SESSION = "session"
    DAY = "day"
    """A local calendar day, over all sessions of one driver."""

    MONTH = "month"
    """A local calendar month, over all sessions of one driver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """So much of a kind is free before anything of it is priced: kWh for ENERGY, else seconds."""

    type: DimensionType
    quantity: Decimal
    per: AllowancePer = AllowancePer.SESSION

    def __post_init__(self) -> None:
        if self.type is DimensionType.FLAT:
            raise TariffInvalid("type", self.type, "use ENERGY, TIME or PARKING_TIME")
        decimals = PRICE_DECIMALS_MAX if self.type is DimensionType.ENERGY else 0
        _require_decimal("quantity", self.quantity, PRICE_MAX * 10, decimals)


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffVersion:
    """A version of a tariff, frozen into a session when it starts.

    `idle_grace_s`: how long a car may stay after it stopped taking power before parking time
    counts. `tax_included` is None in a 2.2.1 tariff, whose prices are before tax. `daily_cap`: the
    most that one local calendar day of a driver may cost. `holidays` are the local dates that
    `Restrictions.holiday` means, written out when the version was made from `holiday_calendar`
    ("DE-BY"), so that a session is priced alike for ever. At most one allowance per type and span.
    """

    id: str
    currency: Currency
    elements: tuple[TariffElement, ...]
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    idle_grace_s: int = 0
    tax_included: TaxIncluded | None = None
    type: TariffType | None = None
    allowances: tuple[Allowance, ...] = ()
    daily_cap: PriceLimit | None = None
    holiday_calendar: str | None = None
    holidays: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.id) <= ID_LENGTH_MAX:
            raise TariffInvalid("id", self.id, f"use 1 to {ID_LENGTH_MAX} characters")
        if not 1 <= len(self.elements) <= WRITTEN_ELEMENTS_MAX:
            raise TariffInvalid(
                "elements",
                f"{len(self.elements)} elements",
                f"use 1 to {WRITTEN_ELEMENTS_MAX}",
            )
        _require_whole("idle_grace_s", self.idle_grace_s, IDLE_GRACE_S_MAX)
        if len(self.holidays) > HOLIDAYS_MAX:
            raise TariffInvalid(
                "holidays", f"{len(self.holidays)} dates", f"use at most {HOLIDAYS_MAX}"
            )
        if self.holiday_calendar is not None:
            _require_name("holiday_calendar", self.holiday_calendar)
        kinds = [(allowance.type, allowance.per) for allowance in self.allowances]
        if len(kinds) > ALLOWANCES_MAX or len(set(kinds)) != len(kinds):
            raise TariffInvalid("allowances", kinds, "use one per type and span")

    @property
    def components(self) -> tuple[PriceComponent, ...]:
        """The prices of all elements, in their order."""
        return tuple(item for element in self.elements for item in element.price_components)


def _minute(clock: time | None) -> int:
    return 0 if clock is None else clock.hour * 60 + clock.minute


def _require_decimal(field: str, value: Decimal, most: Decimal, decimals: int) -> None:
    if not isinstance(value, Decimal) or not value.is_finite() or not 0 <= value <= most:
        raise TariffInvalid(field, value, f"use a decimal from 0 to {most}")
    # Asked first: 1E-999999999 normalizes to zero, and would be a fraction that takes all memory.
    too_fine = bool(value) and value.adjusted() < -decimals
    exponent = 0 if too_fine else value.normalize().as_tuple().exponent
    if too_fine or (isinstance(exponent, int) and exponent < -decimals):
        raise TariffInvalid(field, value, f"use at most {decimals} decimals")


def _require_name(field: str, value: str) -> None:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise TariffInvalid(
            field, value, f"use letters, digits, '-', '_' and '.', at most {NAME_LENGTH_MAX}"
        )


def _require_whole(field: str, value: int, most: int) -> None:
    if type(value) is not int or not 0 <= value <= most:
        raise TariffInvalid(field, value, f"use a whole number from 0 to {most}")
