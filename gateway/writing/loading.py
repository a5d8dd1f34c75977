"""What a batch must know before its facts are applied: sessions, stations, tokens, repeats.

Rows are locked in the order of their ids, so that two gateways which meet wait instead of
deadlocking; should they deadlock all the same, the batch is simply tried again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor

from gateway.writing.arrays import pack
from gateway.writing.costs import CostSoFar, ask_costs, costs_of
from gateway.writing.entry import Entry
from gateway.writing.session_row import SessionRow
from holdfast.contracts.facts import (
    CertificateRequested,
    MeterSampled,
    StationBooted,
    StatusReported,
    TokenPresented,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from holdfast.domain.token import TokenInvalid, normalise_uid

Connection = AsyncConnection[Any]

TransactionFact = TransactionStarted | TransactionUpdated | TransactionEnded
TRANSACTION_FACTS = (TransactionStarted, TransactionUpdated, TransactionEnded)

_COMPUTED = {"new", "changed", "metered", "settled"}
_COLUMNS = [item.name for item in fields(SessionRow) if item.name not in _COMPUTED]
# ANY(ARRAY(...)), not IN (...): the array is computed once, before any lock is waited for. After
# such a wait Postgres evaluates the condition again for the one changed row, and a subquery that
# it would run again loses that row: a workflow's activity that writes to a session at the same
# moment would make the session invisible here, and its transaction would get a second one.
_SESSIONS = f"""
SELECT {", ".join(f's."{name}"' for name in _COLUMNS)}
FROM sessions s
WHERE s.id = ANY(ARRAY(
    SELECT t.id FROM unnest(%b::uuid[], %b::text[]) AS w(station_id, transaction_id)
    JOIN sessions t USING (station_id, transaction_id)
    UNION ALL
    SELECT t.id FROM sessions t WHERE t.remote_start_number = ANY(%b::bigint[])
    UNION ALL
    SELECT t.id FROM sessions t WHERE t.station_id = ANY(%b::uuid[]) AND t.closed_at IS NULL
))
ORDER BY s.id FOR NO KEY UPDATE OF s
"""  # noqa: S608 - column names come from a dataclass of ours
# Asked after the sessions are locked, in a statement of its own: one that waits for a lock goes on
# seeing other tables as they were before, and would miss the settlement that it waited for.
_SETTLED = "SELECT session_id FROM settlements WHERE session_id = ANY(%b::uuid[])"
_STATIONS = """
SELECT s.id, s.identity, s.site_id, s.registration, o.slug
FROM stations s JOIN organizations o ON o.id = s.organization_id
WHERE s.id = ANY(%b::uuid[]) ORDER BY s.id FOR NO KEY UPDATE OF s
"""
_TOKENS = """
SELECT t.organization_id, upper(t.uid), t.id, t.account_id, t.type, t.status, t.valid_until,
       a.blocked_at IS NOT NULL, t.group_id, t.language, t.message, t.charging_priority,
       t.site_ids, t.current_type, coalesce(t.concurrent_max, o.token_concurrent_max)
FROM unnest(%b::uuid[], %b::text[]) AS w(organization_id, uid)
JOIN tokens t ON t.organization_id = w.organization_id AND upper(t.uid) = w.uid
JOIN organizations o ON o.id = t.organization_id
LEFT JOIN accounts a ON a.id = t.account_id
"""
# Only for tokens that may not charge everywhere, or only so often at once: few have such a rule.
_PLACES = """
SELECT s.id, s.site_id, e.number, e.current_type
FROM stations s LEFT JOIN evses e ON e.station_id = s.id WHERE s.id = ANY(%s::uuid[])
"""
_OPEN_OF_TOKENS = """
SELECT token_id, id FROM sessions
WHERE token_id = ANY(%s::uuid[]) AND transaction_id IS NOT NULL
  AND ended_at IS NULL AND ended_by_us_at IS NULL AND closed_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class StationRow:
    """What a start needs to know of its station."""

    identity: str
    site_id: UUID | None
    registration: str
    organization: str  # slug


