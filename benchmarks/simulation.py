"""(f) Past sessions simulated per second on one core, from rows in a real Postgres to the figures
in the simulation's row, beside pricing alone. `python -m benchmarks.simulation`.

2,000 sessions of two hours with 30 meter samples each, priced as they were (by day and night) and
under a draft with tiers, an evening and an idle fee. The peer prices the same sessions, loaded
before, in the same process: what is above it is the reading, the cutting's input and the writing.
Processor time is ours alone: Postgres has the other core.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from pydantic import SecretStr
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.figure import Figure, show
from benchmarks.gateway_process import running_postgres
from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.simulation_tally import Tally
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.services import simulation_portions
from holdfast.services.simulated_prices import SimulatedCase, price_all
from holdfast.services.simulation_earlier import EarlierDays
from holdfast.services.simulation_scope import SimulationScope
from holdfast.services.simulations import Subject, begin_simulation, tally_of
from holdfast.store.database import Sessions, open_engine, open_sessions
from holdfast.store.tables import (
    MeterValue,
    Session,
    SessionState,
    Site,
    Station,
    Tariff,
    TariffSimulation,
    TariffVersion,
)

TARGET_PER_S = 300
SAMPLES = 30
LENGTH = timedelta(hours=2)
BEFORE = {
    "id": "before",
    "currency": "EUR",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": "0.31", "vat": "19"}],
            "restrictions": {"start_time": "22:00", "end_time": "06:00"},
        },
        {"price_components": [{"type": "ENERGY", "price": "0.45", "vat": "19"}]},
    ],
}
DRAFT = {
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": "0.59", "vat": "19"}],
            "restrictions": {"start_time": "17:00", "end_time": "21:00"},
        },
        {
            "price_components": [{"type": "ENERGY", "price": "0.35", "vat": "19"}],
            "restrictions": {"max_kwh": "10"},
        },
        {
            "price_components": [
                {"type": "ENERGY", "price": "0.42", "vat": "19"},
                {"type": "PARKING_TIME", "price": "3.00", "vat": "19", "step_size": 60},
            ]
        },
    ],
    "idle_grace_s": 600,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Sessions per second of processor time, and of the clock."""

    per_cpu_s: float
    per_clock_s: float


async def fill(db: AsyncSession, organization_id: UUID, count: int, now: datetime) -> UUID:
    """A site, a station, a tariff and so many ended sessions; returns the tariff's id."""
    owner = {"organization_id": organization_id}
    site = Site(**owner, name="Hof", time_zone="Europe/Berlin", currency="EUR")
    tariff = Tariff(**owner, name="Day and night", currency="EUR")
    db.add_all([site, tariff])
    await db.flush()
    station = Station(**owner, site_id=site.id, identity="CP-1", registration="accepted")
    valid_from = now - timedelta(days=100)
    version = TariffVersion(
        **owner, tariff_id=tariff.id, number=1, valid_from=valid_from, body=BEFORE
    )
    db.add_all([station, version])
    await db.flush()
    terms = {"zone": "Europe/Berlin", "calibration_law": False, "groups": []}
    for number in range(count):
        began = now - timedelta(days=1 + number % 60, minutes=7 * number % 1_440)
        energy_wh = 4_000 + number * 37 % 40_000
        session = Session(
            **owner,
            station_id=station.id,
            site_id=site.id,
            evse=1,
            started_at=began,
            ended_at=began + LENGTH,
            meter_start_mwh=0,
            meter_stop_mwh=energy_wh * 1_000,
            energy_wh=energy_wh,
            tariff_version_id=version.id,
            price_terms=terms,
        )
        db.add(session)
        await db.flush()
        await measure(db, session, began)
    return tariff.id


async def measure(db: AsyncSession, session: Session, began: datetime) -> None:
    """Its samples; the last sixth of its time it stood there."""
    owner = {"organization_id": session.organization_id, "session_id": session.id}
    samples = [
        {
            **owner,
            "station_id": session.station_id,
            "evse": 1,
            "received_at": began,
            "sampled_at": began + LENGTH * step / (SAMPLES + 6),
            "energy_mwh": session.energy_wh * 1_000 * step // (SAMPLES - 1),
            "power_w": session.energy_wh // 2,
            "samples": [],
        }
        for step in range(SAMPLES)
    ]
    await db.execute(insert(MeterValue), samples)
    idle = {**owner, "at": began + LENGTH * 5 / 6, "state": "suspended_ev"}
    await db.execute(insert(SessionState), [idle])


