"""The inventory of variables of each station, with its history."""

from collections.abc import Sequence

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Not yet."""


def downgrade() -> None:
    """Not yet."""
