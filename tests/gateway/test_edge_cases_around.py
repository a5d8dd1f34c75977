"""Edge cases that a naive implementation gets wrong, E10 to E21: evidence, the wire, orders, money.

At the level where it can go wrong: over a socket against the real gateway where it is about the
wire, on rows or pure rules where it is not. Where the capability comes later, the test holds the
part that holds today, and says so.
"""

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.calls import CallTimedOut
from gateway.dialect import NotInThisVersion, OrderContext
from gateway.envelope import CallResult
from gateway.limits import Limit, Limits
from gateway.order_answers import verdict
from gateway.v16.dialect import OCPP16
from gateway.v16.orders import translate_order as order_16
from gateway.v201.dialect import OCPP201
from holdfast.contracts.sessions import SettleOrder
from holdfast.domain.currency import Currency
from holdfast.domain.money import Money
from holdfast.services import settlement
from holdfast.store.tables import Session
from tests.gateway.field import Field, stamp
from tests.signed_meter import SigningMeter

METER = SigningMeter()


async def test_edge_e10_a_signed_value_sent_twice_is_one_piece_of_evidence(field: Field) -> None:
    record = METER.record(("B", 1.0), ("E", 3.0))
    signed = {"value": record, "format": "SignedData", "context": "Transaction.End"}
    async with field.station() as station:
        transfer = {
            "vendorId": "generalConfiguration",
            "messageId": "setMeterConfiguration",
            "data": json.dumps({"meters": [{"connectorId": 1, "publicKey": METER.public_key}]}),
        }
        await station.call("DataTransfer", transfer)
        number = (await station.start())["transactionId"]
        moment = {"timestamp": stamp(30), "sampledValue": [signed, signed]}
        await station.call(
            "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [moment]}
        )
        await station.stop(number, 30, 3000, transactionData=moment)

        (kept,) = await station.rows("signed_readings")
        assert bytes(kept["data"]).decode() == record
        (key,) = await station.rows("meter_keys")
        assert (key["evse"], key["source"]) == (1, "data_transfer")
        assert (key["public_key"], key["confirmed_at"]) == (METER.public_key, None)


async def test_edge_e11_connector_0_is_the_station_and_no_evse(field: Field) -> None:
    async with field.station() as station:
        await station.status(0, "Unavailable", 1)
        await station.status(1, "Available", 1)

        rows = await station.rows("connectors")
        assert [(row["evse"], row["status"]) for row in rows if row["evse"]] == [(1, "available")]
        (shown,) = await field.database.rows(
            "SELECT status FROM stations WHERE identity = %s", station.identity
        )
        assert shown["status"] == "unavailable"


async def test_edge_e12_odd_frames_and_old_sockets_take_nobody_offline(field: Field) -> None:
    async with field.station() as old, field.station(identity=old.identity) as new:
        await old.close()
        for text in ("", "null", "[2]", '[2,"x","Heartbeat",null]'):
            await new.raw(text)
        await new.alive()
        (row,) = await new.rows("station_connections")
        assert row["disconnected_at"] is None


async def test_edge_e13_inbound_work_does_not_wait_for_an_outbound_answer(field: Field) -> None:
    async with field.station() as station:
        await station.alive()
        calls = field.connection(station.identity).calls
        async with calls.turn(0):
            asked = asyncio.create_task(calls.call("ClearCache", {}, 5.0))
            kind, message_id, action, _ = await station.receive()
            assert (kind, action) == (2, "ClearCache")
            number = (await station.start())["transactionId"]
            await station.stop(number, 5, 2000)
            assert not asked.done()
            await station.raw(json.dumps([3, message_id, {"status": "Accepted"}]))
            answer = await asked
    assert isinstance(answer, CallResult)
    assert answer.payload == {"status": "Accepted"}


async def test_edge_e14_a_late_answer_is_not_taken_for_the_next(field: Field) -> None:
    async with field.station() as station:
        await station.alive()
        calls = field.connection(station.identity).calls
        async with calls.turn(0):
            with pytest.raises(CallTimedOut):
                await calls.call("ClearCache", {}, 0.05)
            late = (await station.receive())[1]
        async with calls.turn(0):
            asked = asyncio.create_task(calls.call("GetLocalListVersion", {}, 5.0))
            now = (await station.receive())[1]
            await station.raw(json.dumps([3, late, {"status": "Rejected"}]))
            await station.raw(json.dumps([3, now, {"listVersion": 4}]))
            answer = await asked
    assert answer.payload == {"listVersion": 4}


