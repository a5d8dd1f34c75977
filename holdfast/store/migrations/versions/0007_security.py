"""Certificates, security profiles, rotation of passwords."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False)


def _owned(table: str, column: str = "organization_id", of: str = "organizations") -> sa.Constraint:
    return sa.ForeignKeyConstraint([column], [f"{of}.id"], name=op.f(f"fk_{table}_{column}"))


def _time(name: str, *, now: bool = False, needed: bool = False) -> sa.Column[Any]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=sa.text("now()") if now else None,
        nullable=not (now or needed),
    )


def _text(name: str, *, needed: bool = True, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=not needed)


def _uuid(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def upgrade() -> None:
    """New tables, and new columns that may be null: old code does not see them."""
    op.add_column("stations", sa.Column("pending_password_hash", sa.LargeBinary(), nullable=True))
    op.add_column("stations", sa.Column("security_profile", sa.BigInteger(), nullable=True))
    op.add_column("stations", sa.Column("wanted_security_profile", sa.BigInteger(), nullable=True))
    op.add_column("stations", _time("blocked_at"))
    connections = "station_connections"
    op.add_column(connections, sa.Column("security_profile", sa.BigInteger(), nullable=True))
    for name in ("tls_version", "tls_cipher", "certificate_serial"):
        op.add_column(connections, _text(name, needed=False))
    op.add_column(connections, _time("certificate_expires_at"))
    _authorities()
    _certificates()
    _rotations()
    _network_changes()


def _authorities() -> None:
    op.create_table(
        "authorities",
        _id(),
        _uuid("organization_id"),
        _text("purpose"),
        _text("root_pem"),
        _text("issuing_pem"),
        sa.Column("root_key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("issuing_key_sealed", sa.LargeBinary(), nullable=False),
        _time("created_at", now=True),
        _time("retired_at"),
        _owned("authorities"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorities")),
    )
    op.create_index(
        "uq_authorities_organization_id_purpose",
        "authorities",
        ["organization_id", "purpose"],
        unique=True,
        postgresql_where=sa.text("retired_at IS NULL"),
    )


def _certificates() -> None:
    table = "certificate_requests"
    op.create_table(
        table,
        _id(),
        _uuid("organization_id"),
        _uuid("station_id"),
        _text("use"),
        _text("csr"),
        sa.Column("station_request_id", sa.BigInteger(), nullable=True),
        _text("state", default="received"),
        _text("reason", needed=False),
        _text("decided_by", needed=False),
        _text("attention", needed=False),
        _time("received_at", now=True),
        _time("finished_at"),
        sa.CheckConstraint(
            "use IN ('station', 'v2g', 'v2g20')", name=op.f("ck_certificate_requests_use_known")
        ),
        sa.CheckConstraint(
            "state IN ('received', 'approval', 'signed', 'installed', 'rejected', 'refused', "
            "'failed')",
            name=op.f("ck_certificate_requests_state_known"),
        ),
        _owned(table),
        _owned(table, "station_id", "stations"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index("ix_certificate_requests_station_id_id", table, ["station_id", "id"])
    op.create_index("ix_certificate_requests_organization_id_id", table, ["organization_id", "id"])
    table = "station_certificates"
    op.create_table(
        table,
        _id(),
        _uuid("organization_id"),
        _uuid("station_id"),
        _uuid("authority_id"),
        _uuid("request_id"),
        _text("use"),
        _text("subject"),
        _text("serial"),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        _text("chain_pem"),
        _time("not_before", needed=True),
        _time("not_after", needed=True),
        _time("installed_at"),
        _time("renewal_asked_at"),
        _time("revoked_at"),
        _time("created_at", now=True),
        _owned(table),
        _owned(table, "station_id", "stations"),
        _owned(table, "authority_id", "authorities"),
        _owned(table, "request_id", "certificate_requests"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("fingerprint", name=op.f(f"uq_{table}_fingerprint")),
        sa.UniqueConstraint("request_id", name=op.f(f"uq_{table}_request_id")),
    )
    op.create_index("ix_station_certificates_station_id_id", table, ["station_id", "id"])
    op.create_index("ix_station_certificates_not_after", table, ["not_after"])


def _rotations() -> None:
    table = "password_rotations"
    op.create_table(
        table,
        _id(),
        _uuid("organization_id"),
        _uuid("station_id"),
        _text("state", default="pending"),
        sa.Column("password_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("reset", sa.Boolean(), nullable=False),
        _time("deadline_at", needed=True),
        _text("requested_by"),
        _text("reason", needed=False),
        _time("created_at", now=True),
        _time("finished_at"),
        sa.CheckConstraint(
            "state IN ('pending', 'accepted', 'done', 'failed')",
            name=op.f("ck_password_rotations_state_known"),
        ),
        _owned(table),
        _owned(table, "station_id", "stations"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index("ix_password_rotations_station_id_id", table, ["station_id", "id"])


def _network_changes() -> None:
    table = "network_changes"
    op.create_table(
        table,
        _id(),
        _uuid("organization_id"),
        _uuid("station_id"),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("profile", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        _text("priority_before"),
        sa.Column("reset", sa.Boolean(), nullable=False),
        sa.Column("generation_before", sa.BigInteger(), nullable=False),
        _text("state", default="writing"),
        _time("deadline_at", needed=True),
        _text("requested_by"),
        _text("reason", needed=False),
        _time("created_at", now=True),
        _time("finished_at"),
        sa.CheckConstraint(
            "state IN ('writing', 'ordering', 'returning', 'done', 'fallen_back', 'failed')",
            name=op.f("ck_network_changes_state_known"),
        ),
        _owned(table),
        _owned(table, "station_id", "stations"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index("ix_network_changes_station_id_id", table, ["station_id", "id"])


def downgrade() -> None:
    """Certificates, authorities with their keys, and passwords on their way are lost."""
    for table in (
        "network_changes",
        "password_rotations",
        "station_certificates",
        "certificate_requests",
        "authorities",
    ):
        op.drop_table(table)
    for name in (
        "certificate_expires_at",
        "certificate_serial",
        "tls_cipher",
        "tls_version",
        "security_profile",
    ):
        op.drop_column("station_connections", name)
    for name in (
        "blocked_at",
        "wanted_security_profile",
        "security_profile",
        "pending_password_hash",
    ):
        op.drop_column("stations", name)
