"""OCPP 1.6 section 4: what a charge point starts, and what the central system answers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.stations.messages import CallRefused
from tests.gateway.conformance.conftest import CARD, Central

NOW = datetime.now(UTC).replace(microsecond=0)


def stamp(minutes: float = 0) -> str:
    """An instant some minutes before now."""
    return (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def start(minutes: float = 10, **more: Any) -> dict[str, Any]:
    """A StartTransaction on connector 1."""
    return {"connectorId": 1, "idTag": CARD, "meterStart": 100, "timestamp": stamp(minutes)} | more


def stop(transaction: int, minutes: float = 0, **more: Any) -> dict[str, Any]:
    """A StopTransaction."""
    return {"transactionId": transaction, "meterStop": 1_100, "timestamp": stamp(minutes)} | more


async def test_4_1_a_the_status_of_a_known_id_tag_is_told(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        answer = await station.call("Authorize", {"idTag": CARD})

    assert answer["idTagInfo"]["status"] == "Accepted"


@pytest.mark.parametrize(
    ("status", "word"), [("blocked", "Blocked"), ("expired", "Expired")], ids=["blocked", "expired"]
)
async def test_4_1_b_why_an_id_tag_is_refused_is_told(
    central: Central, status: str, word: str
) -> None:
    uid = f"REFUSED{status.upper()}"
    await central.add_token(uid, status=status)

    async with central.station("ocpp1.6") as station:
        refused = await station.call("Authorize", {"idTag": uid})
        unknown = await station.call("Authorize", {"idTag": "NOBODY"})

    assert refused["idTagInfo"]["status"] == word
    assert unknown["idTagInfo"]["status"] == "Invalid"


async def test_4_1_c_the_parent_of_an_id_tag_is_told(central: Central) -> None:
    await central.add_token("FAMILY1", group_id="FAMILY")

    async with central.station("ocpp1.6") as station:
        answer = await station.call("Authorize", {"idTag": "FAMILY1"})

    assert answer["idTagInfo"] == {"status": "Accepted", "parentIdTag": "FAMILY"}


async def test_4_1_d_until_when_an_id_tag_is_good_is_told(central: Central) -> None:
    until = datetime(2099, 5, 1, 12, tzinfo=UTC)
    await central.add_token("SEASON1", valid_until=until)

    async with central.station("ocpp1.6") as station:
        answer = await station.call("Authorize", {"idTag": "SEASON1"})

    assert datetime.fromisoformat(answer["idTagInfo"]["expiryDate"]) == until


async def test_4_1_e_id_tags_are_compared_without_regard_to_case(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        answer = await station.call("Authorize", {"idTag": CARD.lower()})

    assert answer["idTagInfo"]["status"] == "Accepted"


async def test_4_2_a_an_accepted_boot_tells_the_time_and_the_heartbeat_interval(
    central: Central,
) -> None:
    async with central.station("ocpp1.6", boot=False) as station:
        answer = await station.boot()

    assert answer["status"] == "Accepted"
    assert answer["interval"] > 0
    told = datetime.fromisoformat(answer["currentTime"])
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize("registration", ["pending", "rejected"])
async def test_4_2_b_another_status_tells_when_to_boot_again(
    central: Central, registration: str
) -> None:
    async with central.station("ocpp1.6", boot=False, registration=registration) as station:
        answer = await station.boot(accepted=False)

    assert answer["status"] == registration.capitalize()
    assert answer["interval"] > 0


async def test_4_2_c_a_boot_in_the_middle_of_a_transaction_ends_nothing(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        begun = await station.call("StartTransaction", start())
        await station.boot()
        await station.call("StopTransaction", stop(begun["transactionId"]))

    row = await central.database.row(
        "SELECT ended_at, energy_wh FROM sessions WHERE transaction_id = %s",
        str(begun["transactionId"]),
    )
    assert row["ended_at"] == NOW
    assert row["energy_wh"] == 1_000


async def test_4_4_diagnostics_states_are_confirmed(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        for status in ("Idle", "Uploading", "Uploaded", "UploadFailed"):
            payload = {"status": status}
            assert await station.call("DiagnosticsStatusNotification", payload) == {}


async def test_4_5_firmware_states_are_confirmed(central: Central) -> None:
    states = (
        "Downloading",
        "Downloaded",
        "DownloadFailed",
        "Installing",
        "Installed",
        "InstallationFailed",
        "Idle",
    )
    async with central.station("ocpp1.6") as station:
        for status in states:
            payload = {"status": status}
            assert await station.call("FirmwareStatusNotification", payload) == {}


async def test_4_6_a_heartbeat_is_answered_with_the_time(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        answer = await station.call("Heartbeat", {})

    told = datetime.fromisoformat(answer["currentTime"])
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=5)


async def test_4_7_a_meter_values_are_confirmed_and_kept(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        begun = await station.call("StartTransaction", start())
        payload = {
            "connectorId": 1,
            "transactionId": begun["transactionId"],
            "meterValue": [{"timestamp": stamp(5), "sampledValue": [{"value": "600"}]}],
        }
        assert await station.call("MeterValues", payload) == {}

    row = await central.database.row(
        "SELECT energy_wh FROM sessions WHERE transaction_id = %s", str(begun["transactionId"])
    )
    assert row["energy_wh"] == 500


@pytest.mark.parametrize(
    "values",
    [
        [{"timestamp": "no time", "sampledValue": [{"value": "1"}]}],
        [{"timestamp": stamp(), "sampledValue": [{"value": "a lot"}]}],
        [{"timestamp": stamp(), "sampledValue": []}],
        [],
    ],
    ids=["no time", "no number", "no value", "nothing"],
)
async def test_4_7_b_meter_values_that_fail_a_check_are_confirmed_all_the_same(
    central: Central, values: list[Any]
) -> None:
    async with central.station("ocpp1.6") as station:
        assert await station.call("MeterValues", {"connectorId": 1, "meterValue": values}) == {}


async def test_4_8_a_a_start_gets_a_transaction_id_and_a_verdict(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        answer = await station.call("StartTransaction", start())

    assert answer["transactionId"] > 0
    assert answer["idTagInfo"]["status"] == "Accepted"


async def test_4_8_b_the_id_tag_is_verified_at_the_start(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        answer = await station.call("StartTransaction", start(idTag="NOBODY"))

    assert answer["idTagInfo"]["status"] == "Invalid"
    assert answer["transactionId"] > 0


async def test_4_8_c_transaction_ids_are_unique(central: Central) -> None:
    async with central.station("ocpp1.6") as one, central.station("ocpp1.6") as other:
        ids = [
            (await station.call("StartTransaction", start(minutes)))["transactionId"]
            for station in (one, other)
            for minutes in (10, 9)
        ]

    assert len(set(ids)) == 4


async def test_4_8_d_a_start_sent_again_is_the_same_transaction(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        first = await station.call("StartTransaction", start())
        again = await station.call("StartTransaction", start())

    assert again == first


@pytest.mark.parametrize(
    "wrong",
    [{"timestamp": "1970-01-01T00:00:00Z"}, {"meterStart": -5}, {"connectorId": 99}],
    ids=["a clock that was never set", "a negative register", "a connector that nobody knew"],
)
async def test_4_8_e_a_start_that_fails_a_check_is_answered_all_the_same(
    central: Central, wrong: dict[str, Any]
) -> None:
    async with central.station("ocpp1.6") as station:
        answer = await station.call("StartTransaction", start() | wrong)

    assert answer["transactionId"] > 0


async def test_4_8_f_a_start_of_a_reservation_is_confirmed(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        answer = await station.call("StartTransaction", start(reservationId=7))

    assert answer["idTagInfo"]["status"] == "Accepted"


async def test_4_9_a_a_status_is_confirmed_and_kept(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        for connector, status in ((0, "Available"), (1, "Preparing"), (2, "Faulted")):
            payload = {
                "connectorId": connector,
                "status": status,
                "errorCode": "NoError",
                "timestamp": stamp(),
            }
            assert await station.call("StatusNotification", payload) == {}

    rows = await central.database.rows(
        "SELECT c.evse, c.status FROM connectors c JOIN stations s ON s.id = c.station_id "
        "WHERE s.identity = %s ORDER BY c.evse",
        station.identity,
    )
    assert [(row["evse"], row["status"]) for row in rows] == [(1, "preparing"), (2, "faulted")]


async def test_4_9_b_a_vendors_own_error_is_confirmed(central: Central) -> None:
    payload = {
        "connectorId": 1,
        "status": "Faulted",
        "errorCode": "OtherError",
        "vendorId": "acme",
        "vendorErrorCode": "E-17",
        "info": "door",
    }
    async with central.station("ocpp1.6") as station:
        assert await station.call("StatusNotification", payload) == {}


async def test_4_10_a_a_stop_is_confirmed_and_ends_the_transaction(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        begun = await station.call("StartTransaction", start())
        answer = await station.call("StopTransaction", stop(begun["transactionId"], reason="Local"))

    assert answer == {}
    row = await central.database.row(
        "SELECT ended_at, energy_wh, stop_reason FROM sessions WHERE transaction_id = %s",
        str(begun["transactionId"]),
    )
    assert (row["ended_at"], row["energy_wh"], row["stop_reason"]) == (NOW, 1_000, "Local")


async def test_4_10_b_the_id_tag_of_a_stop_gets_a_verdict_but_prevents_nothing(
    central: Central,
) -> None:
    async with central.station("ocpp1.6") as station:
        begun = await station.call("StartTransaction", start())
        answer = await station.call("StopTransaction", stop(begun["transactionId"], idTag="NOBODY"))

    assert answer["idTagInfo"]["status"] == "Invalid"
    row = await central.database.row(
        "SELECT ended_at FROM sessions WHERE transaction_id = %s", str(begun["transactionId"])
    )
    assert row["ended_at"] == NOW


async def test_4_10_c_values_of_the_transaction_are_kept(central: Central) -> None:
    data = [
        {
            "timestamp": stamp(minutes),
            "sampledValue": [{"value": str(value), "context": context}],
        }
        for minutes, value, context in (
            (10, 100, "Transaction.Begin"),
            (0, 1_100, "Transaction.End"),
        )
    ]
    async with central.station("ocpp1.6") as station:
        begun = await station.call("StartTransaction", start())
        await station.call("StopTransaction", stop(begun["transactionId"], transactionData=data))

    rows = await central.database.rows(
        "SELECT context FROM meter_values m JOIN sessions s ON s.id = m.session_id "
        "WHERE s.transaction_id = %s ORDER BY m.sampled_at",
        str(begun["transactionId"]),
    )
    assert [row["context"] for row in rows] == ["Transaction.Begin", "Transaction.End"]


@pytest.mark.parametrize("transaction", [-1, 0, 2**31 - 1, 4_711])
async def test_4_10_d_a_stop_of_an_unknown_transaction_is_confirmed(
    central: Central, transaction: int
) -> None:
    async with central.station("ocpp1.6") as station:
        answer = await station.call("StopTransaction", stop(transaction))

    assert answer.get("idTagInfo", {"status": "Accepted"}) == {"status": "Accepted"}


async def test_4_10_e_a_stop_sent_again_changes_nothing(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        begun = await station.call("StartTransaction", start())
        first = await station.call("StopTransaction", stop(begun["transactionId"]))
        again = await station.call("StopTransaction", stop(begun["transactionId"]))

    assert again == first
    row = await central.database.row(
        "SELECT count(*) FROM sessions WHERE transaction_id = %s", str(begun["transactionId"])
    )
    assert row["count"] == 1


async def test_3_3_transactions_that_began_offline_are_taken_in_their_order(
    central: Central,
) -> None:
    async with central.station("ocpp1.6") as station:
        for minutes in (300, 200, 100):
            begun = await station.call("StartTransaction", start(minutes))
            await station.call("StopTransaction", stop(begun["transactionId"], minutes - 50))

    rows = await central.database.rows(
        "SELECT e.started_at, e.energy_wh FROM sessions e JOIN stations s ON s.id = e.station_id "
        "WHERE s.identity = %s ORDER BY e.id",
        station.identity,
    )
    assert [row["started_at"] for row in rows] == sorted(row["started_at"] for row in rows)
    assert [row["energy_wh"] for row in rows] == [1_000] * 3


async def test_3_7_times_with_fractions_and_zones_are_the_same_instant(central: Central) -> None:
    local = NOW.astimezone(tz=None).isoformat()
    async with central.station("ocpp1.6") as station:
        begun = await station.call("StartTransaction", start())
        await station.call("StopTransaction", stop(begun["transactionId"]) | {"timestamp": local})

    row = await central.database.row(
        "SELECT ended_at FROM sessions WHERE transaction_id = %s", str(begun["transactionId"])
    )
    assert row["ended_at"] == NOW


async def test_4_3_a_a_vendor_that_is_not_known_is_told_so(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        answer = await station.call("DataTransfer", {"vendorId": "nobody.example", "data": "x"})

    assert answer["status"] == "UnknownVendorId"


async def test_4_x_a_payload_of_the_wrong_form_is_a_call_error(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        with pytest.raises(CallRefused) as refused:
            await station.call("StatusNotification", {"connectorId": "one", "status": "Available"})
        assert await station.call("Heartbeat", {})

    assert refused.value.code in ("TypeConstraintViolation", "OccurenceConstraintViolation")
