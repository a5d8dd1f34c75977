"""The audit log: who did what, to what, and why. Append-only (a trigger refuses the rest)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.scope import owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.store.tables import AuditEntry

TEMPORAL_UI = "temporal-ui"
"""Who decides by the update `resolve`: Temporal does not tell us which person that was."""


async def record(
    db: AsyncSession,
    organization_id: UUID,
    *,
    actor: str,
    action: str,
    subject: str,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> UUID:
    """Write one entry in the transaction of the change; returns its id.

    `actor` is "key:<id>" or "system:<process>", `subject` "site:<id>". `details` name what was
    changed; no secret, no token's uid, no card.
    """
    row = await db.execute(
        insert(AuditEntry)
        .values(
            organization_id=organization_id,
            actor=actor,
            action=action,
            subject=subject,
            reason=reason,
            details=dict(details or {}),
        )
        .returning(AuditEntry.id)
    )
    return row.scalar_one()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One of many changes that somebody made at once; as `record` has it."""

    action: str
    subject: str
    details: Mapping[str, Any]


async def record_each(
    db: AsyncSession, organization_id: UUID, entries: Sequence[Entry], *, actor: str
) -> None:
    """An entry for each, in one statement: hundreds of changes at once are hundreds of entries."""
    rows = [
        {
            "organization_id": organization_id,
            "actor": actor,
            "action": entry.action,
            "subject": entry.subject,
            "details": dict(entry.details),
        }
        for entry in entries
    ]
    if rows:
        await db.execute(insert(AuditEntry), rows)


async def noted(
    db: AsyncSession, organization_id: UUID, subject: str, event_id: str
) -> UUID | None:
    """The entry of a decision from the Temporal UI, written with its event id among the details;
    None the first time. Whoever asks holds a lock on the subject's row."""
    return await db.scalar(
        owned(AuditEntry, organization_id)
        .with_only_columns(AuditEntry.id, maintain_column_froms=True)
        .where(
            AuditEntry.subject == subject,
            AuditEntry.actor == TEMPORAL_UI,
            AuditEntry.details["event_id"].astext == event_id,
        )
    )


async def list_entries(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
) -> Slice[AuditEntry]:
    """Newest first."""
    statement = owned(AuditEntry, organization_id)
    for column, wanted in (
        (AuditEntry.actor, actor),
        (AuditEntry.action, action),
        (AuditEntry.subject, subject),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if since is not None:
        statement = statement.where(AuditEntry.at >= since)
    return await take(db, statement, AuditEntry.id, asked, newest_first=True)
