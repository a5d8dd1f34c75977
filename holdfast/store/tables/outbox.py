"""The outbox: what Temporal must be told, written in the transaction that made it true."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.domain.lane import LANES
from holdfast.store.tables.table import Table, created_column


class OutboxRow(Table):
    """A start or a signal of one workflow. Found by "unsent", never by "id above the last"."""

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint("operation IN ('start', 'signal')", name="operation_known"),
        CheckConstraint(f"lane BETWEEN 0 AND {LANES - 1}", name="lane_in_range"),
        Index(
            "ix_outbox_unsent",
            "lane",
            "id",
            postgresql_where=text("sent_at IS NULL AND parked_at IS NULL"),
        ),
        Index("ix_outbox_workflow_id", "workflow_id", postgresql_where=text("sent_at IS NULL")),
        Index("ix_outbox_parked", "parked_at", postgresql_where=text("parked_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    organization_id: Mapped[UUID]
    lane: Mapped[int]  # domain.lane.lane(workflow_id); owned by advisory locks
    workflow_id: Mapped[str]
    operation: Mapped[str]
    name: Mapped[str]  # the workflow's type, or the signal's name
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = created_column()
    due_at: Mapped[datetime] = created_column()  # later than created_at for debounced rows
    attempts: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    parked_at: Mapped[datetime | None]  # could not be sent; parks the later rows of its workflow
