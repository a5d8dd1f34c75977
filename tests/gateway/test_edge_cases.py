"""Edge cases that a naive implementation gets wrong, E1 to E9: identity, order and metering; see
`test_edge_cases_around` for E10 to E21. Against the real gateway, over a socket.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select

from holdfast.store.tables import Session, Settlement, Station
from tests.gateway.conftest import CARD
from tests.gateway.field import BEGAN, BOOT_201, Field, frame, sampled, stamp

V201 = "ocpp2.0.1"


async def test_edge_e01_a_message_sent_again_under_a_new_id_changes_nothing(field: Field) -> None:
    async with field.station() as station:
        first, again = await station.start(), await station.start()
        assert first == again
        number = first["transactionId"]
        for _ in range(3):
            await station.meter(number, 5, 1500)
            await station.stop(number, 9, 3000)

        assert await station.energies() == [2000]
        assert len(await station.rows("meter_values")) == 1


@pytest.mark.parametrize("stuck", ["1970-01-01T00:00:07Z", "2024-01-01T00:00:00Z"])
async def test_edge_e01_a_stopped_clock_swallows_no_transaction(field: Field, stuck: str) -> None:
    """The same card, the same time, the same register at the start: and yet another car."""
    async with field.station() as station:
        first = (await station.start(meter=0, timestamp=stuck))["transactionId"]
        assert (await station.start(meter=0, timestamp=stuck))["transactionId"] == first
        await station.stop(first, 0, 4000, timestamp=stuck)
        # As if the car had charged for an hour; the station's clock stood still.
        await field.database.rows(
            "UPDATE sessions SET created_at = created_at - interval '1 hour' "
            "WHERE transaction_id = %s",
            str(first),
        )
        second = (await station.start(meter=0, timestamp=stuck))["transactionId"]
        assert (await station.start(meter=0, timestamp=stuck))["transactionId"] == second
        await station.stop(second, 0, 7000, timestamp=stuck)

        assert second != first
        assert await station.energies() == [4000, 7000]


async def test_edge_e01_a_queue_that_is_replayed_after_the_end_makes_no_session(
    field: Field,
) -> None:
    async with field.station() as station:
        number = (await station.start())["transactionId"]
        await station.stop(number, 60, 3000)
        assert (await station.start())["transactionId"] == number
        await station.stop(number, 60, 3000)

        assert await station.energies() == [2000]


async def test_edge_e02_ids_are_of_one_station_and_ours_are_never_used_twice(field: Field) -> None:
    async with field.station(V201) as one, field.station(V201) as other:
        for station, wh in ((one, 500), (other, 900)):
            await station.event("Started", 0, "SAME", wh=0, evse={"id": 1})
            await station.event("Ended", 1, "SAME", wh=wh)
        assert (await one.energies(), await other.energies()) == ([500], [900])
    async with field.station() as station:
        numbers = [(await station.start(minutes))["transactionId"] for minutes in (0, 1, 2)]
    assert sorted(set(numbers)) == numbers
    assert all(0 < number < 2**31 for number in numbers)


async def _ordered(field: Field, identity: str, evse: int) -> UUID:
    """A remote start for one EVSE, whose transaction is still to come."""
    async with field.sessions.begin() as db:
        station = await db.scalar(select(Station.id).where(Station.identity == identity))
        found: UUID = await db.scalar(
            insert(Session)
            .values(
                organization_id=field.organization,
                station_id=station,
                evse=evse,
                token_uid=CARD,
                authorization="accepted",
                created_at=BEGAN,
            )
            .returning(Session.id)
        )
    return found


async def test_edge_e03_a_remote_start_is_of_its_connector_and_its_card(field: Field) -> None:
    async with field.station() as station:
        ordered = await _ordered(field, station.identity, evse=2)
        await station.start(1, connectorId=1, idTag="OTHER")
        await station.start(1, connectorId=1)
        await station.start(2, connectorId=2)
        await station.start(3, connectorId=2)

        rows = await station.sessions()
        assert len(rows) == 4
        (linked,) = [row for row in rows if row["id"] == ordered]
        assert (linked["evse"], linked["started_at"]) == (2, BEGAN + timedelta(minutes=2))


HOSTILE = ["-1", "0", "-7", str(2**63 - 1), "x" * 300, "Ünïcode 電車 🚗", "a'; DROP TABLE x", "\t7"]


@pytest.mark.parametrize("identifier", HOSTILE)
async def test_edge_e04_hostile_ids_keep_their_energy_in_2_0_1(
    field: Field, identifier: str
) -> None:
    async with field.station(V201) as station:
        await station.event("Started", 0, identifier, wh=0, evse={"id": 1})
        await station.event("Updated", 1, identifier, wh=200)
        await station.event("Ended", 2, identifier, wh=500)
        # Later the station uses it again.
        await station.event("Started", 0, identifier, wh=500, evse={"id": 1}, minutes=60)
        await station.event("Ended", 1, identifier, wh=1500, minutes=70)

        assert await station.energies() == [500, 1000]


async def test_edge_e04_two_ids_that_differ_at_their_end_are_two_transactions(field: Field) -> None:
    async with field.station(V201) as station:
        for end in ("1", "2"):
            await station.event("Started", 0, "y" * 299 + end, wh=0, evse={"id": 1})
        assert len(await station.sessions()) == 2


@pytest.mark.parametrize("identifier", ["", None, {}, True])
async def test_edge_e04_an_event_without_an_id_is_kept_for_a_person(
    field: Field, identifier: Any
) -> None:
    async with field.station(V201) as station:
        assert await station.event("Started", 0, identifier, evse={"id": 1}) == {}
        assert len(await station.rows("quarantine")) == 1
        assert await station.sessions() == []


async def test_edge_e05_an_unknown_tag_is_recorded_and_a_retry_is_no_second_one(
    field: Field,
) -> None:
    async with field.station() as station:
        first = await station.start(idTag="NOBODY")
        again = await station.start(idTag="NOBODY")
        await station.stop(again["transactionId"], 9, 5000)

        assert first == again
        assert first["idTagInfo"]["status"] == "Invalid"
        assert await station.energies() == [4000]


async def test_edge_e06_a_replay_is_judged_by_its_own_times(field: Field) -> None:
    async with field.station() as station:
        number = (await station.start())["transactionId"]
        await station.status(1, "Available", 120)
        for minutes in (10, 20, 30):
            await station.post(
                "MeterValues",
                {
                    "connectorId": 1,
                    "transactionId": number,
                    "meterValue": [sampled(minutes, 1000 + minutes)],
                },
            )
        stop = {"transactionId": number, "timestamp": stamp(40), "meterStop": 1040}
        await station.post("StopTransaction", stop)
        word = {"connectorId": 1, "errorCode": "NoError", "timestamp": stamp(41)}
        await station.post("StatusNotification", word | {"status": "Finishing"})
        assert [(await station.receive())[0] for _ in range(5)] == [3] * 5

        row = await station.session()
        assert (row["energy_wh"], row["ended_at"]) == (40, BEGAN + timedelta(minutes=40))
        (connector,) = await station.rows("connectors")
        assert connector["status"] == "available"


async def test_edge_e07_values_after_the_end_never_revive_it(field: Field) -> None:
    async with field.station() as station:
        number = (await station.start())["transactionId"]
        await station.stop(number, 10, 3000)
        for transaction in (number, None):
            await station.meter(transaction, 15, 9000)
        await station.status(1, "Charging", 20)

        row = await station.session()
        assert (row["energy_wh"], row["ended_at"]) == (2000, BEGAN + timedelta(minutes=10))


async def test_edge_e07_an_end_may_come_before_everything_else(field: Field) -> None:
    async with field.station(V201) as station:
        await station.event("Ended", 3, wh=4000, offline=True)
        row = await station.session()
        assert (row["sequence_gaps"], row["energy_wh"]) == (3, 0)
        await station.event("Updated", 2, wh=3000, offline=True)
        card = {"idToken": CARD, "type": "ISO14443"}
        await station.event("Started", 0, wh=1000, evse={"id": 2}, idToken=card, offline=True)
        await station.event("Updated", 1, wh=2000, offline=True)

        row = await station.session()
        assert (row["energy_wh"], row["sequence_gaps"], row["evse"]) == (3000, 0, 2)
        assert (row["started_at"], row["ended_at"]) == (BEGAN, BEGAN + timedelta(minutes=3))
        assert (row["token_uid"], row["reported_offline"]) == (CARD, True)
        assert row["findings"] == []
        told = await field.database.rows(
            "SELECT name FROM outbox WHERE workflow_id = %s ORDER BY id", f"session-{row['id']}"
        )
        assert [line["name"] for line in told] == ["ChargingSession", "gaps_closed"]


async def test_edge_e07_what_comes_after_the_settlement_is_told(field: Field) -> None:
    async with field.station(V201) as station:
        await station.event("Ended", 1, wh=4000)
        session = (await station.session())["id"]
        async with field.sessions.begin() as db:
            await db.execute(
                insert(Settlement).values(
                    session_id=session,
                    organization_id=field.organization,
                    currency="EUR",
                    energy_wh=0,
                    amount_minor=0,
                    excl_vat="0",
                    incl_vat="0",
                    breakdown={},
                    deadline_at=datetime.now(UTC),
                )
            )
        await station.event("Started", 0, wh=1000, evse={"id": 1})

        assert await station.energies() == [3000]
        told = await field.database.rows(
            "SELECT name FROM outbox WHERE workflow_id = %s ORDER BY id", f"session-{session}"
        )
        assert "meter_corrected" in [line["name"] for line in told]


async def test_edge_e07_several_evses_charge_at_once(field: Field) -> None:
    async with field.station(V201) as station:
        for evse in (1, 2, 3):
            await station.event("Started", 0, f"T{evse}", wh=0, evse={"id": evse})
        for evse in (3, 1, 2):
            await station.event("Updated", 1, f"T{evse}", wh=100 * evse)
            await station.event("Ended", 2, f"T{evse}", wh=1000 * evse)

        rows = await station.sessions()
        assert [(row["evse"], row["energy_wh"]) for row in rows] == [
            (1, 1000),
            (2, 2000),
            (3, 3000),
        ]


async def test_edge_e08_before_it_is_accepted_a_2_0_1_station_gets_security_error(
    field: Field,
) -> None:
    identity = await field.make("pending")
    async with field.station(V201, identity=identity) as station:
        for number, payload in enumerate(({}, {"eventType": "Started"}, [])):
            await station.raw(frame(f"{number}", "TransactionEvent", payload))
            answer = await station.receive()
            assert answer[0] == 4
            assert answer[2] in ("SecurityError", "FormationViolation", "FormatViolation")
        await station.raw(frame("h", "SecurityEventNotification", {}))
        assert (await station.receive())[2] == "SecurityError"
        boot = await station.call("BootNotification", BOOT_201)
        assert boot["status"] == "Pending"


@pytest.mark.parametrize("bad", ["", "n/a", "1e999", None, {"v": 1}, [], "-5", "9" * 60])
async def test_edge_e09_one_bad_value_never_costs_the_message(field: Field, bad: Any) -> None:
    async with field.station() as station:
        number = (await station.start())["transactionId"]
        values = [{"value": bad, "measurand": "Voltage"}, {"value": "1500.0"}]
        moment = {"timestamp": stamp(5), "sampledValue": values}
        broken = {"timestamp": stamp(6), "sampledValue": [{"value": bad}]}
        await station.meter(number, 5, meterValue=[broken, moment])
        assert await station.energies() == [500]
        await station.stop(number, 9, bad)

        row = await station.session()
        assert (row["energy_wh"], row["ended_at"] is None) == (500, False)


async def test_edge_e09_a_register_that_resets_in_the_middle_loses_nothing(field: Field) -> None:
    async with field.station() as station:
        number = (await station.start(meter=5000))["transactionId"]
        for minutes, register in ((1, 6000), (2, 7000), (3, 100), (4, 600)):
            await station.meter(number, minutes, register)
        await station.stop(number, 5, 1100)

        row = await station.session()
        assert row["energy_wh"] == 2000 + 1100
        assert "register_reset" in [found["code"] for found in row["findings"]]


async def test_edge_e09_a_dip_that_recovers_is_noise_in_whatever_order_it_comes(
    field: Field,
) -> None:
    readings = [(1, 6000), (2, 40), (3, 7000), (4, 8000)]
    for order in (readings, readings[::-1], [*readings[2:], *readings[:2]]):
        async with field.station() as station:
            number = (await station.start(meter=5000))["transactionId"]
            for minutes, register in order:
                await station.meter(number, minutes, register)
            await station.stop(number, 5, 8500)

            assert await station.energies() == [3500]


async def test_edge_e09_a_jump_blocks_the_settlement(field: Field) -> None:
    async with field.station() as station:
        number = (await station.start())["transactionId"]
        await station.meter(number, 1, 90_000_000)
        await station.stop(number, 2, 90_000_100)

        row = await station.session()
        assert [(found["code"], found["severity"]) for found in row["findings"]] == [
            ("register_jump", "block")
        ]
