"""Certificates, security profiles, rotation of passwords."""

from collections.abc import Sequence

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Not yet."""


def downgrade() -> None:
    """Not yet."""
