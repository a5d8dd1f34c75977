"""Tariffs for many places at once: all of them or none, and a way back.

A row of an audit log per assignment that is made or ended, as if each had been made by hand. What
was made at once shares its instant: `until_at` of what it replaced is `created_at` of what was
made, and so `end_many` finds what to bring back without anybody having noted it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import audit, publications
from holdfast.services.assignment_plans import (
    Fault,
    Key,
    Outcome,
    Plan,
    Planned,
    Wanted,
    key_of,
    plan_assignments,
)
from holdfast.services.refusal import Conflict, NotFound, Refusal, TooMany
from holdfast.services.scope import owned
from holdfast.services.tariff_assignments import write_plan
from holdfast.store.tables import Tariff, TariffAssignment

PLACES_MAX = 500


class Unassignable(Refusal):
    """Nothing was changed: these of the list cannot be."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(
            f"number {first.index} of the list, {first.field} {str(first.value)[:80]!r}: "
            f"{first.expected}{more}; nothing was changed"
        )
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One of a batch: the row that holds now, and the one that it ended."""

    row: TariffAssignment
    planned: Planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One that ended, and what holds there again; None: nothing was replaced, or not asked for."""

    row: TariffAssignment
    restored: TariffAssignment | None


async def assign_many(
    db: AsyncSession,
    organization_id: UUID,
    wanted: Sequence[Wanted],
    *,
    actor: str,
    now: datetime,
) -> tuple[Made, ...]:
    """All from now on, in the order asked for. What holds already stays as it is.

    Raises Unassignable (nothing is changed) and TooMany (over `PLACES_MAX`).
    """
    _bounded(len(wanted))
    plan = await plan_assignments(db, organization_id, wanted, lock=True)
    if plan.faults:
        raise Unassignable(plan.faults)
    rows = await write_plan(db, organization_id, plan, now=now)
    made = tuple(
        Made(row=row, planned=planned) for row, planned in zip(rows, plan.planned, strict=True)
    )
    entries = [
        _begun(one.row, one.planned.before)
        for one in made
        if one.planned.outcome is not Outcome.UNCHANGED
    ]
    await audit.record_each(db, organization_id, entries, actor=actor)
    return made


async def preview_many(db: AsyncSession, organization_id: UUID, wanted: Sequence[Wanted]) -> Plan:
    """What `assign_many` would do now. Raises TooMany."""
    _bounded(len(wanted))
    return await plan_assignments(db, organization_id, wanted)


async def end_many(
    db: AsyncSession,
    organization_id: UUID,
    assignment_ids: Sequence[UUID],
    *,
    restore: bool,
    actor: str,
    now: datetime,
) -> tuple[Ended, ...]:
    """All end now. With `restore`, the tariff that each had replaced applies there again.

    Raises Unassignable (one is not there, or ended before; what it replaced is retired) and
    TooMany.
    """
    _bounded(len(assignment_ids))
    before: dict[Key, TariffAssignment] = {}
    if restore:
        # Tariffs are locked before assignments, as `assign_many` does: nobody waits in a circle.
        # What a row replaced never changes, so it can be read before the row is locked.
        rows = await _open_rows(db, organization_id, assignment_ids)
        before = await _replaced(db, organization_id, rows)
        await _not_retired(db, organization_id, rows, before)
    rows = await _open_rows(db, organization_id, assignment_ids, lock=True)
    for row in rows:
        row.until_at = now
    await db.flush()
    again = await _begin_again(db, organization_id, list(before.values()), now)
    changed = {row.tariff_id for row in (*rows, *before.values())}
    await publications.refresh(db, organization_id, changed, now=now)
    ended = tuple(Ended(row=row, restored=again.get(key_of(row))) for row in rows)
    entries = [_over(one.row) for one in ended]
    entries += [_begun(one.restored, one.row) for one in ended if one.restored is not None]
    await audit.record_each(db, organization_id, entries, actor=actor)
    return ended


