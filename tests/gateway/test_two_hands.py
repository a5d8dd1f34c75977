"""The gateway's writer and a workflow's activity write to one session at the same moment."""

import asyncio

import psycopg

from gateway.app import GatewayApp
from tests.gateway.conftest import Database, connect_station
from tests.gateway.test_ocpp201_session import PROTOCOL, TOKEN, energy, event


async def test_a_session_that_an_activity_is_writing_to_stays_the_only_one(
    gateway: GatewayApp, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1", PROTOCOL) as station:
        await station.call(
            "TransactionEvent", event("Started", 0, 0, evse={"id": 1}, idToken=TOKEN)
        )
        async with await psycopg.AsyncConnection.connect(database.url) as activity:
            await activity.execute("UPDATE sessions SET tripwire_version = tripwire_version + 1")
            sent = await station.post(
                "TransactionEvent", event("Updated", 1, 5, meterValue=energy(5, 1.0))
            )
            await asyncio.sleep(0.3)  # the writer now waits for the row
            await activity.commit()
        assert (await station.receive())[:2] == [3, sent]
        await station.call("TransactionEvent", event("Ended", 2, 9, meterValue=energy(9, 3.0)))

    session = await database.row("SELECT * FROM sessions")
    assert session["tripwire_version"] == 1
    assert session["ended_at"] is not None
    assert session["meter_last_mwh"] == 3_000_000
