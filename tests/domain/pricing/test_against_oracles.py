"""The engine and the cutter against the plainest oracles, on thousands of tariffs and sessions.

`HOLDFAST_PRICING=thorough` tries fifty times as many.
"""

import os
from random import Random

import pytest

from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.periods import cut_periods
from holdfast.domain.pricing.price import price
from tests.domain.pricing.chance import (
    PLACES,
    case,
    random_periods,
    random_tariff,
    with_blocks,
)
from tests.domain.pricing.period_oracle import price_periods
from tests.domain.pricing.second_oracle import price_by_the_second

TIMES = 50 if os.environ.get("HOLDFAST_PRICING") == "thorough" else 1
BATCHES = range(10 * TIMES)
SESSIONS = 120
PARTNER_SESSIONS = 200


@pytest.mark.parametrize("seed", BATCHES)
def test_a_session_costs_what_its_seconds_cost_one_by_one(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - cases, not secrets
    for number in range(SESSIONS):
        now = case(chance, powered=number % 3 == 0)

        periods = cut_periods(now.course, now.tariff, now.context)
        priced = price(now.tariff, periods, now.context)

        expected = price_by_the_second(now.tariff, now.seconds, now.context)
        assert (priced.exact_excl, priced.exact_incl) == expected, (seed, number)


@pytest.mark.parametrize("seed", BATCHES)
def test_a_partners_periods_cost_what_the_specification_says(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - cases, not secrets
    for number in range(PARTNER_SESSIONS):
        zone, near = chance.choice(PLACES)
        tariff = with_blocks(chance, random_tariff(chance, near, ocpi_only=True, powered=True))
        periods = random_periods(chance, near)
        context = PriceContext(zone=zone, reservation_expired=chance.random() < 0.5)

        priced = price(tariff, periods, context)

        expected = price_periods(tariff, periods, context)
        assert (priced.exact_excl, priced.exact_incl) == expected, (seed, number)
