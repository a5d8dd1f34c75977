"""What must always hold, asked of the rows. Each invariant is one query that returns breaches.

A query returns the ids of what is wrong, as text; an empty answer is a kept promise. Later
capabilities add theirs here. One is no query: that settled prices come out the same once more
(`repeated_prices`).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.repeated_prices import different_prices
from holdfast.store.tables import Table

EXAMPLES_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """A promise of DESIGN section 5 (`code`), in words, and the query for what breaks it, or who
    else can say."""

    name: str
    code: str
    promise: str
    query: str = ""
    ask: Callable[[AsyncSession], Awaitable[Sequence[str]]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A broken invariant: how many rows, and some of their ids."""

    invariant: Invariant
    count: int
    examples: tuple[str, ...]


# References that are columns only: their rows are made in either order.
LOOSE = (("sessions", "payment_id", "payments"), ("settlements", "payment_id", "payments"))


def crossings() -> list[str]:
    """A query for every reference between two tables whose rows belong to organizations: it finds
    rows that refer to another organization's. A new table is asked as soon as it is declared."""
    tables = Table.metadata.tables
    references = set(LOOSE)
    for table in tables.values():
        for key in table.foreign_keys:
            if key.column.table.name != "organizations":
                references.add((table.name, key.parent.name, key.column.table.name))
    queries = []
    for name, column, target in sorted(references):
        if not all("organization_id" in tables[asked].columns for asked in (name, target)):
            continue
        key_names = ", ".join(f"a.{part.name}::text" for part in tables[name].primary_key)
        target_key = next(iter(tables[target].primary_key)).name
        queries.append(
            f"SELECT concat_ws(' ', '{name}', {key_names}) FROM {name} a "  # noqa: S608 - our names
            f"JOIN {target} b ON b.{target_key} = a.{column} "
            "WHERE a.organization_id <> b.organization_id"
        )
    return queries


ALWAYS = (
    Invariant(
        name="outbox_unsent",
        code="W1",
        promise="no outbox row stays unsent for more than 60 s after it was due",
        query="SELECT id::text FROM outbox WHERE sent_at IS NULL "
        "AND due_at < now() - interval '60 seconds'",
    ),
    Invariant(
        name="ended_unsettled",
        code="M1",
        promise="an ended session is settled, or open and younger than its deadline",
        query="SELECT s.id::text FROM sessions s LEFT JOIN settlements t ON t.session_id = s.id "
        "WHERE (s.ended_at IS NOT NULL OR s.ended_by_us_at IS NOT NULL) AND t.outcome IS NULL "
        "AND coalesce(t.deadline_at, coalesce(s.last_seen_at, s.ended_by_us_at, s.ended_at) "
        "+ interval '1 day') < now()",
    ),
    Invariant(
        name="closed_without_outcome",
        code="M1",
        promise="a closed session that charged has exactly one outcome",
        query="SELECT s.id::text FROM sessions s LEFT JOIN settlements t ON t.session_id = s.id "
        "WHERE s.closed_at IS NOT NULL AND s.started_at IS NOT NULL AND t.outcome IS NULL",
    ),
    Invariant(
        name="outcome_of_open_session",
        code="M1",
        promise="a session with an outcome is closed, and has ended",
        query="SELECT s.id::text FROM sessions s JOIN settlements t ON t.session_id = s.id "
        "WHERE t.outcome IS NOT NULL AND (s.closed_at IS NULL "
        "OR (s.ended_at IS NULL AND s.ended_by_us_at IS NULL))",
    ),
    Invariant(
        name="waiver_lost",
        code="M1",
        # Money that was taken at the provider before stands; giving it back is a person's task.
        promise="a session that a person waived has the outcome waived once it is settled",
        query="SELECT s.id::text FROM sessions s JOIN settlements t ON t.session_id = s.id "
        "WHERE s.waive_audit_id IS NOT NULL AND t.outcome IS DISTINCT FROM 'waived' AND NOT ("
        "coalesce(t.outcome = 'captured', false) AND EXISTS ("
        "SELECT FROM review_tasks r WHERE r.subject = 'session:' || s.id "
        "AND r.kind = 'refund_due'))",
    ),
    Invariant(
        name="captured_within_hold",
        code="M3",
        promise="what was captured was held before",
        query="SELECT id::text FROM payments WHERE kind = 'hold' AND captured_minor > held_minor",
    ),
    Invariant(
        name="captured_as_settled",
        code="M2",
        promise="a captured outcome equals what its payments took",
        query="SELECT t.session_id::text FROM settlements t LEFT JOIN LATERAL ("
        "SELECT coalesce(sum(captured_minor), 0) AS taken FROM payments p "
        "WHERE p.session_id = t.session_id) p ON true "
        "WHERE (t.outcome = 'captured' AND p.taken <> t.settled_minor) "
        "OR (t.outcome <> 'captured' AND p.taken <> 0)",
    ),
    Invariant(
        name="captured_as_priced",
        code="M4",
        promise="what was taken is what was priced; a difference has a review task",
        query="SELECT t.session_id::text FROM settlements t "
        "WHERE t.outcome = 'captured' AND t.settled_minor <> t.amount_minor AND NOT EXISTS ("
        "SELECT FROM review_tasks r WHERE r.subject = 'session:' || t.session_id)",
    ),
    Invariant(
        name="price_from_frozen_version",
        code="M4",
        promise="a session is priced from the version frozen at its start",
        query="SELECT s.id::text FROM sessions s JOIN settlements t ON t.session_id = s.id "
        "WHERE s.tariff_version_id IS DISTINCT FROM t.tariff_version_id",
    ),
    Invariant(
        name="priced_energy_is_reported_energy",
        code="M4",
        promise="energy that changed after pricing has a late fact or a review task",
        query="SELECT s.id::text FROM sessions s JOIN settlements t ON t.session_id = s.id "
        "WHERE s.energy_wh <> t.energy_wh AND t.priced_at < now() - interval '5 minutes' "
        "AND NOT EXISTS (SELECT FROM review_tasks r WHERE r.subject = 'session:' || s.id) "
        "AND NOT EXISTS (SELECT FROM late_facts l WHERE l.session_id = s.id)",
    ),
    Invariant(
        name="price_repeats",
        code="M4",
        promise="a settled session costs the same once more, unless something came since",
        ask=different_prices,
    ),
    Invariant(
        name="unknown_operation_too_old",
        code="M5",
        promise="no write to the payment provider has an unknown outcome after 23 hours",
        query="SELECT id::text FROM payment_operations WHERE outcome IS NULL "
        "AND first_sent_at < now() - interval '23 hours'",
    ),
    Invariant(
        name="hold_forgotten",
        code="M1",
        promise="the hold of a closed session is captured or released within the hour",
        query="SELECT p.id::text FROM payments p JOIN sessions s ON s.id = p.session_id "
        "WHERE p.closed_at IS NULL AND s.closed_at < now() - interval '1 hour'",
    ),
    Invariant(
        name="order_overdue",
        code="G4",
        promise="an order that was not sent in time is expired",
        query="SELECT id::text FROM orders WHERE state = 'waiting' "
        "AND not_after < now() - interval '5 minutes'",
    ),
    Invariant(
        name="energy_from_registers",
        code="M4",
        # Where a register is missing, or ran backwards without a reset that was seen, nothing can
        # be compared: such a session has a finding, and the quality gate decides.
        promise="a session's energy is the difference of its registers, rounded half up",
        query="SELECT id::text FROM sessions WHERE meter_start_mwh IS NOT NULL "
        "AND coalesce(meter_stop_mwh, meter_last_mwh) IS NOT NULL AND energy_wh <> greatest(0, "
        "(meter_offset_mwh + coalesce(meter_stop_mwh, meter_last_mwh) - meter_start_mwh + 500) "
        "/ 1000)",
    ),
    Invariant(
        name="two_sessions_of_one_transaction",
        code="G2",
        # Stations reuse ids over the years, but not for two transactions that began together.
        promise="a transaction of a station has one session",
        query="SELECT min(id::text) FROM sessions WHERE transaction_id IS NOT NULL "
        "GROUP BY station_id, transaction_id, started_at HAVING count(*) > 1",
    ),
    Invariant(
        name="organization_crossed",
        code="T1",
        promise="a row belongs to the organization of what it refers to",
        query=" UNION ALL ".join(crossings()),
    ),
)

