"""Orders: what we want a station to do, until it did, refused, or the time was up."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column

ORDER_STATES = (
    "waiting",  # not yet sent
    "sent",  # the frame left; no answer yet
    "accepted",
    "rejected",  # the station said no, or answered CALLERROR
    "unknown",  # sent, and no answer came
    "expired",  # not_after passed unsent
    "cancelled",
)


class Order(Table):
    """One order. The workflow's activities and the gateway that sends it write its progress."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint(f"state IN {ORDER_STATES}", name="state_known"),
        Index("ix_orders_station_id_id", "station_id", "id"),
        Index("ix_orders_organization_id_id", "organization_id", "id"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("sessions.id"))
    kind: Mapped[str]  # contracts.orders.ORDER_KINDS
    payload: Mapped[dict[str, Any]]
    requested_by: Mapped[str]
    not_after: Mapped[datetime]
    state: Mapped[str] = mapped_column(server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    sent_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    answer: Mapped[dict[str, Any] | None]  # {"status": …, "response": {…}, "error": {…}}
    created_at: Mapped[datetime] = created_column()
