"""The gate: at most so many per second, in the order of arrival, and no promise that bursts."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.gate import BURST_S, RETRY_S_MAX, WAIT_S_MAX, ComeLater, Gate


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


def test_a_few_at_once_do_not_wait() -> None:
    gate = Gate(100, Clock())

    assert [gate.place() for _ in range(20)] == [0.0] * 20


def test_a_thousand_at_once_are_let_in_at_the_rate() -> None:
    clock = Clock()
    gate = Gate(100, clock)

    waits, refused = [], []
    for _ in range(1_000):
        try:
            waits.append(gate.place())
        except ComeLater as later:
            refused.append(later.wait_s)

    assert waits == sorted(waits)
    assert len(waits) == round((WAIT_S_MAX + BURST_S) * 100) + 1
    assert refused == sorted(refused), "who came later is told a later time"
    assert refused[0] >= WAIT_S_MAX
    assert refused[-1] - refused[0] >= (len(refused) - 1) / 100 * 0.99, "and the times are spread"


def test_no_promise_is_further_than_a_station_can_be_asked_to_wait() -> None:
    gate = Gate(1, Clock())
    waits = []
    for _ in range(2_000):
        try:
            gate.place()
        except ComeLater as later:
            waits.append(later.wait_s)

    assert max(waits) <= RETRY_S_MAX


def test_who_knocks_in_vain_takes_no_place_that_another_waits_for() -> None:
    """A flood of guesses from one address, beside a storm of stations."""
    clock = Clock()
    gate = Gate(100, clock)
    let_in, waits = 0, []
    for _ in range(1_000):
        clock.at += 0.01
        for _ in range(20):
            try:
                let_in += gate.place(last=True) == 0
            except ComeLater:
                continue
        waits.append(gate.place())

    assert max(waits) <= 0.02, "the stations hardly notice"
    assert 0 < let_in < 100, "what nobody wanted was free for all"


async def test_those_inside_are_counted_and_leave() -> None:
    gate = Gate(1_000_000, inside=1)

    async with gate.turn():
        try:
            gate.place()
        except ComeLater:
            pass
        else:
            raise AssertionError("a second one was let in")
    assert gate.place() == 0.0


@given(
    st.lists(st.floats(min_value=0, max_value=0.2), min_size=1, max_size=300),
    st.integers(min_value=1, max_value=500),
)
def test_in_any_second_no_more_begin_than_the_rate_and_the_burst(
    pauses: list[float], per_second: int
) -> None:
    clock = Clock()
    gate = Gate(per_second, clock)
    begun = []
    for pause in pauses:
        clock.at += pause
        try:
            begun.append(clock.at + gate.place())
        except ComeLater:
            continue

    begun.sort()
    for number, at in enumerate(begun):
        within = sum(1 for other in begun[number:] if other < at + 1)
        assert within <= per_second * (1 + BURST_S) + 2