@dataclass(frozen=True, slots=True)
class TokenRow:
    """What a decision needs to know of a token."""

    id: UUID
    account_id: UUID | None
    type: str
    status: str
    valid_until: datetime | None
    account_blocked: bool
    group_id: str | None = None
    language: str | None = None
    message: str | None = None
    charging_priority: int | None = None
    site_ids: list[str] | None = None
    current_type: str | None = None
    concurrent_max: int | None = None

    @property
    def restricted(self) -> bool:
        """Whether it matters where the token is presented."""
        return self.site_ids is not None or self.current_type is not None


@dataclass(slots=True)
class Loaded:
    """The rows of a batch, indexed as facts name them. New sessions are added as they appear."""

    stations: dict[UUID, StationRow] = field(default_factory=dict)
    tokens: dict[tuple[UUID, str], TokenRow] = field(default_factory=dict)
    sessions: dict[UUID, SessionRow] = field(default_factory=dict)
    by_transaction: dict[tuple[UUID, str], SessionRow] = field(default_factory=dict)
    by_number: dict[int, SessionRow] = field(default_factory=dict)
    by_station: dict[UUID, list[SessionRow]] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    # by station: its site, and AC or DC by EVSE
    places: dict[UUID, tuple[UUID | None, dict[int, str | None]]] = field(default_factory=dict)
    open_of_token: dict[UUID, set[UUID]] = field(default_factory=dict)
    signing_requests: dict[UUID, int] = field(default_factory=dict)  # of a station, in a day
    costs: dict[UUID, CostSoFar] = field(default_factory=dict)  # of sessions

    def add(self, row: SessionRow) -> None:
        """Index a session. Of several with one transaction id the newest is meant."""
        self.sessions[row.id] = row
        if row.transaction_id is not None:
            key = (row.station_id, row.transaction_id)
            known = self.by_transaction.get(key)
            if known is None or known.id < row.id:
                self.by_transaction[key] = row
        if row.remote_start_number is not None:
            self.by_number[row.remote_start_number] = row
        if row.closed_at is None:
            self.by_station.setdefault(row.station_id, []).append(row)


def normalised(uid: str) -> str | None:
    """The uid as tokens are compared; None for one that no token can have."""
    try:
        return normalise_uid(uid)
    except TokenInvalid:
        return None


@dataclass(slots=True)
class Wanted:
    """What a batch's facts name."""

    pairs: set[tuple[UUID, str]] = field(default_factory=set)  # station, transaction
    numbers: set[int] = field(default_factory=set)  # remote starts
    stations: set[UUID] = field(default_factory=set)  # whose rows are locked
    open_of: set[UUID] = field(default_factory=set)  # whose open sessions matter
    uids: set[tuple[UUID, str]] = field(default_factory=set)
    presented_at: set[UUID] = field(default_factory=set)  # stations that named a uid
    costed: set[tuple[UUID, str]] = field(default_factory=set)  # whose cost goes with the answer

    def add(self, entry: Entry) -> None:
        """Note what one fact names."""
        fact = entry.fact
        if isinstance(fact, MeterSampled):
            if fact.transaction_id is not None:
                self.pairs.add((entry.station_id, fact.transaction_id))
            elif fact.evse:
                self.open_of.add(entry.station_id)
            return
        if isinstance(fact, TRANSACTION_FACTS):
            self._add_transaction(entry, fact)
        elif isinstance(fact, StationBooted | CertificateRequested):
            self.stations.add(entry.station_id)
        elif isinstance(fact, TokenPresented) or (isinstance(fact, StatusReported) and fact.evse):
            self.open_of.add(entry.station_id)
        uid = normalised(getattr(fact, "token_uid", None) or "")
        if uid is not None:
            self.uids.add((entry.peer.organization_id, uid))
            self.presented_at.add(entry.station_id)

    def _add_transaction(self, entry: Entry, fact: TransactionFact) -> None:
        self.stations.add(entry.station_id)
        if fact.transaction_id is not None:
            self.pairs.add((entry.station_id, fact.transaction_id))
        if isinstance(fact, TransactionUpdated):
            self.costed.add((entry.station_id, fact.transaction_id))
        if not isinstance(fact, TransactionEnded):
            self.open_of.add(entry.station_id)
            if fact.remote_start_number is not None:
                self.numbers.add(fact.remote_start_number)


