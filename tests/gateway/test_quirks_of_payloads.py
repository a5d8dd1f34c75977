"""Quirks 12 to 22 of the list of charger quirks: what messages carry, and in which order."""

import json
from typing import Any

import pytest

from tests.gateway.conftest import CARD
from tests.gateway.field import BEGAN, BOOT_16, BOOT_201, Field, sampled, stamp
from tests.signed_meter import SigningMeter

V201 = "ocpp2.0.1"
METER = SigningMeter()


async def test_quirk_12_values_of_the_wrong_type_are_read(field: Field) -> None:
    async with field.station() as station:
        assert "currentTime" in await station.call("Heartbeat", None)
        number = (await station.start(meter="1000"))["transactionId"]
        await station.meter(number, 1, 1100.0)
        single = {"connectorId": 1, "transactionId": number, "meterValue": sampled(2, "1200")}
        await station.call("MeterValues", single)
        empty = {"timestamp": stamp(3), "sampledValue": []}
        await station.call("MeterValues", single | {"meterValue": [empty]})
        odd = {"timestamp": stamp(4), "sampledValue": [{"value": "50.0", "unit": "Hz",
               "measurand": "Frequency", "context": "CurrentMax"}, {"value": "1300"}]}  # fmt: skip
        await station.call("MeterValues", single | {"meterValue": [odd]})
        await station.stop(number, 5, "1500", vendorField={"a": [1]}, reason="Bored")

        assert await station.energies() == [500]
        assert await station.rows("quarantine") == []


@pytest.mark.parametrize("identifier", [2**63 - 1, -1, 0, 77_000_000, "free", None])
async def test_quirk_13_a_stop_is_always_answered(field: Field, identifier: Any) -> None:
    async with field.station() as station:
        data = [sampled(0, 1000), sampled(60, 5000)]
        await station.stop(identifier, 60, 5000, transactionData=data)
        await station.stop(identifier, 60, 5000)
        await station.alive()
        kept = await station.rows("quarantine")

        # Nothing is lost: a session where its energy is told, else it waits for a person.
        assert await station.energies() == ([] if identifier is None else [4000])
        assert len(kept) == 2 if identifier is None else len(kept) <= 1


@pytest.mark.parametrize(
    "written",
    [
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "2099-01-01T00:00:00Z",
        "2026-01-01T10:00:00",
        "2026-01-01T10:00:00+02",
        "2026-01-01T10:00:00.123456Z",
        "yesterday",
        None,
    ],
)
async def test_quirk_14_every_clock_is_answered_and_its_energy_kept(
    field: Field, written: str | None
) -> None:
    async with field.station() as station:
        number = (await station.start(timestamp=written))["transactionId"]
        value = {"timestamp": written, "sampledValue": [{"value": "1500"}]}
        await station.meter(number, 0, meterValue=[value])
        await station.stop(number, 0, 2000, timestamp=written)

        row = await station.session()
        assert row["energy_wh"] == 1000
        assert row["ended_at"] is not None
        assert row["started_at"].year >= 2015


async def test_quirk_14_an_offline_start_that_is_hours_old_keeps_its_time(field: Field) -> None:
    async with field.station() as station:
        await station.call("BootNotification", BOOT_16)
        await station.start(0)

        assert (await station.session())["started_at"] == BEGAN


async def test_quirk_15_one_number_for_every_event_loses_nothing(field: Field) -> None:
    async with field.station(V201) as station:
        await station.event("Started", 0, wh=1000, evse={"id": 1})
        for minutes, wh in ((1, 1500), (2, 2000)):
            await station.event("Updated", 0, wh=wh, minutes=minutes)
        await station.event("Ended", 0, wh=2500, minutes=3)

        row = await station.session()
        assert (row["energy_wh"], row["sequence_gaps"], row["evse"]) == (1500, 0, 1)
        assert row["ended_at"] is not None


async def test_quirk_15_events_name_no_evse_and_tokens_come_late(field: Field) -> None:
    async with field.station(V201) as station:
        await station.event("Started", 0, wh=0, evse={"id": 2}, triggerReason="CablePluggedIn")
        answer = await station.event("Updated", 1, idToken={"idToken": CARD, "type": "Local"})
        assert answer["idTokenInfo"]["status"] == "Accepted"
        later = {"idToken": CARD, "type": "ISO14443"}
        assert (await station.event("Updated", 2, idToken=later))["idTokenInfo"]["status"]
        await station.event("Ended", 3, wh=700)

        row = await station.session()
        assert (row["evse"], row["token_uid"], row["energy_wh"]) == (2, CARD, 700)


