"""What a station's variables are, were and should be; its monitors; what its model refused.

An OCPP 1.6 configuration key is the variable of the component "". Values of secrets are never
stored (`domain.variables.is_secret`): their row says only that they exist.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import BigInteger

from holdfast.store.tables.table import Table, created_column, id_column

SETTING_STATES = (
    "pending",  # wanted, not yet seen on the station
    "in_force",
    "needs_reboot",  # the station took it and will follow after its next boot
    "rejected",  # the station, and so its model, does not take this value
    "drifted",  # the station had it, or took it, and shows another value
)
# What names one attribute of one variable of a station.
PLACE = (
    "station_id",
    "component",
    "component_instance",
    "evse",
    "connector",
    "variable",
    "variable_instance",
    "attribute",
)


class StationVariable(Table):
    """The inventory: one row per attribute. `gone_at`: a full report no longer had it."""

    __tablename__ = "station_variables"
    __table_args__ = (
        UniqueConstraint(
            *PLACE, name="uq_station_variables_place", postgresql_nulls_not_distinct=True
        ),
        Index("ix_station_variables_station_id_changed_at", "station_id", "changed_at"),
        # what a station says that it can show of prices (services/price_looks.py)
        Index(
            "ix_station_variables_of_prices",
            "station_id",
            "changed_at",
            postgresql_where=text(
                "lower(component) IN ('tariffcostctrlr', 'displaymessagectrlr') "
                "OR lower(variable) = 'customdisplaycostandprice'"
            ),
        ),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    component: Mapped[str]
    component_instance: Mapped[str | None]
    evse: Mapped[int | None]
    connector: Mapped[int | None]
    variable: Mapped[str]
    variable_instance: Mapped[str | None]
    attribute: Mapped[str] = mapped_column(server_default="actual")
    value: Mapped[str | None]
    mutability: Mapped[str | None]  # read_only, write_only, read_write
    data_type: Mapped[str | None]  # OCPP 2.x DataEnumType: string, decimal, integer, …
    unit: Mapped[str | None]
    values_list: Mapped[str | None]  # comma separated, as sent
    min_limit: Mapped[str | None]
    max_limit: Mapped[str | None]
    supports_monitoring: Mapped[bool | None]
    reported_at: Mapped[datetime]  # the station's own time, judged
    source: Mapped[str]  # report, get, set, event
    changed_at: Mapped[datetime] = created_column()  # of the value
    gone_at: Mapped[datetime | None]


class VariableChange(Table):
    """What a value was and what it became. Kept for a time (workers/upkeep.py)."""

    __tablename__ = "station_variable_changes"
    __table_args__ = (
        Index("ix_station_variable_changes_variable_id_id", "variable_id", "id"),
        Index("ix_station_variable_changes_created_at", "created_at"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID]
    station_id: Mapped[UUID]
    variable_id: Mapped[UUID] = mapped_column(ForeignKey("station_variables.id"))
    was: Mapped[str | None]
    became: Mapped[str | None]
    at: Mapped[datetime]  # the station's own time, judged
    source: Mapped[str]
    created_at: Mapped[datetime] = created_column()


class StationReport(Table):
    """A report in parts: which came, and whether all did (2.0.1 B07, B08, N02)."""

    __tablename__ = "station_reports"
    __table_args__ = (UniqueConstraint("station_id", "kind", "request_id"),)

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    kind: Mapped[str]  # variables, monitors
    request_id: Mapped[int]
    scope: Mapped[str | None]  # full, configuration, summary, custom; null: not known yet
    parts: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{}")
    last_part: Mapped[int | None]  # the sequence number of the part that said it is the last
    first_at: Mapped[datetime | None]  # the earliest time that a part carries
    started_at: Mapped[datetime] = created_column()
    changed_at: Mapped[datetime] = created_column()
    completed_at: Mapped[datetime | None]


class StationInventory(Table):
    """When a station was last asked for all its variables, and for which firmware."""

    __tablename__ = "station_inventories"

    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    firmware_version: Mapped[str | None]
    asked_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]


class StationSetting(Table):
    """A value that somebody wants a variable to have, and how far that has come."""

    __tablename__ = "station_settings"
    __table_args__ = (
        UniqueConstraint(
            *PLACE, name="uq_station_settings_place", postgresql_nulls_not_distinct=True
        ),
        CheckConstraint(f"state IN {SETTING_STATES}", name="state_known"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    component: Mapped[str]
    component_instance: Mapped[str | None]
    evse: Mapped[int | None]
    connector: Mapped[int | None]
    variable: Mapped[str]
    variable_instance: Mapped[str | None]
    attribute: Mapped[str] = mapped_column(server_default="actual")
    wanted: Mapped[str]
    offered: Mapped[str | None]  # a shorter list tried in its place (systems.md E18)
    wanted_since: Mapped[datetime] = created_column()
    wanted_by: Mapped[str]
    enforce: Mapped[bool] = mapped_column(server_default="false")
    attempts: Mapped[int] = mapped_column(server_default="0")  # set again by itself
    state: Mapped[str] = mapped_column(server_default="pending")
    state_at: Mapped[datetime] = created_column()
    reason: Mapped[str | None]  # the station's own word


class ModelRefusal(Table):
    """What a model of a vendor did not take, so that it is not asked again in vain."""

    __tablename__ = "model_refusals"
    __table_args__ = (
        UniqueConstraint(
            "organization_id",
            "vendor",
            "model",
            "firmware_version",
            "component",
            "variable",
            "value",
            name="uq_model_refusals_subject",
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    vendor: Mapped[str]
    model: Mapped[str]
    firmware_version: Mapped[str | None]
    component: Mapped[str]
    variable: Mapped[str]
    value: Mapped[str | None]  # null: the variable itself is not known
    status: Mapped[str]  # the station's own word
    times: Mapped[int] = mapped_column(server_default="1")
    first_at: Mapped[datetime] = created_column()
    last_at: Mapped[datetime] = created_column()


class StationMonitor(Table):
    """A variable monitor as the station reported or confirmed it (2.0.1 N02 to N08)."""

    __tablename__ = "station_monitors"
    __table_args__ = (UniqueConstraint("station_id", "number"),)

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    number: Mapped[int]  # the station's id of it
    component: Mapped[str]
    component_instance: Mapped[str | None]
    evse: Mapped[int | None]
    connector: Mapped[int | None]
    variable: Mapped[str]
    variable_instance: Mapped[str | None]
    type: Mapped[str]  # upper_threshold, lower_threshold, delta, periodic, periodic_clock_aligned
    value: Mapped[str]  # a decimal, as sent
    severity: Mapped[int]  # 0 danger … 9 debug
    in_transactions_only: Mapped[bool] = mapped_column(server_default="false")
    origin: Mapped[str | None]  # hard_wired, preconfigured, custom (2.1 eventNotificationType)
    reported_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]
