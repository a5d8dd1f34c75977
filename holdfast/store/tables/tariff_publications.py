"""Going live with a version, and the ledger of which price was shown where and when."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column

PUBLICATION_STATES = (
    "waiting",  # for its first moment
    "publishing",  # stations, partners and pages are being told
    "live",
    "ended",  # another version, or none, applies
    "withdrawn",  # before it came into force
)
SHOWN_STATES = ("asked", "shown", "refused", "unsupported", "withdrawn")
CHANNELS = ("station_tariff", "display_message", "data_transfer", "page", "partner")


class Publication(Table):
    """One version on its way out. Its workflow (`TariffPublication`) writes it."""

    __tablename__ = "tariff_publications"
    __table_args__ = (
        CheckConstraint(f"state IN {PUBLICATION_STATES}", name="state_known"),
        Index("ix_tariff_publications_organization_id_id", "organization_id", "id"),
        UniqueConstraint("version_id"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    tariff_id: Mapped[UUID] = mapped_column(ForeignKey("tariffs.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("tariff_versions.id"))
    state: Mapped[str] = mapped_column(server_default="waiting")
    live_at: Mapped[datetime | None]
    attention: Mapped[str | None]  # what a person must look at
    created_at: Mapped[datetime] = created_column()
    ended_at: Mapped[datetime | None]


class ShownPrice(Table):
    """What was shown at a place from `shown_at` to `until_at`. Rows are ended, never rewritten.

    `content` is what was sent or rendered (no personal data); `text` its words. A station that
    never confirmed stays `asked`; the row before it stays shown until it is confirmed.
    """

    __tablename__ = "shown_prices"
    __table_args__ = (
        CheckConstraint(f"state IN {SHOWN_STATES}", name="state_known"),
        CheckConstraint(f"channel IN {CHANNELS}", name="channel_known"),
        Index("ix_shown_prices_organization_id_id", "organization_id", "id"),
        Index("ix_shown_prices_organization_id_channel_id", "organization_id", "channel", "id"),
        Index("ix_shown_prices_version_id_id", "version_id", "id"),
        Index("ix_shown_prices_station_id_id", "station_id", "id"),
        Index("ix_shown_prices_station_id_channel_evse_id", "station_id", "channel", "evse", "id"),
        Index(
            "ix_shown_prices_station_id_open",
            "station_id",
            postgresql_where=text("until_at IS NULL"),
        ),
        Index(
            "ix_shown_prices_version_id_open",
            "version_id",
            postgresql_where=text("until_at IS NULL OR state = 'refused'"),
        ),
        Index(
            "ix_shown_prices_until_at",
            "until_at",
            postgresql_where=text("until_at IS NOT NULL"),
        ),
        Index(
            "ix_shown_prices_version_id_unanswered",
            "version_id",
            postgresql_where=text(
                "until_at IS NULL AND (state = 'asked' OR clearing_order_id IS NOT NULL)"
            ),
        ),
        UniqueConstraint("key"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    key: Mapped[str]  # version, channel, place, and the row before: a repeat writes no second row
    # null: a person had the station show it (services.prices_by_hand)
    version_id: Mapped[UUID | None] = mapped_column(ForeignKey("tariff_versions.id"))
    publication_id: Mapped[UUID | None] = mapped_column(ForeignKey("tariff_publications.id"))
    channel: Mapped[str]
    station_id: Mapped[UUID | None] = mapped_column(ForeignKey("stations.id"))
    evse: Mapped[int | None]
    language: Mapped[str | None]
    text: Mapped[str | None]
    content: Mapped[dict[str, Any]]
    order_id: Mapped[UUID | None]  # the row outlives its order (workers/upkeep.py)
    clearing_order_id: Mapped[UUID | None]
    shown_by: Mapped[str | None]  # actors as in the audit log, where a person did it by hand
    ended_by: Mapped[str | None]
    state: Mapped[str]
    detail: Mapped[str | None]
    asked_at: Mapped[datetime] = created_column()
    shown_at: Mapped[datetime | None]
    until_at: Mapped[datetime | None]


class RunningCost(Table):
    """What an open session costs so far, worked out now and then by the workers.

    `told_*` is what the station was told last. Gone when the session is settled.
    """

    __tablename__ = "running_costs"
    __table_args__ = (Index("ix_running_costs_as_of", "as_of"),)

    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    as_of: Mapped[datetime]
    currency: Mapped[str]
    energy_wh: Mapped[int]
    excl_vat: Mapped[str | None]
    incl_vat: Mapped[str]
    incl_minor: Mapped[int]
    tellable: Mapped[bool] = mapped_column(server_default=text("true"))  # in the display's currency
    told_minor: Mapped[int | None]
    told_at: Mapped[datetime | None]


class StationPriceLook(Table):
    """What a station was when its prices were last compared with what applies: where it differs
    now, or `due_at` is over, it is looked at again (`services.price_looks`)."""

    __tablename__ = "station_price_looks"

    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    looked_at: Mapped[datetime]
    booted_at: Mapped[datetime | None]
    variables_at: Mapped[datetime | None]  # the last change of those that say what it can show
    site_id: Mapped[UUID | None]
    evses: Mapped[int]
    due_at: Mapped[datetime | None]  # the words change, or it is told once more
