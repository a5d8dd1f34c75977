"""The schema as migrated: it equals the tables, and it keeps its promises by itself."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, delete, insert, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast.store.database import Sessions
from holdfast.store.partitions import (
    drop_partition,
    ensure_partitions,
    old_partitions,
    partition_name,
)
from holdfast.store.tables import AuditEntry, Settlement, Station, Table
from holdfast.store.tables import Session as SessionRow


async def test_the_migrations_make_exactly_the_tables(engine: AsyncEngine) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                # Partitions are made day by day, not by migrations.
                "include_object": lambda _object, name, kind, _reflected, _other: (
                    not (
                        kind in ("table", "index")
                        and any(
                            part in str(name)
                            for part in (
                                "frames_",
                                "meter_values_",
                                "station_events_2",
                                "station_events_default",
                            )
                        )
                    )
                ),
            },
        )
        return list(compare_metadata(context, Table.metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_audit_log_refuses_to_be_changed(
    db_sessions: Sessions, organization: UUID
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(
            insert(AuditEntry).values(
                organization_id=organization, actor="key:1", action="site.create", subject="site:1"
            )
        )

    for statement in (update(AuditEntry).values(actor="nobody"), delete(AuditEntry)):
        async with db_sessions() as db:
            with pytest.raises(DBAPIError, match="append-only"):
                await db.execute(statement)


async def test_a_session_has_at_most_one_settlement(
    db_sessions: Sessions, organization: UUID
) -> None:
    async with db_sessions.begin() as db:
        station = (
            await db.execute(
                insert(Station)
                .values(organization_id=organization, identity="S-1")
                .returning(Station.id)
            )
        ).scalar_one()
        session = (
            await db.execute(
                insert(SessionRow)
                .values(organization_id=organization, station_id=station, evse=1)
                .returning(SessionRow.id)
            )
        ).scalar_one()
        settlement = {
            "session_id": session,
            "organization_id": organization,
            "currency": "EUR",
            "energy_wh": 1000,
            "amount_minor": 50,
            "excl_vat": "0.42",
            "incl_vat": "0.50",
            "breakdown": {},
            "deadline_at": datetime.now(UTC),
        }
        await db.execute(insert(Settlement).values(**settlement))

    async with db_sessions() as db:
        with pytest.raises(IntegrityError, match="pk_settlements"):
            await db.execute(insert(Settlement).values(**settlement))


async def test_old_partitions_are_dropped_and_new_ones_made(engine: AsyncEngine) -> None:
    today = datetime.now(UTC).date()
    old = today - timedelta(days=40)
    async with engine.begin() as connection:
        await ensure_partitions(connection, old)
        await ensure_partitions(connection, today + timedelta(days=1))

    async with engine.begin() as connection:
        dropped = await old_partitions(connection, "frames", old + timedelta(days=7))
        for name in dropped:
            await drop_partition(connection, name)
        left = set(
            await connection.scalars(
                text("SELECT relname FROM pg_class WHERE relname ~ '^frames_[0-9]{8}$'")
            )
        )

    assert dropped == [partition_name("frames", old + timedelta(days=n)) for n in range(7)]
    assert partition_name("frames", today + timedelta(days=7)) in left


async def test_only_partitioned_tables_have_partitions(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        with pytest.raises(ValueError, match="sessions is not partitioned"):
            await old_partitions(connection, "sessions", date(2026, 1, 1))
