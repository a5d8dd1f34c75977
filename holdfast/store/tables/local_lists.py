"""Local authorization lists: who gets one, what each station was sent and has confirmed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column

LIST_RULES = ("off", "own", "all")
LIST_STATES = (
    "pending",  # the station's list is not yet what it should be
    "current",
    "failed",  # the station refused several times: a person presses resync
    "unsupported",  # the station has no local list
)


class LocalListRule(Table):
    """Which tokens go on the stations of a site, on one station, or (neither) on all of them.

    The narrowest rule counts; without one it is "off" (a public charger's list can accept a token
    that its issuer revoked, systems.md E21).
    """

    __tablename__ = "local_list_rules"
    __table_args__ = (
        CheckConstraint(f"rule IN {LIST_RULES}", name="rule_known"),
        CheckConstraint("site_id IS NULL OR station_id IS NULL", name="one_place"),
        UniqueConstraint(
            "organization_id", "site_id", "station_id", postgresql_nulls_not_distinct=True
        ),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    site_id: Mapped[UUID | None] = mapped_column(ForeignKey("sites.id"))
    station_id: Mapped[UUID | None] = mapped_column(ForeignKey("stations.id"))
    rule: Mapped[str]
    changed_at: Mapped[datetime] = created_column()


class LocalList(Table):
    """A station's list; the id is the station's. Its workflow `list-<id>` keeps it current."""

    __tablename__ = "local_lists"
    __table_args__ = (
        CheckConstraint(f"state IN {LIST_STATES}", name="state_known"),
        Index("ix_local_lists_organization_id", "organization_id"),
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    state: Mapped[str] = mapped_column(server_default="pending")
    # tokens or rules changed since the workflow looked last
    changed: Mapped[bool] = mapped_column(server_default="true")
    full_needed: Mapped[bool] = mapped_column(server_default="true")
    confirmed_version: Mapped[int] = mapped_column(server_default="0")
    sent_version: Mapped[int] = mapped_column(server_default="0")
    reported_version: Mapped[int | None]  # when asked last; -1 or 0: it has none
    reported_at: Mapped[datetime | None]
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))  # under way
    wanted_count: Mapped[int] = mapped_column(server_default="0")
    left_out_count: Mapped[int] = mapped_column(server_default="0")  # beyond the station's limit
    failures: Mapped[int] = mapped_column(server_default="0")  # in a row
    last_result: Mapped[str | None]
    last_result_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = created_column()


class LocalListEntry(Table):
    """A token that the station confirmed to hold, and a digest of how it holds it."""

    __tablename__ = "local_list_entries"

    list_id: Mapped[UUID] = mapped_column(ForeignKey("local_lists.id"), primary_key=True)
    uid: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    digest: Mapped[str]
