"""What the tables forget, what they never do, and the partitions of days to come."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.partitions import create_statement, partition_name
from holdfast.store.tables import (
    ApiKey,
    FactKey,
    Frame,
    Gateway,
    IdempotentWrite,
    MeterValue,
    OutboxRow,
    ProviderEvent,
    StationConnection,
)
from tests.activities.rows import Network, session
from workers import upkeep

# Far from the day of the test, for which the migration has made partitions.
NOW = datetime(2126, 11, 22, 3, tzinfo=UTC)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


async def put(db_sessions: Sessions, table: Any, *rows: dict[str, Any]) -> None:
    async with db_sessions.begin() as db:
        await db.execute(insert(table), list(rows))


async def partitions(engine: AsyncEngine, table: str) -> set[str]:
    async with engine.connect() as connection:
        found = await connection.scalars(
            text("SELECT relname FROM pg_class WHERE relname ~ :name"),
            {"name": f"^{table}_[0-9]{{8}}$"},
        )
        return set(found)


async def make_partition(engine: AsyncEngine, table: str, at: datetime) -> str:
    async with engine.begin() as connection:
        await connection.execute(text(create_statement(table, at.date())))
    return partition_name(table, at.date())


def frame(made: Network, at: datetime) -> dict[str, Any]:
    return {
        "received_at": at,
        "organization_id": made.organization_id,
        "station_id": made.station_id,
        "frame": b"[]",
    }


async def test_each_large_table_keeps_its_own_number_of_days(
    engine: AsyncEngine, settings: Settings
) -> None:
    settings = settings.model_copy(
        update={
            "retention_frames_days": 2,
            "retention_meter_values_days": 40,
            "retention_station_events_days": 3,
        }
    )
    made = {
        (table, days): await make_partition(engine, table, days_ago(days))
        for table in ("frames", "meter_values", "station_events")
        for days in (2, 3, 40, 41)
    }

    await upkeep.keep_up(engine, settings, NOW)

    frames, meter_values = (
        await partitions(engine, "frames"),
        await partitions(engine, "meter_values"),
    )
    assert [days for days in (2, 3, 40, 41) if made["frames", days] in frames] == [2]
    assert [days for days in (2, 3, 40, 41) if made["meter_values", days] in meter_values] == [
        2,
        3,
        40,
    ]
    events = await partitions(engine, "station_events")
    assert [days for days in (2, 3, 40, 41) if made["station_events", days] in events] == [2, 3]
    assert partition_name("frames", (NOW + timedelta(days=6)).date()) in frames


async def test_a_partition_that_is_being_read_is_left_for_the_next_round(
    engine: AsyncEngine, settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    old = await make_partition(engine, "frames", days_ago(200))
    await put(db_sessions, Frame, frame(made, days_ago(200)))
    async with engine.connect() as reader:
        await reader.execute(text(f"SELECT FROM {old}"))
        await upkeep.keep_up(engine, settings, NOW)
        assert old in await partitions(engine, "frames")

    await upkeep.keep_up(engine, settings, NOW)

    assert old not in await partitions(engine, "frames")


async def test_rows_outside_the_daily_partitions_are_forgotten_too_and_stop_nothing(
    engine: AsyncEngine, settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    """Nobody made partitions for months: today's rows lie in the default one already."""
    await put(db_sessions, Frame, frame(made, days_ago(91.2)), frame(made, days_ago(89)))
    await put(db_sessions, Frame, frame(made, NOW))

    await upkeep.keep_up(engine, settings, NOW)

    async with db_sessions() as db:
        kept = (await db.scalars(select(Frame.received_at).order_by(Frame.received_at))).all()
    assert kept == [days_ago(89), NOW]
    made_now = await partitions(engine, "frames")
    assert partition_name("frames", NOW.date()) not in made_now
    assert partition_name("frames", (NOW + timedelta(days=1)).date()) in made_now


