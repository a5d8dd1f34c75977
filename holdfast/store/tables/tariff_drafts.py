"""Tariff versions in the making, and what they would have earned on sessions of the past."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column

DRAFT_STATES = ("draft", "review", "approved", "discarded")
SIMULATION_STATES = ("waiting", "running", "done", "failed", "cancelled")


class TariffDraft(Table):
    """A version before it is one. Only a draft may change; who approves is not who wrote it.

    `revision` grows with every change, so that nobody approves what they have not seen. Approved,
    it has become `version_id`, whose own state (scheduled, in force, retired) is one of time.
    """

    __tablename__ = "tariff_drafts"
    __table_args__ = (
        CheckConstraint(f"state IN {DRAFT_STATES}", name="state_known"),
        CheckConstraint("(state = 'approved') = (version_id IS NOT NULL)", name="approved_version"),
        Index("ix_tariff_drafts_organization_id_id", "organization_id", "id"),
        Index("ix_tariff_drafts_tariff_id", "tariff_id"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    tariff_id: Mapped[UUID] = mapped_column(ForeignKey("tariffs.id"))
    based_on_id: Mapped[UUID | None] = mapped_column(ForeignKey("tariff_versions.id"))
    state: Mapped[str] = mapped_column(server_default="draft")
    revision: Mapped[int] = mapped_column(server_default="1")
    body: Mapped[dict[str, Any]]  # as `domain.tariff.form` reads it; id and currency are added
    valid_from: Mapped[datetime | None]  # null: at once, when it is approved
    note: Mapped[str | None]  # why, for the reviewer
    created_by: Mapped[str]  # actors as in the audit log
    created_at: Mapped[datetime] = created_column()
    changed_by: Mapped[str]
    changed_at: Mapped[datetime] = created_column()
    authors: Mapped[list[Any]] = mapped_column(server_default="[]")  # who ever wrote in it
    submitted_by: Mapped[str | None]
    submitted_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decision_note: Mapped[str | None]  # why it was sent back, or a word with the approval
    version_id: Mapped[UUID | None] = mapped_column(ForeignKey("tariff_versions.id"))


class TariffSimulation(Table):
    """Past sessions priced again under another version. `result` grows portion by portion."""

    __tablename__ = "tariff_simulations"
    __table_args__ = (
        CheckConstraint(f"state IN {SIMULATION_STATES}", name="state_known"),
        Index("ix_tariff_simulations_organization_id_id", "organization_id", "id"),
        Index("ix_tariff_simulations_tariff_id", "tariff_id"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    tariff_id: Mapped[UUID] = mapped_column(ForeignKey("tariffs.id"))
    draft_id: Mapped[UUID | None] = mapped_column(ForeignKey("tariff_drafts.id"))
    version_id: Mapped[UUID | None] = mapped_column(ForeignKey("tariff_versions.id"))
    body: Mapped[dict[str, Any]]  # what was simulated, as it was then
    scope: Mapped[dict[str, Any]]  # from, to, site, station; which sessions
    state: Mapped[str] = mapped_column(server_default="waiting")
    sessions_total: Mapped[int | None]
    sessions_done: Mapped[int] = mapped_column(server_default="0")
    cursor: Mapped[UUID | None]  # the last session that is in `result`
    result: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    problem: Mapped[str | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime] = created_column()
    ended_at: Mapped[datetime | None]
