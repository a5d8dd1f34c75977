"""Simulations: past sessions priced again under a draft, a version or a body, and what it tells.

The row is all there is: what is priced, over which sessions, how far it is, and the figures so far.
A portion's figures and its cursor are written in one statement that asks where the cursor was, so
that nobody is counted twice, whoever died or tried again in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts import tariff_simulations as contract
from holdfast.contracts.names import simulation_workflow_id
from holdfast.contracts.tariff_simulations import SimulationSeen
from holdfast.domain.simulation_tally import Tally
from holdfast.domain.tariff.canonical import tariff_to_json
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.version import TariffVersion as Version
from holdfast.services import audit
from holdfast.services.holiday_calendars import holiday_dates
from holdfast.services.outbox import notify, tell
from holdfast.services.refusal import Conflict, Invalid, NotFound, TooMany
from holdfast.services.scope import belongs, find, owned
from holdfast.services.simulation_scope import SimulationScope, check_scope
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.services.tariff_bodies import read_body
from holdfast.services.tariff_drafts import BODY_BYTES_MAX
from holdfast.store.tables import Organization, Tariff, TariffDraft, TariffSimulation
from holdfast.store.tables import TariffVersion as VersionRow

OPEN_STATES = ("waiting", "running")
OPEN_MAX = 5
SIMULATED = "simulated"
PROBLEM_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is simulated: exactly one of a draft, a version, or a body."""

    draft_id: UUID | None = None
    version_id: UUID | None = None
    body: Mapping[str, Any] | None = None


def start_message(
    simulation: TariffSimulation, organization: Organization, *, rebuilt: bool = False
) -> contract.StartSimulation:
    """What starts the simulation's workflow."""
    return contract.StartSimulation(
        simulation_id=simulation.id,
        organization=organization.slug,
        organization_id=organization.id,
        tariff=str(simulation.tariff_id),
        rebuilt=rebuilt,
    )


async def begin_simulation(
    db: AsyncSession,
    organization_id: UUID,
    tariff_id: UUID,
    subject: Subject,
    scope: SimulationScope,
    *,
    now: datetime,
    actor: str,
) -> TariffSimulation:
    """Place a simulation. Audited.

    Raises NotFound, Invalid, TariffInvalid (a body that is no tariff), TooMany (open ones).
    """
    tariff = await find(db, Tariff, organization_id, tariff_id, "tariff")
    scope = await check_scope(db, organization_id, scope, now)
    version = await _subject(db, organization_id, tariff, subject, now)
    version = _with_holidays(version, scope)
    organization = await db.get_one(Organization, organization_id, with_for_update=True)
    open_ones = await db.scalar(
        select(func.count())
        .select_from(TariffSimulation)
        .where(belongs(TariffSimulation, organization_id), TariffSimulation.state.in_(OPEN_STATES))
    )
    if (open_ones or 0) >= OPEN_MAX:
        raise TooMany(f"{OPEN_MAX} simulations are under way: wait for one, or cancel it")
    simulation = TariffSimulation(
        organization_id=organization_id,
        tariff_id=tariff_id,
        draft_id=subject.draft_id,
        version_id=subject.version_id,
        body=tariff_to_json(version),
        scope=scope.to_json(),
        created_by=actor,
    )
    db.add(simulation)
    await db.flush()
    await db.refresh(simulation)
    await tell(
        db,
        organization_id,
        simulation_workflow_id(simulation.id),
        operation="start",
        name=contract.WORKFLOW,
        message=start_message(simulation, organization),
    )
    await _audit(db, simulation, actor, "begin", scope.to_json())
    await notify(db, ["simulations", "outbox"])
    return simulation


