"""A simulation's figures add up, stay bounded, and survive being written down in between."""

import json
import random
from uuid import UUID

from holdfast.domain.simulation_tally import (
    EXAMPLES_MAX,
    MOST_MAX,
    OTHER,
    REASONS_MAX,
    SITES_MAX,
    Tally,
    TwicePriced,
    bar_of,
    bar_ranges,
)


def priced(number: int, before: int, after: int, *, net: bool = True) -> TwicePriced:
    return TwicePriced(
        session=UUID(int=number),
        site=UUID(int=number % 700),
        day=f"2026-{number % 12 + 1:02}-01",
        weekday=number % 7,
        hour=number % 24,
        before_gross=before,
        after_gross=after,
        before_net=before - 10 if net else None,
        after_net=after - 10,
        findings=("spot_fallback", "spot_fallback") if number % 2 else (),
    )


def test_every_session_is_in_every_figure_once_and_portions_change_nothing() -> None:
    chance = random.Random(8)  # noqa: S311 - repeatable, not secret
    sessions = [
        priced(number, chance.randrange(3_000), chance.randrange(3_000), net=number % 5 != 0)
        for number in range(1, 2_001)
    ]
    whole, portioned = Tally(), Tally()
    for number, each in enumerate(sessions):
        whole.add(each)
        if number % 97 == 0:
            portioned = Tally.from_json(json.loads(json.dumps(portioned.to_json())))
        portioned.add(each)

    assert portioned.to_json() == whole.to_json()
    assert whole.dearer + whole.cheaper + whole.equal == whole.total.sessions == 2_000
    assert sum(whole.histogram) == 2_000
    gross = whole.total.after_gross - whole.total.before_gross
    assert gross == sum(each.difference for each in sessions)
    for parts in (whole.sites, whole.days):
        assert sum(sums.sessions for sums in parts.values()) == 2_000
        assert sum(sums.after_gross - sums.before_gross for sums in parts.values()) == gross
    assert sum(count for count, _ in whole.hours) == 2_000
    assert sum(difference for _, difference in whole.hours) == gross
    assert whole.total.net_unknown == 400
    assert whole.findings == {"spot_fallback": 1_000}
    ranked = sorted((each.difference for each in sessions), reverse=True)
    assert [kept["difference"] for kept in whole.most_dearer] == ranked[:MOST_MAX]
    assert [kept["difference"] for kept in whole.most_cheaper] == ranked[: -MOST_MAX - 1 : -1]


def test_nothing_grows_without_end() -> None:
    tally = Tally()
    for number in range(1, 1_500):
        tally.add(priced(number, 0, 0))
        tally.add_unpriced(UUID(int=number), f"reason {number}")

    assert len(tally.sites) == SITES_MAX + 1
    assert tally.sites[OTHER].sessions > 0
    assert len(tally.unpriced) == REASONS_MAX + 1
    assert sum(tally.unpriced.values()) == 1_499
    assert len(tally.unpriced_examples) == EXAMPLES_MAX
    assert len(json.dumps(tally.to_json())) < 200_000


def test_a_bar_holds_the_differences_that_it_says() -> None:
    ranges = bar_ranges()
    for difference in range(-6_000, 6_001):
        low, high = ranges[bar_of(difference)]

        assert low is None or low <= difference
        assert high is None or difference <= high
    assert len(ranges) == len(Tally().histogram)
