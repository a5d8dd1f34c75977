"""OCPP 2.0.1 D01 and D02: local authorization lists."""

from typing import Any

import pytest

from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.told import ACCEPTED, now, refused_unsent

V201 = "ocpp2.0.1"


def entry(uid: str, status: str | None = "accepted", **more: Any) -> dict[str, Any]:
    """A token of an order; without a status it is taken off the list."""
    return {"uid": uid, "type": "ISO14443", "status": status} | more


async def listed(
    central: Central,
    station: Witness,
    update: str,
    version: int,
    *entries: dict[str, Any],
    status: str = "Accepted",
) -> tuple[dict[str, Any], str]:
    """What the station is sent, and how the order ends."""
    order = {"version": version, "update": update, "entries": list(entries)}
    action, payload, done = await central.ordered(station, "local_list", order, {"status": status})
    assert action == "SendLocalList"
    return payload, done.state


async def test_d01_fr_01_a_list_has_a_kind_of_update_and_a_version(central: Central) -> None:
    async with central.station(V201) as station:
        full, _ = await listed(central, station, "full", 3, entry("CARD0001"))
        more, _ = await listed(central, station, "differential", 4, entry("CARD0002"))

    assert (full["updateType"], full["versionNumber"]) == ("Full", 3)
    assert (more["updateType"], more["versionNumber"]) == ("Differential", 4)


async def test_d01_fr_04_an_empty_full_list_empties_the_list(central: Central) -> None:
    async with central.station(V201) as station:
        payload, state = await listed(central, station, "full", 5)

    assert payload == {"versionNumber": 5, "updateType": "Full"}
    assert state == "accepted"


async def test_d01_fr_05_a_difference_of_nothing_changes_the_version_alone(
    central: Central,
) -> None:
    async with central.station(V201) as station:
        payload, state = await listed(central, station, "differential", 6)

    assert payload == {"versionNumber": 6, "updateType": "Differential"}
    assert state == "accepted"


@pytest.mark.parametrize("update", ["full", "differential"])
async def test_d01_fr_06_no_token_is_on_a_list_twice(central: Central, update: str) -> None:
    twice = [entry("CARD0001"), entry("card0001", "blocked")]
    async with central.station(V201) as station:
        order = {"version": 2, "update": update, "entries": twice}
        await refused_unsent(central, station, "local_list", order)


async def test_d01_fr_11_no_more_entries_are_sent_at_once_than_the_station_takes(
    central: Central,
) -> None:
    reported = {
        "component": {"name": "LocalAuthListCtrlr"},
        "variable": {"name": "ItemsPerMessage"},
        "variableAttribute": [{"type": "Actual", "value": "2", "mutability": "ReadOnly"}],
    }
    entries = [entry(f"CARD{number:04}") for number in range(5)]
    async with central.station(V201) as station:
        _, asked, _ = await central.ordered(station, "base_report", {"base": "full"}, ACCEPTED)
        report = {"requestId": asked["requestId"], "generatedAt": now(), "seqNo": 0}
        await station.call("NotifyReport", report | {"reportData": [reported]})
        station.answer_always({"SendLocalList": ACCEPTED})
        order = {"version": 9, "update": "full", "entries": entries}
        done = await central.send(await central.order(station, "local_list", order))

    calls = [
        frame.envelope[3]
        for frame in station.frames
        if frame.kind == 2 and frame.envelope[2] == "SendLocalList"
    ]
    assert [len(call["localAuthorizationList"]) for call in calls] == [2, 2, 1]
    assert [call["updateType"] for call in calls] == ["Full", "Differential", "Differential"]
    assert [call["versionNumber"] for call in calls] == [7, 8, 9]
    assert done.state == "accepted"


async def test_d01_fr_13_a_full_list_says_of_every_token_what_it_is(central: Central) -> None:
    async with central.station(V201) as station:
        payload, _ = await listed(
            central, station, "full", 1, entry("CARD0001"), entry("CARD0002", "blocked")
        )
        bare = {"version": 2, "update": "full", "entries": [entry("CARD0001", None)]}
        await refused_unsent(central, station, "local_list", bare)

    statuses = [one["idTokenInfo"]["status"] for one in payload["localAuthorizationList"]]
    assert statuses == ["Accepted", "Blocked"]


async def test_d01_fr_16_a_differential_list_adds_and_changes_tokens(central: Central) -> None:
    until = "2099-05-01T12:00:00Z"
    async with central.station(V201) as station:
        payload, state = await listed(
            central, station, "differential", 2, entry("CARD0003", expires_at=until)
        )

    assert payload["localAuthorizationList"] == [
        {
            "idToken": {"idToken": "CARD0003", "type": "ISO14443"},
            "idTokenInfo": {"status": "Accepted", "cacheExpiryDateTime": until},
        }
    ]
    assert state == "accepted"


async def test_d01_fr_17_a_token_is_taken_off_by_saying_nothing_of_it(central: Central) -> None:
    async with central.station(V201) as station:
        payload, _ = await listed(central, station, "differential", 2, entry("CARD0001", None))

    assert payload["localAuthorizationList"] == [
        {"idToken": {"idToken": "CARD0001", "type": "ISO14443"}}
    ]


async def test_d01_fr_18_a_lists_version_is_greater_than_zero(central: Central) -> None:
    async with central.station(V201) as station:
        order = {"version": 0, "update": "full", "entries": [entry("CARD0001")]}
        await refused_unsent(central, station, "local_list", order)


@pytest.mark.parametrize("status", ["VersionMismatch", "Failed"])
async def test_d01_fr_19_a_list_that_the_station_does_not_take_is_told_as_refused(
    central: Central, status: str
) -> None:
    async with central.station(V201) as station:
        _, state = await listed(
            central, station, "differential", 1, entry("CARD0001"), status=status
        )

    assert state == "rejected"


@pytest.mark.parametrize("version", [0, 4])
async def test_d02_fr_01_the_version_of_a_stations_list_is_asked_for(
    central: Central, version: int
) -> None:
    async with central.station(V201) as station:
        action, payload, done = await central.ordered(
            station, "local_list_version", {}, {"versionNumber": version}
        )

    assert (action, payload) == ("GetLocalListVersion", {})
    assert done.state == "accepted"
