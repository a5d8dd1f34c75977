"""That every planted behaviour still is one: its text is in the engine once, and what replaces it
is Python. Whether the suite catches each takes minutes: `make mutations`."""

from pathlib import Path

import pytest

from tests.mutation.planted import PLANTED, Planted

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("planted", PLANTED, ids=[one.name for one in PLANTED])
def test_a_planted_behaviour_is_in_the_engine_once_and_compiles(planted: Planted) -> None:
    source = (ROOT / planted.path).read_text()

    assert source.count(planted.right) == 1
    compile(source.replace(planted.right, planted.wrong), planted.path, "exec")


def test_there_are_enough_of_them_and_each_has_a_name_of_its_own() -> None:
    assert len({one.name for one in PLANTED}) == len(PLANTED) >= 30
