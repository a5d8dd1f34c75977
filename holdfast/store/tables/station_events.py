"""What stations told of themselves: security, alarms, limits, logs, schedules, displays."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Identity, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table


class StationEvent(Table):
    """One thing that a station reported (contracts.facts.EventReported). Daily partitions by time
    of receipt."""

    __tablename__ = "station_events"
    __table_args__ = (
        Index("ix_station_events_station_id_received_at", "station_id", "received_at"),
        Index(
            "ix_station_events_organization_id_kind_received_at",
            "organization_id",
            "kind",
            "received_at",
        ),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    station_id: Mapped[UUID]
    at: Mapped[datetime]  # the station's own stamp, as judged
    kind: Mapped[str]  # our word: "security", "log", "charging_limit", …
    name: Mapped[str | None]  # the station's own word for what happened
    severity: Mapped[int | None]  # OCPP 2.x: 0 danger … 9 debug
    evse: Mapped[int | None]
    connector: Mapped[int | None]
    request_id: Mapped[int | None]
    transaction_id: Mapped[str | None]
    details: Mapped[object] = mapped_column(JSONB)
