"""The work of a simulation: a portion of its sessions, priced as it was and as it would have been.

Both prices come from the one pricing function, from the samples as they are stored now and under
the terms that were frozen then; only the tariff differs. What was settled is not asked: a waived or
late repriced session would compare decisions of people, not tariffs.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.tariff_simulations import SimulationSeen
from holdfast.domain.pricing.compiled_tariff import CompiledTariff, compile_tariff
from holdfast.domain.pricing.context import NOTHING_EARLIER
from holdfast.domain.pricing.periods import SessionCourse
from holdfast.domain.simulation_tally import Tally
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.version import TariffInvalid
from holdfast.services.compiled_tariffs import compiled_version
from holdfast.services.outbox import notify
from holdfast.services.session_course import TooManySessions, session_courses
from holdfast.services.simulated_prices import (
    SimulatedCase,
    distinct,
    driver_key,
    frozen_contexts,
    price_all,
    spot_of,
)
from holdfast.services.simulation_earlier import EarlierDays
from holdfast.services.simulation_scope import SimulationScope, sessions_in
from holdfast.services.simulations import (
    OPEN_STATES,
    PROBLEM_LENGTH_MAX,
    known_simulation,
    seen,
)
from holdfast.store.tables import Session, TariffSimulation

PORTION = 200


class SimulationUnreadable(Exception):
    """What is simulated cannot be read; the text says why."""


async def begin(db: AsyncSession, simulation_id: UUID) -> SimulationSeen:
    """Count its sessions and find where to begin. Raises NotFound."""
    simulation = await known_simulation(db, simulation_id)
    if simulation.state != "waiting":
        return seen(simulation)
    scope = SimulationScope.from_json(simulation.scope)
    within = (
        sessions_in(simulation.organization_id, simulation.tariff_id, scope)
        .with_only_columns(Session.id)
        .order_by(Session.id.desc())
        .limit(scope.sessions_max)
        .cte("within")
    )
    last = select(within.c.id).order_by(within.c.id.desc()).limit(1).scalar_subquery()
    first = select(within.c.id).order_by(within.c.id).limit(1).scalar_subquery()
    found = await db.execute(
        select(func.count(), first.label("first"), last.label("last")).select_from(within)
    )
    total, first_id, last_id = found.one()
    await db.execute(
        update(TariffSimulation)
        .where(TariffSimulation.id == simulation_id, TariffSimulation.state == "waiting")
        .values(
            state="running" if total else "done",
            sessions_total=total,
            ended_at=None if total else func.now(),
            result={
                "first": None if first_id is None else str(first_id),
                "last": None if last_id is None else str(last_id),
                "tally": Tally().to_json(),
                "earlier": {},
            },
        )
    )
    await notify(db, ["simulations"])
    return seen(await known_simulation(db, simulation_id))


async def advance(
    db: AsyncSession, simulation_id: UUID, *, portion: int = PORTION
) -> SimulationSeen:
    """Price the next portion and write it down. Raises NotFound, `SimulationUnreadable`.

    The row is not locked meanwhile: who cancels does not wait. Where the cursor has moved or the
    state has changed since, what was worked out is thrown away.
    """
    simulation = await known_simulation(db, simulation_id)
    if simulation.state != "running":
        return seen(simulation)
    rows = await _portion(db, simulation, portion)
    tally = Tally.from_json(simulation.result["tally"])
    earlier = EarlierDays.from_json(simulation.result["earlier"])
    if rows:
        tariff = _simulated(simulation)
        cases, unpriced = await load_cases(db, rows, tariff)
        for session_id, reason in unpriced:
            tally.add_unpriced(session_id, reason)
        # About a millisecond each: other work of the process goes on meanwhile.
        await asyncio.to_thread(price_all, tally, earlier, cases, tariff)
    return seen(await put(db, simulation, rows, tally, earlier, over=len(rows) < portion))


async def put(
    db: AsyncSession,
    simulation: TariffSimulation,
    rows: Sequence[Session],
    tally: Tally,
    earlier: EarlierDays,
    *,
    over: bool,
) -> TariffSimulation:
    """Write a portion's figures and its cursor, if the row still is as the portion found it.

    Returns the row as it is then.
    """
    done = simulation.sessions_done + len(rows)
    await db.execute(
        update(TariffSimulation)
        .where(
            TariffSimulation.id == simulation.id,
            TariffSimulation.state == "running",
            TariffSimulation.cursor.is_not_distinct_from(simulation.cursor),
        )
        .values(
            sessions_done=done,
            sessions_total=done if over else max(done, simulation.sessions_total or 0),
            cursor=rows[-1].id if rows else simulation.cursor,
            state="done" if over else "running",
            ended_at=func.now() if over else None,
            result={
                **simulation.result,
                "tally": tally.to_json(),
                "earlier": {} if over else earlier.to_json(),
            },
        )
        .execution_options(synchronize_session=False)
    )
    await notify(db, ["simulations"])
    return await known_simulation(db, simulation.id)


async def fail(db: AsyncSession, simulation_id: UUID, problem: str) -> SimulationSeen:
    """It cannot go on; what it has stays. One that has ended is left as it is. Raises NotFound."""
    await db.execute(
        update(TariffSimulation)
        .where(TariffSimulation.id == simulation_id, TariffSimulation.state.in_(OPEN_STATES))
        .values(state="failed", problem=problem[:PROBLEM_LENGTH_MAX], ended_at=func.now())
        .execution_options(synchronize_session=False)
    )
    await notify(db, ["simulations"])
    return seen(await known_simulation(db, simulation_id))


async def _portion(
    db: AsyncSession, simulation: TariffSimulation, portion: int
) -> Sequence[Session]:
    scope = SimulationScope.from_json(simulation.scope)
    statement = sessions_in(simulation.organization_id, simulation.tariff_id, scope)
    if simulation.cursor is None:
        statement = statement.where(Session.id >= UUID(simulation.result["first"]))
    else:
        statement = statement.where(Session.id > simulation.cursor)
    # Sessions that ended meanwhile are not part of it.
    statement = statement.where(Session.id <= UUID(simulation.result["last"]))
    return (await db.scalars(statement.order_by(Session.id).limit(portion))).all()


def _simulated(simulation: TariffSimulation) -> CompiledTariff:
    """Raises `SimulationUnreadable`."""
    try:
        return compile_tariff(tariff_from_json(simulation.body))
    except (TariffInvalid, ValueError) as error:
        raise SimulationUnreadable(str(error)) from error


async def load_cases(
    db: AsyncSession, rows: Sequence[Session], tariff: CompiledTariff
) -> tuple[list[SimulatedCase], list[tuple[UUID, str]]]:
    """All that the prices of a portion depend on, in few queries; and sessions that have none, with
    the reason: their own tariff cannot be read or is in another currency, or they are too large."""
    cases: list[SimulatedCase] = []
    unpriced: list[tuple[UUID, str]] = []
    before: dict[UUID, CompiledTariff] = {}
    usable: list[Session] = []
    for row in rows:
        if row.tariff_version_id is not None:
            try:
                before[row.id] = await compiled_version(db, row.tariff_version_id)
            except TariffInvalid:
                unpriced.append((row.id, "tariff_unreadable"))
                continue
            if before[row.id].tariff.currency != tariff.tariff.currency:
                unpriced.append((row.id, "other_currency"))
                continue
        usable.append(row)
    current = any(each.by_current for each in distinct([tariff, *before.values()]))
    courses = await _courses(db, usable, current=current)
    contexts = await frozen_contexts(db, usable, before)
    spot = await spot_of(db, tariff, usable)
    for row in usable:
        if row.id not in courses:
            unpriced.append((row.id, "too_many_meter_values"))
            continue
        cases.append(
            SimulatedCase(
                session_id=row.id,
                site_id=row.site_id,
                driver=driver_key(row),
                course=courses[row.id],
                before=before.get(row.id),
                before_context=contexts[row.id],
                after_context=replace(contexts[row.id], spot=spot, earlier=NOTHING_EARLIER),
            )
        )
    return cases, unpriced


async def _courses(
    db: AsyncSession, rows: Sequence[Session], *, current: bool
) -> dict[UUID, SessionCourse]:
    """Of all that can be loaded: by halves, where together they have too many meter values."""
    try:
        return await session_courses(db, rows, current=current)
    except TooManySessions:
        if len(rows) <= 1:
            return {}
    middle = len(rows) // 2
    first = await _courses(db, rows[:middle], current=current)
    return first | await _courses(db, rows[middle:], current=current)
