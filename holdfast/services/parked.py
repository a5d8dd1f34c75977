"""Outbox rows that could not be sent: read, tried again, or dropped by a person.

A parked row holds back the later rows of its workflow, and nothing else. Trying again helps after
an upgrade that understands the row; dropping it lets the later ones go. Both are audited here.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import audit
from holdfast.services.outbox import notify
from holdfast.services.refusal import Conflict, NotFound
from holdfast.services.scope import belongs
from holdfast.store.tables import OutboxRow, Payment, Session

PARKED_ATTENTION = "outbox_parked"
LIST_MAX = 500


async def list_parked(db: AsyncSession, organization_id: UUID) -> list[OutboxRow]:
    """Oldest first, at most `LIST_MAX`."""
    rows = await db.scalars(
        select(OutboxRow)
        .where(
            belongs(OutboxRow, organization_id),
            OutboxRow.parked_at.is_not(None),
            OutboxRow.sent_at.is_(None),
        )
        .order_by(OutboxRow.id)
        .limit(LIST_MAX)
    )
    return list(rows)


async def held_back(db: AsyncSession, row: OutboxRow) -> int:
    """How many later rows of its workflow wait for it, at most `LIST_MAX`."""
    waiting = await db.scalars(
        select(OutboxRow.id)
        .where(
            OutboxRow.workflow_id == row.workflow_id,
            OutboxRow.sent_at.is_(None),
            OutboxRow.id > row.id,
        )
        .limit(LIST_MAX)
    )
    return len(waiting.all())


async def retry(
    db: AsyncSession, organization_id: UUID, row_id: int, *, reason: str, actor: str
) -> OutboxRow:
    """Have the relay send it again; what still cannot be sent is parked again.

    Raises NotFound, Conflict (not parked).
    """
    row = await _parked(db, organization_id, row_id)
    row.parked_at = None
    await _resumed(db, row)
    await _audit(db, row, "outbox.retry", reason=reason, actor=actor)
    return row


async def drop(
    db: AsyncSession,
    organization_id: UUID,
    row_id: int,
    *,
    reason: str,
    actor: str,
    now: datetime,
) -> OutboxRow:
    """Never send it. The row stays, counted as done. Raises NotFound, Conflict (not parked)."""
    row = await _parked(db, organization_id, row_id)
    row.sent_at = now
    row.error = f"dropped by {actor}: {row.error or ''}"[:500]
    await _resumed(db, row)
    await _audit(db, row, "outbox.drop", reason=reason, actor=actor)
    return row


async def _audit(db: AsyncSession, row: OutboxRow, action: str, *, reason: str, actor: str) -> None:
    await audit.record(
        db,
        row.organization_id,
        actor=actor,
        action=action,
        subject=f"outbox:{row.id}",
        reason=reason,
        details={"workflow_id": row.workflow_id[:200], "name": row.name[:100]},
    )


async def _parked(db: AsyncSession, organization_id: UUID, row_id: int) -> OutboxRow:
    row = await db.scalar(
        select(OutboxRow)
        .where(belongs(OutboxRow, organization_id), OutboxRow.id == row_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("outbox row", row_id)
    if row.parked_at is None or row.sent_at is not None:
        raise Conflict("the row is not parked")
    return row


async def _resumed(db: AsyncSession, row: OutboxRow) -> None:
    """Take the attention back where nothing else of the workflow is parked; wake the relay."""
    await db.flush()
    others = exists().where(
        OutboxRow.workflow_id == row.workflow_id,
        OutboxRow.parked_at.is_not(None),
        OutboxRow.sent_at.is_(None),
    )
    prefix, _, key = row.workflow_id.partition("-")
    try:
        subject = UUID(key)
    except ValueError:
        subject = None
    for table, name in ((Session, "session"), (Payment, "payment")):
        if prefix == name and subject is not None:
            await db.execute(
                update(table)
                .where(
                    table.id == subject,
                    belongs(table, row.organization_id),
                    table.attention == PARKED_ATTENTION,
                    ~others,
                )
                .values(attention=None)
            )
    await notify(db, ["sessions", "payments", "outbox"])
