"""OCPP 2.0.1 block J: meter values outside of transactions and in them."""

from typing import Any

import pytest

from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.ocpp201.transaction import (
    ACCEPTED,
    PROTOCOL,
    ago,
    ended,
    event,
    of_station,
    register,
    session,
    started,
    tell,
)

CLOCK = "Sample.Clock"
SIGNED = {
    "signedMeterData": "T0NNRnx7fXx7fQ==",
    "signingMethod": "ECDSA-secp256r1-SHA256",
    "encodingMethod": "OCMF",
    "publicKey": "",
}


async def metered(central: Central, station: Witness) -> list[dict[str, Any]]:
    """What was kept, the oldest first."""
    return await of_station(central, station, "meter_values", "t.*", "t.sampled_at, t.id")


async def kept(central: Central, *values: dict[str, Any], evse: int = 1) -> list[dict[str, Any]]:
    """What is kept of a MeterValues."""
    async with central.station(PROTOCOL) as station:
        payload = {"evseId": evse, "meterValue": list(values)}
        assert await station.call("MeterValues", payload) == {}
    return await metered(central, station)


async def test_j01_fr_02_meter_values_are_of_their_evse(central: Central) -> None:
    (row,) = await kept(central, register(1, 5_000, CLOCK), evse=2)

    assert (row["evse"], row["session_id"], row["energy_mwh"]) == (2, None, 5_000_000)


async def test_j01_fr_03_meter_values_of_evse_0_are_the_stations(central: Central) -> None:
    (row,) = await kept(central, register(1, 90_000, CLOCK), evse=0)

    assert (row["evse"], row["energy_mwh"]) == (0, 90_000_000)


async def test_j01_fr_05_each_meter_value_has_its_own_time(central: Central) -> None:
    rows = await kept(central, register(30, 5_000, CLOCK), register(15, 5_100, CLOCK))

    assert [row["sampled_at"] for row in rows] == [ago(30), ago(15)]


@pytest.mark.parametrize(
    ("id_", "sampled"),
    [
        ("measurand", {"value": 50.0, "measurand": "Frequency"}),
        ("context", {"value": 5_000, "context": "Sample.Clock"}),
        ("location", {"value": 1.5, "measurand": "Current.Import", "location": "Inlet"}),
        ("phase", {"value": 231.4, "measurand": "Voltage", "phase": "L1-N"}),
        (
            "unit",
            {"value": 3.2, "unitOfMeasure": {"unit": "kWh", "multiplier": 3}},
        ),
    ],
)
async def test_j01_fr_07_what_is_said_of_a_value_is_kept_as_sent(
    central: Central, id_: str, sampled: dict[str, Any]
) -> None:
    other = {"value": 1, "measurand": "SoC"}
    (row,) = await kept(
        central, {"timestamp": register(1, 0)["timestamp"], "sampledValue": [sampled, other]}
    )

    assert row["samples"] == [sampled, other], id_


async def test_j01_fr_10_phases_are_added_up_where_no_total_is_sent(central: Central) -> None:
    power = [
        {"value": watts, "measurand": "Power.Active.Import", "phase": phase}
        for watts, phase in ((1_000, "L1"), (2_000, "L2"), (3_000, "L3"))
    ]
    (row,) = await kept(central, {"timestamp": register(1, 0)["timestamp"], "sampledValue": power})

    assert row["power_w"] == 6_000


async def test_j01_fr_15_measurands_may_come_in_several_messages(central: Central) -> None:
    energy = register(1, 5_000, CLOCK)
    voltage = register(1, 230, CLOCK, measurand="Voltage")
    async with central.station(PROTOCOL) as station:
        for value in (energy, voltage):
            payload = {"evseId": 1, "meterValue": [value]}
            assert await station.call("MeterValues", payload) == {}

    rows = await metered(central, station)
    assert [row["samples"] for row in rows] == [energy["sampledValue"], voltage["sampledValue"]]


@pytest.mark.parametrize(
    "values",
    [
        [register(1, 5_000, CLOCK)],
        [{"timestamp": "never", "sampledValue": [{"value": 1}]}],
        [{"timestamp": register(1, 0)["timestamp"], "sampledValue": []}],
        [{"timestamp": register(1, 0)["timestamp"], "sampledValue": [{"value": "many"}]}],
        [],
    ],
    ids=["good", "no time", "no value", "no number", "nothing"],
)
async def test_j01_fr_18_meter_values_are_confirmed_whatever_they_say(
    central: Central, values: list[Any]
) -> None:
    async with central.station(PROTOCOL) as station:
        assert await station.call("MeterValues", {"evseId": 1, "meterValue": values}) == {}


