"""Cutting where power and current pass a limit, and what the periods then say of both."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.finding import Finding, Severity
from holdfast.domain.measured_current import measured_current_ua
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.course_price import price_course
from holdfast.domain.pricing.flow import FlowSample
from holdfast.domain.pricing.periods import NO_REGISTER, SessionCourse, cut_periods, cut_session
from holdfast.domain.tariff.version import Restrictions, TariffVersion
from tests.domain.tariffs import BERLIN, KWH, NOON, course, element, energy, tariff

HOUR_S = 3_600
KW = 1_000_000
AMPERE = 1_000_000
FAST = tariff(
    element(energy("0.8"), when=Restrictions(min_power=Decimal(22))),
    element(energy("0.5"), when=Restrictions(min_power=Decimal(11))),
    element(energy("0.3"), when=Restrictions(max_power=Decimal(11))),
)
BY_CURRENT = tariff(
    element(energy("0.8"), when=Restrictions(min_current=Decimal(32))),
    element(energy("0.3"), when=Restrictions(max_current=Decimal(32))),
)


def power(second: int, kw: str) -> FlowSample:
    return FlowSample(at=NOON + timedelta(seconds=second), power_mw=int(Decimal(kw) * KW))


def current(second: int, amperes: int) -> FlowSample:
    return FlowSample(at=NOON + timedelta(seconds=second), current_ua=amperes * AMPERE)


def powers(periods: list[ChargingPeriod]) -> list[tuple[int, Decimal | None, Decimal | None]]:
    """(start, least, greatest) of each."""
    return [
        (int((one.started_at - NOON).total_seconds()), one.min_power_kw, one.max_power_kw)
        for one in periods
    ]


def test_measured_power_holds_until_the_next_and_is_cut_only_where_it_passes_a_limit() -> None:
    went = replace(
        course((0, 0), (HOUR_S, 10 * KWH)),
        flow=(power(1_800, "22"), power(0, "10"), power(600, "10.5"), power(2_400, "21.999999")),
    )

    periods = cut_periods(went, FAST, BERLIN)

    assert powers(periods) == [
        (0, Decimal(10), Decimal("10.5")),
        (1_800, Decimal(22), Decimal(22)),
        (2_400, Decimal("21.999999"), Decimal("21.999999")),
    ]
    assert all(one.min_current_a is None for one in periods)


def test_without_measured_power_the_average_between_registers_counts() -> None:
    went = course((0, 0), (1_800, 4 * KWH), (HOUR_S, 16 * KWH))

    assert powers(cut_periods(went, FAST, BERLIN)) == [
        (0, Decimal(8), Decimal(8)),
        (1_800, Decimal(24), Decimal(24)),
    ]


def test_an_average_just_below_a_limit_is_not_rounded_onto_it() -> None:
    went = course((0, 0), (7_000, 42_777_777))

    (period,) = cut_periods(went, FAST, BERLIN)

    assert Fraction(42_777_777 * 3_600, 7_000) < 22 * KW
    assert period.min_power_kw == period.max_power_kw == Decimal("21.999999")


def test_averages_stand_in_until_power_is_first_measured() -> None:
    went = replace(course((0, 0), (1_800, 12 * KWH), (HOUR_S, 13 * KWH)), flow=(power(900, "12"),))

    assert powers(cut_periods(went, FAST, BERLIN)) == [
        (0, Decimal(24), Decimal(24)),
        (900, Decimal(12), Decimal(12)),
    ]


def test_a_session_whose_station_names_no_register_has_no_power_and_says_so() -> None:
    blind = course((0, 0), (HOUR_S, 0))
    unread = Finding(code=NO_REGISTER, detail="the station named no register")
    blind = replace(blind, measurement=replace(blind.measurement, findings=(unread,)))

    found = price_course(compile_tariff(FAST), blind, BERLIN)

    assert powers(list(found.periods)) == [(0, None, None)]
    assert [(one.code, one.severity) for one in found.priced.findings] == [
        ("not_measured", Severity.REVIEW)
    ]


def test_current_is_never_calculated_and_a_stretch_without_it_is_a_period_of_its_own() -> None:
    went = replace(course((0, 0), (HOUR_S, 10 * KWH)), flow=(current(900, 40), current(1_800, 16)))

    found = price_course(compile_tariff(BY_CURRENT), went, BERLIN)

    assert [(one.min_current_a, one.max_current_a) for one in found.periods] == [
        (None, None),
        (Decimal(40), Decimal(40)),
        (Decimal(16), Decimal(16)),
    ]
    assert all(one.min_power_kw is None for one in found.periods)
    assert {one.code for one in found.priced.findings} == {"free", "interpolated", "not_measured"}


def test_a_tariff_without_such_limits_gets_no_cuts_and_no_values() -> None:
    went = replace(course((0, 0), (HOUR_S, 10 * KWH)), flow=(power(0, "1"), power(900, "50")))

    assert cut_session(went, tariff(element(energy("0.5"))), BERLIN).periods == (
        ChargingPeriod(started_at=NOON, energy_mwh=10 * KWH, time_s=HOUR_S),
    )


def test_each_stretch_costs_the_price_of_its_power() -> None:
    went = replace(
        course((0, 0), (1_800, 5 * KWH), (2_400, 9 * KWH), (HOUR_S, 13 * KWH)),
        flow=(power(0, "10"), power(1_800, "24"), power(2_400, "12")),
    )

    found = price_course(compile_tariff(FAST), went, BERLIN)

    assert found.priced.exact_incl == Fraction("1.5") + Fraction("3.2") + 2


samples = st.lists(
    st.builds(
        lambda second, kw, amperes: FlowSample(
            at=NOON + timedelta(seconds=second),
            power_mw=None if kw is None else kw * KW,
            current_ua=None if amperes is None else amperes * AMPERE,
        ),
        st.integers(-100, HOUR_S + 100),
        st.none() | st.integers(0, 40),
        st.none() | st.integers(0, 64),
    ),
    max_size=12,
)
limits = st.none() | st.integers(0, 64).map(Decimal)
flow_rules = st.builds(
    Restrictions, min_power=limits, max_power=limits, min_current=limits, max_current=limits
)


@given(samples, st.lists(flow_rules, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_both_readings_of_a_limit_agree_in_whatever_order_samples_came(
    flow: list[FlowSample], rules: list[Restrictions], chance: st.DataObject
) -> None:
    """A limit may be compared with the least or with the greatest value of a period."""
    version: TariffVersion = tariff(*(element(energy("1"), when=rule) for rule in rules))
    went: SessionCourse = replace(course((0, 0), (HOUR_S, 9 * KWH)), flow=tuple(flow))
    shuffled = list(flow)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    periods = cut_periods(went, version, BERLIN)

    assert cut_periods(replace(went, flow=tuple(shuffled)), version, BERLIN) == periods
    assert sum(one.energy_mwh for one in periods) == 9 * KWH
    for one in periods:
        for rule in rules:
            for low, high, edges in (
                (one.min_power_kw, one.max_power_kw, (rule.min_power, rule.max_power)),
                (one.min_current_a, one.max_current_a, (rule.min_current, rule.max_current)),
            ):
                for edge in edges:
                    if edge is not None and low is not None and high is not None:
                        assert (low >= edge) == (high >= edge)


def test_the_current_of_a_moment_is_the_sum_of_its_phases_without_the_neutral() -> None:
    def value(amperes: str, **said: object) -> dict[str, object]:
        return {"measurand": "Current.Import", "value": amperes, **said}

    phases = [value("10.5", phase="L1", unit="A"), value("10", phase="L2"), value("3", phase="N")]
    scaled = {"unit": "A", "multiplier": -3}
    both = [value("16", phase="L1"), value("30")]

    assert measured_current_ua(phases) == 20_500_000
    assert measured_current_ua([value("16000", unitOfMeasure=scaled)]) == 16 * AMPERE
    assert measured_current_ua(both) == 30 * AMPERE
    assert measured_current_ua([value("9", location="EV"), {"value": "5"}]) is None
    assert measured_current_ua([value("NaN"), value("1e40"), value("x"), 7]) is None
    assert measured_current_ua({"value": "9"}) is None
