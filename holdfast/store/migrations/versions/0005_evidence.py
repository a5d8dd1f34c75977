"""Signed meter values and the keys that verify them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Two tables; nothing that is there is touched."""
    _make_keys()
    _make_readings()


def _make_keys() -> None:
    op.create_table(
        "meter_keys",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("evse", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("confirmed_at", INSTANT, nullable=True),
        sa.Column("retired_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "source IN ('register', 'data_transfer', 'signed_value')",
            name=op.f("ck_meter_keys_source_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_meter_keys_organization_id_organizations"),
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_meter_keys_station_id_stations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_keys")),
    )
    op.create_index(
        "uq_meter_keys_public_key", "meter_keys", ["station_id", "evse", "public_key"], unique=True
    )
    op.create_index("ix_meter_keys_organization_id_id", "meter_keys", ["organization_id", "id"])


def _make_readings() -> None:
    op.create_table(
        "signed_readings",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.Column("evse", sa.BigInteger(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("context", sa.Text(), nullable=True),
        sa.Column("encoding", sa.Text(), nullable=True),
        sa.Column("signing_method", sa.Text(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=True),
        sa.Column("digest", sa.Uuid(), nullable=False),
        sa.Column("checked_at", INSTANT, nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["key_id"], ["meter_keys.id"], name=op.f("fk_signed_readings_key_id_meter_keys")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_signed_readings_organization_id_organizations"),
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_signed_readings_session_id_sessions")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_signed_readings_station_id_stations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signed_readings")),
    )
    op.create_index(
        "uq_signed_readings_digest", "signed_readings", ["station_id", "digest"], unique=True
    )
    op.create_index("ix_signed_readings_session_id", "signed_readings", ["session_id"])
    op.create_index(
        "ix_signed_readings_unattached",
        "signed_readings",
        ["station_id", "transaction_id"],
        postgresql_where=sa.text("session_id IS NULL"),
    )


def downgrade() -> None:
    """Drop both. The evidence is gone then: only for an installation without any."""
    op.drop_table("signed_readings")
    op.drop_table("meter_keys")
