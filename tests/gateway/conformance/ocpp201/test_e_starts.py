"""OCPP 2.0.1 use case E01: transactions that begin, at whatever point a station is set to."""

import pytest

from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.ocpp201.transaction import (
    ACCEPTED,
    PLACE,
    PROTOCOL,
    TOKEN,
    ago,
    ended,
    event,
    of_station,
    register,
    reservations,
    session,
    started,
    states,
    tell,
)

BEGIN = "Transaction.Begin"
SIGNED = {
    "signedMeterData": "T0NNRg==",
    "signingMethod": "ECDSA-secp256r1-SHA256",
    "encodingMethod": "OCMF",
    "publicKey": "",
}
TRIGGERS = (
    "Authorized",
    "CablePluggedIn",
    "ChargingRateChanged",
    "ChargingStateChanged",
    "Deauthorized",
    "EnergyLimitReached",
    "EVCommunicationLost",
    "EVConnectTimeout",
    "MeterValueClock",
    "MeterValuePeriodic",
    "TimeLimitReached",
    "Trigger",
    "UnlockCommand",
    "StopAuthorized",
    "EVDeparted",
    "EVDetected",
    "RemoteStop",
    "RemoteStart",
    "AbnormalCondition",
    "SignedDataReceived",
    "ResetCommand",
)


