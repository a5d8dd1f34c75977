"""Cut and priced against the plainest oracle: walk the session second by second.

The oracle shares nothing with the engine: it reads the tariff's values, the wall clock of the
zone, and the rules of OCPI's restrictions as they are written.
"""

import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from holdfast.domain.currency import EUR
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.periods import Interval, SessionCourse, cut_periods
from holdfast.domain.pricing.price import price
from holdfast.domain.quality import EnergyPoint, Measurement
from holdfast.domain.tariff.version import (
    DayOfWeek,
    DimensionType,
    PriceComponent,
    Restrictions,
    TariffElement,
    TariffVersion,
)

CASES = 320
SECOND = timedelta(seconds=1)

CLOCK_CHANGES = [
    ("Europe/Berlin", datetime(2025, 3, 30, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2025, 10, 26, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2025, 11, 2, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2025, 4, 5, 15, tzinfo=UTC)),  # by half an hour
    ("Africa/Cairo", datetime(2025, 4, 24, 22, tzinfo=UTC)),  # midnight does not exist
    ("America/Santiago", datetime(2025, 4, 6, 3, tzinfo=UTC)),  # 23:00 happens twice
    ("Asia/Kathmandu", datetime(2025, 6, 1, 18, 15, tzinfo=UTC)),  # no change, odd offset
]


