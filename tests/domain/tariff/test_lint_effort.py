"""Lint is asked while somebody types: whatever they typed, it has an end."""

from decimal import Decimal
from random import Random

import pytest

from holdfast.domain.tariff.coverage import CUTS_MAX, Effort, TooManyBoxes, grid_of, uncovered
from holdfast.domain.tariff.lint import lint_tariff
from holdfast.domain.tariff.version import DayOfWeek, Restrictions, TariffVersion
from tests.domain.tariffs import charging, element, energy, tariff


def cut_up(elements: int) -> TariffVersion:
    chance = Random(1)  # noqa: S311 - a tariff nobody would write, not a secret
    return tariff(
        *(
            element(
                energy("0.5"),
                charging("1"),
                when=Restrictions(
                    day_of_week=tuple(chance.sample(list(DayOfWeek), 4)),
                    min_kwh=Decimal(low := chance.randrange(50)),
                    max_kwh=Decimal(low + 30),
                    min_duration=low * 60,
                    max_duration=low * 60 + 9_000,
                    min_power=Decimal(low),
                    max_power=Decimal(low + 60),
                ),
            )
            for _ in range(elements)
        )
    )


def test_a_tariff_in_a_hundred_pieces_is_looked_at_as_far_as_that_goes_and_says_so() -> None:
    found = {finding.code for finding in lint_tariff(cut_up(100))}

    assert {"unreachable_not_checked", "gaps_not_checked"} <= found


def test_an_ordinary_tariff_is_looked_at_to_the_end() -> None:
    found = {finding.code for finding in lint_tariff(cut_up(6))}

    assert not {"unreachable_not_checked", "gaps_not_checked"} & found


def test_an_effort_is_shared_by_all_that_is_asked() -> None:
    version = cut_up(8)
    grid, effort = grid_of(version), Effort(cuts=3)
    boxes = [grid.box(item.restrictions) for item in version.elements]

    with pytest.raises(TooManyBoxes):
        uncovered(grid.full, boxes, effort)
    with pytest.raises(TooManyBoxes):
        uncovered(grid.full, boxes[:1], effort)
    assert uncovered(grid.full, [grid.full], Effort()) == []
    assert CUTS_MAX > 1_000
