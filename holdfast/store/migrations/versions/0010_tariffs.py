"""Tariffs under governance: drafts, approvals, audiences, publication, simulation, spot prices.

New tables alone: what they refer to here is hardly ever written. Their references to tables that
gateways and workers write all the time, and what is added to those, is in 0011.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    make_governance()
    make_views_of_prices()


def make_governance() -> None:
    """User groups, market prices, drafts, publications, ends of versions."""
    op.create_table(
        "spot_feeds",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_spot_feeds_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_feeds")),
        sa.UniqueConstraint(
            "organization_id", "key", name=op.f("uq_spot_feeds_organization_id_key")
        ),
    )
    op.create_table(
        "user_groups",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_user_groups_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_groups")),
        sa.UniqueConstraint(
            "organization_id", "key", name=op.f("uq_user_groups_organization_id_key")
        ),
    )
    op.create_table(
        "spot_prices",
        sa.Column("feed_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price", sa.Text(), nullable=False),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_spot_prices_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["feed_id"], ["spot_feeds.id"], name=op.f("fk_spot_prices_feed_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_spot_prices_organization_id")
        ),
        sa.PrimaryKeyConstraint("feed_id", "starts_at", name=op.f("pk_spot_prices")),
    )
    op.create_index(
        "ix_spot_prices_organization_id", "spot_prices", ["organization_id"], unique=False
    )
    op.create_table(
        "tariff_drafts",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("tariff_id", sa.Uuid(), nullable=False),
        sa.Column("based_on_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), server_default="draft", nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "authors", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False
        ),
        sa.Column("submitted_by", sa.Text(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=True),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(state = 'approved') = (version_id IS NOT NULL)",
            name=op.f("ck_tariff_drafts_approved_version"),
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'review', 'approved', 'discarded')",
            name=op.f("ck_tariff_drafts_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["based_on_id"], ["tariff_versions.id"], name=op.f("fk_tariff_drafts_based_on_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_tariff_drafts_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["tariff_id"], ["tariffs.id"], name=op.f("fk_tariff_drafts_tariff_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["tariff_versions.id"], name=op.f("fk_tariff_drafts_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff_drafts")),
    )
    op.create_index(
        "ix_tariff_drafts_organization_id_id",
        "tariff_drafts",
        ["organization_id", "id"],
        unique=False,
    )
    op.create_index("ix_tariff_drafts_tariff_id", "tariff_drafts", ["tariff_id"], unique=False)
    op.create_table(
        "tariff_publications",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("tariff_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("live_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attention", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'publishing', 'live', 'ended', 'withdrawn')",
            name=op.f("ck_tariff_publications_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_tariff_publications_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tariff_id"], ["tariffs.id"], name=op.f("fk_tariff_publications_tariff_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["tariff_versions.id"], name=op.f("fk_tariff_publications_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff_publications")),
        sa.UniqueConstraint("version_id", name=op.f("uq_tariff_publications_version_id")),
    )
    op.create_index(
        "ix_tariff_publications_organization_id_id",
        "tariff_publications",
        ["organization_id", "id"],
        unique=False,
    )
    op.create_table(
        "tariff_version_ends",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_tariff_version_ends_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["tariff_versions.id"], name=op.f("fk_tariff_version_ends_version_id")
        ),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_tariff_version_ends")),
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON tariff_version_ends "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def make_views_of_prices() -> None:
    """Simulations, running costs and the ledger of what was shown."""
    op.create_table(
        "tariff_simulations",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("tariff_id", sa.Uuid(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=True),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("scope", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("sessions_total", sa.BigInteger(), nullable=True),
        sa.Column("sessions_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cursor", sa.Uuid(), nullable=True),
        sa.Column(
            "result", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'failed', 'cancelled')",
            name=op.f("ck_tariff_simulations_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["tariff_drafts.id"], name=op.f("fk_tariff_simulations_draft_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_tariff_simulations_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tariff_id"], ["tariffs.id"], name=op.f("fk_tariff_simulations_tariff_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["tariff_versions.id"], name=op.f("fk_tariff_simulations_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff_simulations")),
    )
    op.create_index(
        "ix_tariff_simulations_organization_id_id",
        "tariff_simulations",
        ["organization_id", "id"],
        unique=False,
    )
    op.create_index(
        "ix_tariff_simulations_tariff_id", "tariff_simulations", ["tariff_id"], unique=False
    )
    op.create_table(
        "running_costs",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("excl_vat", sa.Text(), nullable=True),
        sa.Column("incl_vat", sa.Text(), nullable=False),
        sa.Column("incl_minor", sa.BigInteger(), nullable=False),
        sa.Column("tellable", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("told_minor", sa.BigInteger(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_running_costs_organization_id")
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_running_costs")),
    )
    op.create_index("ix_running_costs_as_of", "running_costs", ["as_of"], unique=False)
    op.create_table(
        "station_price_looks",
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("variables_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("evses", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_station_price_looks_organization_id"),
        ),
        sa.PrimaryKeyConstraint("station_id", name=op.f("pk_station_price_looks")),
    )
    op.create_table(
        "shown_prices",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("publication_id", sa.Uuid(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=True),
        sa.Column("evse", sa.BigInteger(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("clearing_order_id", sa.Uuid(), nullable=True),
        sa.Column("shown_by", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column(
            "asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "channel IN ('station_tariff', 'display_message', 'data_transfer', 'page', 'partner')",
            name=op.f("ck_shown_prices_channel_known"),
        ),
        sa.CheckConstraint(
            "state IN ('asked', 'shown', 'refused', 'unsupported', 'withdrawn')",
            name=op.f("ck_shown_prices_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_shown_prices_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["publication_id"],
            ["tariff_publications.id"],
            name=op.f("fk_shown_prices_publication_id"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["tariff_versions.id"], name=op.f("fk_shown_prices_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shown_prices")),
        sa.UniqueConstraint("key", name=op.f("uq_shown_prices_key")),
    )
    for columns in (
        ["organization_id", "id"],
        ["organization_id", "channel", "id"],
        ["version_id", "id"],
        ["station_id", "id"],
        ["station_id", "channel", "evse", "id"],
    ):
        op.create_index(f"ix_shown_prices_{'_'.join(columns)}", "shown_prices", columns)
    for name, column, condition in (
        ("station_id_open", "station_id", "until_at IS NULL"),
        ("version_id_open", "version_id", "until_at IS NULL OR state = 'refused'"),
        (
            "version_id_unanswered",
            "version_id",
            "until_at IS NULL AND (state = 'asked' OR clearing_order_id IS NOT NULL)",
        ),
        ("until_at", "until_at", "until_at IS NOT NULL"),
    ):
        op.create_index(
            f"ix_shown_prices_{name}",
            "shown_prices",
            [column],
            postgresql_where=sa.text(condition),
        )


def downgrade() -> None:
    op.drop_table("shown_prices")
    op.drop_table("station_price_looks")
    op.drop_table("running_costs")
    op.drop_table("tariff_simulations")
    op.drop_table("tariff_version_ends")
    op.drop_table("tariff_publications")
    op.drop_table("tariff_drafts")
    op.drop_table("spot_prices")
    op.drop_table("user_groups")
    op.drop_table("spot_feeds")
