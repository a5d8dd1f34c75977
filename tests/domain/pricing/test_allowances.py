"""The first so-much is free: per session, local day or local month."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.context import Earlier, PriceContext
from holdfast.domain.pricing.priced_session import LineReason
from holdfast.domain.tariff.version import (
    Allowance,
    AllowancePer,
    DimensionType,
    Restrictions,
    TariffVersion,
)
from tests.domain.pricing.sessions import HOUR, codes, lines, net, period, priced
from tests.domain.tariffs import (
    BERLIN,
    KWH,
    charging,
    component,
    element,
    energy,
    flat,
    parking,
    tariff,
)

ENERGY, TIME, PARKING = DimensionType.ENERGY, DimensionType.TIME, DimensionType.PARKING_TIME
USED, FREE, STEP = LineReason.USED, LineReason.ALLOWANCE, LineReason.STEP_SIZE
DAY, MONTH, SESSION = AllowancePer.DAY, AllowancePer.MONTH, AllowancePer.SESSION


def allowing(
    plain: TariffVersion, *allowances: tuple[DimensionType, str, AllowancePer]
) -> TariffVersion:
    return replace(
        plain,
        allowances=tuple(
            Allowance(type=kind, quantity=Decimal(quantity), per=per)
            for kind, quantity, per in allowances
        ),
    )


def after_using(mwh: int, per: AllowancePer, span: str) -> PriceContext:
    return replace(BERLIN, earlier=Earlier(used={(ENERGY, per, span): mwh}))


KWH_5 = allowing(tariff(element(energy("1"))), (ENERGY, "5", SESSION))


def test_a_period_that_straddles_the_end_of_an_allowance_is_split_to_the_mwh() -> None:
    result = priced(KWH_5, period("3"), period("4.000001", after=HOUR))

    assert lines(result)[:3] == [
        (ENERGY, FREE, 3 * KWH),
        (ENERGY, FREE, 2 * KWH),
        (ENERGY, USED, 2_000_001),
    ]


def test_what_is_free_costs_nothing_and_counts_for_no_total_of_money() -> None:
    result = priced(KWH_5, period("7"))

    assert net(result) == 2
    total = result.total(ENERGY)
    assert (total.quantity, total.free_quantity) == (2 * KWH, 5 * KWH)
    assert result.lines[0].incl == result.lines[0].excl == 0


def test_a_session_within_its_allowance_is_free_and_no_finding() -> None:
    result = priced(KWH_5, period("5"))

    assert net(result) == 0
    assert codes(result) == set()


def test_step_sizes_count_only_what_is_billed() -> None:
    blocks = allowing(tariff(element(energy("1", step_size=1_000))), (ENERGY, "5", SESSION))

    assert net(priced(blocks, period("5.2"))) == 1
    assert net(priced(blocks, period("4.2"))) == 0


def test_parking_that_is_wholly_free_does_not_absorb_the_rounding_of_charging_time() -> None:
    blocks = tariff(element(component(TIME, "60", step_size=600), parking("60")))
    session = [period(time_s=60), period(after=HOUR, parking_s=60)]

    assert net(priced(blocks, *session)) == 1 + 1
    assert net(priced(allowing(blocks, (PARKING, "60", SESSION)), *session)) == 10


def test_times_are_allowed_in_seconds_and_each_kind_by_itself() -> None:
    both = allowing(
        tariff(element(charging("3600"), parking("3600"), flat("7"))), (PARKING, "90", SESSION)
    )
    session = [period(time_s=100), period(after=HOUR, parking_s=100)]

    assert net(priced(both, *session)) == 100 + 10 + 7


def test_what_has_no_price_uses_up_no_allowance() -> None:
    later = allowing(
        tariff(element(energy("1"), when=Restrictions(min_duration=3_600))),
        (ENERGY, "5", SESSION),
    )

    assert net(priced(later, period("4"), period("6", after=HOUR))) == 1


def test_a_day_counts_what_the_driver_used_earlier_that_day() -> None:
    daily = allowing(tariff(element(energy("1"))), (ENERGY, "5", DAY))

    assert net(priced(daily, period("4"), context=after_using(3 * KWH, DAY, "2026-03-04"))) == 2
    assert net(priced(daily, period("4"), context=after_using(9 * KWH, DAY, "2026-03-04"))) == 4
    assert net(priced(daily, period("4"), context=after_using(3 * KWH, DAY, "2026-03-03"))) == 0
    assert net(priced(daily, period("4"), context=after_using(3 * KWH, MONTH, "2026-03"))) == 0


def test_a_day_begins_at_local_midnight() -> None:
    daily = allowing(tariff(element(energy("1"))), (ENERGY, "5", DAY))
    midnight = datetime(2026, 3, 4, 23, tzinfo=UTC)  # 00:00 in Berlin
    session = [period("5", at=midnight, after=-HOUR), period("5", at=midnight)]

    assert net(priced(daily, *session)) == 0
    assert net(priced(daily, *session, context=PriceContext(zone="UTC"))) == 5


def test_a_month_counts_by_itself_and_begins_at_local_midnight() -> None:
    monthly = allowing(tariff(element(energy("1"))), (ENERGY, "5", MONTH))
    april = datetime(2026, 3, 31, 22, tzinfo=UTC)  # 00:00 in Berlin
    session = [period("5", at=april, after=-HOUR), period("5", at=april)]

    used = after_using(4 * KWH, MONTH, "2026-03")
    assert net(priced(monthly, *session, context=used)) == 4
    assert net(priced(monthly, period("5", after=timedelta(days=1)), context=used)) == 4


def test_a_session_ignores_what_was_used_before_it() -> None:
    used = after_using(5 * KWH, SESSION, "")

    assert net(priced(KWH_5, period("5"), context=used)) == 0


def test_what_any_of_several_allowances_covers_is_free_and_counts_for_all() -> None:
    both = allowing(tariff(element(energy("1"))), (ENERGY, "2", SESSION), (ENERGY, "5", MONTH))

    assert net(priced(both, period("7"))) == 2
    assert net(priced(both, period("7"), context=after_using(4 * KWH, MONTH, "2026-03"))) == 5


def test_the_breakdown_shows_what_was_free_and_what_it_would_have_cost() -> None:
    shown = price_to_json(priced(KWH_5, period("7")))["breakdown"]

    assert isinstance(shown, dict)
    free, used = shown["lines"]
    assert (free["reason"], free["quantity"], free["unit_price"]) == ("allowance", "5", "1")
    assert (free["incl_vat"], free["incl_vat_exact"]) == ("0.00", "0")
    assert (used["reason"], used["quantity"], used["incl_vat"]) == ("used", "2", "2.00")
    assert shown["totals"]["ENERGY"]["quantity"] == "2"
    assert shown["totals"]["ENERGY"]["free_quantity"] == "5"
