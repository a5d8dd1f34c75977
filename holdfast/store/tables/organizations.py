"""Organizations, their keys, what was done in their name, and repeated writes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column

APPROVALS = ("second_person", "author")
ROLES = ("administrator", "operator", "finance", "support", "read-only")


class Organization(Table):
    """An operator's company. Every other row belongs to one."""

    __tablename__ = "organizations"
    __table_args__ = (
        CheckConstraint(f"tariff_approval IN {APPROVALS}", name="tariff_approval_known"),
    )

    id: Mapped[UUID] = id_column()
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    # how many transactions a token may have at once, unless it says itself; null is no limit
    token_concurrent_max: Mapped[int | None]
    # who may approve a tariff: a second_person, or the author too
    tariff_approval: Mapped[str] = mapped_column(server_default="second_person")
    created_at: Mapped[datetime] = created_column()


class ApiKey(Table):
    """A bearer key. Only its keyed hash is stored; `hint` is its last four characters.

    `person`: whose it is, if that was said; `made_by`: the key that made it
    (`services.key_people`).
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint(f"role IN {ROLES}", name="role_known"),
        Index("ix_api_keys_organization_id", "organization_id"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str]
    role: Mapped[str]
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    hint: Mapped[str]
    person: Mapped[str | None]
    made_by: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id"))
    created_at: Mapped[datetime] = created_column()
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditEntry(Table):
    """Who did what, to what, and why. Append-only (a trigger refuses the rest)."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_organization_id_id", "organization_id", "id"),
        Index("ix_audit_log_subject", "subject"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    at: Mapped[datetime] = created_column()
    actor: Mapped[str]  # "key:<id>" or "system:<process>"
    action: Mapped[str]  # "session.waive"
    subject: Mapped[str]  # "session:<id>"
    reason: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column(server_default="{}")


class IdempotentWrite(Table):
    """The answer to a write that carried an Idempotency-Key; kept 24 h per key and route."""

    __tablename__ = "idempotent_writes"
    __table_args__ = (UniqueConstraint("api_key_id", "route", "key"),)

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    api_key_id: Mapped[UUID] = mapped_column(ForeignKey("api_keys.id"))
    route: Mapped[str]
    key: Mapped[str]
    request_digest: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = created_column()