async def test_quirk_15_a_replay_may_follow_newer_events_and_come_twice(field: Field) -> None:
    async with field.station(V201) as station:
        await station.event("Started", 0, wh=0, evse={"id": 1})
        await station.event("Updated", 2, wh=600)
        await station.event("Updated", 1, wh=300, offline=True)
        await station.event("Updated", 1, wh=300, offline=True)
        await station.event("Updated", 1, wh=300)
        await station.event("Ended", 3, wh=900)

        row = await station.session()
        assert (row["energy_wh"], row["sequence_gaps"], row["findings"]) == (900, 0, [])
        assert row["reported_offline"]


@pytest.mark.parametrize(("evse", "connector"), [(0, 0), (1, 0)])
async def test_quirk_15_a_status_may_name_connector_0(
    field: Field, evse: int, connector: int
) -> None:
    async with field.station(V201) as station:
        await station.call("BootNotification", BOOT_201)
        word = {
            "timestamp": stamp(),
            "connectorStatus": "Available",
            "evseId": evse,
            "connectorId": connector,
        }
        assert await station.call("StatusNotification", word) == {}
        await station.alive()


async def test_quirk_13_a_fuller_stop_after_a_bare_one_makes_the_session(field: Field) -> None:
    more = {"transactionData": [sampled(0, 1000), sampled(60, 5000)]}
    async with field.station() as station:
        await station.stop(77_000_000, 60, 5000)
        assert await station.energies() == []
        for _ in range(2):
            await station.stop(77_000_000, 60, 5000, **more)
        await station.stop(77_000_000, 60, 5000)

        row = await station.session()
        (kept,) = await station.rows("quarantine")
    assert (row["energy_wh"], kept["state"]) == (4000, "open")
    codes = {found["code"] for found in row["findings"]}
    assert codes == {"start_missing", "meter_start_missing"}


async def test_quirk_13_signed_values_of_an_unknown_transaction_find_its_session(
    field: Field,
) -> None:
    def signed(value: str, minutes: float) -> dict[str, Any]:
        return sampled(minutes, value, format="SignedData", context="Sample.Periodic")

    async with field.station() as station:
        for number, value in ((-1, "OCMF|early"), (-1, "OCMF|late"), (5, "OCMF|other")):
            minutes = 30 if value.endswith("early") else 90
            payload = {"connectorId": 1, "transactionId": number}
            await station.call("MeterValues", payload | {"meterValue": [signed(value, minutes)]})
        ends = [sampled(0, 1000), sampled(60, 5000)]
        await station.stop(-1, 60, 5000, transactionData=ends)
        ends = [sampled(70, 5000), sampled(120, 7000), signed("OCMF|late", 90)]
        await station.stop(-1, 120, 7000, transactionData=ends)

        first, second = await station.sessions()
        kept = await station.rows("signed_readings")
    attached = sorted((bytes(row["data"]).decode(), row["session_id"]) for row in kept
                      if row["session_id"] is not None)  # fmt: skip
    assert attached == [("OCMF|early", first["id"]), ("OCMF|late", second["id"])]


@pytest.mark.parametrize("length", [20, 36, 255, 256, 4_000])
async def test_quirk_18_two_long_tags_are_two_tags(field: Field, length: int) -> None:
    async with field.station() as station:
        for ending in "ab":
            tag = "T" * (length - 1) + ending
            await station.start(5, idTag=tag)

        uids = [row["token_uid"] for row in await station.sessions()]
    assert len(set(uids)) == 2
    assert all(len(uid) <= 255 for uid in uids)
    assert length > 255 or uids == ["T" * (length - 1) + ending for ending in "ab"]


@pytest.mark.parametrize(
    ("start", "samples", "stop", "energy_wh"),
    [
        (0, [("0.05001", "kWh"), (0.15003999999999998, "kWh")], 150.04, 150),
        ("2909465.9", [("2909965.4", "Wh")], "2910465.9", 1000),
        (24_800_000, [("24800.5", "kWh")], 24_801_000, 1000),
        (500_000, [], 500_900, 900),
    ],
    ids=["noise", "decimals", "a lifetime", "no meter values"],
)
async def test_quirk_16_registers_of_every_kind(
    field: Field, start: Any, samples: list[tuple[Any, str]], stop: Any, energy_wh: int
) -> None:
    async with field.station() as station:
        number = (await station.start(meter=start))["transactionId"]
        for minutes, (value, unit) in enumerate(samples, 1):
            await station.meter(number, 0, meterValue=[sampled(minutes, value, unit=unit)])
        await station.stop(number, 20, stop)

        assert await station.energies() == [energy_wh]


