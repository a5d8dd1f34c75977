"""A market's curve says what the market said, and nothing where it said nothing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from holdfast.domain.pricing.context import SpotCurve

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)


def test_a_price_counts_from_its_start_up_to_and_without_its_end() -> None:
    curve = SpotCurve.of(
        [(TEN, TEN + HOUR, Decimal("0.1")), (TEN + HOUR, TEN + 2 * HOUR, Decimal("-0.2"))]
    )

    assert curve.at(TEN - timedelta(microseconds=1)) is None
    assert curve.at(TEN) == Decimal("0.1")
    assert curve.at(TEN + HOUR) == Decimal("-0.2")
    assert curve.at(TEN + 2 * HOUR) is None


def test_a_hole_is_not_bridged_and_has_edges_of_its_own() -> None:
    curve = SpotCurve.of(
        [(TEN, TEN + QUARTER, Decimal(1)), (TEN + 2 * QUARTER, TEN + HOUR, Decimal(3))]
    )

    assert curve.at(TEN + QUARTER - timedelta(seconds=1)) == 1
    assert curve.at(TEN + QUARTER) is None
    assert curve.at(TEN + 2 * QUARTER) == 3
    assert curve.starts == (TEN, TEN + QUARTER, TEN + 2 * QUARTER)


@pytest.mark.parametrize(
    "intervals",
    [
        [],
        [(TEN, TEN, Decimal(1))],
        [(TEN, TEN + HOUR, Decimal(1)), (TEN + QUARTER, TEN + 2 * HOUR, Decimal(2))],
    ],
    ids=["nothing", "no length", "one into the next"],
)
def test_what_is_no_curve_is_refused(intervals: list[tuple[datetime, datetime, Decimal]]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is for people
        SpotCurve.of(intervals)
