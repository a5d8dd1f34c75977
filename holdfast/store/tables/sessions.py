"""Sessions: what the station reported, what the business made of it, and the one settlement.

Two hands never write one column. The gateway's writer alone writes the columns under "reported";
workflows, through activities, alone write those under "planned" and the settlement; what a person
decided is written in the transaction in which it was decided, and workflows only read it.
`fired_version` is the exception by design: whoever fires a tripwire claims it there (DESIGN 2.7).
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Sequence, text
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column

OUTCOMES = ("captured", "invoiced", "roaming_cdr", "waived", "uncollectible", "free")

# Transaction ids that we hand to OCPP 1.6 stations: int32, above zero, never reused.
TRANSACTION_NUMBERS = Sequence(
    "transaction_numbers", start=1, maxvalue=2_147_483_647, metadata=Table.metadata
)


class Session(Table):
    """One charging session. `state` is not stored: `domain.session_state` computes it."""

    __tablename__ = "sessions"
    __table_args__ = (
        CheckConstraint("energy_wh >= 0", name="energy_not_negative"),
        CheckConstraint(
            "limit_energy_wh > 0 AND limit_duration_s > 0 AND limit_cost_minor > 0",
            name="limits_above_zero",
        ),
        Index("uq_sessions_remote_start_number", "remote_start_number", unique=True),
        # Ids are unique per station only, and stations reuse them: not a unique index.
        Index("ix_sessions_station_id_transaction_id", "station_id", "transaction_id"),
        Index("ix_sessions_organization_id_id", "organization_id", "id"),
        Index("ix_sessions_open", "station_id", "evse", postgresql_where=text("closed_at IS NULL")),
        Index(
            "ix_sessions_account_id",
            "account_id",
            "started_at",
            postgresql_where=text("account_id IS NOT NULL"),
        ),
        Index(
            "ix_sessions_token_without_account",
            "token_id",
            "started_at",
            postgresql_where=text("account_id IS NULL AND token_id IS NOT NULL"),
        ),
        # those that were free for want of a tariff (services/price_matters.py)
        Index(
            "ix_sessions_without_tariff",
            "organization_id",
            "id",
            postgresql_where=text("tariff_version_id IS NULL"),
        ),
        Index("ix_sessions_token_id", "token_id", postgresql_where=text("ended_at IS NULL")),
        Index(
            "ix_sessions_wake_at",
            "wake_at",
            postgresql_where=text("wake_at IS NOT NULL AND fired_version < tripwire_version"),
        ),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    site_id: Mapped[UUID | None] = mapped_column(ForeignKey("sites.id"))
    created_at: Mapped[datetime] = created_column()

    # set at creation, by the writer (reported start) or the API (remote start)
    evse: Mapped[int]
    connector: Mapped[int | None]
    token_id: Mapped[UUID | None] = mapped_column(ForeignKey("tokens.id"))
    token_uid: Mapped[str | None]  # as the station sent it; unknown tokens have no token_id
    token_type: Mapped[str | None]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    payment_id: Mapped[UUID | None]  # an ad hoc payment made before the start
    remote_start_number: Mapped[int | None]  # OCPP 2.x remoteStartId
    authorization: Mapped[str | None]  # the decision given to the station: accepted, invalid, …
    limit_energy_wh: Mapped[int | None]  # of a remote start; the installation's own hold as well
    limit_duration_s: Mapped[int | None]
    limit_cost_minor: Mapped[int | None]  # after tax, in the tariff's currency

    # reported: written by the gateway's writer alone
    transaction_id: Mapped[str | None]  # the station's own (2.x) or ours for 1.6, as text
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    stop_reason: Mapped[str | None]
    charging_state: Mapped[str | None]  # charging, suspended_ev, suspended_evse, idle, connected
    charging_state_at: Mapped[datetime | None]
    meter_start_mwh: Mapped[int | None]
    meter_last_mwh: Mapped[int | None]
    meter_last_at: Mapped[datetime | None]
    meter_stop_mwh: Mapped[int | None]
    meter_offset_mwh: Mapped[int] = mapped_column(server_default="0")  # of registers that reset
    energy_wh: Mapped[int] = mapped_column(server_default="0")
    last_seen_at: Mapped[datetime | None]  # receipt of the last message about it
    sequence_last: Mapped[int | None]  # highest seqNo (2.x)
    sequence_gaps: Mapped[int] = mapped_column(server_default="0")  # seqNos below it not yet seen
    reported_offline: Mapped[bool] = mapped_column(server_default=text("false"))
    signals_sent: Mapped[int] = mapped_column(server_default="0")
    findings: Mapped[list[Any]] = mapped_column(server_default="[]")

    # decided: the audit entries of what people decided (who, when, why). Signals may be lost with
    # Temporal's data; these are what steps and a rebuilt workflow go by.
    waive_audit_id: Mapped[UUID | None] = mapped_column(ForeignKey("audit_log.id"))
    force_end_audit_id: Mapped[UUID | None] = mapped_column(ForeignKey("audit_log.id"))
    settle_anyway_audit_id: Mapped[UUID | None] = mapped_column(ForeignKey("audit_log.id"))

    # planned: written by the workflow's activities alone
    tariff_version_id: Mapped[UUID | None] = mapped_column(ForeignKey("tariff_versions.id"))
    # frozen with it: the driver's groups and what chose the version (services.price_terms)
    price_terms: Mapped[dict[str, Any] | None]
    tripwire_version: Mapped[int] = mapped_column(server_default="0")
    energy_threshold_mwh: Mapped[int | None]  # of energy since start, in mWh
    limit_at: Mapped[datetime | None]  # time or cost by time: fires whatever was heard
    silence_s: Mapped[int | None]  # fires when last_seen_at is older than this
    wake_at: Mapped[datetime | None]  # when the relay looks: least(limit_at, last seen + silence)
    fired_version: Mapped[int] = mapped_column(server_default="0")
    ended_by_us_at: Mapped[datetime | None]  # forced or zombie end: no report of the station
    end_reason: Mapped[str | None]
    attention: Mapped[str | None]
    workflow_started_at: Mapped[datetime | None]  # by the relay; it starts no session twice
    closed_at: Mapped[datetime | None]  # settled, or never started


class SessionState(Table):
    """Changes of the charging state, in the station's time; parking is cut from these."""

    __tablename__ = "session_states"

    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))


