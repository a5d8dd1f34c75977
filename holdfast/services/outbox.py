"""What Temporal must be told, put down in the transaction that made it true."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.message import Message
from holdfast.contracts.names import NOTIFY_CHANNEL
from holdfast.domain.lane import lane
from holdfast.store.tables import OutboxRow


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
    values = {
        "organization_id": organization_id,
        "lane": lane(workflow_id),
        "workflow_id": workflow_id,
        "operation": operation,
        "name": name,
        "payload": message.model_dump(mode="json"),
    }
    if due_at is not None:
        values["due_at"] = due_at
    row = await db.execute(insert(OutboxRow).values(values).returning(OutboxRow.id))
    return int(row.scalar_one())


async def notify(db: AsyncSession, topics: Sequence[str]) -> None:
    """Something changed: listeners read again. Delivered at the commit; topics, never data."""
    await db.execute(
        text("SELECT pg_notify(:channel, :topics)"),
        {"channel": NOTIFY_CHANNEL, "topics": " ".join(sorted(set(topics)))},
    )
