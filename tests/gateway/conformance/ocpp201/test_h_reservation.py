"""OCPP 2.0.1 block H: reservations, from their order to their end."""

from datetime import datetime
from typing import Any

import pytest

from tests.gateway.conformance.conftest import CARD, Central
from tests.gateway.conformance.ocpp201.transaction import (
    ACCEPTED,
    PROTOCOL,
    TOKEN,
    ago,
    of_station,
    stamp,
    started,
    tell,
)

RESERVATION = {
    "reservation": 7,
    "token": {"uid": CARD, "type": "ISO14443"},
    "expires_at": ago(-60).isoformat(),
}


async def reserved(
    central: Central, order: dict[str, Any], word: str = "Accepted"
) -> tuple[dict[str, Any], str, str | None]:
    """The request of a reservation, without its expiry, and what its order became."""
    async with central.station(PROTOCOL) as station:
        action, request, done = await central.ordered(
            station, "reserve", RESERVATION | order, {"status": word}
        )
    assert action == "ReserveNow"
    assert datetime.fromisoformat(request.pop("expiryDateTime")) == ago(-60)
    return request, done.state, done.status


async def test_h01_fr_01_a_station_that_takes_no_reservations_is_understood(
    central: Central,
) -> None:
    _, *done = await reserved(central, {"evse": 1}, "Rejected")

    assert done == ["rejected", "Rejected"]


async def test_h01_fr_02_a_reservation_is_replaced_by_its_id(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        requests = [
            (await central.ordered(station, "reserve", order, {"status": "Accepted"}))[1]
            for order in (RESERVATION | {"evse": 1}, RESERVATION | {"evse": 2})
        ]

    assert [(one["id"], one["evseId"]) for one in requests] == [(7, 1), (7, 2)]


async def test_h01_fr_03_a_reservation_names_its_id_token_and_expiry(central: Central) -> None:
    request, *done = await reserved(central, {"evse": 1})

    assert request == {"id": 7, "idToken": TOKEN, "evseId": 1}
    assert done == ["accepted", "Accepted"]


async def test_h01_fr_04_a_reservation_may_leave_the_evse_to_the_station(
    central: Central,
) -> None:
    request, _, _ = await reserved(central, {"evse": 0})

    assert request == {"id": 7, "idToken": TOKEN}


async def test_h01_fr_06_a_reservation_may_be_of_a_type_of_connector(central: Central) -> None:
    request, _, _ = await reserved(central, {"evse": 0, "connector_type": "cCCS2"})

    assert request == {"id": 7, "idToken": TOKEN, "connectorType": "cCCS2"}


async def test_h01_fr_11_occupied_is_understood(central: Central) -> None:
    _, *done = await reserved(central, {"evse": 1}, "Occupied")

    assert done == ["rejected", "Occupied"]


async def test_h01_fr_12_faulted_is_understood(central: Central) -> None:
    _, *done = await reserved(central, {"evse": 1}, "Faulted")

    assert done == ["rejected", "Faulted"]


async def test_h01_fr_14_unavailable_is_understood(central: Central) -> None:
    _, *done = await reserved(central, {"evse": 1}, "Unavailable")

    assert done == ["rejected", "Unavailable"]


async def test_h01_fr_15_a_transaction_tells_that_the_reservation_was_used(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        answers = await tell(station, started(reservationId=7))

    (kept,) = await of_station(central, station, "station_events", "t.*", "t.id")
    assert answers == [ACCEPTED]
    assert (kept["kind"], kept["name"]) == ("reservation", "Used")
    assert (kept["details"], kept["transaction_id"]) == ({"reservationId": 7}, "T1")


async def ending(central: Central, word: str) -> tuple[str, dict[str, Any]]:
    """What is kept of a ReservationStatusUpdate."""
    async with central.station(PROTOCOL) as station:
        update = {"reservationId": 7, "reservationUpdateStatus": word}
        assert await station.call("ReservationStatusUpdate", update) == {}
    (kept,) = await of_station(central, station, "station_events", "t.*", "t.id")
    assert kept["kind"] == "reservation"
    return kept["name"], kept["details"]


async def test_h01_fr_16_that_a_fault_removed_a_reservation_is_confirmed_and_kept(
    central: Central,
) -> None:
    assert await ending(central, "Removed") == ("Removed", {"reservationId": 7})


async def test_h01_fr_23_a_reserved_connector_is_known(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        order = RESERVATION | {"evse": 1}
        await central.ordered(station, "reserve", order, {"status": "Accepted"})
        status = {
            "timestamp": stamp(0),
            "connectorStatus": "Reserved",
            "evseId": 1,
            "connectorId": 1,
        }
        assert await station.call("StatusNotification", status) == {}

    (row,) = await of_station(central, station, "connectors", "t.*", "t.evse")
    assert row["status"] == "reserved"


@pytest.mark.parametrize(("word", "state"), [("Accepted", "accepted"), ("Rejected", "rejected")])
async def test_h02_fr_01_whether_a_reservation_could_be_cancelled_is_understood(
    central: Central, word: str, state: str
) -> None:
    async with central.station(PROTOCOL) as station:
        _, _, done = await central.ordered(
            station, "cancel_reservation", {"reservation": 7}, {"status": word}
        )

    assert (done.state, done.status) == (state, word)


async def test_h02_fr_02_a_reservation_is_cancelled_by_its_id(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        action, request, _ = await central.ordered(
            station, "cancel_reservation", {"reservation": 7}, {"status": "Accepted"}
        )

    assert (action, request) == ("CancelReservation", {"reservationId": 7})


async def test_h03_fr_04_a_reservation_may_be_for_a_group(central: Central) -> None:
    request, _, _ = await reserved(central, {"evse": 1, "group_id": "H0304GROUP"})

    group = {"idToken": "H0304GROUP", "type": "Central"}
    assert request == {"id": 7, "idToken": TOKEN, "evseId": 1, "groupIdToken": group}


async def test_h03_fr_08_the_group_of_a_token_that_a_station_asks_about_is_told(
    central: Central,
) -> None:
    await central.add_token("H0308MEMBER", group_id="H0308GROUP")

    async with central.station(PROTOCOL) as station:
        token = {"idToken": "H0308MEMBER", "type": "ISO14443"}
        answer = await station.call("Authorize", {"idToken": token})

    group = {"idToken": "H0308GROUP", "type": "Central"}
    assert answer["idTokenInfo"] == {"status": "Accepted", "groupIdToken": group}


async def test_h04_fr_01_that_a_reservation_expired_is_confirmed_and_kept(
    central: Central,
) -> None:
    assert await ending(central, "Expired") == ("Expired", {"reservationId": 7})
