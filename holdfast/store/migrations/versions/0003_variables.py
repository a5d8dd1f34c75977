"""The inventory of variables of each station, with its history."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    station_variables()
    station_variable_changes()
    station_reports()
    station_inventories()
    station_settings()
    model_refusals()
    station_monitors()


def downgrade() -> None:
    op.drop_table("station_monitors")
    op.drop_table("model_refusals")
    op.drop_table("station_settings")
    op.drop_table("station_inventories")
    op.drop_table("station_reports")
    op.drop_table("station_variable_changes")
    op.drop_table("station_variables")


def station_variables() -> None:
    op.create_table(
        "station_variables",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("component_instance", sa.Text(), nullable=True),
        sa.Column("evse", sa.BigInteger(), nullable=True),
        sa.Column("connector", sa.BigInteger(), nullable=True),
        sa.Column("variable", sa.Text(), nullable=False),
        sa.Column("variable_instance", sa.Text(), nullable=True),
        sa.Column("attribute", sa.Text(), server_default="actual", nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("mutability", sa.Text(), nullable=True),
        sa.Column("data_type", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("values_list", sa.Text(), nullable=True),
        sa.Column("min_limit", sa.Text(), nullable=True),
        sa.Column("max_limit", sa.Text(), nullable=True),
        sa.Column("supports_monitoring", sa.Boolean(), nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_station_variables_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_station_variables_station_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_variables")),
        sa.UniqueConstraint(
            "station_id",
            "component",
            "component_instance",
            "evse",
            "connector",
            "variable",
            "variable_instance",
            "attribute",
            name="uq_station_variables_place",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(
        "ix_station_variables_station_id_changed_at",
        "station_variables",
        ["station_id", "changed_at"],
        unique=False,
    )


def station_variable_changes() -> None:
    op.create_table(
        "station_variable_changes",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("variable_id", sa.Uuid(), nullable=False),
        sa.Column("was", sa.Text(), nullable=True),
        sa.Column("became", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["variable_id"],
            ["station_variables.id"],
            name=op.f("fk_station_variable_changes_variable_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_variable_changes")),
    )
    op.create_index(
        "ix_station_variable_changes_created_at",
        "station_variable_changes",
        ["created_at"],
        unique=False,
    )
    op.create_index(
        "ix_station_variable_changes_variable_id_id",
        "station_variable_changes",
        ["variable_id", "id"],
        unique=False,
    )


def station_reports() -> None:
    op.create_table(
        "station_reports",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("parts", postgresql.ARRAY(sa.BigInteger()), server_default="{}", nullable=False),
        sa.Column("last_part", sa.BigInteger(), nullable=True),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_station_reports_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_station_reports_station_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_reports")),
        sa.UniqueConstraint(
            "station_id",
            "kind",
            "request_id",
            name=op.f("uq_station_reports_station_id_kind_request_id"),
        ),
    )


def station_inventories() -> None:
    op.create_table(
        "station_inventories",
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("firmware_version", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_station_inventories_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_station_inventories_station_id")
        ),
        sa.PrimaryKeyConstraint("station_id", name=op.f("pk_station_inventories")),
    )


def station_settings() -> None:
    op.create_table(
        "station_settings",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("component_instance", sa.Text(), nullable=True),
        sa.Column("evse", sa.BigInteger(), nullable=True),
        sa.Column("connector", sa.BigInteger(), nullable=True),
        sa.Column("variable", sa.Text(), nullable=False),
        sa.Column("variable_instance", sa.Text(), nullable=True),
        sa.Column("attribute", sa.Text(), server_default="actual", nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("offered", sa.Text(), nullable=True),
        sa.Column(
            "wanted_since",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("wanted_by", sa.Text(), nullable=False),
        sa.Column("enforce", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column(
            "state_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'in_force', 'needs_reboot', 'rejected', 'drifted')",
            name=op.f("ck_station_settings_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_station_settings_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_station_settings_station_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_settings")),
        sa.UniqueConstraint(
            "station_id",
            "component",
            "component_instance",
            "evse",
            "connector",
            "variable",
            "variable_instance",
            "attribute",
            name="uq_station_settings_place",
            postgresql_nulls_not_distinct=True,
        ),
    )


def model_refusals() -> None:
    op.create_table(
        "model_refusals",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("firmware_version", sa.Text(), nullable=True),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("variable", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("times", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column(
            "first_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "last_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_model_refusals_organization_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_refusals")),
        sa.UniqueConstraint(
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


def station_monitors() -> None:
    op.create_table(
        "station_monitors",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("component_instance", sa.Text(), nullable=True),
        sa.Column("evse", sa.BigInteger(), nullable=True),
        sa.Column("connector", sa.BigInteger(), nullable=True),
        sa.Column("variable", sa.Text(), nullable=False),
        sa.Column("variable_instance", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("severity", sa.BigInteger(), nullable=False),
        sa.Column("in_transactions_only", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_station_monitors_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_station_monitors_station_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_monitors")),
        sa.UniqueConstraint(
            "station_id", "number", name=op.f("uq_station_monitors_station_id_number")
        ),
    )
