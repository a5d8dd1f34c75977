"""Orders that are retried, superseded and split."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import CreateSequence, DropSequence

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NUMBERS = sa.Sequence("order_request_numbers", start=1, maxvalue=2_147_483_647, cycle=True)
BEFORE = "'waiting', 'sent', 'accepted', 'rejected', 'unknown', 'expired', 'cancelled'"
AFTER = (
    "'waiting', 'sent', 'accepted', 'rejected', 'timed_out', 'expired', 'superseded', 'cancelled'"
)
COLUMNS = (
    "parts_done",
    "parts",
    "retry_at",
    "request_id",
    "about",
    "superseded_by",
    "object",
    "priority",
)


def upgrade() -> None:
    """New columns; what was `unknown` is `timed_out`."""
    op.execute(CreateSequence(NUMBERS))
    op.add_column(
        "orders", sa.Column("priority", sa.BigInteger(), server_default="5", nullable=False)
    )
    op.add_column("orders", sa.Column("object", sa.Text(), nullable=True))
    op.add_column("orders", sa.Column("superseded_by", sa.Uuid(), nullable=True))
    op.add_column("orders", sa.Column("about", sa.Uuid(), nullable=True))
    op.add_column("orders", sa.Column("request_id", sa.BigInteger(), nullable=True))
    op.add_column("orders", sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("orders", sa.Column("parts", sa.BigInteger(), nullable=True))
    op.add_column(
        "orders", sa.Column("parts_done", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_orders_priority_in_range"), "orders", "priority BETWEEN 1 AND 9"
    )
    op.drop_constraint(op.f("ck_orders_state_known"), "orders", type_="check")
    op.execute("UPDATE orders SET state = 'timed_out' WHERE state = 'unknown'")
    op.create_check_constraint(op.f("ck_orders_state_known"), "orders", f"state IN ({AFTER})")
    op.create_index(
        "ix_orders_station_id_priority_id",
        "orders",
        ["station_id", "priority", "id"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_orders_station_id_request_id",
        "orders",
        ["station_id", "request_id"],
        postgresql_where=sa.text("request_id IS NOT NULL"),
    )


def downgrade() -> None:
    """The states that the older version knows, and its columns."""
    op.drop_index("ix_orders_station_id_request_id", table_name="orders")
    op.drop_index("ix_orders_station_id_priority_id", table_name="orders")
    op.drop_constraint(op.f("ck_orders_state_known"), "orders", type_="check")
    op.execute("UPDATE orders SET state = 'unknown' WHERE state = 'timed_out'")
    op.execute("UPDATE orders SET state = 'cancelled' WHERE state = 'superseded'")
    op.create_check_constraint(op.f("ck_orders_state_known"), "orders", f"state IN ({BEFORE})")
    op.drop_constraint(op.f("ck_orders_priority_in_range"), "orders", type_="check")
    for column in COLUMNS:
        op.drop_column("orders", column)
    op.execute(DropSequence(NUMBERS))
