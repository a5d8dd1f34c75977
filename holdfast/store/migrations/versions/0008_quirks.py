"""Quirks of models as data."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "quirk_rules",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("vendor", sa.Text(), server_default="*", nullable=False),
        sa.Column("model", sa.Text(), server_default="*", nullable=False),
        sa.Column("firmware", sa.Text(), server_default="*", nullable=False),
        sa.Column("quirk", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column(
            "created_at",
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
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_quirk_rules_organization_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quirk_rules")),
    )
    op.create_index("ix_quirk_rules_organization_id_id", "quirk_rules", ["organization_id", "id"])
    op.create_index(
        "uq_quirk_rules_organization_id_replaces",
        "quirk_rules",
        ["organization_id", "replaces"],
        unique=True,
    )


def downgrade() -> None:
    op.drop_table("quirk_rules")
