"""Payments, the operations sent to the provider, and what the provider told us."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column

PAYMENT_KINDS = ("hold", "off_session")
PAYMENT_STATES = (
    "created",  # nothing asked of the provider yet
    "action_required",  # the driver must confirm (3-D Secure)
    "held",
    "captured",
    "released",
    "failed",  # declined, or the hold expired
)


class Payment(Table):
    """Money for one session: a hold taken before it, or a charge after it."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint(f"kind IN {PAYMENT_KINDS}", name="kind_known"),
        CheckConstraint(f"state IN {PAYMENT_STATES}", name="state_known"),
        CheckConstraint(
            "kind <> 'hold' OR captured_minor <= held_minor", name="captured_within_hold"
        ),
        Index("ix_payments_organization_id_id", "organization_id", "id"),
        Index(
            "uq_payments_session_id_kind",
            "session_id",
            "kind",
            unique=True,
            postgresql_where=text("session_id IS NOT NULL AND state <> 'failed'"),
        ),
        Index("uq_payments_intent", "intent", unique=True),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    kind: Mapped[str]
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("sessions.id"))
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    currency: Mapped[str]
    asked_minor: Mapped[int]  # to hold, or to charge
    state: Mapped[str] = mapped_column(server_default="created")
    intent: Mapped[str | None]  # the provider's id
    held_minor: Mapped[int] = mapped_column(server_default="0")
    captured_minor: Mapped[int] = mapped_column(server_default="0")
    capture_before: Mapped[datetime | None]
    decline_code: Mapped[str | None]
    next_action_url: Mapped[str | None]
    # a person gave the money up: written with the decision, read by a workflow that is built again
    write_off_audit_id: Mapped[UUID | None] = mapped_column(ForeignKey("audit_log.id"))
    attention: Mapped[str | None]
    created_at: Mapped[datetime] = created_column()
    changed_at: Mapped[datetime] = created_column()
    closed_at: Mapped[datetime | None]


class PaymentOperation(Table):
    """A write to the provider: key and exact parameters are stored before the first send."""

    __tablename__ = "payment_operations"
    __table_args__ = (
        UniqueConstraint("payment_id", "operation", "sequence"),
        CheckConstraint("outcome IS NULL OR outcome IN ('done', 'refused')", name="outcome_known"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"))
    operation: Mapped[str]  # hold, capture, release, charge
    sequence: Mapped[int]  # grows for a new intention only, never for an attempt
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    parameters: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = created_column()
    first_sent_at: Mapped[datetime | None]
    outcome: Mapped[str | None]  # null: unknown
    result: Mapped[dict[str, Any] | None]
    finished_at: Mapped[datetime | None]


class ProviderEvent(Table):
    """A webhook, stored once under the provider's own id. It only says "look again"."""

    __tablename__ = "provider_events"

    id: Mapped[str] = mapped_column(primary_key=True)  # evt_…
    type: Mapped[str]
    api_version: Mapped[str | None]
    payment_id: Mapped[UUID | None]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = created_column()