@dataclass(slots=True)
class Asked:
    """Questions on their way; each cursor will hold its rows."""

    stations: AsyncCursor[Any] | None = None
    sessions: AsyncCursor[Any] | None = None
    tokens: AsyncCursor[Any] | None = None
    costs: AsyncCursor[Any] | None = None
    presented_at: set[UUID] = field(default_factory=set)  # stations


async def ask(connection: Connection, entries: Iterable[Entry]) -> Asked:
    """Lock and read what these facts touch. In a pipeline this does not wait; `loaded_of` does."""
    asked = Asked()
    wanted = Wanted()
    for entry in entries:
        wanted.add(entry)
    if wanted.stations:
        asked.stations = await connection.execute(
            _STATIONS, (pack("uuid", sorted(wanted.stations)),)
        )
    if wanted.pairs or wanted.numbers or wanted.open_of:
        asked.sessions = await connection.cursor(binary=True).execute(
            _SESSIONS,
            (
                pack("uuid", [station_id for station_id, _ in wanted.pairs]),
                pack("text", [transaction_id for _, transaction_id in wanted.pairs]),
                pack("bigint", wanted.numbers),
                pack("uuid", wanted.open_of),
            ),
        )
    if wanted.costed:
        asked.costs = await ask_costs(connection, wanted.costed)
    if wanted.uids:
        asked.presented_at = wanted.presented_at
        asked.tokens = await connection.execute(
            _TOKENS,
            (pack("uuid", [o for o, _ in wanted.uids]), pack("text", [u for _, u in wanted.uids])),
        )
    return asked


async def loaded_of(asked: Asked) -> Loaded:
    """The rows, indexed."""
    loaded = Loaded()
    if asked.stations is not None:
        for row in await asked.stations.fetchall():
            loaded.stations[row[0]] = StationRow(row[1], row[2], row[3], row[4])
    if asked.sessions is not None:
        for row in await asked.sessions.fetchall():
            loaded.add(SessionRow(*row))
        await _find_settled(asked.sessions.connection, loaded)
    if asked.costs is not None:
        loaded.costs = await costs_of(asked.costs)
    if asked.tokens is not None:
        for row in await asked.tokens.fetchall():
            loaded.tokens[(row[0], row[1])] = TokenRow(*row[2:])
        await _find_rules(asked.tokens.connection, loaded, asked.presented_at)
    return loaded


async def _find_rules(connection: Connection, loaded: Loaded, stations: set[UUID]) -> None:
    """Where tokens with a rule are, and what else they charge."""
    tokens = loaded.tokens.values()
    if any(token.restricted for token in tokens):
        cursor = await connection.execute(_PLACES, (list(stations),))
        for station_id, site_id, number, current_type in await cursor.fetchall():
            _, types = loaded.places.setdefault(station_id, (site_id, {}))
            if number is not None:
                types[number] = current_type
    limited = [token.id for token in tokens if token.concurrent_max is not None]
    if limited:
        cursor = await connection.execute(_OPEN_OF_TOKENS, (limited,))
        for token_id, session_id in await cursor.fetchall():
            loaded.open_of_token.setdefault(token_id, set()).add(session_id)


async def _find_settled(connection: Connection, loaded: Loaded) -> None:
    """Rare: only for what comes after the end."""
    ended = [row.id for row in loaded.sessions.values() if row.ended_at is not None]
    if ended:
        cursor = await connection.execute(_SETTLED, (pack("uuid", ended),))
        for (session_id,) in await cursor.fetchall():
            loaded.sessions[session_id].settled = True


async def load(connection: Connection, entries: Iterable[Entry]) -> Loaded:
    """Lock and read what these facts touch."""
    return await loaded_of(await ask(connection, entries))
