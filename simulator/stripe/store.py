"""Everything the server knows, in one SQLite file.

One connection, used only from the event loop, and one transaction per request: an object, its
events, their deliveries and the stored answer of its idempotency key appear together or not at
all, so a kill at any instant loses nothing that was answered. `synchronous=NORMAL` in WAL mode
survives the death of the process; only a power cut could lose the last commits.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from simulator.stripe.errors import JsonObject

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, created INTEGER NOT NULL,
    due_at INTEGER, body BLOB NOT NULL, UNIQUE (account, id));
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (account, kind, seq);
CREATE INDEX IF NOT EXISTS objects_by_time ON objects (account, kind, created);
CREATE INDEX IF NOT EXISTS objects_due ON objects (account, due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS idempotency (
    account TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL, fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL, body BLOB NOT NULL, request_id TEXT NOT NULL,
    stored_at INTEGER NOT NULL, PRIMARY KEY (account, key));
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL, event TEXT NOT NULL, type TEXT NOT NULL, endpoint TEXT NOT NULL,
    body BLOB NOT NULL, tamper TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
    rank INTEGER NOT NULL, due_at REAL NOT NULL, last_error TEXT);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due_at);
CREATE TABLE IF NOT EXISTS settings (
    account TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (account, name));
CREATE TABLE IF NOT EXISTS faults (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL, operation TEXT NOT NULL, remaining INTEGER NOT NULL,
    body BLOB NOT NULL);
"""

# A server that was just killed lets go of its lock at once; another one never does.
LOCK_PATIENCE_S = 1.0
DAY_S = 86_400
EVENTS_KEPT_S = 30 * DAY_S
FILTERABLE = {"customer", "payment_intent", "payment_method", "email", "type"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which objects a list shows. `before` and `after` are ids, in the order newest first."""

    kind: str
    limit: int
    equal: Mapping[str, Sequence[str]] = field(default_factory=dict)
    created: Mapping[str, int] = field(default_factory=dict)
    after: int | None = None
    before: int | None = None


class Store:
    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path, isolation_level=None, timeout=LOCK_PATIENCE_S)
        # Two servers on one file would each believe in their own in-flight keys.
        self.db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.db.executescript(SCHEMA)

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. The callers never await inside, so transactions cannot interleave."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def save(self, account: str, body: JsonObject) -> None:
        due_at = body.get("_sim", {}).get("due_at")
        self.db.execute(
            "INSERT INTO objects (account, kind, id, created, due_at, body) VALUES (?,?,?,?,?,?)"
            " ON CONFLICT (account, id) DO UPDATE SET body = excluded.body,"
            " due_at = excluded.due_at",
            (account, body["object"], body["id"], body.get("created", 0), due_at, dumps(body)),
        )

    def find(self, account: str, object_id: str) -> JsonObject | None:
        row = self.db.execute(
            "SELECT body FROM objects WHERE account = ? AND id = ?", (account, object_id)
        ).fetchone()
        return loads(row[0]) if row else None

    def remove(self, account: str, object_id: str) -> None:
        self.db.execute("DELETE FROM objects WHERE account = ? AND id = ?", (account, object_id))

    def position(self, account: str, kind: str, object_id: str) -> int | None:
        row = self.db.execute(
            "SELECT seq FROM objects WHERE account = ? AND kind = ? AND id = ?",
            (account, kind, object_id),
        ).fetchone()
        return int(row[0]) if row else None

    def page(self, account: str, wanted: Wanted) -> tuple[list[JsonObject], bool]:
        """Newest first, and whether there is more in the direction of travel."""
        where, values = conditions(account, wanted)
        order = "ASC" if wanted.before is not None else "DESC"
        # Only constants are put into the text: fields and operators come from closed sets.
        sql = f"SELECT body FROM objects WHERE {where} ORDER BY seq {order} LIMIT ?"  # noqa: S608
        rows = self.db.execute(sql, (*values, wanted.limit + 1)).fetchall()
        found = [loads(row[0]) for row in rows[: wanted.limit]]
        if wanted.before is not None:
            found.reverse()
        return found, len(rows) > wanted.limit

    def prune(self, now: int) -> None:
        """Forget what Stripe forgets too: old keys, settled deliveries, events after 30 days.

        `now` is the real time; accounts' clocks only run ahead of it, so nothing goes too early.
        """
        self.db.execute("DELETE FROM idempotency WHERE stored_at < ?", (now - 2 * DAY_S,))
        self.db.execute(
            "DELETE FROM deliveries WHERE state != 'pending' AND due_at < ?", (now - DAY_S,)
        )
        self.db.execute(
            "DELETE FROM objects WHERE kind = 'event' AND created < ?", (now - EVENTS_KEPT_S,)
        )

    def due(self, account: str, now: int, limit: int) -> list[JsonObject]:
        rows = self.db.execute(
            "SELECT body FROM objects WHERE account = ? AND due_at <= ? ORDER BY due_at LIMIT ?",
            (account, now, limit),
        ).fetchall()
        return [loads(row[0]) for row in rows]

    def accounts_with_due(self) -> list[str]:
        rows = self.db.execute(
            "SELECT DISTINCT account FROM objects WHERE due_at IS NOT NULL"
        ).fetchall()
        return [str(row[0]) for row in rows]

    def setting(self, account: str, name: str) -> Any:
        row = self.db.execute(
            "SELECT value FROM settings WHERE account = ? AND name = ?", (account, name)
        ).fetchone()
        return orjson.loads(row[0]) if row else None

    def set(self, account: str, name: str, value: Any) -> None:
        self.db.execute(
            "INSERT INTO settings VALUES (?,?,?) ON CONFLICT (account, name)"
            " DO UPDATE SET value = excluded.value",
            (account, name, orjson.dumps(value)),
        )


def conditions(account: str, wanted: Wanted) -> tuple[str, list[Any]]:
    where, values = ["account = ?", "kind = ?"], [account, wanted.kind]
    parameters: list[Any] = values
    for name, allowed in wanted.equal.items():
        if name not in FILTERABLE:
            raise ValueError(f"no filter by {name}")
        marks = ",".join("?" * len(allowed))
        where.append(f"json_extract(CAST(body AS TEXT), '$.{name}') IN ({marks})")
        parameters.extend(allowed)
    operators = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
    for name, at in wanted.created.items():
        where.append(f"created {operators[name]} ?")
        parameters.append(at)
    if wanted.after is not None:
        where.append("seq < ?")
        parameters.append(wanted.after)
    if wanted.before is not None:
        where.append("seq > ?")
        parameters.append(wanted.before)
    return " AND ".join(where), parameters


def dumps(body: JsonObject) -> bytes:
    return orjson.dumps(body)


def loads(body: bytes) -> JsonObject:
    return cast(JsonObject, orjson.loads(body))
