"""When a tariff element applies, as whole numbers, and the instants that it is asked of."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.tariff.version import PRICE_DECIMALS_MAX, Restrictions

_DAY_S = 86_400


@dataclass(slots=True)
class Instant:
    """What restrictions are matched against: the state of a session as a period starts.

    `elapsed_s` and `energy_mwh` count from the session's start; `day` is the ordinal of the local
    date. Not frozen, though nothing changes it: one is made for every period of every session, and
    a frozen one takes four times as long to make.
    """

    elapsed_s: int
    energy_mwh: int
    second_of_day: int = 0
    day: int = 0

    @property
    def date(self) -> date:
        """The local date."""
        return date.fromordinal(self.day)


def local_instant(at: datetime, elapsed_s: int, energy_mwh: int, zone: ZoneInfo | None) -> Instant:
    """The state at an instant (UTC); without a zone nothing asks for the wall clock."""
    if zone is None:
        return Instant(elapsed_s, energy_mwh)
    local = at.astimezone(zone)
    second = local.hour * 3_600 + local.minute * 60 + local.second
    return Instant(elapsed_s, energy_mwh, second, local.toordinal())


@dataclass(frozen=True, slots=True)
class Conditions:
    """An element's restrictions as whole numbers; None where one is not set.

    Not among them are a reservation and groups of users: they do not change inside a session, so
    the tariff is compiled apart for each (`CompiledTariff.for_groups`).
    """

    from_s: int
    until_s: int
    wraps: bool
    any_time: bool
    from_day: int | None
    until_day: int | None
    weekdays: frozenset[int]
    holiday: bool | None
    holidays: frozenset[int]
    min_mwh: int | None
    max_mwh: int | None
    min_duration: int | None
    max_duration: int | None
    measured: Restrictions | None
    """Set where current or power is restricted."""

    by_date: bool
    by_clock: bool

    def hold(self, at: Instant, period: ChargingPeriod) -> bool:
        """Whether all hold (reference: OCPI mod_tariffs, TariffRestrictions)."""
        elapsed_s, energy_mwh = at.elapsed_s, at.energy_mwh
        if self.min_mwh is not None and energy_mwh < self.min_mwh:
            return False
        if self.max_mwh is not None and energy_mwh >= self.max_mwh:
            return False
        if self.min_duration is not None and elapsed_s < self.min_duration:
            return False
        if self.max_duration is not None and elapsed_s >= self.max_duration:
            return False
        if self.by_clock and not (self._time_holds(at) and self._date_holds(at)):
            return False
        return self.measured is None or _measured_holds(self.measured, period)

    def _time_holds(self, at: Instant) -> bool:
        if self.any_time:
            return True
        if self.wraps:
            return at.second_of_day >= self.from_s or at.second_of_day < self.until_s
        return self.from_s <= at.second_of_day < self.until_s

    def _date_holds(self, at: Instant) -> bool:
        """By the instant's own local date, also after midnight in a window that wraps."""
        day = at.day
        return (
            (day + 6) % 7 in self.weekdays
            and (self.from_day is None or day >= self.from_day)
            and (self.until_day is None or day < self.until_day)
            and (self.holiday is None or (day in self.holidays) is self.holiday)
        )

    def edges_s(self) -> set[int]:
        """The seconds of a local day at which the clock may change what holds."""
        edges = set() if self.any_time else {self.from_s, self.until_s % _DAY_S}
        return edges | {0} if self.by_date else edges


def compile_conditions(restrictions: Restrictions, holidays: frozenset[int]) -> Conditions:
    """A missing start is 00:00, a missing end or one of 00:00 the end of the day.

    Equal times are undefined in OCPI and taken as the whole day. `holidays` are ordinals.
    """
    from_s = _seconds(restrictions.start_time) or 0
    until_s = _seconds(restrictions.end_time) or _DAY_S
    any_time = from_s == until_s or (from_s == 0 and until_s == _DAY_S)
    from_day, until_day = _day(restrictions.start_date), _day(restrictions.end_date)
    by_date = (
        bool(restrictions.day_of_week)
        or from_day is not None
        or until_day is not None
        or restrictions.holiday is not None
    )
    measured = (
        restrictions.min_current,
        restrictions.max_current,
        restrictions.min_power,
        restrictions.max_power,
    )
    return Conditions(
        from_s=from_s,
        until_s=until_s,
        wraps=until_s < from_s,
        any_time=any_time,
        from_day=from_day,
        until_day=until_day,
        weekdays=restrictions.weekdays(),
        holiday=restrictions.holiday,
        holidays=holidays,
        min_mwh=_mwh(restrictions.min_kwh),
        max_mwh=_mwh(restrictions.max_kwh),
        min_duration=restrictions.min_duration,
        max_duration=restrictions.max_duration,
        measured=None if all(limit is None for limit in measured) else restrictions,
        by_date=by_date,
        by_clock=by_date or not any_time,
    )


def _seconds(clock: time | None) -> int | None:
    return None if clock is None else clock.hour * 3_600 + clock.minute * 60


def _day(date_: date | None) -> int | None:
    return None if date_ is None else date_.toordinal()


def _mwh(kwh: Decimal | None) -> int | None:
    return None if kwh is None else int(kwh.scaleb(PRICE_DECIMALS_MAX))


def _measured_holds(limits: Restrictions, period: ChargingPeriod) -> bool:
    """A minimum is compared with the least measured value, a maximum with the greatest.

    Where only one of the two was measured it stands for both; where none was, nothing matches.
    Which dimension is meant is unsettled in OCPI; we emit both alike, so the readings agree.
    """
    for least, most, low, high in (
        (limits.min_current, limits.max_current, period.min_current_a, period.max_current_a),
        (limits.min_power, limits.max_power, period.min_power_kw, period.max_power_kw),
    ):
        if least is None and most is None:
            continue
        low, high = (high if low is None else low), (low if high is None else high)
        if low is None or high is None:
            return False
        if (least is not None and low < least) or (most is not None and high >= most):
            return False
    return True