async def _subject(
    db: AsyncSession, organization_id: UUID, tariff: Tariff, subject: Subject, now: datetime
) -> Version:
    """The tariff that is simulated. Raises NotFound, Invalid, TariffInvalid."""
    named = [subject.draft_id, subject.version_id, subject.body]
    if sum(each is not None for each in named) != 1:
        raise Invalid("draft", "", "name a draft, a version or a body: one of the three")
    if subject.version_id is not None:
        row = await find(db, VersionRow, organization_id, subject.version_id, "tariff version")
        _same(tariff, row.tariff_id, "version")
        return tariff_from_json(row.body)
    body = subject.body
    if subject.draft_id is not None:
        draft = await find(db, TariffDraft, organization_id, subject.draft_id, "tariff draft")
        _same(tariff, draft.tariff_id, "draft")
        body = draft.body
    if body is None or len(orjson.dumps(body)) > BODY_BYTES_MAX:
        raise Invalid("body", "", f"use at most {BODY_BYTES_MAX} bytes")
    return read_body(body, currency=tariff.currency, now=now, name=SIMULATED)


def _same(tariff: Tariff, tariff_id: UUID, kind: str) -> None:
    if tariff_id != tariff.id:
        raise Invalid(kind, tariff_id, f"it is of another tariff, {tariff_id}")


def _with_holidays(version: Version, scope: SimulationScope) -> Version:
    """A draft's dates are of the years to come; the sessions are of the past."""
    if version.holiday_calendar is None:
        return version
    years = range(scope.from_at.year, scope.until_at.year + 1)
    past = holiday_dates(version.holiday_calendar, years)
    return replace(version, holidays=tuple(sorted({*version.holidays, *past})))


async def get_simulation(
    db: AsyncSession, organization_id: UUID, simulation_id: UUID, *, lock: bool = False
) -> TariffSimulation:
    """Raises NotFound."""
    return await find(
        db, TariffSimulation, organization_id, simulation_id, "tariff simulation", lock=lock
    )


async def list_simulations(
    db: AsyncSession, organization_id: UUID, asked: SliceAsked, *, tariff_id: UUID | None = None
) -> Slice[TariffSimulation]:
    """Newest first."""
    statement = owned(TariffSimulation, organization_id)
    if tariff_id is not None:
        statement = statement.where(TariffSimulation.tariff_id == tariff_id)
    return await take(db, statement, TariffSimulation.id, asked, newest_first=True)


async def cancel_simulation(
    db: AsyncSession, organization_id: UUID, simulation_id: UUID, *, now: datetime, actor: str
) -> TariffSimulation:
    """It ends after the portion under way, with what it has. Audited. Raises NotFound, Conflict."""
    simulation = await get_simulation(db, organization_id, simulation_id, lock=True)
    if simulation.state not in OPEN_STATES:
        raise Conflict(f"the simulation has ended: {simulation.state}")
    simulation.state, simulation.ended_at = "cancelled", now
    # What drivers had is of no use any more.
    simulation.result = {**simulation.result, "earlier": {}}
    await db.flush()
    await _audit(db, simulation, actor, "cancel", {"sessions_done": simulation.sessions_done})
    await notify(db, ["simulations"])
    return simulation


async def known_simulation(db: AsyncSession, simulation_id: UUID) -> TariffSimulation:
    """By its id, for who was told it by a row. Raises `NotFound`."""
    row = await db.get(TariffSimulation, simulation_id, populate_existing=True)
    if row is None:
        raise NotFound("tariff simulation", simulation_id)
    return row


def tally_of(simulation: TariffSimulation) -> Tally:
    """Its figures so far."""
    return Tally.from_json(simulation.result.get("tally", {}))


def seen(simulation: TariffSimulation) -> SimulationSeen:
    """The row as its workflow knows it."""
    return SimulationSeen(
        state=simulation.state,
        done=simulation.sessions_done,
        total=simulation.sessions_total,
        problem=simulation.problem,
    )


async def _audit(
    db: AsyncSession,
    simulation: TariffSimulation,
    actor: str,
    verb: str,
    details: Mapping[str, object],
) -> None:
    await audit.record(
        db,
        simulation.organization_id,
        actor=actor,
        action=f"tariff_simulation.{verb}",
        subject=f"tariff_simulation:{simulation.id}",
        details={"tariff": str(simulation.tariff_id), **details},
    )
