"""OCPP 1.6 section 5: what the central system starts, as it comes over the wire."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import CARD, Central
from tests.gateway.conformance.ocpp16.test_core import start

LATER = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}


async def begun(central: Central, station: Witness) -> int:
    """The id of a transaction under way."""
    answer = await station.call("StartTransaction", start())
    return int(answer["transactionId"])


async def remote_start(central: Central, station: Witness, uid: str, evse: int) -> Any:
    """The row of an order to start, with its session."""
    row = await central.database.row(
        "INSERT INTO sessions (organization_id, station_id, evse, token_uid, token_type) "
        "SELECT organization_id, id, %s, %s, 'ISO14443' FROM stations WHERE identity = %s "
        "RETURNING id",
        evse,
        uid,
        station.identity,
    )
    order_id = await central.order(station, "start", {})
    await central.database.rows(
        "UPDATE orders SET session_id = %s WHERE id = %s", row["id"], order_id
    )
    return order_id


async def test_5_1_a_reservation_is_cancelled_by_its_id(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "cancel_reservation", {"reservation": 7}, ACCEPTED
        )

    assert (action, payload, done.state) == ("CancelReservation", {"reservationId": 7}, "accepted")


@pytest.mark.parametrize(
    ("order", "connector", "kind"),
    [({"operative": False}, 0, "Inoperative"), ({"operative": True, "evse": 2}, 2, "Operative")],
    ids=["the whole charge point", "a connector"],
)
async def test_5_2_a_availability_is_changed_of_the_whole_or_of_a_connector(
    central: Central, order: dict[str, Any], connector: int, kind: str
) -> None:
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "availability", order, {"status": "Scheduled"}
        )

    assert action == "ChangeAvailability"
    assert payload == {"connectorId": connector, "type": kind}
    assert done.state == "accepted"


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Accepted", "accepted"),
        ("RebootRequired", "accepted"),
        ("Rejected", "rejected"),
        ("NotSupported", "rejected"),
    ],
)
async def test_5_3_a_each_answer_to_a_change_of_configuration_is_understood(
    central: Central, word: str, state: str
) -> None:
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "configure", {"variables": {"HeartbeatInterval": 60}}, {"status": word}
        )

    assert action == "ChangeConfiguration"
    assert payload == {"key": "HeartbeatInterval", "value": "60"}
    assert (done.state, done.status) == (state, word)


async def test_5_4_a_the_cache_is_cleared(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(station, "clear_cache", {}, ACCEPTED)

    assert (action, payload, done.state) == ("ClearCache", {}, "accepted")


async def test_5_6_a_vendor_data_is_transferred_and_its_answer_kept(central: Central) -> None:
    order = {"vendor_id": "com.example", "message_id": "hello", "data": "x"}
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "data_transfer", order, {"status": "Accepted", "data": "y"}
        )

    assert action == "DataTransfer"
    assert payload == {"vendorId": "com.example", "messageId": "hello", "data": "x"}
    assert done.state == "accepted"


async def test_5_8_a_configuration_is_read_whole_and_by_key(central: Central) -> None:
    known = [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]
    async with central.station("ocpp1.6") as station:
        whole = await central.ordered(
            station, "read_configuration", {}, {"configurationKey": known}
        )
        some = await central.ordered(
            station,
            "read_configuration",
            {"names": ["HeartbeatInterval", "Colour"]},
            {"configurationKey": known, "unknownKey": ["Colour"]},
        )

    assert whole[:2] == ("GetConfiguration", {})
    assert some[:2] == ("GetConfiguration", {"key": ["HeartbeatInterval", "Colour"]})
    assert whole[2].state == some[2].state == "accepted"


async def test_5_9_a_diagnostics_are_asked_for(central: Central) -> None:
    order = {"type": "diagnostics", "location": "ftp://files.example/upload"}
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "log", order, {"fileName": "log.zip"}
        )

    assert action == "GetDiagnostics"
    assert payload["location"] == "ftp://files.example/upload"
    assert done.state == "accepted"


async def test_5_10_a_the_version_of_the_local_list_is_asked_for(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "local_list_version", {}, {"listVersion": 3}
        )

    assert (action, payload, done.state) == ("GetLocalListVersion", {}, "accepted")


async def test_5_11_a_a_remote_start_carries_the_id_tag_and_the_connector(
    central: Central,
) -> None:
    async with central.station("ocpp1.6") as station:
        sending = central.send(await remote_start(central, station, CARD, 2))
        message_id, payload = await station.expect_call("RemoteStartTransaction")
        await station.answer(message_id, ACCEPTED)

        assert payload == {"connectorId": 2, "idTag": CARD}
        assert (await sending).state == "accepted"


async def test_5_11_b_the_transaction_of_a_remote_start_is_that_sessions(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        order_id = await remote_start(central, station, CARD, 1)
        sending = central.send(order_id)
        message_id, _ = await station.expect_call("RemoteStartTransaction")
        await station.answer(message_id, ACCEPTED)
        await sending
        # Of this moment, not of the import: an order waits minutes only, all tests take longer.
        now = datetime.now(UTC).isoformat()
        answer = await station.call("StartTransaction", start(timestamp=now))

    row = await central.database.row(
        "SELECT s.transaction_id FROM sessions s JOIN orders o ON o.session_id = s.id "
        "WHERE o.id = %s",
        order_id,
    )
    assert row["transaction_id"] == str(answer["transactionId"])


async def test_5_12_a_a_remote_stop_names_the_transaction(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        number = await begun(central, station)
        action, payload, done = await central.ordered(
            station, "stop", {"transaction_id": str(number)}, ACCEPTED
        )

    assert (action, payload) == ("RemoteStopTransaction", {"transactionId": number})
    assert done.state == "accepted"


async def test_5_13_a_a_reservation_names_who_until_when_and_its_id(central: Central) -> None:
    order = {
        "reservation": 7,
        "evse": 1,
        "token": {"uid": CARD, "type": "ISO14443"},
        "expires_at": LATER.isoformat(),
    }
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(station, "reserve", order, ACCEPTED)

    assert action == "ReserveNow"
    assert datetime.fromisoformat(payload.pop("expiryDate")) == LATER
    assert payload == {"connectorId": 1, "idTag": CARD, "reservationId": 7}
    assert done.state == "accepted"


@pytest.mark.parametrize("word", ["Faulted", "Occupied", "Rejected", "Unavailable"])
async def test_5_13_b_each_refusal_of_a_reservation_is_understood(
    central: Central, word: str
) -> None:
    order = {
        "reservation": 8,
        "evse": 1,
        "token": {"uid": CARD, "type": "ISO14443"},
        "expires_at": LATER.isoformat(),
    }
    async with central.station("ocpp1.6") as station:
        _, _, done = await central.ordered(station, "reserve", order, {"status": word})

    assert (done.state, done.status) == ("rejected", word)


@pytest.mark.parametrize(("kind", "word"), [("soft", "Soft"), ("hard", "Hard")])
async def test_5_14_a_a_reset_is_soft_or_hard(central: Central, kind: str, word: str) -> None:
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(station, "reset", {"type": kind}, ACCEPTED)

    assert (action, payload, done.state) == ("Reset", {"type": word}, "accepted")


async def test_5_15_a_a_full_list_tells_the_status_of_every_id_tag(central: Central) -> None:
    order = {
        "version": 5,
        "update": "full",
        "entries": [
            {"uid": "A1", "type": "ISO14443", "status": "accepted"},
            {"uid": "A2", "type": "ISO14443", "status": "blocked", "group_id": "G"},
        ],
    }
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(station, "local_list", order, ACCEPTED)

    assert action == "SendLocalList"
    assert (payload["listVersion"], payload["updateType"]) == (5, "Full")
    entries = {one["idTag"]: one["idTagInfo"] for one in payload["localAuthorizationList"]}
    assert entries == {
        "A1": {"status": "Accepted"},
        "A2": {"status": "Blocked", "parentIdTag": "G"},
    }
    assert done.state == "accepted"


async def test_5_15_b_a_difference_takes_an_id_tag_off_by_leaving_out_its_status(
    central: Central,
) -> None:
    order = {
        "version": 6,
        "update": "differential",
        "entries": [{"uid": "A1", "type": "ISO14443"}],
    }
    async with central.station("ocpp1.6") as station:
        _, payload, _ = await central.ordered(station, "local_list", order, ACCEPTED)

    assert payload["updateType"] == "Differential"
    assert payload["localAuthorizationList"] == [{"idTag": "A1"}]


@pytest.mark.parametrize("word", ["Failed", "NotSupported", "VersionMismatch"])
async def test_5_15_c_each_refusal_of_a_list_is_understood(central: Central, word: str) -> None:
    order = {"version": 7, "update": "full", "entries": []}
    async with central.station("ocpp1.6") as station:
        _, _, done = await central.ordered(station, "local_list", order, {"status": word})

    assert (done.state, done.status) == ("rejected", word)


@pytest.mark.parametrize(
    "message",
    [
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "StatusNotification",
    ],
)
async def test_5_17_a_every_message_that_can_be_triggered_is(
    central: Central, message: str
) -> None:
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "trigger", {"message": message, "evse": 1}, ACCEPTED
        )

    assert action == "TriggerMessage"
    assert payload == {"requestedMessage": message, "connectorId": 1}
    assert done.state == "accepted"


async def test_5_17_b_a_trigger_that_is_not_implemented_is_understood(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        _, _, done = await central.ordered(
            station, "trigger", {"message": "MeterValues"}, {"status": "NotImplemented"}
        )

    assert (done.state, done.status) == ("rejected", "NotImplemented")


@pytest.mark.parametrize(
    ("word", "state"),
    [("Unlocked", "accepted"), ("UnlockFailed", "rejected"), ("NotSupported", "rejected")],
)
async def test_5_18_a_a_connector_is_unlocked(central: Central, word: str, state: str) -> None:
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "unlock", {"evse": 1, "connector": 1}, {"status": word}
        )

    assert (action, payload) == ("UnlockConnector", {"connectorId": 1})
    assert (done.state, done.status) == (state, word)


async def test_5_19_a_firmware_is_to_be_fetched_from_then_on(central: Central) -> None:
    order = {"location": "https://files.example/fw.bin", "retrieve_at": LATER.isoformat()}
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(station, "update_firmware", order, {})

    assert action == "UpdateFirmware"
    assert payload["location"] == "https://files.example/fw.bin"
    assert datetime.fromisoformat(payload["retrieveDate"]) == LATER
    assert done.state == "accepted"


async def test_5_x_a_call_error_ends_an_order_and_costs_no_connection(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        sending = central.send(await central.order(station, "reset", {"type": "soft"}))
        message_id, _ = await station.expect_call("Reset")
        await station.refuse(message_id, "NotSupported", "no")
        done = await sending

        assert await station.call("Heartbeat", {})
    assert (done.state, done.status) == ("rejected", "NotSupported")


async def test_5_y_a_rejection_is_understood(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        _, _, done = await central.ordered(station, "clear_cache", {}, REJECTED)

    assert (done.state, done.status) == ("rejected", "Rejected")
