"""Tariffs and sessions by chance, thick with edges: windows that open inside the session, a clock
that is changed meanwhile, midnights, month ends, thresholds that are crossed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from zoneinfo import ZoneInfo

from holdfast.domain.currency import EUR
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.context import Earlier, PriceContext, SpotCurve
from holdfast.domain.pricing.periods import Interval, SessionCourse
from holdfast.domain.quality import EnergyPoint, Measurement
from holdfast.domain.tariff.version import (
    Allowance,
    AllowancePer,
    DayOfWeek,
    DimensionType,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    SpotPrice,
    TariffElement,
    TariffVersion,
    TaxIncluded,
)
from tests.domain.pricing.second_oracle import KINDS, SECOND, Second

PLACES = (
    ("Europe/Berlin", datetime(2025, 3, 30, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2025, 10, 26, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2025, 3, 9, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2025, 11, 2, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2025, 4, 5, 15, tzinfo=UTC)),  # by half an hour
    ("Africa/Cairo", datetime(2025, 4, 24, 22, tzinfo=UTC)),  # midnight does not exist
    ("America/Santiago", datetime(2025, 4, 6, 3, tzinfo=UTC)),  # 23:00 happens twice
    ("Asia/Kathmandu", datetime(2025, 5, 31, 18, 15, tzinfo=UTC)),  # midnight, a new month
    ("Europe/Lisbon", datetime(2026, 1, 1, 0, tzinfo=UTC)),  # midnight, a new year
    ("Europe/Berlin", datetime(2026, 3, 4, 11, 30, tzinfo=UTC)),  # nothing special
)
GROUPS = ("staff", "residents")
FEED = "DE-LU"
WH_PER_S = 1_000
"""In mWh: 3.6 kW."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A tariff, a session in two forms, and what else the price depends on."""

    tariff: TariffVersion
    seconds: tuple[Second, ...]
    course: SessionCourse
    context: PriceContext


def case(chance: Random, *, ocpi_only: bool = False, powered: bool = False) -> Case:
    """`ocpi_only`: nothing that OCPI has no word for. `powered`: prices by power too."""
    zone, near = chance.choice(PLACES)
    started_at = near + chance.randrange(-700, 300) * SECOND
    local = near.astimezone(ZoneInfo(zone))
    tariff = random_tariff(chance, local, ocpi_only=ocpi_only, powered=powered)
    seconds, course = random_session(chance, started_at, grace_s=tariff.idle_grace_s)
    context = PriceContext(
        zone=zone,
        user_groups=frozenset(chance.sample(GROUPS, chance.randrange(3))),
        spot={FEED: random_market(chance, near)} if chance.random() < 0.8 else {},
        earlier=random_past(chance, tariff, local.date()),
    )
    return Case(tariff=tariff, seconds=seconds, course=course, context=context)


def random_tariff(
    chance: Random, near: datetime, *, ocpi_only: bool = False, powered: bool = False
) -> TariffVersion:
    """Up to six elements. All prices are plain decimals, every block is one unit."""
    taxed = chance.choice((None, *TaxIncluded))
    elements = tuple(
        TariffElement(
            price_components=tuple(
                random_component(chance, kind, ocpi_only=ocpi_only)
                for kind in chance.sample(list(DimensionType), chance.randrange(1, 5))
            ),
            restrictions=random_restrictions(chance, near, ocpi_only=ocpi_only, powered=powered),
        )
        for _ in range(chance.randrange(1, 7))
    )
    extended = not ocpi_only
    day = near.date()
    return TariffVersion(
        id="random",
        currency=EUR,
        elements=elements,
        tax_included=taxed,
        idle_grace_s=chance.choice((0, 0, 60, 200)) if extended else 0,
        allowances=random_allowances(chance) if extended and chance.random() < 0.4 else (),
        daily_cap=random_limit(chance, 400) if extended and chance.random() < 0.3 else None,
        holidays=tuple(
            sorted(
                {day + timedelta(days=chance.randrange(-1, 2)) for _ in range(chance.randrange(3))}
            )
        ),
    )


