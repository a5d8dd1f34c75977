"""What a session leaves to the next ones of its driver, and the context that a settlement keeps."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.context import PriceContext, SpotCurve
from holdfast.domain.pricing.context_form import context_from_json, context_to_json
from holdfast.domain.pricing.course_price import price_course
from holdfast.domain.pricing.day_totals import (
    day_totals,
    earlier_of,
    totals_from_json,
    totals_to_json,
)
from holdfast.domain.tariff.version import (
    Allowance,
    AllowancePer,
    DimensionType,
    PriceLimit,
    TariffVersion,
)
from tests.domain.tariffs import BERLIN, KWH, NOON, course, element, energy, flat, parking, tariff

HOUR_S = 3_600
ENERGY, PARKING = DimensionType.ENERGY, DimensionType.PARKING_TIME
DAY, MONTH = AllowancePer.DAY, AllowancePer.MONTH
LATE = NOON + timedelta(hours=10)  # 23:00 in Berlin


def used_up(version: TariffVersion, context: PriceContext = BERLIN) -> dict[str, object]:
    went = course(
        (0, 0),
        (2 * HOUR_S, 8 * KWH),
        (3 * HOUR_S, 8 * KWH),
        idle=[(7_200, 10_800)],
        started_at=LATE,
    )
    priced = price_course(compile_tariff(version), went, context).priced
    return totals_to_json(day_totals(priced, "Europe/Berlin"))


def test_use_and_cost_are_told_by_local_day_after_the_cap_of_the_day() -> None:
    version = replace(
        tariff(element(energy("1", "19", step_size=5_000), parking("3"), flat("1"))),
        daily_cap=PriceLimit(incl_vat=Decimal("5.5")),
        allowances=(Allowance(type=ENERGY, quantity=Decimal(1), per=DAY),),
    )

    assert used_up(version) == {
        "2026-03-04": {"used": {"ENERGY": 4 * KWH}, "excl_vat": "4", "incl_vat": "4.57"},
        # 3 kWh, the block that was begun (4 kWh more) and an hour of parking, capped after tax.
        "2026-03-05": {
            "used": {"ENERGY": 4 * KWH, "PARKING_TIME": HOUR_S},
            "excl_vat": "10",
            "incl_vat": "5.5",
        },
    }


def test_totals_of_sessions_add_up_to_what_was_earlier() -> None:
    version = replace(
        tariff(element(energy("0.1"), parking("1"))), daily_cap=PriceLimit(incl_vat=Decimal(99))
    )
    totals = totals_from_json(json.loads(json.dumps(used_up(version))))

    earlier = earlier_of([totals, totals])

    assert earlier.used == {
        (ENERGY, DAY, "2026-03-04"): 8 * KWH,
        (ENERGY, DAY, "2026-03-05"): 8 * KWH,
        (ENERGY, MONTH, "2026-03"): 16 * KWH,
        (PARKING, DAY, "2026-03-05"): 2 * HOUR_S,
        (PARKING, MONTH, "2026-03"): 2 * HOUR_S,
    }
    assert earlier.spent["2026-03-05"] == (Fraction("2.8"), Fraction("2.8"))


def test_two_sessions_cost_together_what_they_would_as_one() -> None:
    version = replace(
        tariff(element(energy("1", "19"))),
        daily_cap=PriceLimit(incl_vat=Decimal(6)),
        allowances=(Allowance(type=ENERGY, quantity=Decimal(2), per=MONTH),),
    )
    compiled = compile_tariff(version)

    def cost(mwh: int, began_s: int, context: PriceContext) -> tuple[Fraction, PriceContext]:
        began_at = NOON + timedelta(seconds=began_s)
        went = course((0, 0), (HOUR_S, mwh), started_at=began_at)
        priced = price_course(compiled, went, context).priced
        totals = day_totals(priced, context.zone)
        return priced.exact_incl, replace(context, earlier=earlier_of([totals]))

    whole, _ = cost(9 * KWH, 0, BERLIN)
    first, after = cost(3 * KWH, 0, BERLIN)
    second, _ = cost(6 * KWH, HOUR_S, after)

    assert (first, second, whole) == (Fraction("1.19"), Fraction("4.81"), Fraction(6))


def test_a_context_comes_back_from_a_settlement_as_it_was() -> None:
    curve = SpotCurve((NOON, LATE), (Decimal("-0.012"), None), LATE + timedelta(hours=1))
    earlier = earlier_of([totals_from_json(used_up(tariff(element(energy("0.7", "7")))))])
    earlier = replace(earlier, spent={"2026-03-04": (Fraction(17, 19), Fraction(1))})
    context = replace(
        BERLIN, spot={"DE-LU": curve}, user_groups=frozenset({"b", "a"}), earlier=earlier
    )

    assert context_from_json(json.loads(json.dumps(context_to_json(context)))) == context
    assert context_to_json(BERLIN) == {"time_zone": "Europe/Berlin"}
