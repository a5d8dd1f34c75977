"""Searching the message log: by transaction, and over all stations of an organization.

The index is made on every day that is kept, and stations wait for their answers meanwhile: a few
seconds for each ten million frames. They keep what was not answered and send it again.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

INDEX = "ix_frames_organization_id_received_at"


def upgrade() -> None:
    op.add_column("frames", sa.Column("transaction_id", sa.Text(), nullable=True))
    op.create_index(INDEX, "frames", ["organization_id", "received_at"])


def downgrade() -> None:
    op.drop_index(INDEX, table_name="frames")
    op.drop_column("frames", "transaction_id")