def random_component(chance: Random, kind: DimensionType, *, ocpi_only: bool) -> PriceComponent:
    spot = None
    if kind is DimensionType.ENERGY and not ocpi_only and chance.random() < 0.25:
        floor = Decimal(chance.randrange(0, 20)) / 100
        spot = SpotPrice(
            feed=FEED,
            fallback=Decimal(chance.randrange(0, 60)) / 100,
            factor=Decimal(chance.choice(("1", "0.5", "1.19"))),
            floor=floor,
            ceiling=chance.choice((None, floor + Decimal("0.3"))),
        )
    return PriceComponent(
        type=kind,
        price=Decimal(chance.randrange(0, 900)) / 100,
        vat=Decimal(chance.choice(("7", "19", "25.5", "0"))) if chance.random() < 0.7 else None,
        spot=spot,
    )


def random_restrictions(
    chance: Random, near: datetime, *, ocpi_only: bool = False, powered: bool = False
) -> Restrictions | None:
    if chance.random() < 0.15:
        return None

    def clock() -> time:
        minutes = near.hour * 60 + near.minute + chance.randrange(-15, 16)
        return time(minutes // 60 % 24, minutes % 60)

    def now_and_then(share: float) -> bool:
        return chance.random() < share

    day, extended = near.date(), not ocpi_only
    return Restrictions(
        start_time=clock() if now_and_then(0.45) else None,
        end_time=clock() if now_and_then(0.45) else None,
        start_date=day + timedelta(days=chance.randrange(-1, 2)) if now_and_then(0.1) else None,
        end_date=day + timedelta(days=chance.randrange(0, 3)) if now_and_then(0.1) else None,
        day_of_week=tuple(chance.sample(list(DayOfWeek), 4)) if now_and_then(0.2) else (),
        min_kwh=Decimal(chance.randrange(0, 400, 2)) / 1_000 if now_and_then(0.15) else None,
        max_kwh=Decimal(chance.randrange(2, 800, 2)) / 1_000 if now_and_then(0.15) else None,
        min_duration=chance.randrange(0, 400) if now_and_then(0.15) else None,
        max_duration=chance.randrange(1, 800) if now_and_then(0.15) else None,
        min_power=Decimal(chance.choice(("3.6", "5", "7.2")))
        if powered and now_and_then(0.2)
        else None,
        max_power=Decimal(chance.choice(("3.6", "5", "7.2")))
        if powered and now_and_then(0.2)
        else None,
        holiday=chance.choice((True, False)) if extended and now_and_then(0.12) else None,
        user_groups=tuple(chance.sample(GROUPS, chance.randrange(1, 3)))
        if extended and now_and_then(0.12)
        else (),
    )


def random_allowances(chance: Random) -> tuple[Allowance, ...]:
    return tuple(
        Allowance(
            type=kind,
            quantity=Decimal(chance.randrange(0, 500)) / 1_000
            if kind is DimensionType.ENERGY
            else Decimal(chance.randrange(0, 400)),
            per=chance.choice(list(AllowancePer)),
        )
        for kind in chance.sample(KINDS, chance.randrange(1, 3))
    )


def random_limit(chance: Random, cents_max: int) -> PriceLimit:
    net = Decimal(chance.randrange(0, cents_max)) / 100
    return PriceLimit(excl_vat=net, incl_vat=net * chance.choice((1, 2)))


def random_past(chance: Random, tariff: TariffVersion, day: date) -> Earlier:
    """What the driver used and spent before, on the days and months around."""
    days = [day + timedelta(days=shift) for shift in (-1, 0, 1)]
    used = {
        (allowance.type, allowance.per, here.strftime(form)): chance.randrange(0, 300)
        * (1_000 if allowance.type is DimensionType.ENERGY else 1)
        for allowance in tariff.allowances
        for here in days
        if (form := {AllowancePer.DAY: "%Y-%m-%d", AllowancePer.MONTH: "%Y-%m"}.get(allowance.per))
        and chance.random() < 0.5
    }
    spent = {
        here.isoformat(): (Fraction(chance.randrange(0, 300), 100), Fraction(300, 100))
        for here in days
        if chance.random() < 0.3
    }
    return Earlier(used=used, spent=spent)


def random_market(chance: Random, near: datetime) -> SpotCurve:
    """Quarter hours around; some are below zero, and the curve ends now and then too early."""
    first = near - timedelta(minutes=30)
    starts = tuple(first + timedelta(minutes=15) * number for number in range(8))
    return SpotCurve(
        starts=starts,
        prices=tuple(Decimal(chance.randrange(-200, 600)) / 1_000 for _ in starts),
        ends_at=starts[chance.randrange(2, 8)] + timedelta(minutes=15),
    )


def random_session(
    chance: Random, started_at: datetime, *, grace_s: int
) -> tuple[tuple[Second, ...], SessionCourse]:
    """Stretches of constant power, charging or at rest.

    Thresholds of energy, and energies at the ends of stretches, are even numbers of Wh: at 0, 1 or
    2 Wh a second they are reached as a second ends, so that seconds are fine enough.
    """
    seconds: list[Second] = []
    curve = [EnergyPoint(at=started_at, energy_mwh=0)]
    resting: list[Interval] = []
    energy_mwh, at = 0, started_at
    for _ in range(chance.randrange(1, 5)):
        length_s, rests = chance.randrange(20, 260, 2), chance.random() < 0.3
        per_s = 0 if rests and chance.random() < 0.8 else WH_PER_S * chance.randrange(0, 3)
        ends_at = at + length_s * SECOND
        if rests and resting and resting[-1].ended_at == at:
            resting[-1] = Interval(started_at=resting[-1].started_at, ended_at=ends_at)
        elif rests:
            resting.append(Interval(started_at=at, ended_at=ends_at))
        rest_began = resting[-1].started_at if rests else at
        for number in range(length_s):
            now = at + number * SECOND
            seconds.append(
                Second(
                    at=now,
                    energy_mwh=per_s,
                    resting=rests,
                    parked=rests and now >= rest_began + grace_s * SECOND,
                    power_kw=Decimal(per_s * 36) / 10_000,
                )
            )
        energy_mwh, at = energy_mwh + per_s * length_s, ends_at
        curve.append(EnergyPoint(at=at, energy_mwh=energy_mwh))
    course = SessionCourse(
        started_at=started_at,
        ended_at=at,
        measurement=Measurement(energy_mwh=energy_mwh, curve=tuple(curve), findings=()),
        suspended=tuple(resting),
    )
    return tuple(seconds), course


def random_periods(chance: Random, started_at: datetime) -> Sequence[ChargingPeriod]:
    """As a partner may send them: any quantities, reserved or not, with measured powers or none."""
    periods, at = [], started_at
    reserved = chance.randrange(3) if chance.random() < 0.5 else 0
    for number in range(chance.randrange(1, 8)):
        length_s = chance.randrange(1, 4_000)
        power = Decimal(chance.randrange(0, 500)) / 10 if chance.random() < 0.8 else None
        if number < reserved:
            periods.append(ChargingPeriod(started_at=at, reservation_s=length_s))
        else:
            parks = chance.random() < 0.3
            periods.append(
                ChargingPeriod(
                    started_at=at,
                    energy_mwh=0 if parks else chance.randrange(0, 9_000_000, 100),
                    time_s=0 if parks else length_s,
                    parking_s=length_s if parks else 0,
                    min_power_kw=power,
                    max_power_kw=None if power is None else power + chance.randrange(3),
                )
            )
        at += length_s * SECOND
    return periods


def with_blocks(chance: Random, tariff: TariffVersion) -> TariffVersion:
    """The same with step sizes, least and greatest prices, and elements for reservations."""
    elements = []
    for element in tariff.elements:
        rule = element.restrictions or Restrictions()
        reservation = chance.choice((None, None, *Reservation))
        values = {name: getattr(rule, name) for name in Restrictions.__dataclass_fields__}
        values["reservation"] = reservation
        elements.append(
            TariffElement(
                price_components=tuple(
                    PriceComponent(
                        type=component.type,
                        price=component.price,
                        vat=component.vat,
                        step_size=chance.choice((0, 1, 60, 300, 900)),
                    )
                    for component in element.price_components
                ),
                restrictions=Restrictions(**values),
            )
        )
    return TariffVersion(
        id=tariff.id,
        currency=tariff.currency,
        elements=tuple(elements),
        tax_included=tariff.tax_included,
        min_price=random_limit(chance, 800) if chance.random() < 0.3 else None,
        max_price=random_limit(chance, 4_000) if chance.random() < 0.3 else None,
    )