async def test_e01_fr_01_a_transaction_may_begin_with_a_car_in_the_bay(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        answers = await tell(station, event("Started", 0, 10, "EVDetected"))

    row = await session(central, station)
    assert answers == [{}]
    assert (row["evse"], row["token_uid"], row["started_at"]) == (0, None, ago(10))


async def test_e01_fr_02_a_transaction_may_begin_with_the_cable(central: Central) -> None:
    info = {"chargingState": "EVConnected"}
    async with central.station(PROTOCOL) as station:
        answers = await tell(
            station, event("Started", 0, 10, "CablePluggedIn", evse=PLACE, info=info)
        )

    row = await session(central, station)
    assert answers == [{}]
    assert (row["evse"], row["connector"], row["token_uid"]) == (1, 1, None)
    assert row["charging_state"] == "connected"


async def test_e01_fr_03_a_transaction_may_begin_with_the_authorization_alone(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        answers = await tell(station, event("Started", 0, 10, "Authorized", idToken=TOKEN))

    row = await session(central, station)
    assert answers == [ACCEPTED]
    assert (row["evse"], row["token_uid"]) == (0, TOKEN["idToken"])


async def test_e01_fr_04_a_transaction_may_begin_with_a_signed_value(central: Central) -> None:
    begin = register(10, 1_000, BEGIN, signedMeterValue=SIGNED)
    first = event("Started", 0, 10, "SignedDataReceived", evse=PLACE, meterValue=[begin])
    async with central.station(PROTOCOL) as station:
        answers = await tell(station, first)

    (kept,) = await of_station(central, station, "signed_readings", "t.*", "t.at")
    assert answers == [{}]
    assert (bytes(kept["data"]).decode(), kept["encoding"]) == (SIGNED["signedMeterData"], "OCMF")


async def test_e01_fr_05_a_transaction_may_begin_when_all_is_ready(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        answers = await tell(station, started(info={"chargingState": "SuspendedEVSE"}))

    assert answers == [ACCEPTED]
    assert (await session(central, station))["charging_state"] == "suspended_evse"


async def test_e01_fr_06_a_transaction_may_begin_when_energy_flows(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        answers = await tell(station, started(info={"chargingState": "Charging"}))

    assert answers == [ACCEPTED]
    assert (await session(central, station))["charging_state"] == "charging"


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [((0, 1, 2), 0), ((57, 58, 59), 0), ((0, 2, 3), 1), ((0, 2, 3, 1), 0)],
    ids=["from zero", "counted on from others", "one missing", "one that came late"],
)
async def test_e01_fr_07_whether_all_events_came_is_known_by_their_numbers(
    central: Central, numbers: tuple[int, ...], missing: int
) -> None:
    first, *others = numbers
    later = [event("Updated", number, 9 - number % 10) for number in others]
    async with central.station(PROTOCOL) as station:
        await tell(station, started(seqNo=first), *later)

    assert (await session(central, station))["sequence_gaps"] == missing


async def test_e01_fr_08_a_transaction_id_is_of_its_station_alone(central: Central) -> None:
    async with central.station(PROTOCOL) as one, central.station(PROTOCOL) as other:
        await tell(one, started(), ended(1))
        await tell(other, started())

    assert (await session(central, one))["ended_at"] is not None
    assert (await session(central, other))["ended_at"] is None


async def test_e01_fr_09_the_register_of_the_begin_is_where_energy_counts_from(
    central: Central,
) -> None:
    values = [register(10, 900, "Sample.Clock"), register(10, 1_000, BEGIN)]
    async with central.station(PROTOCOL) as station:
        await tell(station, started(meterValue=values), ended(1))

    assert (await session(central, station))["energy_wh"] == 1_000


@pytest.mark.parametrize("number", [1, 2], ids=["in the next event", "later"])
async def test_e01_fr_10_a_token_that_comes_later_becomes_the_transactions(
    central: Central, number: int
) -> None:
    between = [event("Updated", 1, 9)] if number == 2 else []
    async with central.station(PROTOCOL) as station:
        answers = await tell(
            station,
            event("Started", 0, 10, "CablePluggedIn", evse=PLACE),
            *between,
            event("Updated", number, 8, "Authorized", idToken=TOKEN),
        )

    assert answers[-1] == ACCEPTED
    assert (await session(central, station))["token_uid"] == TOKEN["idToken"]


@pytest.mark.parametrize(
    ("status", "word"),
    [("blocked", "Blocked"), ("expired", "Expired"), (None, "Unknown")],
    ids=["blocked", "expired", "not known"],
)
async def test_e01_fr_11_the_token_of_an_event_is_verified(
    central: Central, status: str | None, word: str
) -> None:
    uid = f"E0111{word}".upper()
    if status is not None:
        await central.add_token(uid, status=status)

    async with central.station(PROTOCOL) as station:
        (answer,) = await tell(station, started(idToken={"idToken": uid, "type": "ISO14443"}))

    assert answer["idTokenInfo"]["status"] == word


async def test_e01_fr_12_the_answer_tells_the_status_and_the_group_of_a_token(
    central: Central,
) -> None:
    await central.add_token("E0112MEMBER", group_id="E0112GROUP")

    async with central.station(PROTOCOL) as station:
        with_token, without = await tell(
            station,
            started(idToken={"idToken": "E0112MEMBER", "type": "ISO14443"}),
            event("Updated", 1, 9),
        )

    group = {"idToken": "E0112GROUP", "type": "Central"}
    assert with_token == {"idTokenInfo": {"status": "Accepted", "groupIdToken": group}}
    assert without == {}


async def test_e01_fr_13_a_transaction_that_ends_a_reservation_says_which(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        answers = await tell(station, started(reservationId=7))

    assert answers == [ACCEPTED]
    assert await reservations(central, station) == [("Used", 7, "T1")]


async def test_e01_fr_15_every_trigger_reason_is_taken(central: Central) -> None:
    updates = [
        event("Updated", number, 9, reason) for number, reason in enumerate(TRIGGERS, start=1)
    ]
    async with central.station(PROTOCOL) as station:
        answers = await tell(station, started(), *updates)

    assert answers == [ACCEPTED] + [{}] * len(TRIGGERS)
    assert (await session(central, station))["sequence_last"] == len(TRIGGERS)


async def test_e01_fr_16_the_evse_that_is_told_later_is_the_transactions(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        await tell(
            station,
            event("Started", 0, 10, "Authorized", idToken=TOKEN),
            event("Updated", 1, 9, "CablePluggedIn", evse={"id": 2, "connectorId": 1}),
        )

    row = await session(central, station)
    assert (row["evse"], row["connector"]) == (2, 1)


async def test_e01_fr_17_the_register_of_the_begin_may_come_with_an_update(
    central: Central,
) -> None:
    values = [register(8, 900, "Sample.Clock"), register(8, 1_000, BEGIN)]
    async with central.station(PROTOCOL) as station:
        await tell(
            station,
            event("Started", 0, 10, "Authorized", idToken=TOKEN),
            event("Updated", 1, 8, "ChargingStateChanged", evse=PLACE, meterValue=values),
            ended(2),
        )

    row = await session(central, station)
    assert row["energy_wh"] == 1_000
    assert "meter_start_missing" not in {finding["code"] for finding in row["findings"]}


async def test_e01_fr_18_each_charging_state_is_noted_at_its_time(central: Central) -> None:
    words = ["EVConnected", "Charging", "SuspendedEV", "SuspendedEVSE", "Idle"]
    updates = [
        event("Updated", number, 9 - number, "ChargingStateChanged", info={"chargingState": word})
        for number, word in enumerate(words, start=1)
    ]
    async with central.station(PROTOCOL) as station:
        await tell(station, started(), *updates)

    assert await states(central, station) == [
        "connected",
        "charging",
        "suspended_ev",
        "suspended_evse",
        "idle",
    ]
