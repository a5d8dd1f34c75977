"""Both ways: a true repeat is never a new start, and a new car is never swallowed."""

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.domain.repeated_start import EarlierStart, is_another_start

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
STUCK = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def earlier(
    *,
    started_at: datetime = T0,
    ended_at: datetime | None = T0 + HOUR,
    heard_for: timedelta = HOUR,
) -> EarlierStart:
    return EarlierStart(
        started_at=started_at,
        ended_at=ended_at,
        first_heard_at=T0,
        last_heard_at=T0 + heard_for,
    )


@pytest.mark.parametrize("clock_ok", [True, False])
@pytest.mark.parametrize("later", [timedelta(0), HOUR, timedelta(days=9)])
def test_while_the_transaction_runs_a_repeat_is_a_repeat(clock_ok: bool, later: timedelta) -> None:
    assert not is_another_start(
        earlier(ended_at=None), clock_ok=clock_ok, at=T0, heard_at=T0 + later
    )


def test_a_queue_that_is_replayed_after_the_end_is_a_repeat() -> None:
    heard_at = T0 + HOUR + timedelta(minutes=5)
    assert not is_another_start(earlier(), clock_ok=True, at=T0, heard_at=heard_at)


def test_an_offline_session_sent_in_one_second_and_sent_again_is_a_repeat() -> None:
    told_at_once = earlier(heard_for=timedelta(seconds=1))
    assert not is_another_start(told_at_once, clock_ok=True, at=T0, heard_at=T0 + HOUR / 2)


def test_a_clock_that_is_known_to_be_wrong_makes_it_another() -> None:
    heard_at = T0 + HOUR + timedelta(minutes=1)
    assert is_another_start(earlier(), clock_ok=False, at=heard_at, heard_at=heard_at)


def test_a_clock_that_stood_still_through_the_session_makes_it_another() -> None:
    still = earlier(started_at=STUCK, ended_at=STUCK)
    heard_at = T0 + HOUR + timedelta(minutes=1)
    assert is_another_start(still, clock_ok=True, at=STUCK, heard_at=heard_at)


def test_the_same_start_long_after_the_end_is_another() -> None:
    assert is_another_start(earlier(), clock_ok=True, at=T0, heard_at=T0 + 3 * HOUR)
