"""Orders: what we want a station to do, until it did, refused, or the time was up."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Sequence, text
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column

ORDER_STATES = (
    "waiting",  # not sent, or to be sent again
    "sent",  # the frame left; no answer yet
    "accepted",
    "rejected",  # the station said no, or answered CALLERROR
    "timed_out",  # sent, and no answer came: whether the station acted is not known
    "expired",  # not_after passed unsent
    "superseded",  # a newer order for the same thing came while it waited
    "cancelled",  # by a person, while it waited
)
# Numbers that a station puts into the messages which follow an answer: int32, one per order.
ORDER_REQUEST_NUMBERS = Sequence(
    "order_request_numbers", start=1, maxvalue=2_147_483_647, cycle=True, metadata=Table.metadata
)


class Order(Table):
    """One order. The workflow's activities and the gateway that sends it write its progress."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint(f"state IN {ORDER_STATES}", name="state_known"),
        CheckConstraint("priority BETWEEN 1 AND 9", name="priority_in_range"),
        Index("ix_orders_station_id_id", "station_id", "id"),
        Index("ix_orders_organization_id_id", "organization_id", "id"),
        Index(
            "ix_orders_station_id_priority_id",
            "station_id",
            "priority",
            "id",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index(
            "ix_orders_station_id_request_id",
            "station_id",
            "request_id",
            postgresql_where=text("request_id IS NOT NULL"),
        ),
        # of displays and running costs, which are forgotten (workers/upkeep.py)
        Index(
            "ix_orders_of_prices", "id", postgresql_where=text("requested_by = 'system:tariffs'")
        ),
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
    answer: Mapped[dict[str, Any] | None]  # {"status", "response", "error", "parts": […]}
    created_at: Mapped[datetime] = created_column()
    priority: Mapped[int] = mapped_column(server_default="5")  # 1 goes first, 9 last
    object: Mapped[str | None]  # domain.order_policy.object_of
    superseded_by: Mapped[UUID | None]
    about: Mapped[UUID | None]  # the order whose unknown outcome this one asks about
    request_id: Mapped[int | None]  # in the station's later messages
    retry_at: Mapped[datetime | None]  # when it is sent again, while it waits for that
    parts: Mapped[int | None]  # how many calls it takes; null: not known yet
    parts_done: Mapped[int] = mapped_column(server_default="0")
