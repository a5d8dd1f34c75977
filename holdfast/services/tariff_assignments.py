"""Where and for whom each tariff applies. What wins where several do: `tariff_choice`.

Assignments are ended, never deleted or rewritten: they answer what held at an instant of the past.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import publications
from holdfast.services.assignment_plans import (
    COLUMNS,
    Outcome,
    Plan,
    Scope,
    Wanted,
    key_of,
    plan_assignments,
)
from holdfast.services.refusal import NotFound
from holdfast.services.scope import find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.store.tables import TariffAssignment


async def list_assignments(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    tariff_id: UUID | None = None,
    ended: bool = False,
) -> Slice[TariffAssignment]:
    """Oldest first; those that were ended only when asked for."""
    statement = owned(TariffAssignment, organization_id)
    if tariff_id is not None:
        statement = statement.where(TariffAssignment.tariff_id == tariff_id)
    if not ended:
        statement = statement.where(TariffAssignment.until_at.is_(None))
    return await take(db, statement, TariffAssignment.id, asked)


async def assign_tariff(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID, scope: Scope, *, now: datetime
) -> TariffAssignment:
    """From now on, ending what was assigned to the same place for the same audience.

    A repeat changes nothing. Raises NotFound, Conflict (retired, or another currency than the
    site's), Invalid (no such EVSE, or a scope that contradicts itself).
    """
    wanted = Wanted(tariff_id=tariff_id, scope=scope)
    plan = await plan_assignments(db, organization_id, [wanted], lock=True)
    if plan.faults:
        raise plan.faults[0].refusal
    (made,) = await write_plan(db, organization_id, plan, now=now)
    return made


async def write_plan(
    db: AsyncSession, organization_id: UUID, plan: Plan, *, now: datetime
) -> list[TariffAssignment]:
    """Do what a plan says that was made with `lock` and has no fault: a row for each place asked
    for, in that order, new or as it was. What they replace ends at the instant they begin."""
    replaced = [
        one.before
        for one in plan.planned
        if one.outcome is Outcome.REPLACES and one.before is not None
    ]
    for before in replaced:
        before.until_at = now
    await db.flush()  # one assignment holds per place and audience: the old one ends first
    missing = [one for one in plan.planned if one.outcome is not Outcome.UNCHANGED]
    if missing:
        rows = await db.scalars(
            insert(TariffAssignment).returning(TariffAssignment),
            [
                {
                    "organization_id": organization_id,
                    "tariff_id": one.wanted.tariff_id,
                    "created_at": now,
                    **one.columns,
                }
                for one in missing
            ],
        )
        made = {key_of(row): row for row in rows}
        changed = {one.wanted.tariff_id for one in missing} | {row.tariff_id for row in replaced}
        await publications.refresh(db, organization_id, changed, now=now)
    else:
        made = {}
    found = []
    for one in plan.planned:
        row = made.get(tuple(one.columns[name] for name in COLUMNS), one.before)
        assert row is not None  # noqa: S101 - what is not made was there
        found.append(row)
    return found


async def end_assignment(
    db: AsyncSession, organization_id: UUID, assignment_id: UUID, *, now: datetime
) -> TariffAssignment:
    """What applies there next is the wider assignment, if any. Raises NotFound, ended ones too."""
    row = await find(
        db, TariffAssignment, organization_id, assignment_id, "tariff assignment", lock=True
    )
    if row.until_at is not None:
        raise NotFound("tariff assignment", assignment_id)
    row.until_at = now
    await db.flush()
    await publications.refresh(db, organization_id, [row.tariff_id], now=now)
    return row
