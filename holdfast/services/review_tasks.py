"""What a person must look at, until somebody has."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import audit
from holdfast.services.refusal import Conflict
from holdfast.services.scope import find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.store.tables import ReviewTask, Station


async def list_review_tasks(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    resolved: bool | None = None,
    subject: str | None = None,
) -> Slice[ReviewTask]:
    """Newest first."""
    statement = owned(ReviewTask, organization_id)
    if resolved is not None:
        done = ReviewTask.resolved_at.is_not(None)
        statement = statement.where(done if resolved else ~done)
    if subject is not None:
        statement = statement.where(ReviewTask.subject == subject)
    return await take(db, statement, ReviewTask.id, asked, newest_first=True)


async def get_review_task(db: AsyncSession, organization_id: UUID, task_id: UUID) -> ReviewTask:
    """Raises NotFound."""
    return await find(db, ReviewTask, organization_id, task_id, "review task")


async def resolve_review_task(
    db: AsyncSession,
    organization_id: UUID,
    task_id: UUID,
    *,
    actor: str,
    resolution: str,
    now: datetime,
) -> ReviewTask:
    """Audited. Raises NotFound, Conflict (resolved before)."""
    task = await find(db, ReviewTask, organization_id, task_id, "review task", lock=True)
    if task.resolved_at is not None:
        raise Conflict("the task was resolved before")
    task.resolved_at, task.resolved_by, task.resolution = now, actor, resolution
    await db.flush()
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="review_task.resolve",
        subject=f"review_task:{task_id}",
        reason=resolution,
        details={"kind": task.kind, "subject": task.subject},
    )
    return task


async def open_station_review(
    db: AsyncSession, station: Station, *, kind: str, details: dict[str, Any]
) -> None:
    """Ask a person to look at a station. An open task of the same kind gets the newer details."""
    await ask_for_review(
        db,
        station.organization_id,
        kind=kind,
        subject=f"station:{station.id}",
        details={"station": station.identity, **details},
    )


async def ask_for_review(
    db: AsyncSession, organization_id: UUID, *, kind: str, subject: str, details: dict[str, Any]
) -> None:
    """Ask a person to look. An open task of this kind and subject gets the newer details."""
    statement = insert(ReviewTask).values(
        organization_id=organization_id, kind=kind, subject=subject, details=details
    )
    await db.execute(
        statement.on_conflict_do_update(
            index_elements=["subject", "kind"],
            index_where=ReviewTask.resolved_at.is_(None),
            set_={"details": statement.excluded.details, "created_at": func.now()},
        )
    )
