"""Signed meter values as stations sent them, and the keys that verify them.

Evidence is kept beside the session, outside the retention of telemetry: a bill may be disputed
years after its meter values were dropped.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column

KEY_SOURCES = (
    "register",  # typed in by an operator, from the public register or the meter's plate
    "data_transfer",  # the station said so
    "signed_value",  # it came beside what it is to verify: proves nothing by itself
)


class MeterKey(Table):
    """A meter's public key. It verifies only once a person stands for it (`confirmed_at`)."""

    __tablename__ = "meter_keys"
    __table_args__ = (
        CheckConstraint(f"source IN {KEY_SOURCES}", name="source_known"),
        Index("uq_meter_keys_public_key", "station_id", "evse", "public_key", unique=True),
        Index("ix_meter_keys_organization_id_id", "organization_id", "id"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    evse: Mapped[int] = mapped_column(server_default="0")  # 0: of every EVSE of the station
    public_key: Mapped[str]  # DER (SubjectPublicKeyInfo) in hex, lower case
    source: Mapped[str]
    created_at: Mapped[datetime] = created_column()
    confirmed_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]


class SignedReading(Table):
    """One signed value, byte for byte. The writer adds it; checking it fills the last columns."""

    __tablename__ = "signed_readings"
    __table_args__ = (
        # Stations send the same value twice: it is one piece of evidence (systems.md E10).
        Index("uq_signed_readings_digest", "station_id", "digest", unique=True),
        Index("ix_signed_readings_session_id", "session_id"),
        Index(
            "ix_signed_readings_unattached",
            "station_id",
            "transaction_id",
            postgresql_where=text("session_id IS NULL"),
        ),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("sessions.id"))
    transaction_id: Mapped[str | None]
    evse: Mapped[int]
    received_at: Mapped[datetime]
    at: Mapped[datetime]  # of the meter value that carried it
    context: Mapped[str | None]
    encoding: Mapped[str | None]  # OCMF, EDL, … as the station names it
    signing_method: Mapped[str | None]
    data: Mapped[bytes] = mapped_column(LargeBinary)
    public_key: Mapped[str | None]  # as sent
    digest: Mapped[UUID]  # 128 bits of BLAKE2b over the transaction and the data

    checked_at: Mapped[datetime | None]
    verified: Mapped[bool | None]  # null: not decided, `problem` says why
    problem: Mapped[str | None]
    key_id: Mapped[UUID | None] = mapped_column(ForeignKey("meter_keys.id"))
