"""Quirks of models: an organization's own rules, and what it changed of the shipped ones."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column


class QuirkRule(Table):
    """A rule of an organization. Shipped rules are data of the package (domain/quirk_rules.py);
    a row that `replaces` one stands in its place, switched off or changed."""

    __tablename__ = "quirk_rules"
    __table_args__ = (
        Index("ix_quirk_rules_organization_id_id", "organization_id", "id"),
        Index(
            "uq_quirk_rules_organization_id_replaces", "organization_id", "replaces", unique=True
        ),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    replaces: Mapped[str | None]  # the name of a shipped rule
    vendor: Mapped[str] = mapped_column(server_default="*")  # patterns: domain/quirks.py
    model: Mapped[str] = mapped_column(server_default="*")
    firmware: Mapped[str] = mapped_column(server_default="*")
    quirk: Mapped[str]  # domain.quirks.Quirk
    value: Mapped[Any] = mapped_column(JSONB)
    note: Mapped[str | None]
    enabled: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime] = created_column()
    changed_at: Mapped[datetime] = created_column()
