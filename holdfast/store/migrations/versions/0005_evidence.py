"""Signed meter values and the keys that verify them."""

from collections.abc import Sequence

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Not yet."""


def downgrade() -> None:
    """Not yet."""
