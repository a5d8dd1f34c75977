"""OCPP 2.0.1 block P: what OCPP has no word for."""

from typing import Any

import pytest

from tests.gateway.conformance.conftest import Central

PROTOCOL = "ocpp2.0.1"
ORDER = {"vendor_id": "com.example", "message_id": "hello", "data": {"deep": [1, "x"]}}


async def test_p01_fr_01_vendor_data_is_sent_as_it_is(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "data_transfer", ORDER, {"status": "Accepted", "data": {"ok": True}}
        )

    assert action == "DataTransfer"
    assert payload == {
        "vendorId": "com.example",
        "messageId": "hello",
        "data": {"deep": [1, "x"]},
    }
    assert done.state == "accepted"


@pytest.mark.parametrize("more", [{}, {"message_id": "hello"}], ids=["without", "with"])
async def test_p01_fr_02_a_message_id_and_data_are_sent_only_where_there_are_any(
    central: Central, more: dict[str, Any]
) -> None:
    order = {"vendor_id": "com.example"} | more
    async with central.station(PROTOCOL) as station:
        _, payload, _ = await central.ordered(
            station, "data_transfer", order, {"status": "Accepted"}
        )

    assert set(payload) == ({"vendorId", "messageId"} if more else {"vendorId"})


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Rejected", "rejected"),
        ("UnknownVendorId", "rejected"),
        # The vendor is known, and says by this what became of it: its author is to judge.
        ("UnknownMessageId", "accepted"),
    ],
)
async def test_p01_fr_05_each_answer_is_understood(
    central: Central, status: str, state: str
) -> None:
    async with central.station(PROTOCOL) as station:
        _, _, done = await central.ordered(station, "data_transfer", ORDER, {"status": status})

    assert (done.state, done.status) == (state, status)


@pytest.mark.parametrize("data", [None, "text", 7, {"deep": [1]}, []])
async def test_p02_fr_06_a_vendor_without_an_implementation_is_unknown_and_its_data_kept(
    central: Central, data: Any
) -> None:
    said = {"vendorId": "com.example", "messageId": "hello"}
    async with central.station(PROTOCOL) as station:
        answer = await station.call("DataTransfer", said if data is None else said | {"data": data})
        kept = await central.database.rows(
            "SELECT 1 FROM frames f JOIN stations s ON s.id = f.station_id "
            "WHERE s.identity = %s AND f.action = 'DataTransfer' AND NOT f.outbound",
            station.identity,
        )

    assert answer == {"status": "UnknownVendorId"}
    assert len(kept) == 1