async def test_j01_fr_21_signed_values_are_kept_as_sent(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        value = register(1, 5_000, CLOCK, signedMeterValue=SIGNED)
        await station.call("MeterValues", {"evseId": 1, "meterValue": [value]})

    (row,) = await of_station(central, station, "signed_readings", "t.*", "t.at")
    assert bytes(row["data"]).decode() == SIGNED["signedMeterData"]
    assert (row["encoding"], row["signing_method"]) == ("OCMF", SIGNED["signingMethod"])


@pytest.mark.parametrize("by_event", [False, True], ids=["on their own", "with an event"])
async def test_j01_fr_22_clock_aligned_values_during_a_transaction_are_taken(
    central: Central, by_event: bool
) -> None:
    value = register(5, 1_300, CLOCK)
    async with central.station(PROTOCOL) as station:
        await tell(station, started())
        if by_event:
            await tell(station, event("Updated", 1, 5, "MeterValueClock", meterValue=[value]))
        else:
            await station.call("MeterValues", {"evseId": 1, "meterValue": [value]})

    rows = await metered(central, station)
    assert (rows[-1]["context"], rows[-1]["energy_mwh"]) == (CLOCK, 1_300_000)
    # Of a transaction is only what is sent with it (section 2.1 of block J).
    assert (rows[-1]["session_id"] is not None) is by_event


async def test_j02_fr_02_a_value_of_a_transaction_is_kept_whole(central: Central) -> None:
    sampled = [
        {"value": 1_500, "context": "Sample.Periodic"},
        {"value": 16.1, "measurand": "Current.Import", "phase": "L1", "location": "Outlet"},
        {"value": 45, "measurand": "SoC", "location": "EV"},
        {"value": 11_000, "measurand": "Power.Active.Import"},
    ]
    value = {"timestamp": register(5, 0)["timestamp"], "sampledValue": sampled}
    async with central.station(PROTOCOL) as station:
        await tell(station, started(), event("Updated", 1, 5, meterValue=[value]))

    row = (await metered(central, station))[-1]
    assert row["samples"] == sampled
    assert (row["energy_mwh"], row["power_w"], row["soc_percent"]) == (1_500_000, 11_000, 45)
    assert row["session_id"] == (await session(central, station))["id"]


async def test_j02_fr_10_an_event_may_have_several_meter_values(central: Central) -> None:
    values = [register(minutes, 1_600 - minutes * 100) for minutes in (5, 4, 3)]
    async with central.station(PROTOCOL) as station:
        await tell(station, started(), event("Updated", 1, 3, meterValue=values))

    rows = await metered(central, station)
    assert [row["sampled_at"] for row in rows[1:]] == [ago(5), ago(4), ago(3)]
    assert (await session(central, station))["energy_wh"] == 300


async def test_j02_fr_11_the_energy_of_a_session_follows_its_values(central: Central) -> None:
    seen = []
    async with central.station(PROTOCOL) as station:
        await tell(station, started())
        for number, watt_hours in enumerate((1_200, 1_500, 1_900), start=1):
            value = register(10 - number, watt_hours)
            update = event("Updated", number, 10 - number, "MeterValuePeriodic", meterValue=[value])
            assert await tell(station, update) == [{}]
            seen.append((await session(central, station))["energy_wh"])

    assert seen == [200, 500, 900]


async def test_j02_fr_17_energy_is_the_difference_of_registers_as_read(central: Central) -> None:
    begin = register(10, 123_456_789.5, "Transaction.Begin")
    last = register(0, 123_457_790, "Transaction.End")
    async with central.station(PROTOCOL) as station:
        await tell(station, started(meterValue=[begin]), ended(1, meterValue=[last]))

    assert (await session(central, station))["energy_wh"] == 1_001


@pytest.mark.parametrize("kind", ["Started", "Updated", "Ended"])
async def test_j02_fr_19_each_event_is_answered(central: Central, kind: str) -> None:
    events = {"Started": started(), "Updated": event("Updated", 1, 5), "Ended": ended(2)}
    async with central.station(PROTOCOL) as station:
        (answer,) = await tell(station, events[kind])

    assert answer == (ACCEPTED if kind == "Started" else {})


async def test_j02_fr_20_values_of_the_whole_transaction_may_come_with_its_end(
    central: Central,
) -> None:
    values = [register(minutes, 2_000 - minutes * 100) for minutes in (10, 6, 2)]
    values[0]["sampledValue"][0]["context"] = "Transaction.Begin"
    values.append(register(0, 2_000, "Transaction.End"))
    async with central.station(PROTOCOL) as station:
        await tell(station, started(meterValue=[]), ended(1, meterValue=values))

    assert (await session(central, station))["energy_wh"] == 1_000
    assert len(await metered(central, station)) == 4


async def test_j02_fr_21_signed_values_of_a_transaction_are_its_evidence(
    central: Central,
) -> None:
    begin = register(10, 1_000, "Transaction.Begin", signedMeterValue=SIGNED)
    data = SIGNED | {"signedMeterData": "T0NNRnxlbmQ="}
    last = register(0, 2_000, "Transaction.End", signedMeterValue=data)
    async with central.station(PROTOCOL) as station:
        await tell(station, started(meterValue=[begin]), ended(1, meterValue=[last]))

    rows = await of_station(central, station, "signed_readings", "t.*", "t.at")
    assert [bytes(row["data"]).decode() for row in rows] == [
        SIGNED["signedMeterData"],
        data["signedMeterData"],
    ]
    assert [row["context"] for row in rows] == ["Transaction.Begin", "Transaction.End"]
    assert {row["transaction_id"] for row in rows} == {"T1"}
