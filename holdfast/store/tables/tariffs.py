"""Tariffs, their immutable versions, and where and for whom each applies."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
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
    description: Mapped[str | None]
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


class TariffVersionEnd(Table):
    """A version that prices no new session from `ends_at` on: withdrawn before it came into force,
    or taken back early. Append-only, as the version is; it prices on what it priced."""

    __tablename__ = "tariff_version_ends"

    version_id: Mapped[UUID] = mapped_column(ForeignKey("tariff_versions.id"), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    ends_at: Mapped[datetime]
    ended_by: Mapped[str]
    reason: Mapped[str | None]
    created_at: Mapped[datetime] = created_column()


class TariffAssignment(Table):
    """A tariff applies from `created_at` to `until_at` at a place, for somebody.

    The place is an EVSE of a station, a station, a site, or the whole organization; somebody is an
    account (a contract), a user group, whoever pays ad hoc, or everybody. `services.tariff_choice`
    says which one wins. An ended row is kept: it answers what held then.
    """

    __tablename__ = "tariff_assignments"
    __table_args__ = (
        CheckConstraint("station_id IS NULL OR site_id IS NULL", name="one_scope"),
        CheckConstraint("evse IS NULL OR station_id IS NOT NULL", name="evse_of_station"),
        CheckConstraint(
            "num_nonnulls(user_group_id, account_id) + ad_hoc::int <= 1", name="one_audience"
        ),
        Index("ix_tariff_assignments_organization_id", "organization_id"),
        UniqueConstraint(
            "organization_id",
            "site_id",
            "station_id",
            "evse",
            "user_group_id",
            "account_id",
            "ad_hoc",
            "until_at",
            name="uq_tariff_assignments_scope",
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    tariff_id: Mapped[UUID] = mapped_column(ForeignKey("tariffs.id"))
    site_id: Mapped[UUID | None] = mapped_column(ForeignKey("sites.id"))
    station_id: Mapped[UUID | None] = mapped_column(ForeignKey("stations.id"))
    evse: Mapped[int | None]
    user_group_id: Mapped[UUID | None] = mapped_column(ForeignKey("user_groups.id"))
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    ad_hoc: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = created_column()
    until_at: Mapped[datetime | None]
