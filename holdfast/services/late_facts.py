"""Facts that came after a session had closed: read, applied or discarded, and audited."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.late_truth import WORKFLOW, StartLateTruth
from holdfast.contracts.names import late_truth_workflow_id
from holdfast.services import audit
from holdfast.services.outbox import notify, tell
from holdfast.services.refusal import Conflict
from holdfast.services.scope import belongs, find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.store.tables import LateFact, Organization, Session, Station


async def list_late_facts(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    state: str | None = None,
    session_id: UUID | None = None,
) -> Slice[LateFact]:
    """Newest first."""
    statement = owned(LateFact, organization_id)
    if state is not None:
        statement = statement.where(LateFact.state == state)
    if session_id is not None:
        statement = statement.where(LateFact.session_id == session_id)
    return await take(db, statement, LateFact.id, asked, newest_first=True)


async def get_late_fact(db: AsyncSession, organization_id: UUID, row_id: UUID) -> LateFact:
    """Raises NotFound."""
    return await find(db, LateFact, organization_id, row_id, "late fact")


async def apply_late_fact(
    db: AsyncSession, organization_id: UUID, row_id: UUID, *, actor: str, reason: str, now: datetime
) -> LateFact:
    """Have LateTruth reprice the session from its rows. Raises NotFound, Conflict (not open).

    LateTruth gathers and writes "applied" itself; starting it while it runs changes nothing.
    """
    fact = await _open(db, organization_id, row_id)
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="late_fact.apply",
        subject=f"late_fact:{row_id}",
        reason=reason,
    )
    await notify(db, ["frames"])
    fact.decided_at, fact.decided_by, fact.reason = now, actor, reason
    await db.flush()
    row = (
        await db.execute(
            select(Organization.slug, Station.identity, Session.site_id)
            .select_from(Session)
            .join(Station, Station.id == Session.station_id)
            .join(Organization, Organization.id == Session.organization_id)
            .where(belongs(Session, organization_id), Session.id == fact.session_id)
        )
    ).one()
    await tell(
        db,
        organization_id,
        late_truth_workflow_id(fact.session_id),
        operation="start",
        name=WORKFLOW,
        message=StartLateTruth(
            session_id=fact.session_id,
            organization=row.slug,
            organization_id=organization_id,
            station=row.identity,
            site_id=row.site_id,
            gather_s=0,
        ),
    )
    await notify(db, ["outbox"])
    return fact


async def discard_late_fact(
    db: AsyncSession, organization_id: UUID, row_id: UUID, *, actor: str, reason: str, now: datetime
) -> LateFact:
    """The session stays as it was settled. Raises NotFound, Conflict (not open)."""
    fact = await _open(db, organization_id, row_id)
    fact.state = "discarded"
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="late_fact.discard",
        subject=f"late_fact:{row_id}",
        reason=reason,
    )
    await notify(db, ["frames"])
    fact.decided_at, fact.decided_by, fact.reason = now, actor, reason
    await db.flush()
    return fact


async def _open(db: AsyncSession, organization_id: UUID, row_id: UUID) -> LateFact:
    fact = await find(db, LateFact, organization_id, row_id, "late fact", lock=True)
    if fact.state != "open":
        raise Conflict(f"the fact was {fact.state} before")
    return fact
