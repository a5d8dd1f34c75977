"""The documentation of every action is whole, true and up to date."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.actions import FROM_STATION, TO_STATION
from gateway.coverage import actions_of, orders_of, page
from gateway.protocols import DIALECTS
from tests.gateway.samples import payload_of

PAGE = Path(__file__).parents[2] / "docs/reference/ocpp.md"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("protocol", DIALECTS)
def test_every_action_of_the_ocpp_package_has_its_place(protocol: str) -> None:
    known = FROM_STATION.keys() | TO_STATION.keys()

    assert actions_of(protocol) - known == set()


@pytest.mark.parametrize("protocol", DIALECTS)
def test_every_message_of_a_station_is_handled_and_no_other(protocol: str) -> None:
    assert DIALECTS[protocol].handlers.keys() == actions_of(protocol) & FROM_STATION.keys()


def test_no_action_is_documented_that_no_version_has() -> None:
    every = set().union(*(actions_of(protocol) for protocol in DIALECTS))

    assert (FROM_STATION.keys() | TO_STATION.keys()) - every == set()


@pytest.mark.parametrize("protocol", DIALECTS)
def test_a_message_becomes_the_fact_that_the_page_names(protocol: str) -> None:
    for action, handler in DIALECTS[protocol].handlers.items():
        fact = handler.read(payload_of(protocol, action, full=True), NOW).fact
        assert type(fact).__name__ in FROM_STATION[action].fact.split(", "), action


@pytest.mark.parametrize("protocol", DIALECTS)
def test_the_orders_that_matter_most_are_found_in_the_code(protocol: str) -> None:
    found = orders_of(DIALECTS[protocol])

    assert found["Reset"] == ["reset"]
    assert found["SetChargingProfile"] == ["charging_profile"]
    start = "RemoteStartTransaction" if protocol == "ocpp1.6" else "RequestStartTransaction"
    assert found[start] == ["start"]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run: python -m gateway.coverage > docs/reference/ocpp.md"
