"""Tariffs and sessions for tests, by hand and by chance."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from holdfast.domain.currency import EUR
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.periods import Interval, SessionCourse
from holdfast.domain.quality import EnergyPoint, Measurement
from holdfast.domain.tariff.version import (
    DayOfWeek,
    DimensionType,
    PriceComponent,
    PriceLimit,
    Restrictions,
    TariffElement,
    TariffVersion,
    TaxIncluded,
)

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
"""A Wednesday; 13:00 in Berlin."""

KWH = 1_000_000
BERLIN = PriceContext(zone="Europe/Berlin")


def component(
    kind: DimensionType, price: str, vat: str | None = None, step_size: int = 1
) -> PriceComponent:
    return PriceComponent(
        type=kind,
        price=Decimal(price),
        vat=None if vat is None else Decimal(vat),
        step_size=step_size,
    )


def energy(price: str, vat: str | None = None, step_size: int = 1) -> PriceComponent:
    return component(DimensionType.ENERGY, price, vat, step_size)


def parking(price: str, vat: str | None = None) -> PriceComponent:
    return component(DimensionType.PARKING_TIME, price, vat)


def charging(price: str, vat: str | None = None) -> PriceComponent:
    return component(DimensionType.TIME, price, vat)


def flat(price: str, vat: str | None = None) -> PriceComponent:
    return component(DimensionType.FLAT, price, vat)


def element(*components: PriceComponent, when: Restrictions | None = None) -> TariffElement:
    return TariffElement(price_components=components, restrictions=when)


def tariff(
    *elements: TariffElement,
    idle_grace_s: int = 0,
    min_price: PriceLimit | None = None,
    max_price: PriceLimit | None = None,
    tax_included: TaxIncluded | None = None,
) -> TariffVersion:
    return TariffVersion(
        id="T1",
        currency=EUR,
        elements=elements,
        idle_grace_s=idle_grace_s,
        min_price=min_price,
        max_price=max_price,
        tax_included=tax_included,
    )


def course(
    *samples: tuple[int, int],
    idle: Sequence[tuple[int, int]] = (),
    charging_ended_s: int | None = None,
    started_at: datetime = NOON,
) -> SessionCourse:
    """`samples` are (seconds since start, mWh since start); the last is the end of the session."""

    def at(second: int) -> datetime:
        return started_at + timedelta(seconds=second)

    return SessionCourse(
        started_at=started_at,
        ended_at=at(samples[-1][0]),
        measurement=Measurement(
            energy_mwh=samples[-1][1],
            curve=tuple(EnergyPoint(at=at(second), energy_mwh=mwh) for second, mwh in samples),
            findings=(),
        ),
        suspended=tuple(Interval(started_at=at(begin), ended_at=at(end)) for begin, end in idle),
        charging_ended_at=None if charging_ended_s is None else at(charging_ended_s),
    )


prices = st.decimals(0, 100, places=4)
rates = st.none() | st.decimals(0, 100, places=2)
clocks = st.builds(time, st.integers(0, 23), st.integers(0, 59))
kwhs = st.decimals(0, 100, places=3)


def components(step_sizes: st.SearchStrategy[int]) -> st.SearchStrategy[PriceComponent]:
    return st.builds(
        PriceComponent,
        type=st.sampled_from(DimensionType),
        price=prices,
        vat=rates,
        step_size=step_sizes,
    )


restrictions = st.builds(
    Restrictions,
    start_time=st.none() | clocks,
    end_time=st.none() | clocks,
    start_date=st.none() | st.dates(),
    end_date=st.none() | st.dates(),
    day_of_week=st.lists(st.sampled_from(DayOfWeek), unique=True).map(tuple),
    min_kwh=st.none() | kwhs,
    max_kwh=st.none() | kwhs,
    min_duration=st.none() | st.integers(0, 86_400),
    max_duration=st.none() | st.integers(0, 86_400),
    min_current=st.none() | kwhs,
    max_power=st.none() | kwhs,
)
price_limits = st.builds(PriceLimit, excl_vat=prices, incl_vat=st.none() | prices)


def tariffs(
    when: st.SearchStrategy[Restrictions | None], step_sizes: st.SearchStrategy[int]
) -> st.SearchStrategy[TariffVersion]:
    return st.builds(
        TariffVersion,
        id=st.text("abc-123", min_size=1, max_size=20),
        currency=st.just(EUR),
        elements=st.lists(
            st.builds(
                TariffElement,
                price_components=st.lists(components(step_sizes), min_size=1, max_size=4).map(
                    tuple
                ),
                restrictions=when,
            ),
            min_size=1,
            max_size=4,
        ).map(tuple),
        idle_grace_s=st.integers(0, 3_600),
        tax_included=st.none() | st.sampled_from(TaxIncluded),
    )


plain_tariffs = tariffs(st.none(), st.just(1))


@st.composite
def courses(draw: st.DrawFn) -> SessionCourse:
    """A session of up to some hours, its meter rising by any amounts at any times."""
    steps = draw(
        st.lists(st.tuples(st.integers(1, 3_600), st.integers(0, 9 * KWH)), min_size=1, max_size=8)
    )
    samples, second, mwh = [(0, 0)], 0, 0
    for more_s, more_mwh in steps:
        second, mwh = second + more_s, mwh + more_mwh
        samples.append((second, mwh))
    edges = sorted(draw(st.lists(st.integers(0, second), max_size=4)))
    idle = list(zip(edges[::2], edges[1::2], strict=False))
    return course(*samples, idle=idle)