async def test_keys_live_until_ninety_days_after_the_settlement(
    engine: AsyncEngine, settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    open_long = await session(db_sessions, made)
    closed_lately = await session(db_sessions, made, closed_at=days_ago(89))
    closed_long = await session(db_sessions, made, closed_at=days_ago(91))
    keys = {
        name: {
            "station_id": made.station_id,
            "key": uuid4(),
            "session_id": session_id,
            "created_at": days_ago(days),
        }
        for name, session_id, days in (
            ("of an open session", open_long, 400),
            ("of one settled lately", closed_lately, 400),
            ("of one settled long ago", closed_long, 92),
            ("of none, old", None, 91),
            ("of none, young", None, 89),
        )
    }
    await put(db_sessions, FactKey, *keys.values())

    await upkeep.keep_up(engine, settings, NOW)

    async with db_sessions() as db:
        kept = set(await db.scalars(select(FactKey.key)))
    assert {name for name, row in keys.items() if row["key"] in kept} == {
        "of an open session",
        "of one settled lately",
        "of none, young",
    }


async def test_sent_rows_go_after_a_week_and_unsent_and_parked_ones_never(
    engine: AsyncEngine, settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    def row(name: str, **fields: datetime) -> dict[str, Any]:
        return {
            "organization_id": made.organization_id, "lane": 0, "workflow_id": name,
            "operation": "signal", "name": "x", "payload": {}, "created_at": days_ago(400),
            "sent_at": None, "parked_at": None, **fields,
        }  # fmt: skip

    await put(
        db_sessions,
        OutboxRow,
        row("sent long ago", sent_at=days_ago(8)),
        row("sent lately", sent_at=days_ago(6)),
        row("unsent"),
        row("parked", parked_at=days_ago(399)),
    )

    await upkeep.keep_up(engine, settings, NOW)

    async with db_sessions() as db:
        kept = set(await db.scalars(select(OutboxRow.workflow_id)))
    assert kept == {"sent lately", "unsent", "parked"}


async def test_answers_to_writes_go_after_a_day_and_events_of_the_provider_after_ninety(
    engine: AsyncEngine, settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    key = uuid4()
    await put(
        db_sessions,
        ApiKey,
        {"id": key, "organization_id": made.organization_id, "name": "k", "role": "operator",
         "key_hash": b"h", "hint": "abcd"},
    )  # fmt: skip

    def write(name: str, at: datetime) -> dict[str, Any]:
        return {
            "id": UUID(int=(int(at.timestamp() * 1000) << 80) | 0x7 << 76), "key": name,
            "organization_id": made.organization_id, "api_key_id": key, "route": "POST /x",
            "request_digest": b"", "status": 200, "body": b"", "created_at": at,
        }  # fmt: skip

    await put(
        db_sessions, IdempotentWrite, write("old", days_ago(1.1)), write("young", days_ago(0.9))
    )
    await put(
        db_sessions,
        ProviderEvent,
        *(
            {"id": f"evt_{days}", "type": "t", "body": b"", "received_at": days_ago(days)}
            for days in (89, 91)
        ),
    )

    await upkeep.keep_up(engine, settings, NOW)

    async with db_sessions() as db:
        assert list(await db.scalars(select(IdempotentWrite.key))) == ["young"]
        assert list(await db.scalars(select(ProviderEvent.id))) == ["evt_89"]


async def test_a_gateway_is_remembered_while_a_station_names_it(
    engine: AsyncEngine, settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    named, unnamed = uuid4(), uuid4()
    await put(
        db_sessions,
        Gateway,
        *(
            {"boot_id": boot, "gateway_id": "gw1", "task_queue": "q", "seen_at": days_ago(31)}
            for boot in (named, unnamed)
        ),
    )
    await put(
        db_sessions,
        StationConnection,
        {"station_id": made.station_id, "organization_id": made.organization_id,
         "generation": 1, "boot_id": named},
    )  # fmt: skip

    await upkeep.keep_up(engine, settings, NOW)

    async with db_sessions() as db:
        assert list(await db.scalars(select(Gateway.boot_id))) == [named]


async def test_deleting_stops_after_a_bounded_round_and_says_that_there_is_more(
    engine: AsyncEngine,
    settings: Settings,
    db_sessions: Sessions,
    made: Network,
) -> None:
    await put(
        db_sessions,
        FactKey,
        *(
            {"station_id": made.station_id, "key": uuid4(), "created_at": days_ago(100)}
            for _ in range(5)
        ),
    )

    more = [await upkeep.keep_up(engine, settings, NOW, batch=2, rounds_max=2) for _ in range(2)]

    assert more == [True, False]
    async with db_sessions() as db:
        assert list(await db.scalars(select(FactKey.key))) == []


async def test_meter_values_keep_their_sessions_energy_when_they_go(
    engine: AsyncEngine, settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    session_id = await session(db_sessions, made)
    await make_partition(engine, "meter_values", days_ago(731))
    await put(
        db_sessions,
        MeterValue,
        {"received_at": days_ago(731), "organization_id": made.organization_id,
         "station_id": made.station_id, "session_id": session_id, "evse": 1,
         "sampled_at": days_ago(731), "samples": []},
    )  # fmt: skip

    await upkeep.keep_up(engine, settings, NOW)

    async with db_sessions() as db:
        assert list(await db.scalars(select(MeterValue.id).where(
            MeterValue.session_id == session_id, MeterValue.received_at < days_ago(700)
        ))) == []  # fmt: skip
        energy = await db.scalar(
            text("SELECT energy_wh FROM sessions WHERE id = :id"), {"id": session_id}
        )
    assert energy == 20_000


def test_meter_values_cannot_be_dropped_while_late_truth_may_still_come(settings: Settings) -> None:
    with pytest.raises(ValidationError, match="retention_meter_values_days"):
        Settings.model_validate({**settings.model_dump(), "retention_meter_values_days": 29})