async def test_quirk_16_connector_0_is_the_sum_of_all_and_no_sessions_meter(field: Field) -> None:
    async with field.station() as station:
        number = (await station.start(meter=0))["transactionId"]
        await station.meter(number, 1, 200)
        await station.meter(None, 2, 99_000, connectorId=0)

        assert await station.energies() == [200]


async def test_quirk_17_signed_values_are_kept_character_for_character(field: Field) -> None:
    record = METER.record(("B", 1.0), ("E", 3.0))
    wrapped = json.dumps({"signedMeterData": record, "encodingMethod": "OCMF"}, indent=1)
    async with field.station() as station:
        number = (await station.start())["transactionId"]
        plain = sampled(30, wrapped, context="Transaction.End", format="SignedData")
        await station.stop(number, 30, 3000, transactionData=[sampled(30, "3000"), plain])

        (kept,) = await station.rows("signed_readings")
        assert bytes(kept["data"]).decode() == wrapped
        assert (kept["encoding"], kept["context"]) == ("OCMF", "Transaction.End")
        assert kept["session_id"] == (await station.session())["id"]
        assert await station.energies() == [2000]


async def test_quirk_17_signed_values_of_2_0_1_come_with_their_key(field: Field) -> None:
    signed = {
        "signedMeterData": "T0NNRnx7fXx7fQ==",
        "signingMethod": "",
        "encodingMethod": "OCMF",
        "publicKey": METER.public_key,
    }
    async with field.station(V201) as station:
        await station.event("Started", 0, wh=0, evse={"id": 1})
        value = {"value": 500, "context": "Transaction.End", "signedMeterValue": signed}
        meter = [{"timestamp": stamp(1), "sampledValue": [value]}]
        await station.event("Ended", 1, meterValue=meter)

        (kept,) = await station.rows("signed_readings")
        assert bytes(kept["data"]) == b"T0NNRnx7fXx7fQ=="
        (key,) = await station.rows("meter_keys")
        assert (key["public_key"], key["source"]) == (METER.public_key, "signed_value")
        assert key["confirmed_at"] is None
        assert await station.energies() == [500]


@pytest.mark.parametrize("tag", ["SN-0042", "CARD0001_0042", "evcc"])
async def test_quirk_18_what_is_no_card_is_refused_and_recorded(field: Field, tag: str) -> None:
    async with field.station() as station:
        answer = await station.start(idTag=tag)
        assert answer["idTagInfo"]["status"] == "Invalid"
        await station.stop(answer["transactionId"], 9, 3000)

        row = await station.session()
        assert (row["token_uid"], row["energy_wh"], row["token_id"]) == (tag, 2000, None)


async def test_quirk_19_authorize_may_be_missing_or_come_late(field: Field) -> None:
    async with field.station() as station:
        answer = await station.start()
        assert answer["idTagInfo"]["status"] == "Accepted"
        late = await station.call("Authorize", {"idTag": CARD})
        assert late["idTagInfo"]["status"] == "Accepted"


async def test_quirk_20_states_may_come_in_any_order(field: Field) -> None:
    async with field.station() as station:
        await station.status(1, "Faulted", 0, errorCode="InternalError")
        number = (await station.start(1))["transactionId"]
        await station.status(1, "SuspendedEV", 1)
        await station.status(1, "Charging", 2)
        await station.status(1, "Available", 3)
        assert (await station.session())["ended_at"] is None
        await station.stop(number, 4, 2000)

        assert await station.energies() == [1000]
        (connector,) = await station.rows("connectors")
        assert connector["status"] == "available"


async def test_quirk_21_security_events_come_in_plain_1_6_and_of_any_type(field: Field) -> None:
    event = {"type": "StartupOfTheDevice", "timestamp": stamp()}
    async with field.station() as station:
        assert await station.call("SecurityEventNotification", event) == {}
    async with field.station(V201) as station:
        odd = event | {"type": "TheSkyIsFalling"}
        assert await station.call("SecurityEventNotification", odd) == {}
        answer = await station.call("SignCertificate", {"csr": "no certificate request"})
        assert answer["status"] in ("Accepted", "Rejected")
        await station.alive()


async def test_quirk_22_telemetry_by_data_transfer_is_answered_every_time(field: Field) -> None:
    async with field.station() as station:
        transfer = {"vendorId": "EN+", "messageId": "telemetry", "data": "x" * 500}
        answers = [await station.call("DataTransfer", transfer) for _ in range(30)]
        await station.alive()
    assert {answer["status"] for answer in answers} <= {
        "Accepted",
        "Rejected",
        "UnknownMessageId",
        "UnknownVendorId",
    }
