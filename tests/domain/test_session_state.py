from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from holdfast.domain.session_state import (
    ChargingState,
    Concluded,
    Reported,
    SessionState,
    session_state,
)

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
STARTED = Reported(started_at=AT)


@pytest.mark.parametrize(
    ("reported", "concluded", "state"),
    [
        (Reported(), Concluded(), "authorised"),
        (Reported(), Concluded(failed_at=AT), "failed"),
        (STARTED, Concluded(), "started"),
        (STARTED, Concluded(failed_at=AT), "started"),
        (replace(STARTED, charging_state=ChargingState.CHARGING), Concluded(), "charging"),
        (replace(STARTED, charging_state=ChargingState.SUSPENDED_EV), Concluded(), "suspended"),
        (replace(STARTED, charging_state=ChargingState.SUSPENDED_EVSE), Concluded(), "suspended"),
        (replace(STARTED, charging_state=ChargingState.IDLE), Concluded(), "idle"),
        (replace(STARTED, charging_state=ChargingState.CONNECTED), Concluded(), "started"),
        (Reported(ended_at=AT), Concluded(), "ended"),
        (STARTED, Concluded(ended_at=AT), "ended"),
        (replace(STARTED, ended_at=AT), Concluded(priced_at=AT), "priced"),
        (replace(STARTED, ended_at=AT), Concluded(priced_at=AT, outcome="captured"), "settled"),
    ],
    ids=[
        "allowed",
        "never started",
        "started",
        "started after we gave up",
        "energy flows",
        "the car pauses",
        "the station pauses",
        "done, still plugged in",
        "only plugged in",
        "ended without a start",
        "ended by force",
        "priced",
        "settled",
    ],
)
def test_the_state_is_the_first_line_of_the_table_that_holds(
    reported: Reported, concluded: Concluded, state: str
) -> None:
    assert session_state(reported, concluded) == SessionState(state)


def test_every_combination_has_a_state_and_none_goes_back_from_settled() -> None:
    instants = (None, AT)
    seen = set()
    for started, ended, charging in product(instants, instants, (None, *ChargingState)):
        reported = Reported(started_at=started, ended_at=ended, charging_state=charging)
        for forced, failed, priced in product(instants, instants, instants):
            concluded = Concluded(ended_at=forced, failed_at=failed, priced_at=priced)
            seen.add(session_state(reported, concluded))
            settled = replace(concluded, outcome="waived")
            assert session_state(reported, settled) is SessionState.SETTLED

    assert seen == set(SessionState) - {SessionState.SETTLED}


def test_a_station_that_holds_back_power_is_not_the_drivers_parking() -> None:
    assert ChargingState.SUSPENDED_EV.takes_no_power
    assert not ChargingState.SUSPENDED_EVSE.takes_no_power


def test_open_states_are_those_in_which_the_car_may_be_plugged_in() -> None:
    closed = {state for state in SessionState if not state.is_open}

    assert closed == {"ended", "priced", "settled", "failed"}
