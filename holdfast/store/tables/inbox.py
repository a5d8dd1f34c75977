"""What came in: frames as bytes, keys of facts with their answers, what could not be applied."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column


class Frame(Table):
    """The message log: every frame both ways. Daily partitions by time of receipt."""

    __tablename__ = "frames"
    __table_args__ = (
        Index("ix_frames_station_id_received_at", "station_id", "received_at"),
        Index("ix_frames_organization_id_received_at", "organization_id", "received_at"),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    station_id: Mapped[UUID]
    outbound: Mapped[bool] = mapped_column(server_default=text("false"))
    message_id: Mapped[str | None]
    action: Mapped[str | None]
    transaction_id: Mapped[str | None]  # that it speaks of, where the writer knew
    frame: Mapped[bytes] = mapped_column(LargeBinary)
    finding: Mapped[str | None]  # what a schema check said, and what a quirk adjusted


class FactKey(Table):
    """The natural key of a fact, digested, and the answer given. A repeat gets the same."""

    __tablename__ = "fact_keys"
    __table_args__ = (Index("ix_fact_keys_created_at", "created_at"),)

    station_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[UUID] = mapped_column(primary_key=True)  # 128 bits of BLAKE2b
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)  # JSON; null: the usual empty one
    session_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = created_column()


class MeterValue(Table):
    """Samples taken at one moment. Daily partitions by time of receipt."""

    __tablename__ = "meter_values"
    __table_args__ = (
        Index("ix_meter_values_session_id", "session_id", "sampled_at"),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    station_id: Mapped[UUID]
    session_id: Mapped[UUID | None]
    evse: Mapped[int]
    sampled_at: Mapped[datetime]
    context: Mapped[str | None]
    energy_mwh: Mapped[int | None]  # Energy.Active.Import.Register of the whole connector
    power_w: Mapped[int | None]
    soc_percent: Mapped[int | None]
    samples: Mapped[object] = mapped_column(JSONB)  # as sent, all of them


class Quarantined(Table):
    """A message that could not be applied. Answered, kept, and for an operator to decide."""

    __tablename__ = "quarantine"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'replayed', 'discarded')", name="state_known"),
        Index("ix_quarantine_organization_id_id", "organization_id", "id"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    received_at: Mapped[datetime]
    protocol: Mapped[str]
    action: Mapped[str]
    frame: Mapped[bytes] = mapped_column(LargeBinary)
    error: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="open")
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    reason: Mapped[str | None]


class LateFact(Table):
    """A fact whose workflow had already closed. LateTruth reads it; an operator may decide."""

    __tablename__ = "late_facts"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'applied', 'discarded')", name="state_known"),
        Index("ix_late_facts_organization_id_id", "organization_id", "id"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"))
    outbox_id: Mapped[int] = mapped_column(unique=True)
    name: Mapped[str]
    payload: Mapped[object] = mapped_column(JSONB)
    received_at: Mapped[datetime] = created_column()
    state: Mapped[str] = mapped_column(server_default="open")
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    reason: Mapped[str | None]
