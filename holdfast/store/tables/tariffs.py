"""Tariffs, their immutable versions, and where each applies."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column


class Tariff(Table):
    """A named price; what it costs is in its versions."""

    __tablename__ = "tariffs"
    __table_args__ = (Index("ix_tariffs_organization_id", "organization_id"),)

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str]
    currency: Mapped[str]
    created_at: Mapped[datetime] = created_column()
    retired_at: Mapped[datetime | None]


class TariffVersion(Table):
    """Immutable (a trigger refuses updates). `body` is the canonical form (`domain.tariff`)."""

    __tablename__ = "tariff_versions"
    __table_args__ = (UniqueConstraint("tariff_id", "number"),)

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    tariff_id: Mapped[UUID] = mapped_column(ForeignKey("tariffs.id"))
    number: Mapped[int]
    valid_from: Mapped[datetime]
    body: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = created_column()


class TariffAssignment(Table):
    """A tariff applies to a station, else a site, else the whole organization."""

    __tablename__ = "tariff_assignments"
    __table_args__ = (
        CheckConstraint("station_id IS NULL OR site_id IS NULL", name="one_scope"),
        Index("ix_tariff_assignments_organization_id", "organization_id"),
        UniqueConstraint(
            "organization_id",
            "site_id",
            "station_id",
            name="uq_tariff_assignments_scope",
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    tariff_id: Mapped[UUID] = mapped_column(ForeignKey("tariffs.id"))
    site_id: Mapped[UUID | None] = mapped_column(ForeignKey("sites.id"))
    station_id: Mapped[UUID | None] = mapped_column(ForeignKey("stations.id"))
    created_at: Mapped[datetime] = created_column()
