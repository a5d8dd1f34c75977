"""What tariffs add to tables that are being written all the time, while they are.

Each step is a transaction of its own that needs one such table for an instant: with two at once, a
writer that has the other one would wait for us and we for it. Indexes are built beside the writers.
A step that is there already is left out, so that whatever ended this half-way, it is begun again.
Code of before goes on: columns have defaults, and a place still has one assignment for everybody.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# By table and column. A new column without a value needs no look at the rows for its reference.
COLUMNS = {
    ("accounts", "user_group_id"): (
        "uuid CONSTRAINT fk_accounts_user_group_id REFERENCES user_groups (id)"
    ),
    ("api_keys", "made_by"): "uuid CONSTRAINT fk_api_keys_made_by REFERENCES api_keys (id)",
    ("api_keys", "person"): "text",
    ("organizations", "tariff_approval"): (
        "text NOT NULL DEFAULT 'second_person' CONSTRAINT ck_organizations_tariff_approval_known "
        "CHECK (tariff_approval IN ('second_person', 'author'))"
    ),
    ("sessions", "price_terms"): "jsonb",
    ("sites", "calibration_law"): "boolean NOT NULL DEFAULT false",
    ("tariffs", "description"): "text",
    ("tokens", "user_group_id"): (
        "uuid CONSTRAINT fk_tokens_user_group_id REFERENCES user_groups (id)"
    ),
}
# Of tables that were empty a moment ago: there is nothing to look at either.
REFERENCES = (
    ("running_costs", "session_id", "sessions"),
    ("station_price_looks", "station_id", "stations"),
    ("shown_prices", "station_id", "stations"),
)
# Few rows, written by people: all at once.
ASSIGNMENTS = (
    "ALTER TABLE tariff_assignments ADD COLUMN evse bigint, "
    "ADD COLUMN user_group_id uuid CONSTRAINT fk_tariff_assignments_user_group_id "
    "REFERENCES user_groups (id), "
    "ADD COLUMN account_id uuid CONSTRAINT fk_tariff_assignments_account_id "
    "REFERENCES accounts (id), "
    "ADD COLUMN ad_hoc boolean NOT NULL DEFAULT false, "
    "ADD COLUMN until_at timestamptz, "
    "ADD CONSTRAINT ck_tariff_assignments_evse_of_station "
    "CHECK (evse IS NULL OR station_id IS NOT NULL), "
    "ADD CONSTRAINT ck_tariff_assignments_one_audience "
    "CHECK (num_nonnulls(user_group_id, account_id) + ad_hoc::int <= 1), "
    "DROP CONSTRAINT uq_tariff_assignments_scope, "
    "ADD CONSTRAINT uq_tariff_assignments_scope UNIQUE NULLS NOT DISTINCT ("
    "organization_id, site_id, station_id, evse, user_group_id, account_id, ad_hoc, until_at)"
)
INDEXES = {
    "ix_accounts_user_group_id": "accounts (user_group_id, id) WHERE user_group_id IS NOT NULL",
    "ix_orders_of_prices": "orders (id) WHERE requested_by = 'system:tariffs'",
    "ix_sessions_account_id": "sessions (account_id, started_at) WHERE account_id IS NOT NULL",
    "ix_sessions_token_without_account": (
        "sessions (token_id, started_at) WHERE account_id IS NULL AND token_id IS NOT NULL"
    ),
    "ix_sessions_without_tariff": (
        "sessions (organization_id, id) WHERE tariff_version_id IS NULL"
    ),
    "ix_station_variables_of_prices": (
        "station_variables (station_id, changed_at) "
        "WHERE lower(component) IN ('tariffcostctrlr', 'displaymessagectrlr') "
        "OR lower(variable) = 'customdisplaycostandprice'"
    ),
    "ix_tokens_user_group_id": "tokens (user_group_id, id) WHERE user_group_id IS NOT NULL",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for (table, column), definition in COLUMNS.items():
            if not _has_column(table, column):
                op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {definition}")
        if not _has_column("tariff_assignments", "until_at"):
            op.execute(ASSIGNMENTS)
        for table, column, other in REFERENCES:
            if not _has_constraint(f"fk_{table}_{column}"):
                op.execute(
                    f"ALTER TABLE {table} ADD CONSTRAINT fk_{table}_{column} "
                    f"FOREIGN KEY ({column}) REFERENCES {other} (id)"
                )
        # It waits for whoever reads, and nobody waits for it.
        op.execute("SET lock_timeout = 0")
        for name, definition in INDEXES.items():
            _make_index(name, definition)
        op.execute("SET lock_timeout = '500ms'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        for table, column, _ in REFERENCES:
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS fk_{table}_{column}")
        if _has_column("tariff_assignments", "until_at"):
            _forget_audiences()
        for table, column in COLUMNS:
            op.execute(f"ALTER TABLE {table} DROP COLUMN IF EXISTS {column}")


def _make_index(name: str, definition: str) -> None:
    """Beside the writers. One that was broken off is left behind invalid, and made anew."""
    state = op.get_bind().scalar(
        sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"),
        {"name": name},
    )
    if state is False:
        op.execute(f"DROP INDEX CONCURRENTLY {name}")
    if not state:
        op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")


def _forget_audiences() -> None:
    """Only one assignment per place was known then: the one for everybody that holds."""
    op.execute(
        "DELETE FROM tariff_assignments WHERE until_at IS NOT NULL OR evse IS NOT NULL OR ad_hoc "
        "OR user_group_id IS NOT NULL OR account_id IS NOT NULL"
    )
    op.execute(
        "ALTER TABLE tariff_assignments DROP CONSTRAINT uq_tariff_assignments_scope, "
        "DROP CONSTRAINT ck_tariff_assignments_one_audience, "
        "DROP CONSTRAINT ck_tariff_assignments_evse_of_station, "
        "DROP COLUMN until_at, DROP COLUMN ad_hoc, DROP COLUMN account_id, "
        "DROP COLUMN user_group_id, DROP COLUMN evse, "
        "ADD CONSTRAINT uq_tariff_assignments_scope "
        "UNIQUE NULLS NOT DISTINCT (organization_id, site_id, station_id)"
    )


def _has_column(table: str, column: str) -> bool:
    return bool(
        op.get_bind().scalar(
            sa.text(
                "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(:table) "
                "AND attname = :column AND NOT attisdropped)"
            ),
            {"table": table, "column": column},
        )
    )


def _has_constraint(name: str) -> bool:
    return bool(
        op.get_bind().scalar(
            sa.text("SELECT EXISTS (SELECT FROM pg_constraint WHERE conname = :name)"),
            {"name": name},
        )
    )
