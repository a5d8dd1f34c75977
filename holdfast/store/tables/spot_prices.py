"""Market prices by the hour: feeds, and what each said. A price once written stays."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column


class SpotFeed(Table):
    """A market's prices, by the key that tariffs use ("DE-LU")."""

    __tablename__ = "spot_feeds"
    __table_args__ = (UniqueConstraint("organization_id", "key"),)

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    key: Mapped[str]
    name: Mapped[str]
    currency: Mapped[str]
    time_zone: Mapped[str]  # of the market's day: tomorrow's prices come after its noon
    source: Mapped[str]  # "file": read from the installation's folder; "api": written by a client
    read_at: Mapped[datetime | None]
    problem: Mapped[str | None]
    created_at: Mapped[datetime] = created_column()
    retired_at: Mapped[datetime | None]


class SpotPriceRow(Table):
    """The market's price per kWh from `starts_at` to `ends_at`. The first word counts: a feed that
    says something else later is a problem of the feed's, not another price."""

    __tablename__ = "spot_prices"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        Index("ix_spot_prices_organization_id", "organization_id"),
    )

    feed_id: Mapped[UUID] = mapped_column(ForeignKey("spot_feeds.id"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    ends_at: Mapped[datetime]
    price: Mapped[str]  # exact decimal, major units per kWh; may be below zero
    written_at: Mapped[datetime] = created_column()