def _bounded(count: int) -> None:
    if count > PLACES_MAX:
        raise TooMany(f"{count} places: at most {PLACES_MAX} at once")


async def _open_rows(
    db: AsyncSession, organization_id: UUID, ids: Sequence[UUID], *, lock: bool = False
) -> list[TariffAssignment]:
    """Those of the ids, in the order of the ids. Raises Unassignable."""
    statement = owned(TariffAssignment, organization_id).where(
        TariffAssignment.id.in_(ids), TariffAssignment.until_at.is_(None)
    )
    if lock:
        statement = statement.order_by(TariffAssignment.id).with_for_update()
    found = await db.scalars(statement.execution_options(populate_existing=True))
    rows = {row.id: row for row in found}
    faults = [
        Fault(
            index=index,
            field="id",
            value=str(row_id),
            refusal=NotFound("tariff assignment that holds", row_id),
        )
        for index, row_id in enumerate(ids)
        if row_id not in rows
    ]
    if faults:
        raise Unassignable(faults)
    return [rows[row_id] for row_id in dict.fromkeys(ids)]


async def _replaced(
    db: AsyncSession, organization_id: UUID, rows: Sequence[TariffAssignment]
) -> dict[Key, TariffAssignment]:
    """What each of these ended when it began: the same place and audience, to the instant."""
    found = await db.scalars(
        owned(TariffAssignment, organization_id).where(
            TariffAssignment.until_at.in_({row.created_at for row in rows})
        )
    )
    begun = {key_of(row): row.created_at for row in rows}
    return {key_of(row): row for row in found if begun.get(key_of(row)) == row.until_at}


async def _not_retired(
    db: AsyncSession,
    organization_id: UUID,
    rows: Sequence[TariffAssignment],
    before: dict[Key, TariffAssignment],
) -> None:
    tariffs = await db.scalars(
        owned(Tariff, organization_id)
        .where(Tariff.id.in_({row.tariff_id for row in before.values()}))
        .order_by(Tariff.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    retired = {tariff.id: tariff for tariff in tariffs if tariff.retired_at is not None}
    faults = []
    for index, row in enumerate(rows):
        replaced = before.get(key_of(row))
        tariff = None if replaced is None else retired.get(replaced.tariff_id)
        if tariff is not None:
            why = Conflict(f"it replaced {tariff.name}, which is retired: end it without restoring")
            faults.append(Fault(index=index, field="id", value=str(row.id), refusal=why))
    if faults:
        raise Unassignable(faults)


async def _begin_again(
    db: AsyncSession, organization_id: UUID, before: Sequence[TariffAssignment], now: datetime
) -> dict[Key, TariffAssignment]:
    if not before:
        return {}
    rows = await db.scalars(
        insert(TariffAssignment).returning(TariffAssignment),
        [
            {
                "organization_id": organization_id,
                "tariff_id": row.tariff_id,
                "created_at": now,
                "site_id": row.site_id,
                "station_id": row.station_id,
                "evse": row.evse,
                "account_id": row.account_id,
                "user_group_id": row.user_group_id,
                "ad_hoc": row.ad_hoc,
            }
            for row in before
        ],
    )
    return {key_of(row): row for row in rows}


def _over(row: TariffAssignment) -> audit.Entry:
    return audit.Entry(
        action="tariff.unassign",
        subject=f"tariff_assignment:{row.id}",
        details={"tariff": str(row.tariff_id)},
    )


def _begun(row: TariffAssignment, before: TariffAssignment | None) -> audit.Entry:
    place = {
        "assignment": row.id,
        "site": row.site_id,
        "station_id": row.station_id,
        "evse": row.evse,
        "account": row.account_id,
        "user_group": row.user_group_id,
        "ad_hoc": row.ad_hoc or None,
        "replaced": None if before is None else before.tariff_id,
    }
    return audit.Entry(
        action="tariff.assign",
        subject=f"tariff:{row.tariff_id}",
        details={
            name: value if isinstance(value, int) else str(value)
            for name, value in place.items()
            if value is not None
        },
    )