class Settlement(Table):
    """The one outcome of an ended session. The primary key is the promise (M1).

    `outcome` is null while a payment or a person still has to decide, until `deadline_at`.
    """

    __tablename__ = "settlements"
    __table_args__ = (
        CheckConstraint(f"outcome IS NULL OR outcome IN {OUTCOMES}", name="outcome_known"),
        CheckConstraint("(outcome IS NULL) = (settled_at IS NULL)", name="settled_with_outcome"),
        Index("ix_settlements_open", "deadline_at", postgresql_where=text("outcome IS NULL")),
    )

    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    tariff_version_id: Mapped[UUID | None] = mapped_column(ForeignKey("tariff_versions.id"))
    currency: Mapped[str]
    energy_wh: Mapped[int]  # what was priced
    amount_minor: Mapped[int]  # what the driver owes, tax included
    excl_vat: Mapped[str]  # exact decimal strings
    incl_vat: Mapped[str]
    breakdown: Mapped[dict[str, Any]]
    priced_at: Mapped[datetime] = created_column()
    deadline_at: Mapped[datetime]
    payment_id: Mapped[UUID | None]
    outcome: Mapped[str | None]
    settled_minor: Mapped[int | None]  # taken or invoiced; the rest is a review task
    settled_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class SessionEvent(Table):
    """The timeline of a session, for people. Append-only; `key` makes a repeat a no-op."""

    __tablename__ = "session_events"

    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    at: Mapped[datetime]
    kind: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    recorded_at: Mapped[datetime] = created_column()


class ReviewTask(Table):
    """Something a person must look at: late truth, a shortfall, an unknown token's energy."""

    __tablename__ = "review_tasks"
    __table_args__ = (
        Index("ix_review_tasks_organization_id_id", "organization_id", "id"),
        Index(
            "uq_review_tasks_open",
            "subject",
            "kind",
            unique=True,
            postgresql_where=text("resolved_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    kind: Mapped[str]
    subject: Mapped[str]  # "session:<id>"
    details: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    created_at: Mapped[datetime] = created_column()
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None]
    resolution: Mapped[str | None]
