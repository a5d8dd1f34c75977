"""What is odd about a session is said, and the session is priced all the same."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from holdfast.domain.finding import Severity
from holdfast.domain.pricing import session_walk
from holdfast.domain.pricing.boundary_crossing import Looks
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.context import PriceContext, SpotCurve
from holdfast.domain.pricing.priced_session import PricedSession
from holdfast.domain.tariff.version import (
    Allowance,
    AllowancePer,
    DayOfWeek,
    DimensionType,
    PriceComponent,
    Reservation,
    Restrictions,
    SpotPrice,
    TariffVersion,
    TaxIncluded,
)
from tests.domain.pricing.sessions import HOUR, MINUTE, codes, limit, net, period, priced
from tests.domain.tariffs import BERLIN, NOON, charging, element, energy, flat, parking, tariff

SECOND = timedelta(seconds=1)
PLAIN = tariff(element(energy("1")))
MIDNIGHT = datetime(2026, 3, 4, 23, tzinfo=UTC)


def second_period_starts(gone: timedelta, **seconds: Any) -> list[tuple[str, Severity]]:
    result = priced(PLAIN, period("1", **seconds), period("1", after=gone))
    assert net(result) == 2
    return [(item.code, item.severity) for item in result.findings]


def test_periods_that_follow_each_other_are_no_finding_within_a_second() -> None:
    for more in (-SECOND, timedelta(0), SECOND):
        assert second_period_starts(MINUTE + more, time_s=60) == []


def test_gaps_overlaps_and_disorder_are_told_apart() -> None:
    tick = timedelta(microseconds=1)

    gap = [("periods_gap", Severity.NOTE)]
    overlap = [("periods_overlap", Severity.REVIEW)]
    disorder = [("period_out_of_order", Severity.REVIEW)]
    assert second_period_starts(MINUTE + SECOND + tick, time_s=60) == gap
    assert second_period_starts(MINUTE - SECOND - tick, time_s=60) == overlap
    assert second_period_starts(-tick, time_s=60) == disorder
    assert second_period_starts(-tick) == disorder
    assert second_period_starts(HOUR) == []


def test_all_seconds_of_a_period_count_for_its_length() -> None:
    some = {"time_s": 60, "parking_s": 60, "grace_s": 60, "reservation_s": 60}

    assert second_period_starts(4 * MINUTE, **some) == []
    assert second_period_starts(2 * MINUTE, **some) == [("periods_overlap", Severity.REVIEW)]


def test_the_same_trouble_in_many_periods_is_one_finding() -> None:
    result = priced(PLAIN, *(period("1", after=hour * HOUR, time_s=60) for hour in range(5)))

    (finding,) = result.findings
    assert finding.code == "periods_gap"
    assert "before period 1" in finding.detail
    assert finding.detail.endswith("(3 more likewise)")


def test_what_is_free_is_added_up_by_kind() -> None:
    evening = Restrictions(start_time=time(18))
    late = tariff(element(energy("1"), charging("1"), parking("1"), when=evening))

    result = priced(late, period("1", time_s=60), period("2", after=MINUTE, parking_s=60))

    assert [item.detail for item in result.findings] == [
        "3000000 mWh of ENERGY matched no price",
        "60 s of TIME matched no price",
        "60 s of PARKING_TIME matched no price",
    ]


def test_energy_given_back_is_billed_as_nothing_and_a_person_looks() -> None:
    tiered = tariff(
        element(energy("5"), when=Restrictions(min_kwh=Decimal(2))), element(energy("1"), flat("1"))
    )
    session = [
        period("1"),
        ChargingPeriod(started_at=NOON + HOUR, energy_mwh=-5_000_000, time_s=60),
        period("1", after=2 * HOUR),
        period("1", after=3 * HOUR),
    ]

    result = priced(tiered, *session)

    assert net(result) == 1 + 1 + 1 + 5
    assert ("energy_negative", Severity.REVIEW) in [(f.code, f.severity) for f in result.findings]


def test_a_session_that_only_gives_energy_back_never_costs_less_than_nothing() -> None:
    assert net(priced(PLAIN, ChargingPeriod(started_at=NOON, energy_mwh=-1))) == 0


@pytest.mark.parametrize(
    ("form", "vat", "found"),
    [
        (TaxIncluded.YES, None, {"tax_unknown"}),
        (TaxIncluded.NO, None, {"tax_unknown"}),
        (TaxIncluded.NO, "0", set()),
        (TaxIncluded.NOT_APPLICABLE, None, set()),
        (None, None, set()),
    ],
)
def test_a_rate_of_tax_that_nobody_gave_is_a_finding(
    form: TaxIncluded | None, vat: str | None, found: set[str]
) -> None:
    stated = tariff(element(energy("1", vat)), tax_included=form)

    result = priced(stated, period("1"))
    assert codes(result) == found
    assert ("before tax is not known" in str(result.findings)) is (result.exact_excl is None)
    assert codes(priced(stated, period())) == set()


def crossing(
    asked: TariffVersion,
    *periods: ChargingPeriod,
    context: PriceContext = BERLIN,
) -> bool:
    return "boundary_crossed" in codes(priced(asked, *periods, context=context))


def hourly(at: datetime, kwh: str = "1", **seconds: Any) -> ChargingPeriod:
    return period(kwh, at=at, **(seconds or {"time_s": 3_600}))


def at_clock(text: str) -> datetime:
    """In UTC; Berlin is an hour ahead."""
    return datetime.fromisoformat(f"2026-03-04T{text}+00:00")


EVENING = Restrictions(start_time=time(18), end_time=time(22))
EVENINGS = tariff(element(energy("2"), when=EVENING), element(energy("1"), parking("1")))


def test_a_period_that_runs_past_a_window_is_priced_by_its_start_and_reported() -> None:
    result = priced(EVENINGS, hourly(at_clock("16:30")))

    assert net(result) == 1
    assert [(item.code, item.severity) for item in result.findings] == [
        ("boundary_crossed", Severity.REVIEW)
    ]


def test_edges_are_looked_at_within_a_bound_and_what_was_left_out_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Three moments (two edges and the end) of one condition; room for one period of two.
    monkeypatch.setattr(session_walk, "Looks", lambda: Looks(left=5))

    result = priced(EVENINGS, *(hourly(at_clock(clock)) for clock in ("16:30", "20:30")))

    assert net(result) == 3
    assert [(item.code, item.severity) for item in result.findings if "bound" in item.code] == [
        ("boundary_crossed", Severity.REVIEW),
        ("boundaries_not_checked", Severity.REVIEW),
    ]
    assert result.findings[-1].detail.startswith("period 1: too many edges")


@pytest.mark.parametrize("clock", ["16:00", "17:00", "20:00", "21:00", "03:00"])
def test_a_period_that_ends_or_begins_at_an_edge_crosses_none(clock: str) -> None:
    assert not crossing(EVENINGS, hourly(at_clock(clock)))


def test_a_last_period_may_be_a_rounded_second_too_long() -> None:
    assert not crossing(EVENINGS, period("1", at=at_clock("16:30"), time_s=1_801))
    assert crossing(EVENINGS, period("1", at=at_clock("16:30"), time_s=1_802))


def test_the_next_period_says_when_one_ends_where_it_gives_no_times() -> None:
    start = at_clock("16:30")

    assert crossing(EVENINGS, period("1", at=start), period("1", at=start, after=HOUR))
    assert not crossing(EVENINGS, period("1", at=start), period("1", at=start, after=30 * MINUTE))
    assert not crossing(EVENINGS, period("1", at=start))


def test_an_edge_at_which_nothing_of_the_period_changes_its_price_is_no_finding() -> None:
    assert not crossing(EVENINGS, hourly(at_clock("16:30"), "0", parking_s=3_600))
    same = tariff(element(energy("1"), when=EVENING), element(energy("1")))
    assert not crossing(same, hourly(at_clock("16:30")))


def test_a_window_that_lies_inside_a_period_is_crossed() -> None:
    assert crossing(EVENINGS, hourly(at_clock("16:00"), time_s=8 * 3_600))


def test_thresholds_of_energy_and_duration_are_boundaries() -> None:
    tiers = tariff(
        element(energy("2"), when=Restrictions(max_kwh=Decimal(5))), element(energy("1"))
    )
    late = tariff(
        element(parking("2"), when=Restrictions(min_duration=1_800)), element(energy("1"))
    )

    assert not crossing(tiers, hourly(NOON, "5"))
    assert crossing(tiers, hourly(NOON, "5.000001"))
    assert not crossing(late, hourly(NOON, "0", parking_s=1_800))
    assert crossing(late, hourly(NOON, "0", parking_s=1_860))
    assert not crossing(late, hourly(NOON, "1"))


def test_two_thresholds_that_count_only_together_are_seen_at_the_end() -> None:
    both = Restrictions(min_kwh=Decimal(1), min_duration=600)
    grown = tariff(element(energy("1"), when=both), element(energy("2")))

    assert crossing(grown, hourly(NOON, "3"))
    assert not crossing(grown, hourly(NOON, "0.9"))


def test_days_matter_where_weekdays_dates_or_holidays_do() -> None:
    for when in (
        Restrictions(day_of_week=(DayOfWeek.THURSDAY,)),
        Restrictions(start_date=date(2026, 3, 5)),
        Restrictions(end_date=date(2026, 3, 5)),
        Restrictions(holiday=True),
    ):
        asked = replace(
            tariff(element(energy("2"), when=when), element(energy("1"))),
            holidays=(date(2026, 3, 5),),
        )
        assert crossing(asked, hourly(MIDNIGHT - 30 * MINUTE)), when
        assert not crossing(asked, hourly(MIDNIGHT - HOUR)), when


def test_the_clock_that_is_set_back_over_an_edge_crosses_it() -> None:
    night = tariff(
        element(energy("2"), when=Restrictions(start_time=time(2, 30))), element(energy("1"))
    )
    autumn = datetime(2025, 10, 26, 0, 45, tzinfo=UTC)  # 02:45, and 02:15 half an hour later

    assert crossing(night, period("1", at=autumn), period("1", at=autumn, after=30 * MINUTE))


def test_the_clock_that_is_set_back_as_a_period_ends_crosses_nothing() -> None:
    window = Restrictions(start_time=time(2), end_time=time(3))
    night = tariff(element(energy("2"), when=window), element(energy("1")))
    two = datetime(2025, 10, 26, 0, tzinfo=UTC)  # 02:00, and 02:00 again an hour later

    assert not crossing(night, hourly(two - HOUR), hourly(two), hourly(two + HOUR))
    assert crossing(night, hourly(two), hourly(two + HOUR, time_s=7_200))


def test_days_and_months_that_something_is_counted_by_are_boundaries() -> None:
    allowed = Allowance(type=DimensionType.ENERGY, quantity=Decimal(1), per=AllowancePer.DAY)
    monthly = replace(allowed, per=AllowancePer.MONTH)
    once = replace(allowed, per=AllowancePer.SESSION)
    over = hourly(MIDNIGHT - 30 * MINUTE)
    april = hourly(datetime(2026, 3, 31, 21, 30, tzinfo=UTC))

    assert crossing(replace(PLAIN, daily_cap=limit("9", "9")), over)
    assert crossing(replace(PLAIN, allowances=(allowed,)), over)
    assert not crossing(replace(PLAIN, allowances=(monthly,)), over)
    assert crossing(replace(PLAIN, allowances=(monthly,)), april)
    assert not crossing(replace(PLAIN, allowances=(once,)), april)
    assert not crossing(replace(PLAIN, daily_cap=limit("9", "9")), hourly(MIDNIGHT - HOUR))


def test_an_hour_of_the_market_is_a_boundary_where_its_price_changes() -> None:
    spot = SpotPrice(feed="day-ahead", fallback=Decimal(1))
    component = PriceComponent(type=DimensionType.ENERGY, price=Decimal(0), spot=spot)
    followed = tariff(element(component, parking("1")))
    half = period("1", after=30 * MINUTE, time_s=3_600)

    def market(*prices: str) -> PriceContext:
        starts = tuple(NOON + number * HOUR for number in range(len(prices)))
        curve = SpotCurve(starts, tuple(Decimal(text) for text in prices), starts[-1] + HOUR)
        return replace(BERLIN, spot={"day-ahead": curve})

    assert crossing(followed, half, context=market("0.1", "0.2"))
    assert not crossing(followed, half, context=market("0.1", "0.1"))
    assert crossing(followed, half, context=market("0.1"))
    assert not crossing(followed, period("1", time_s=3_600), context=market("0.1", "0.2"))
    parked = period(after=30 * MINUTE, parking_s=3_600)
    assert not crossing(followed, parked, context=market("0.1", "0.2"))
    assert not crossing(followed, half)


def test_a_fee_that_would_have_come_inside_a_period_is_a_boundary_once() -> None:
    late = tariff(element(flat("1"), when=Restrictions(min_duration=60)), element(energy("1")))

    assert crossing(late, hourly(NOON))
    billed = tariff(
        element(flat("2"), when=Restrictions(max_duration=60)),
        element(flat("1"), when=Restrictions(min_duration=120)),
    )
    assert not crossing(billed, hourly(NOON))


def test_reserved_time_crosses_the_edges_of_what_prices_reservations() -> None:
    when = replace(EVENING, reservation=Reservation.RESERVATION)
    held = tariff(element(charging("1"), when=when), element(energy("1")))

    assert crossing(held, hourly(at_clock("16:30"), "0", reservation_s=3_600))
    assert not crossing(held, hourly(at_clock("16:30"), "1", time_s=3_600))


def test_a_period_that_kept_its_price_on_purpose_says_so_itself() -> None:
    kept = replace(hourly(at_clock("16:30")), boundary_moved=True)

    assert not crossing(EVENINGS, kept)


def test_the_findings_of_the_price_are_in_its_order() -> None:
    capped = replace(EVENINGS, max_price=limit("0.5", "0.5"))
    result: PricedSession = priced(capped, hourly(at_clock("16:30")))

    assert [item.code for item in result.findings] == ["boundary_crossed", "max_price"]