async def simulated(db_sessions: Sessions, organization_id: UUID, tariff_id: UUID) -> Tally:
    """A whole simulation, as its activities do it."""
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        row = await begin_simulation(
            db,
            organization_id,
            tariff_id,
            Subject(body=DRAFT),
            SimulationScope(from_at=now - timedelta(days=90), until_at=now),
            now=now,
            actor="system:benchmark",
        )
        await simulation_portions.begin(db, row.id)
    state = "running"
    while state == "running":
        async with db_sessions.begin() as db:
            state = (await simulation_portions.advance(db, row.id)).state
    async with db_sessions() as db:
        return tally_of(await db.get_one(TariffSimulation, row.id))


async def loaded(db_sessions: Sessions, tariff_id: UUID) -> list[SimulatedCase]:
    """The same sessions in memory."""
    cases: list[SimulatedCase] = []
    tariff = compile_tariff(tariff_from_json({**DRAFT, "id": "draft", "currency": "EUR"}))
    async with db_sessions() as db:
        rows = (await db.scalars(select(Session).order_by(Session.id))).all()
        for first in range(0, len(rows), simulation_portions.PORTION):
            portion = rows[first : first + simulation_portions.PORTION]
            found, _ = await simulation_portions.load_cases(db, portion, tariff)
            cases += found
    return cases


def priced_alone(cases: Sequence[SimulatedCase]) -> Tally:
    """Both prices of every session, and the figures."""
    tally = Tally()
    tariff = compile_tariff(tariff_from_json({**DRAFT, "id": "draft", "currency": "EUR"}))
    price_all(tally, EarlierDays(), cases, tariff)
    return tally


async def compare(url: str, count: int, rounds: int) -> list[tuple[Speed, Speed]]:
    """Each round: the whole, then pricing alone. Raises AssertionError where figures differ."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT id FROM organizations").fetchone()
    assert row is not None
    engine = open_engine(SecretStr(url), pool_size=2)
    db_sessions = open_sessions(engine)
    try:
        async with db_sessions.begin() as db:
            tariff_id = await fill(db, row[0], count, datetime.now(UTC))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ANALYZE")
        cases = await loaded(db_sessions, tariff_id)
        found = []
        for _ in range(rounds):
            cpu_s, clock_s = time.process_time(), time.perf_counter()
            tally = await simulated(db_sessions, row[0], tariff_id)
            whole = _speed(count, cpu_s, clock_s)
            cpu_s, clock_s = time.process_time(), time.perf_counter()
            alone = priced_alone(cases)
            found.append((whole, _speed(count, cpu_s, clock_s)))
            assert tally.total.sessions == count
            assert tally.total == alone.total
        return found
    finally:
        await engine.dispose()


def _speed(count: int, cpu_s: float, clock_s: float) -> Speed:
    return Speed(
        per_cpu_s=count / (time.process_time() - cpu_s),
        per_clock_s=count / (time.perf_counter() - clock_s),
    )


async def measured(count: int, rounds: int) -> list[tuple[Speed, Speed]]:
    """On a Postgres of its own."""
    async with running_postgres() as postgres:
        return await compare(postgres.dsn, count, rounds)


def main() -> None:
    """Measure in turns, report the median round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    found = asyncio.run(measured(asked.sessions, asked.rounds))
    mine, alone = sorted(found, key=lambda pair: pair[0].per_cpu_s)[len(found) // 2]
    met = mine.per_cpu_s >= TARGET_PER_S
    show(
        [
            Figure(
                benchmark="simulation",
                figure=f"past sessions of {SAMPLES} samples simulated per second and core",
                ours=f"{mine.per_cpu_s:,.0f} /s of processor time, {mine.per_clock_s:,.0f} /s",
                peer=f"{alone.per_cpu_s:,.0f} /s pricing alone",
                ratio=mine.per_cpu_s / alone.per_cpu_s,
                target=f"{TARGET_PER_S} /s",
                met=met,
                bound="Python on one core: each session is cut and priced twice; the rest is"
                " reading its samples and judging its meter.",
            )
        ],
        title="simulation",
    )
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