def test_edge_e15_an_order_is_put_into_the_words_of_the_stations_version() -> None:
    order = {"transaction_id": "7"}
    (old,) = OCPP16.translate_order("stop", order, OrderContext())
    (new,) = OCPP201.translate_order("stop", order, OrderContext())
    assert (old.action, old.payload) == ("RemoteStopTransaction", {"transactionId": 7})
    assert (new.action, new.payload) == ("RequestStopTransaction", {"transactionId": "7"})
    with pytest.raises(NotInThisVersion):
        OCPP16.translate_order("transaction_status", order, OrderContext())


@pytest.mark.parametrize("dialect", [OCPP16, OCPP201])
def test_edge_e16_limits_from_outside_are_never_set_by_us(dialect: Any) -> None:
    """K01.FR.22. Which limits are sent when comes with load management."""
    profile = {
        "id": 1,
        "stack_level": 0,
        "purpose": "external_constraints",
        "kind": "absolute",
        "schedules": [{"id": 1, "unit": "A", "periods": [{"start_s": 0, "limit": "16"}]}],
    }
    with pytest.raises((NotInThisVersion, ValueError)):
        dialect.translate_order("charging_profile", {"evse": 1, "profile": profile}, OrderContext())


@pytest.mark.parametrize(("status", "state"), [("Accepted", "accepted"), ("Rejected", "rejected")])
def test_edge_e17_an_order_is_applied_when_the_station_says_so(status: str, state: str) -> None:
    """The part that holds today: queued or sent is not applied. The allocation itself, and what it
    does at zero headroom, comes with load management."""
    (call,) = order_16("clear_cache", {}, OrderContext())
    answer = CallResult("1", {"status": status})
    assert verdict([call], [answer], frozenset({"Accepted"})).state == state


def test_edge_e18_what_is_large_is_sent_in_parts_of_the_stations_own_limit() -> None:
    entries = [{"uid": f"C{number}", "status": "accepted"} for number in range(7)]
    order = {"version": 10, "update": "full", "entries": entries}
    limits = Limits(local_list=Limit(items=3))
    calls = order_16("local_list", order, OrderContext(limits=limits))
    sizes = [len(call.payload["localAuthorizationList"]) for call in calls]
    assert (sizes, calls[-1].payload["listVersion"]) == ([3, 3, 1], 10)
    assert [call.payload["updateType"] for call in calls] == ["Full", *["Differential"] * 2]


@pytest.mark.parametrize(
    ("code", "amount", "minor"),
    [("JPY", "1234.5", 1235), ("EUR", "1.005", 101), ("KWD", "1.0005", 1001)],
)
def test_edge_e19_money_is_rounded_once_to_what_its_currency_has(
    code: str, amount: str, minor: int
) -> None:
    """Zero, two and three decimals. Receipts and CDRs come later, from the same price."""
    assert Money.rounded_major(Decimal(amount), Currency.of(code)).amount_minor == minor


async def test_edge_e20_two_settlements_at_once_are_one(field: Field) -> None:
    """The session's own claim; what a payment provider answers unclearly is tested there."""
    async with field.station() as station:
        number = (await station.start())["transactionId"]
        await station.stop(number, 9, 3000)
        session_id = (await station.session())["id"]

    async def settle() -> Any:
        async with field.sessions.begin() as db:
            row = await db.get(Session, session_id, with_for_update=True)
            return await settlement.settle(
                db, row, SettleOrder(session_id=session_id), datetime.now(UTC)
            )

    first, second = await asyncio.gather(settle(), settle())

    assert first == second
    rows = await field.database.rows(
        "SELECT energy_wh FROM settlements WHERE session_id = %s", session_id
    )
    assert [row["energy_wh"] for row in rows] == [2000]


async def test_edge_e21_what_a_station_accepted_on_its_own_is_recorded_and_flagged(
    field: Field,
) -> None:
    """A cached card that was revoked since. Who pays a roaming session comes with roaming."""
    async with field.station() as station:
        answer = await station.start(idTag="BLOCKED1")
        await station.stop(answer["transactionId"], 9, 3000)

        assert answer["idTagInfo"]["status"] == "Blocked"
        row = await station.session()
        assert (row["energy_wh"], row["authorization"]) == (2000, "blocked")
        assert "token_not_accepted" in [found["code"] for found in row["findings"]]
