"""What stations report of themselves."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """A new table, in daily partitions: `store.migrate` makes those of the next days."""
    op.create_table(
        "station_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("severity", sa.BigInteger(), nullable=True),
        sa.Column("evse", sa.BigInteger(), nullable=True),
        sa.Column("connector", sa.BigInteger(), nullable=True),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", "received_at", name=op.f("pk_station_events")),
        postgresql_partition_by="RANGE (received_at)",
    )
    op.create_index(
        "ix_station_events_station_id_received_at",
        "station_events",
        ["station_id", "received_at"],
        unique=False,
    )
    op.create_index(
        "ix_station_events_organization_id_kind_received_at",
        "station_events",
        ["organization_id", "kind", "received_at"],
        unique=False,
    )
    op.execute("CREATE TABLE station_events_default PARTITION OF station_events DEFAULT")


def downgrade() -> None:
    """The rows go with the table; the frames that they were read from stay."""
    op.drop_table("station_events")
