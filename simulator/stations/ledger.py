"""The fleet's disk: registers, transactions, waiting messages and settings, in one SQLite file.

What one event changes is written in one SQLite transaction before anything of it goes on the wire,
so a fleet that is killed at any instant continues with registers that never lag what it reported.
The log is not synced to the platter: killed processes are the case here, not lost power.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from simulator.stations.messages import Json
from simulator.stations.transaction import Transaction, from_document

QUEUE_MAX = 50_000
"""Waiting messages of one station; a real station's flash is smaller."""

TRANSACTIONS_MAX = 1_000_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS registers (
    station TEXT NOT NULL, connector INTEGER NOT NULL, register_mwh INTEGER NOT NULL,
    PRIMARY KEY (station, connector)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transactions (
    key TEXT PRIMARY KEY, station TEXT NOT NULL, connector INTEGER NOT NULL,
    open INTEGER NOT NULL, document BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS transactions_open ON transactions (station) WHERE open = 1;
CREATE TABLE IF NOT EXISTS cars (
    station TEXT NOT NULL, connector INTEGER NOT NULL, document BLOB NOT NULL,
    PRIMARY KEY (station, connector)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS queue (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, station TEXT NOT NULL, transaction_key TEXT NOT NULL,
    role TEXT NOT NULL, action TEXT NOT NULL, payload BLOB NOT NULL, held INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS queue_station ON queue (station, held, seq);
CREATE TABLE IF NOT EXISTS settings (
    station TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (station, name)
) WITHOUT ROWID;
"""


class StateInUse(Exception):
    """The state file cannot be used, most often because another fleet has it open."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transaction message that nobody has answered yet."""

    seq: int
    transaction_key: str
    role: str
    action: str
    payload: Json


class Ledger:
    """The file. Calls are synchronous and short: nothing is awaited inside a change."""

    def __init__(self, path: Path | None) -> None:
        """`None` keeps everything in memory. Raises `StateInUse`."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)  # passwords that the back office rotated are in it
        self._db = sqlite3.connect(
            ":memory:" if path is None else path, isolation_level=None, timeout=1
        )
        self._depth = 0
        try:
            # One fleet per file: the lock is taken with the first write and kept.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            self._db.close()
            is_locked = "locked" in str(error)
            reason = "another fleet uses it" if is_locked else str(error)
            raise StateInUse(f"cannot use {path}: {reason}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def atomically(self) -> Iterator[None]:
        """All or nothing; an inner block joins the outer one."""
        if self._depth:
            yield
            return
        self._depth = 1
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            self._depth = 0

    def register_mwh(self, station: str, connector: int, *, at_first: int) -> int:
        """The connector's lifetime register; a new one starts at `at_first`."""
        row = self._db.execute(
            "SELECT register_mwh FROM registers WHERE station = ? AND connector = ?",
            (station, connector),
        ).fetchone()
        if row is not None:
            return int(row[0])
        self.save_register(station, connector, at_first)
        return at_first

    def save_register(self, station: str, connector: int, register_mwh: int) -> None:
        """Remember a register."""
        self._db.execute(
            "INSERT INTO registers VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
            " SET register_mwh = excluded.register_mwh",
            (station, connector, register_mwh),
        )

    def save_transaction(self, transaction: Transaction) -> None:
        """Remember a transaction as it is now."""
        self._db.execute(
            "INSERT INTO transactions VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET open = excluded.open, document = excluded.document",
            (
                transaction.key,
                transaction.station,
                transaction.connector,
                int(transaction.ended_at is None),
                orjson.dumps(asdict(transaction)),
            ),
        )

    def transaction(self, key: str) -> Transaction | None:
        """A transaction by its own key."""
        row = self._db.execute("SELECT document FROM transactions WHERE key = ?", (key,)).fetchone()
        return None if row is None else from_document(orjson.loads(row[0]))

    def open_transactions(self, station: str) -> list[Transaction]:
        """What was running when the file was last written."""
        rows = self._db.execute(
            "SELECT document FROM transactions WHERE station = ? AND open = 1", (station,)
        )
        return [from_document(orjson.loads(row[0])) for row in rows]

    def transactions(self, station: str | None = None) -> list[Transaction]:
        """Every transaction ever, oldest first."""
        rows = self._db.execute(
            "SELECT document FROM transactions WHERE ?1 IS NULL OR station = ?1"
            " ORDER BY rowid LIMIT ?2",
            (station, TRANSACTIONS_MAX),
        )
        return [from_document(orjson.loads(row[0])) for row in rows]

    def save_car(self, station: str, connector: int, car: Json | None) -> None:
        """Remember the car in a bay, or that it left."""
        if car is None:
            self._db.execute(
                "DELETE FROM cars WHERE station = ? AND connector = ?", (station, connector)
            )
            return
        self._db.execute(
            "INSERT INTO cars VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
            " SET document = excluded.document",
            (station, connector, orjson.dumps(car)),
        )

    def cars(self, station: str) -> dict[int, Json]:
        """The cars in the bays, by connector."""
        rows = self._db.execute(
            "SELECT connector, document FROM cars WHERE station = ?", (station,)
        )
        return {int(connector): orjson.loads(document) for connector, document in rows}

    def enqueue(self, station: str, waiting: Waiting, *, held: bool = False) -> bool:
        """Put a message at the end; False when the station's flash is full."""
        if self.queue_length(station) >= QUEUE_MAX:
            return False
        self._db.execute(
            "INSERT INTO queue (station, transaction_key, role, action, payload, held)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                station,
                waiting.transaction_key,
                waiting.role,
                waiting.action,
                orjson.dumps(waiting.payload),
                int(held),
            ),
        )
        return True

    def head(self, station: str, count: int) -> list[Waiting]:
        """The oldest messages that may leave now."""
        rows = self._db.execute(
            "SELECT seq, transaction_key, role, action, payload FROM queue"
            " WHERE station = ? AND held = 0 ORDER BY seq LIMIT ?",
            (station, count),
        )
        return [
            Waiting(seq, key, role, act, orjson.loads(raw)) for seq, key, role, act, raw in rows
        ]

    def release_held(self, station: str, transaction_key: str) -> None:
        """Messages that were held back go to the end of the queue."""
        held = self._db.execute(
            "SELECT seq FROM queue WHERE station = ? AND transaction_key = ? AND held = 1"
            " ORDER BY seq",
            (station, transaction_key),
        ).fetchall()
        for (seq,) in held:
            self._db.execute(
                "UPDATE queue SET held = 0, seq = (SELECT max(seq) + 1 FROM queue) WHERE seq = ?",
                (seq,),
            )

    def answered(self, seq: int) -> None:
        """The message has its answer and is forgotten."""
        self._db.execute("DELETE FROM queue WHERE seq = ?", (seq,))

    def queue_length(self, station: str) -> int:
        """Messages that wait, held ones included."""
        row = self._db.execute(
            "SELECT count(*) FROM queue WHERE station = ?", (station,)
        ).fetchone()
        return int(row[0])

    def queue_length_of(self, station: str, transaction_key: str) -> int:
        """Messages of one transaction that wait."""
        row = self._db.execute(
            "SELECT count(*) FROM queue WHERE station = ? AND transaction_key = ?",
            (station, transaction_key),
        ).fetchone()
        return int(row[0])

    def settings(self, station: str) -> dict[str, str]:
        """Settings that differ from the factory's."""
        rows = self._db.execute("SELECT name, value FROM settings WHERE station = ?", (station,))
        return {str(name): str(value) for name, value in rows}

    def save_setting(self, station: str, name: str, value: str) -> None:
        """Remember a setting across reboots."""
        self._db.execute(
            "INSERT INTO settings VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
            " SET value = excluded.value",
            (station, name, value),
        )
