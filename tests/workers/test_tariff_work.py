"""Simulations and market prices end to end: real Temporal, real Postgres, the workers process."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import insert, update
from temporalio.client import Client

from cli.rebuild import rebuild
from holdfast.contracts.names import simulation_workflow_id, spot_feed_workflow_id
from holdfast.services import spot_prices
from holdfast.services.rebuild import startable_of, startables
from holdfast.services.simulation_scope import SimulationScope
from holdfast.services.simulations import Subject, begin_simulation, tally_of
from holdfast.services.spot_prices import NewFeed
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import OutboxRow, Session, SpotFeed, TariffSimulation, TariffVersion
from tests.activities.rows import Network
from tests.workers.conftest import serving
from tests.workers.test_workers import PATIENCE_S, until

pytestmark = pytest.mark.usefixtures("nothing_left_running")

BODY = {"elements": [{"price_components": [{"type": "ENERGY", "price": "0.60"}]}]}


async def simulation(db_sessions: Sessions, made: Network, count: int) -> UUID:
    """Of so many sessions of 10 kWh, placed as the API does."""
    now = datetime.now(UTC)
    began = now - timedelta(days=2)
    async with db_sessions.begin() as db:
        await db.execute(
            insert(Session),
            [
                {
                    "organization_id": made.organization_id,
                    "station_id": made.station_id,
                    "site_id": made.site_id,
                    "evse": 1,
                    "started_at": began,
                    "ended_at": began + timedelta(hours=1),
                    "meter_start_mwh": 0,
                    "meter_stop_mwh": 10_000_000,
                    "energy_wh": 10_000,
                    "tariff_version_id": made.tariff_version_id,
                    "closed_at": now,
                }
            ]
            * count,
        )
        version = await db.get_one(TariffVersion, made.tariff_version_id)
        row = await begin_simulation(
            db,
            made.organization_id,
            version.tariff_id,
            Subject(body=BODY),
            SimulationScope(from_at=began - timedelta(days=1), until_at=now),
            now=now,
            actor="key:1",
        )
        return row.id


async def row_of(db_sessions: Sessions, simulation_id: UUID) -> TariffSimulation:
    async with db_sessions() as db:
        return await db.get_one(TariffSimulation, simulation_id)


async def untold(
    db_sessions: Sessions, made: Network, folder: Path, now: datetime
) -> tuple[UUID, UUID]:
    """A simulation and a feed with its file, of which Temporal never hears by itself."""
    (folder / "DE-LU.csv").write_text(
        "starts_at,price_per_kwh\n"
        + "".join(f"{(now + timedelta(hours=n)).isoformat()},0.1\n" for n in range(-2, 3))
    )
    simulation_id = await simulation(db_sessions, made, 450)
    async with db_sessions.begin() as db:
        feed = await spot_prices.create_feed(
            db,
            made.organization_id,
            NewFeed(
                key="DE-LU", name="x", currency="EUR", source="file", time_zone="Europe/Berlin"
            ),
            actor="key:1",
        )
        # Temporal never heard of the two: only the rows say that they should run.
        await db.execute(update(OutboxRow).values(sent_at=now))
        known = [item.workflow_id async for item in startables(db)]
        assert simulation_workflow_id(simulation_id) in known
        assert spot_feed_workflow_id(feed.id) in known
    return simulation_id, feed.id


async def test_a_simulation_and_a_feed_run_by_themselves_and_survive_temporals_loss(
    worker_settings: Settings,
    db_sessions: Sessions,
    made: Network,
    temporal: Client,
    tmp_path: Path,
) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    simulation_id, feed_id = await untold(db_sessions, made, tmp_path, now)
    settings = worker_settings.model_copy(update={"spot_prices_dir": str(tmp_path)})
    async with serving(settings):
        counts = await rebuild(settings)
        assert counts["started"] == {"TariffSimulation": 1, "SpotPriceFeed": 1}

        async def over() -> bool:
            return (await row_of(db_sessions, simulation_id)).state == "done"

        async def read() -> bool:
            async with db_sessions() as db:
                return (await db.get_one(SpotFeed, feed_id)).read_at is not None

        await until(over, "the simulation is done")
        await until(read, "the file is read")
        async with db_sessions.begin() as db:
            curve = await spot_prices.curves(
                db, made.organization_id, ["DE-LU"], now, now + timedelta(hours=1)
            )
            assert curve["DE-LU"].at(now) is not None
            await spot_prices.retire_feed(
                db, made.organization_id, "DE-LU", now=datetime.now(UTC), actor="key:1"
            )
        for workflow_id in (
            spot_feed_workflow_id(feed_id),
            simulation_workflow_id(simulation_id),
        ):
            async with asyncio.timeout(PATIENCE_S):
                await temporal.get_workflow_handle(workflow_id).result()

    row = await row_of(db_sessions, simulation_id)
    tally = tally_of(row)
    assert (row.sessions_done, row.sessions_total) == (450, 450)
    assert (tally.total.before_gross, tally.total.after_gross) == (450 * 500, 450 * 600)
    async with db_sessions() as db:
        assert await startable_of(db, simulation_workflow_id(simulation_id)) is None
        assert await startable_of(db, spot_feed_workflow_id(feed_id)) is None
