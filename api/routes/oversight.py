"""What a person looks at: the overview, review tasks, the audit log, a station's messages."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request

from api.routes.fields import Input, Instant, Line, Output, Reason
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.permissions import Permission
from holdfast.http.principal import Auditor, Reader, SessionDecider
from holdfast.services import audit, overview, review_tasks
from holdfast.settings import Settings

router = APIRouter(tags=["oversight"], route_class=IdempotentRoute)


class CapturedShown(Output):
    """Money taken from cards today, in one currency."""

    currency: str
    amount_minor: int


class PriceMattersShown(Output):
    """EVSEs with a price gap (`GET /price-gaps`), and sessions since `since` that were settled at
    zero because no tariff was in force (`GET /sessions?without_tariff=true`). Zero where there is
    no tariff at all: then charging is free on purpose. `feeds`: market prices read from a file
    that lack a day which should be there (`GET /spot-feeds`)."""

    evses: int
    sessions: int
    feeds: int
    since: datetime


class OverviewShown(Output):
    """The figures of the day, in UTC.

    `attention` is what the Attention page lists for this key, among it `drafts_to_review`: those
    that it may approve. `prices` is at most a minute old.
    """

    stations: int
    stations_online: int
    sessions_active: int
    energy_wh: int
    captured: list[CapturedShown]
    attention: int
    drafts_to_review: int
    prices: PriceMattersShown
    since: datetime


class ReviewTaskShown(Output):
    """Something a person must look at; `subject` is "session:<id>"."""

    id: UUID
    kind: str
    subject: str
    details: dict[str, Any]
    created_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None


class TaskResolution(Input):
    """What was found and done."""

    resolution: Reason


class AuditEntryShown(Output):
    """Who did what, to what, and why."""

    id: UUID
    at: datetime
    actor: str
    action: str
    subject: str
    reason: str | None
    details: dict[str, Any]


@router.get("/overview")
async def read_overview(request: Request, db: Db, reader: Reader) -> OverviewShown:
    """The figures at a glance."""
    settings: Settings = request.app.state.settings
    figures = await overview.read_overview(
        db,
        reader.organization_id,
        now=datetime.now(UTC),
        lease_s=settings.gateway_lease_s,
        reviewer=reader.actor if reader.may(Permission.APPROVE_TARIFFS) else None,
    )
    return OverviewShown.model_validate(figures)


@router.get("/review-tasks")
async def list_review_tasks(
    db: Db,
    reader: Reader,
    asked: Asked,
    resolved: bool | None = None,
    subject: Line | None = None,
) -> Page[ReviewTaskShown]:
    """Newest first."""
    rows = await review_tasks.list_review_tasks(
        db, reader.organization_id, asked, resolved=resolved, subject=subject
    )
    return page(rows, ReviewTaskShown.model_validate)


@router.get("/review-tasks/{task_id}")
async def read_review_task(task_id: UUID, db: Db, reader: Reader) -> ReviewTaskShown:
    """One task."""
    row = await review_tasks.get_review_task(db, reader.organization_id, task_id)
    return ReviewTaskShown.model_validate(row)


@router.post("/review-tasks/{task_id}/resolve")
async def resolve_review_task(
    task_id: UUID, form: TaskResolution, db: Db, decider: SessionDecider
) -> ReviewTaskShown:
    """Close it, saying what was found and done."""
    row = await review_tasks.resolve_review_task(
        db,
        decider.organization_id,
        task_id,
        actor=decider.actor,
        resolution=form.resolution,
        now=datetime.now(UTC),
    )
    return ReviewTaskShown.model_validate(row)


@router.get("/audit-log")
async def list_audit_log(
    db: Db,
    auditor: Auditor,
    asked: Asked,
    actor: Line | None = None,
    action: Line | None = None,
    subject: Line | None = None,
    since: Annotated[Instant | None, Query(alias="from")] = None,
) -> Page[AuditEntryShown]:
    """Newest first."""
    rows = await audit.list_entries(
        db,
        auditor.organization_id,
        asked,
        actor=actor,
        action=action,
        subject=subject,
        since=since,
    )
    return page(rows, AuditEntryShown.model_validate)
