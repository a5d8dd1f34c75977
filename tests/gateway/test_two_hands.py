"""The gateway's writer and a workflow's activities write to the same sessions, at once."""

import asyncio
import random
from datetime import UTC, datetime
from uuid import UUID

import psycopg
from psycopg.sql import SQL

from gateway.v201.dialect import OCPP201
from gateway.writing.entry import Entry, Peer
from gateway.writing.loading import load
from holdfast.contracts.facts import MeterSampled
from tests.gateway.conftest import Database, Network

STATIONS = 20
SESSIONS = 60
LOADS = 250
NOW = datetime.now(UTC)


class Open:
    """A socket that waits for its answer."""

    is_open = True


async def many_sessions(url: str, network: Network) -> list[tuple[UUID, str, UUID]]:
    """Station, transaction and session, sixty times."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        stations = await connection.execute(
            "INSERT INTO stations (organization_id, identity) "
            "SELECT %s, 'many-' || n FROM generate_series(1, %s) n RETURNING id",
            (network.organization_id, STATIONS),
        )
        ids = [row[0] for row in await stations.fetchall()]
        sessions = await connection.execute(
            "INSERT INTO sessions (organization_id, station_id, evse, transaction_id, started_at) "
            "SELECT %s, s.id, 1, 'T-' || n, now() "
            "FROM unnest(%s::uuid[]) s(id), generate_series(1, %s) n "
            "RETURNING station_id, transaction_id, id",
            (network.organization_id, ids, SESSIONS // STATIONS),
        )
        return [(row[0], row[1], row[2]) for row in await sessions.fetchall()]


async def write_as_activities_do(url: str, sessions: list[tuple[UUID, str, UUID]]) -> None:
    """Lock, plan, commit: again and again, until cancelled."""
    turn = 0
    async with await psycopg.AsyncConnection.connect(url) as connection:
        while True:
            session_id = sessions[turn % len(sessions)][2]
            turn += 1
            await connection.execute(
                "SELECT 1 FROM sessions WHERE id = %s FOR UPDATE", (session_id,)
            )
            await connection.execute(
                SQL(
                    "UPDATE sessions SET tripwire_version = tripwire_version + 1, "
                    "wake_at = now() + interval '1 hour' WHERE id = %s"
                ),
                (session_id,),
            )
            await connection.commit()


def message_about(network: Network, station_id: UUID, transaction_id: str) -> Entry:
    peer = Peer(
        station_id=station_id,
        organization_id=network.organization_id,
        identity="many",
        registration="accepted",
        dialect=OCPP201,
    )
    return Entry(
        peer=peer,
        owner=Open(),
        message_id="1",
        action="MeterValues",
        frame=b"[]",
        received_at=NOW,
        handler=OCPP201.handlers["MeterValues"],
        fact=MeterSampled(at=NOW, evse=1, transaction_id=transaction_id),
    )


async def test_a_session_that_an_activity_writes_to_is_never_overlooked(
    database: Database, network: Network
) -> None:
    sessions = await many_sessions(database.url, network)
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    activities = asyncio.create_task(write_as_activities_do(database.url, sessions))
    overlooked = 0
    async with await psycopg.AsyncConnection.connect(database.url) as connection:
        for _ in range(LOADS):
            meant = chance.sample(sessions, 5)
            loaded = await load(
                connection, [message_about(network, station, tx) for station, tx, _ in meant]
            )
            await connection.commit()
            overlooked += sum((s, tx) not in loaded.by_transaction for s, tx, _ in meant)
    activities.cancel()
    await asyncio.wait([activities])

    assert overlooked == 0
