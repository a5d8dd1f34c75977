"""What people read of a session afterwards: events and review tasks."""

from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.review_tasks import ask_for_review
from holdfast.store.tables import Session, SessionEvent


async def record_event(
    db: AsyncSession,
    session: Session,
    *,
    key: str,
    kind: str,
    at: datetime,
    details: dict[str, Any] | None = None,
) -> None:
    """Add a line to the timeline; the same key again changes nothing."""
    await db.execute(
        insert(SessionEvent)
        .values(
            session_id=session.id,
            key=key,
            organization_id=session.organization_id,
            at=at,
            kind=kind,
            details=details or {},
        )
        .on_conflict_do_nothing()
    )


async def open_review(
    db: AsyncSession, session: Session, *, kind: str, details: dict[str, Any]
) -> None:
    """Ask a person to look at a session. An open task of the same kind gets the newer details."""
    await ask_for_review(
        db,
        session.organization_id,
        kind=kind,
        subject=f"session:{session.id}",
        details=details,
    )