def random_restrictions(chance: random.Random, near: datetime) -> Restrictions | None:
    if chance.random() < 0.15:
        return None

    def clock() -> time:
        minutes = near.hour * 60 + near.minute + chance.randrange(-150, 150, 5)
        return time(minutes // 60 % 24, minutes % 60)

    def maybe(value: object) -> object:
        return value if chance.random() < 0.5 else None

    windowed = chance.random() < 0.8
    return Restrictions(
        start_time=maybe(clock()) if windowed else None,  # type: ignore[arg-type]
        end_time=maybe(clock()) if windowed else None,  # type: ignore[arg-type]
        start_date=near.date() if chance.random() < 0.1 else None,
        end_date=near.date() + timedelta(days=chance.randrange(2))
        if chance.random() < 0.1
        else None,
        day_of_week=tuple(chance.sample(list(DayOfWeek), 4)) if chance.random() < 0.2 else (),
        min_kwh=Decimal(chance.randrange(0, 4)) if chance.random() < 0.15 else None,
        max_kwh=Decimal(chance.randrange(1, 6)) if chance.random() < 0.15 else None,
        min_duration=chance.randrange(0, 3_000) if chance.random() < 0.15 else None,
        max_duration=chance.randrange(1, 5_000) if chance.random() < 0.15 else None,
    )


def random_tariff(chance: random.Random, near: datetime) -> TariffVersion:
    kinds = list(DimensionType)
    elements = tuple(
        TariffElement(
            price_components=tuple(
                PriceComponent(
                    type=kind,
                    price=Decimal(chance.randrange(0, 900)) / 100,
                    vat=Decimal(chance.choice((7, 19))) if chance.random() < 0.7 else None,
                )
                for kind in chance.sample(kinds, chance.randrange(1, 5))
            ),
            restrictions=random_restrictions(chance, near),
        )
        for _ in range(chance.randrange(1, 6))
    )
    grace_s = chance.choice((0, 0, 300, 600))
    return TariffVersion(id="random", currency=EUR, elements=elements, idle_grace_s=grace_s)


def holds(rule: Restrictions | None, local: datetime, elapsed_s: int, energy_mwh: int) -> bool:
    """OCPI mod_tariffs, TariffRestrictions, word by word."""
    if rule is None:
        return True
    clock = local.time()
    start, end = rule.start_time or time(0), rule.end_time or time(0)
    if start != end:
        if end == time(0):
            matches = clock >= start
        elif end < start:
            matches = clock >= start or clock < end
        else:
            matches = start <= clock < end
        if not matches:
            return False
    kwh = Decimal(energy_mwh) / 1_000_000
    return not (
        (rule.start_date is not None and local.date() < rule.start_date)
        or (rule.end_date is not None and local.date() >= rule.end_date)
        or (rule.day_of_week and DayOfWeek(local.strftime("%A").upper()) not in rule.day_of_week)
        or (rule.min_kwh is not None and kwh < rule.min_kwh)
        or (rule.max_kwh is not None and kwh >= rule.max_kwh)
        or (rule.min_duration is not None and elapsed_s < rule.min_duration)
        or (rule.max_duration is not None and elapsed_s >= rule.max_duration)
    )


def by_the_second(tariff: TariffVersion, course: SessionCourse, zone: str) -> Fraction:
    """Net and exact. Energy flows by a whole number of mWh in each second."""
    place, total, flat_due = ZoneInfo(zone), Fraction(0), True
    length_s = int((course.ended_at - course.started_at).total_seconds())
    per_s = course.measurement.energy_mwh // length_s
    for second in range(length_s):
        at = course.started_at + second * SECOND
        local = at.astimezone(place).replace(tzinfo=None)
        resting = [idle for idle in course.suspended if idle.started_at <= at < idle.ended_at]
        parked = any(at >= idle.started_at + tariff.idle_grace_s * SECOND for idle in resting)
        used = {DimensionType.ENERGY: Fraction(per_s, 1_000_000)}
        if flat_due:
            used[DimensionType.FLAT] = Fraction(1)
        if not resting:
            used[DimensionType.TIME] = Fraction(1, 3_600)
        elif parked:
            used[DimensionType.PARKING_TIME] = Fraction(1, 3_600)
        for kind, quantity in used.items():
            found = next(
                (
                    component.price
                    for element in tariff.elements
                    if holds(element.restrictions, local, second, second * per_s)
                    for component in element.price_components
                    if component.type is kind
                ),
                None,
            )
            if found is not None:
                total += Fraction(found) * quantity
                flat_due = flat_due and kind is not DimensionType.FLAT
    return total


def random_course(chance: random.Random, change: datetime) -> SessionCourse:
    started_at = change + chance.randrange(-2_400, 900) * SECOND
    length_s = chance.randrange(300, 3_000)
    ended_at = started_at + length_s * SECOND
    energy_mwh = length_s * 1_000 * chance.randrange(0, 3)  # whole Wh in every second
    suspended: tuple[Interval, ...] = ()
    if chance.random() < 0.4:
        begin = chance.randrange(0, length_s)
        end = chance.randrange(begin, length_s + 1)
        suspended = (
            Interval(started_at=started_at + begin * SECOND, ended_at=started_at + end * SECOND),
        )
    curve = (
        EnergyPoint(at=started_at, energy_mwh=0),
        EnergyPoint(at=ended_at, energy_mwh=energy_mwh),
    )
    return SessionCourse(
        started_at=started_at,
        ended_at=ended_at,
        measurement=Measurement(energy_mwh=energy_mwh, curve=curve, findings=()),
        suspended=suspended,
    )


@pytest.mark.parametrize("seed", range(CASES // 20))
def test_the_price_is_that_of_every_second_even_as_the_clock_changes(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - cases, not secrets
    for _ in range(20):
        zone, change = chance.choice(CLOCK_CHANGES)
        tariff = random_tariff(chance, change.astimezone(ZoneInfo(zone)))
        course = random_course(chance, change)

        context = PriceContext(zone=zone)
        priced = price(tariff, cut_periods(course, tariff, context), context)

        assert priced.exact_excl == by_the_second(tariff, course, zone), (tariff, course, zone)


def test_the_oracle_itself_tells_a_missing_from_a_repeated_hour() -> None:
    night = Restrictions(start_time=time(2), end_time=time(3))
    tariff = TariffVersion(
        id="night",
        currency=EUR,
        elements=(
            TariffElement(
                price_components=(PriceComponent(type=DimensionType.TIME, price=Decimal(1)),),
                restrictions=night,
            ),
        ),
    )

    def cost(day: date) -> Fraction:
        began = datetime.combine(day, time(0), tzinfo=UTC)
        curve = (EnergyPoint(at=began, energy_mwh=0),)
        course = SessionCourse(
            started_at=began,
            ended_at=began + timedelta(hours=3),
            measurement=Measurement(energy_mwh=0, curve=curve, findings=()),
        )
        context = PriceContext(zone="Europe/Berlin")
        result = price(tariff, cut_periods(course, tariff, context), context)
        assert result.exact_excl == by_the_second(tariff, course, "Europe/Berlin")
        return result.exact_incl

    assert cost(date(2025, 3, 30)) == 0
    assert cost(date(2025, 6, 1)) == 1
    assert cost(date(2025, 10, 26)) == 2