QUIESCENT = (
    Invariant(
        name="outbox_empty",
        code="W1",
        promise="the outbox is empty",
        query="SELECT id::text FROM outbox WHERE sent_at IS NULL",
    ),
    Invariant(
        name="no_open_session",
        code="M1",
        promise="every session is closed",
        query="SELECT id::text FROM sessions WHERE closed_at IS NULL",
    ),
    Invariant(
        name="no_open_settlement",
        code="M1",
        promise="every settlement has its outcome",
        query="SELECT session_id::text FROM settlements WHERE outcome IS NULL",
    ),
    Invariant(
        name="no_open_payment",
        code="M1",
        promise="every payment is closed",
        query="SELECT id::text FROM payments WHERE closed_at IS NULL",
    ),
    Invariant(
        name="no_open_order",
        code="G4",
        promise="every order is answered, expired or cancelled",
        query="SELECT id::text FROM orders WHERE state IN ('waiting', 'sent')",
    ),
    Invariant(
        name="no_open_quarantine",
        code="G1",
        promise="nothing is in quarantine",
        query="SELECT id::text FROM quarantine WHERE state = 'open'",
    ),
    Invariant(
        name="no_open_late_fact",
        code="W1",
        promise="every late fact is decided",
        query="SELECT id::text FROM late_facts WHERE state = 'open'",
    ),
)


async def find_breaches(db: AsyncSession, *, quiescent: bool = False) -> list[Breach]:
    """Ask every invariant in one snapshot; `quiescent` adds that there is no open work at all."""
    await db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    breaches = []
    for invariant in ALWAYS + (QUIESCENT if quiescent else ()):
        if invariant.ask is None:
            ids = tuple(await db.scalars(text(invariant.query)))
        else:
            ids = tuple(await invariant.ask(db))
        if ids:
            breaches.append(
                Breach(invariant=invariant, count=len(ids), examples=ids[:EXAMPLES_MAX])
            )
    return breaches
