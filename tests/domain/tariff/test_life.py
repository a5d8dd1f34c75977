"""The life of versions: a pure function of time."""

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.domain.tariff.life import VersionSpan, VersionState, in_force, version_states

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST = VersionSpan(number=1, valid_from=NOON)
SECOND = VersionSpan(number=2, valid_from=NOON + 2 * HOUR)
THIRD = VersionSpan(number=3, valid_from=NOON + 4 * HOUR)
STATES = {
    "s": VersionState.SCHEDULED,
    "f": VersionState.IN_FORCE,
    "r": VersionState.RETIRED,
    "w": VersionState.WITHDRAWN,
}


def told(at: datetime, *spans: VersionSpan, retired_at: datetime | None = None) -> str:
    """The states as letters, by number."""
    letters = {state: letter for letter, state in STATES.items()}
    states = version_states(spans, at, retired_at=retired_at)
    return "".join(letters[states[span.number]] for span in spans)


@pytest.mark.parametrize(
    ("hours", "states"),
    [(-1, "sss"), (0, "fss"), (1.9, "fss"), (2, "rfs"), (4, "rrf"), (99, "rrf")],
    ids=["before", "at its instant", "until the next", "the next", "the last", "for ever"],
)
def test_versions_follow_each_other_in_time(hours: float, states: str) -> None:
    assert told(NOON + hours * HOUR, FIRST, SECOND, THIRD) == states


def test_a_version_that_is_withdrawn_never_comes_into_force() -> None:
    withdrawn = VersionSpan(number=2, valid_from=SECOND.valid_from, ends_at=NOON + HOUR)

    assert told(NOON + HOUR / 2, FIRST, withdrawn) == "fs"
    assert told(NOON + HOUR, FIRST, withdrawn) == "fw"
    assert told(NOON + 3 * HOUR, FIRST, withdrawn) == "fw"


def test_a_version_that_ends_early_gives_way_to_the_one_before() -> None:
    ended = VersionSpan(number=2, valid_from=SECOND.valid_from, ends_at=NOON + 3 * HOUR)

    assert told(NOON + 3 * HOUR - timedelta(seconds=1), FIRST, ended) == "rf"
    assert told(NOON + 3 * HOUR, FIRST, ended) == "fr"
    assert in_force([FIRST, ended], NOON + 3 * HOUR) == FIRST


def test_nothing_of_a_retired_tariff_is_in_force() -> None:
    assert told(NOON + 3 * HOUR, FIRST, SECOND, THIRD, retired_at=NOON + 2.5 * HOUR) == "rrr"
    assert told(NOON + 2 * HOUR, FIRST, SECOND, retired_at=NOON + 2.5 * HOUR) == "rf"
