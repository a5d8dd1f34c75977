"""What Temporal must be told, put down in the transaction that made it true."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.message import Message
from holdfast.contracts.names import NOTIFY_CHANNEL
from holdfast.domain.lane import lane
from holdfast.store.tables import OutboxRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Operation "start" (name: workflow type) or "signal" (name: signal). `due_at` None: now."""

    workflow_id: str
    operation: str
    name: str
    message: Message
    due_at: datetime | None = None


async def tell(
    db: AsyncSession,
    organization_id: UUID,
    workflow_id: str,
    *,
    operation: str,
    name: str,
    message: Message,
    due_at: datetime | None = None,
) -> int:
    """Write one row: operation "start" (name: workflow type) or "signal" (name: signal).

    Returns the row's id. The relay sends it after the commit, in the order of the workflow.
    """
    told = Told(
        workflow_id=workflow_id, operation=operation, name=name, message=message, due_at=due_at
    )
    values = _values(organization_id, told)
    row = await db.execute(insert(OutboxRow).values(values).returning(OutboxRow.id))
    return int(row.scalar_one())


async def tell_all(db: AsyncSession, organization_id: UUID, told: Sequence[Told]) -> None:
    """As `tell`, many at once, in this order."""
    for due in (False, True):
        rows = [_values(organization_id, one) for one in told if (one.due_at is not None) is due]
        if rows:
            await db.execute(insert(OutboxRow).returning(OutboxRow.id), rows)


def _values(organization_id: UUID, told: Told) -> dict[str, Any]:
    values = {
        "organization_id": organization_id,
        "lane": lane(told.workflow_id),
        "workflow_id": told.workflow_id,
        "operation": told.operation,
        "name": told.name,
        "payload": told.message.model_dump(mode="json"),
    }
    return values if told.due_at is None else values | {"due_at": told.due_at}


async def notify(db: AsyncSession, topics: Sequence[str]) -> None:
    """Something changed: listeners read again. Delivered at the commit; topics, never data."""
    await db.execute(
        text("SELECT pg_notify(:channel, :topics)"),
        {"channel": NOTIFY_CHANNEL, "topics": " ".join(sorted(set(topics)))},
    )
