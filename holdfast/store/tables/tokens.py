"""Tokens that identify drivers, the accounts that pay for them, and their groups."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column

TOKEN_STATUSES = ("accepted", "blocked", "expired")
BILLINGS = ("card", "invoice", "free")


class UserGroup(Table):
    """Drivers who pay a price of their own: an account's or a token's group."""

    __tablename__ = "user_groups"
    __table_args__ = (UniqueConstraint("organization_id", "key"),)

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    key: Mapped[str]  # what tariffs call it
    name: Mapped[str]
    created_at: Mapped[datetime] = created_column()


class Account(Table):
    """Who pays: by saved card after each session, by invoice, or not at all."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint(f"billing IN {BILLINGS}", name="billing_known"),
        Index("ix_accounts_organization_id", "organization_id"),
        Index(
            "ix_accounts_user_group_id",
            "user_group_id",
            "id",
            postgresql_where=text("user_group_id IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str]
    email: Mapped[str | None]
    billing: Mapped[str]
    stripe_customer: Mapped[str | None]
    stripe_payment_method: Mapped[str | None]
    card_brand: Mapped[str | None]
    card_last4: Mapped[str | None]
    blocked_at: Mapped[datetime | None]
    user_group_id: Mapped[UUID | None] = mapped_column(ForeignKey("user_groups.id"))
    created_at: Mapped[datetime] = created_column()


class Token(Table):
    """What identifies a driver. Compared without regard to case (OCPI CiString)."""

    __tablename__ = "tokens"
    __table_args__ = (
        CheckConstraint(f"status IN {TOKEN_STATUSES}", name="status_known"),
        CheckConstraint("length(uid) BETWEEN 1 AND 36", name="uid_length"),
        CheckConstraint("charging_priority BETWEEN -9 AND 9", name="charging_priority_known"),
        CheckConstraint("concurrent_max BETWEEN 1 AND 1000", name="concurrent_max_sane"),
        CheckConstraint("current_type IN ('AC', 'DC')", name="current_type_known"),
        Index("uq_tokens_organization_id_uid", "organization_id", text("upper(uid)"), unique=True),
        Index(
            "ix_tokens_user_group_id",
            "user_group_id",
            "id",
            postgresql_where=text("user_group_id IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    type: Mapped[str]
    uid: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="accepted")
    visual_number: Mapped[str | None]
    group_id: Mapped[str | None]
    valid_until: Mapped[datetime | None]
    note: Mapped[str | None]
    # told to the driver by stations of OCPP 2.x
    language: Mapped[str | None]  # RFC 5646
    message: Mapped[str | None]
    charging_priority: Mapped[int | None]  # -9 to 9
    # where and how often it may charge; null is no limit
    site_ids: Mapped[list[Any] | None]
    current_type: Mapped[str | None]  # AC, DC
    concurrent_max: Mapped[int | None]
    user_group_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("user_groups.id")
    )  # else its account's
    created_at: Mapped[datetime] = created_column()
    changed_at: Mapped[datetime] = created_column()
