"""Local lists, groups, contract certificates."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

TOKEN_CHECKS = {
    "charging_priority_known": "charging_priority BETWEEN -9 AND 9",
    "concurrent_max_sane": "concurrent_max BETWEEN 1 AND 1000",
    "current_type_known": "current_type IN ('AC', 'DC')",
}


def upgrade() -> None:
    tokens()
    local_list_rules()
    local_lists()
    local_list_entries()
    trusted_roots()
    contract_certificates()
    ocsp_answers()


def downgrade() -> None:
    op.drop_table("ocsp_answers")
    op.drop_table("contract_certificates")
    op.drop_table("trusted_roots")
    op.drop_table("local_list_entries")
    op.drop_table("local_lists")
    op.drop_table("local_list_rules")
    op.drop_index("ix_sessions_token_id", table_name="sessions")
    op.drop_column("organizations", "token_concurrent_max")
    for name in TOKEN_CHECKS:
        op.drop_constraint(op.f(f"ck_tokens_{name}"), "tokens", type_="check")
    for column in (
        "concurrent_max",
        "current_type",
        "site_ids",
        "charging_priority",
        "message",
        "language",
    ):
        op.drop_column("tokens", column)


def tokens() -> None:
    op.add_column("tokens", sa.Column("language", sa.Text(), nullable=True))
    op.add_column("tokens", sa.Column("message", sa.Text(), nullable=True))
    op.add_column("tokens", sa.Column("charging_priority", sa.BigInteger(), nullable=True))
    op.add_column("tokens", sa.Column("site_ids", postgresql.JSONB(), nullable=True))
    op.add_column("tokens", sa.Column("current_type", sa.Text(), nullable=True))
    op.add_column("tokens", sa.Column("concurrent_max", sa.BigInteger(), nullable=True))
    for name, condition in TOKEN_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_tokens_{name}"), "tokens", condition)
    op.add_column(
        "organizations", sa.Column("token_concurrent_max", sa.BigInteger(), nullable=True)
    )
    op.create_index(
        "ix_sessions_token_id",
        "sessions",
        ["token_id"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def local_list_rules() -> None:
    op.create_table(
        "local_list_rules",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("station_id", sa.Uuid(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "rule IN ('off', 'own', 'all')", name=op.f("ck_local_list_rules_rule_known")
        ),
        sa.CheckConstraint(
            "site_id IS NULL OR station_id IS NULL", name=op.f("ck_local_list_rules_one_place")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_local_list_rules_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_local_list_rules_site_id")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_local_list_rules_station_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_local_list_rules")),
        sa.UniqueConstraint(
            "organization_id",
            "site_id",
            "station_id",
            name=op.f("uq_local_list_rules_organization_id_site_id_station_id"),
            postgresql_nulls_not_distinct=True,
        ),
    )


def local_lists() -> None:
    op.create_table(
        "local_lists",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("changed", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("full_needed", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("confirmed_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sent_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reported_version", sa.BigInteger(), nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("wanted_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("left_out_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_result", sa.Text(), nullable=True),
        sa.Column("last_result_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'current', 'failed', 'unsupported')",
            name=op.f("ck_local_lists_state_known"),
        ),
        sa.ForeignKeyConstraint(["id"], ["stations.id"], name=op.f("fk_local_lists_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_local_lists_order_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_local_lists_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_local_lists")),
    )
    op.create_index(
        "ix_local_lists_organization_id", "local_lists", ["organization_id"], unique=False
    )


def local_list_entries() -> None:
    op.create_table(
        "local_list_entries",
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["list_id"], ["local_lists.id"], name=op.f("fk_local_list_entries_list_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_local_list_entries_organization_id"),
        ),
        sa.PrimaryKeyConstraint("list_id", "uid", name=op.f("pk_local_list_entries")),
    )


def trusted_roots() -> None:
    op.create_table(
        "trusted_roots",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "\"use\" IN ('mo', 'v2g', 'manufacturer')", name=op.f("ck_trusted_roots_use_known")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_trusted_roots_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trusted_roots")),
    )
    op.create_index(
        "uq_trusted_roots_organization_id_use_fingerprint",
        "trusted_roots",
        ["organization_id", "use", "fingerprint"],
        unique=True,
        postgresql_where=sa.text("retired_at IS NULL"),
    )


def contract_certificates() -> None:
    op.create_table(
        "contract_certificates",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("emaid", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("chain_pem", sa.Text(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_contract_certificates_organization_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_certificates")),
        sa.UniqueConstraint(
            "organization_id",
            "serial",
            name=op.f("uq_contract_certificates_organization_id_serial"),
        ),
    )
    op.create_index(
        "ix_contract_certificates_organization_id_emaid",
        "contract_certificates",
        ["organization_id", "emaid"],
        unique=False,
    )


def ocsp_answers() -> None:
    op.create_table(
        "ocsp_answers",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("responder_url", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("this_update", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_update", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "fetched_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status IN ('good', 'revoked', 'unknown')", name=op.f("ck_ocsp_answers_status_known")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_ocsp_answers_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ocsp_answers")),
        sa.UniqueConstraint(
            "organization_id",
            "certificate",
            name=op.f("uq_ocsp_answers_organization_id_certificate"),
        ),
    )
