"""The durable queue of webhook deliveries, and the task that works it off.

A delivery is a row, written in the transaction of the change that it reports; a restart goes on
where the queue stands. The receiver sees what Stripe sends: the bytes of the event and a header
`Stripe-Signature: t=<unix>,v1=<hex HMAC-SHA256 of "<t>.<bytes>">` (docs.stripe.com/webhooks).
How an account's deliveries misbehave is its `webhooks` setting, see `Misbehaviour`.
"""

import asyncio
import hashlib
import hmac
import logging
import sqlite3
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import httpx
import orjson

from simulator.stripe.errors import JsonObject
from simulator.stripe.store import Store, Wanted

log = logging.getLogger("simulator.stripe.deliveries")

ENDPOINTS_MAX = 16
SEND_TIMEOUT_S = 10.0
ATTEMPTS_MAX = 200
RETRY_FIRST_S = 0.2
RETRY_MAX_S = 5.0
BATCH = 50
WORKERS_MAX = 32
STALE_S = 3_600
IDLE_S = 0.5
MODES = (
    "immediate", "before_response", "delayed", "duplicated", "reordered", "dropped",
    "bad_signature", "stale_timestamp",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """What happens to deliveries: all of an account, or those of `types`.

    `delay_s` is the wait of `delayed`, and the window whose deliveries `reordered` turns round;
    `copies` is how often `duplicated` sends each event.
    """

    mode: str = "immediate"
    delay_s: float = 1.0
    copies: int = 2
    types: tuple[str, ...] = ()

    def touches(self, event_type: str) -> bool:
        return not self.types or event_type in self.types


def misbehaviour(store: Store, account: str) -> Misbehaviour:
    kept = store.setting(account, "webhooks")
    return Misbehaviour(**{**kept, "types": tuple(kept["types"])}) if kept else Misbehaviour()


def misbehave(store: Store, account: str, how: Misbehaviour) -> None:
    store.set(account, "webhooks", asdict(how))


def enqueue(store: Store, account: str, event: JsonObject) -> int:
    """A row per endpoint that listens (and per copy). Returns how many endpoints listen."""
    endpoints, _ = store.page(account, Wanted(kind="webhook_endpoint", limit=ENDPOINTS_MAX))
    how = misbehaviour(store, account)
    if not how.touches(event["type"]):
        how = Misbehaviour()
    listening = [endpoint for endpoint in endpoints if listens(endpoint, event["type"])]
    for endpoint in listening:
        if how.mode == "dropped":
            continue
        for _ in range(how.copies if how.mode == "duplicated" else 1):
            add(store, account, endpoint, event, how, pending=len(listening))
    return len(listening)


def listens(endpoint: JsonObject, event_type: str) -> bool:
    wanted = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in wanted or event_type in wanted)


def add(
    store: Store,
    account: str,
    endpoint: JsonObject,
    event: JsonObject,
    how: Misbehaviour,
    pending: int = 1,
) -> None:
    version = endpoint["api_version"] or event["api_version"]
    body = {**event, "api_version": version, "pending_webhooks": pending}
    tamper = how.mode if how.mode in ("bad_signature", "stale_timestamp") else ""
    due_at, rank = time.time(), 0
    if how.mode == "delayed":
        due_at += how.delay_s
    if how.mode == "reordered":
        due_at, rank = turned_round(store, endpoint["id"], due_at, how.delay_s)
    store.db.execute(
        "INSERT INTO deliveries (account, event, type, endpoint, body, tamper, state, attempts,"
        " rank, due_at) VALUES (?,?,?,?,?,?,'pending',0,?,?)",
        # Indented as the real ones are: a receiver that signs its own re-serialisation fails here.
        (account, event["id"], event["type"], endpoint["id"],
         orjson.dumps(body, option=orjson.OPT_INDENT_2), tamper, rank, due_at),
    )  # fmt: skip


def turned_round(store: Store, endpoint: str, now: float, window_s: float) -> tuple[float, int]:
    """The first delivery opens a window; all of it leaves when it closes, the last one first."""
    row = store.db.execute(
        "SELECT due_at, min(rank) FROM deliveries WHERE endpoint = ? AND state = 'pending'"
        " AND rank < 0 AND attempts = 0 AND due_at > ?",
        (endpoint, now),
    ).fetchone()
    return (row[0], row[1] - 1) if row and row[0] is not None else (now + window_s, -1)


def sign(body: bytes, secret: str, at: int) -> str:
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


def counts(store: Store, account: str) -> dict[str, int]:
    rows = store.db.execute(
        "SELECT state, count(*) FROM deliveries WHERE account = ? GROUP BY state", (account,)
    ).fetchall()
    return {"pending": 0, "delivered": 0, "failed": 0} | {str(s): int(n) for s, n in rows}


class Deliverer:
    """Sends due deliveries: one worker per endpoint, so that a dead one delays no other."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.woken = asyncio.Event()
        self.client = httpx.AsyncClient(timeout=SEND_TIMEOUT_S, trust_env=False)
        self.workers: dict[tuple[str, str], asyncio.Task[None]] = {}

    def wake(self) -> None:
        self.woken.set()

    async def run(self) -> None:
        """Until cancelled. A broken round is logged and tried again."""
        try:
            while True:
                self.woken.clear()
                try:
                    self.start_workers()
                    pause_s = self.pause_s()
                except sqlite3.Error:
                    log.exception("cannot read the queue")
                    pause_s = IDLE_S
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.woken.wait(), timeout=pause_s)
        finally:
            for worker in list(self.workers.values()):
                worker.cancel()
            await asyncio.gather(*self.workers.values(), return_exceptions=True)
            await self.client.aclose()

    def pause_s(self) -> float:
        row = self.store.db.execute(
            "SELECT min(due_at) FROM deliveries WHERE state = 'pending' AND due_at > ?",
            (time.time(),),
        ).fetchone()
        return IDLE_S if row[0] is None else min(IDLE_S, max(0.01, row[0] - time.time()))

    def start_workers(self) -> None:
        due = self.store.db.execute(
            "SELECT DISTINCT account, endpoint FROM deliveries"
            " WHERE state = 'pending' AND due_at <= ?",
            (time.time(),),
        ).fetchall()
        for account, endpoint in due:
            if (account, endpoint) in self.workers or len(self.workers) >= WORKERS_MAX:
                continue
            worker = asyncio.create_task(self.work_off(account, endpoint))
            self.workers[(account, endpoint)] = worker
            worker.add_done_callback(partial(self.ended, (account, endpoint)))

    def ended(self, key: tuple[str, str], worker: "asyncio.Task[None]") -> None:
        del self.workers[key]
        if not worker.cancelled() and worker.exception() is not None:
            log.error("webhook worker failed", exc_info=worker.exception())
        self.wake()

    async def work_off(self, account: str, endpoint: str) -> None:
        while True:
            row = self.store.db.execute(
                "SELECT seq, event, body, tamper, attempts FROM deliveries WHERE account = ?"
                " AND endpoint = ? AND state = 'pending' AND due_at <= ?"
                " ORDER BY due_at, rank, seq LIMIT 1",
                (account, endpoint, time.time()),
            ).fetchone()
            if row is None:
                return
            seq, event, body, tamper, attempts = row
            target = self.store.find(account, endpoint)
            if target is None:
                self.settle(seq, "failed", attempts, "endpoint deleted")
                continue
            failure = await self.send(target, body, tamper)
            if failure is None:
                self.delivered(account, seq, event, attempts + 1)
            else:
                self.settle(seq, "pending", attempts + 1, failure)

    async def send(self, target: JsonObject, body: bytes, tamper: str) -> str | None:
        """None when the receiver answered 2xx, else what went wrong."""
        at = int(time.time()) - (STALE_S if tamper == "stale_timestamp" else 0)
        secret = target["_sim"]["secret"] + ("x" if tamper == "bad_signature" else "")
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(body, secret, at),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            answer = await self.client.post(target["url"], content=body, headers=headers)
        except (httpx.HTTPError, OSError) as error:
            return type(error).__name__
        return None if answer.is_success else f"HTTP {answer.status_code}"

    def delivered(self, account: str, seq: int, event_id: str, attempts: int) -> None:
        with self.store.transaction():
            self.settle(seq, "delivered", attempts, None)
            event = self.store.find(account, event_id)
            if event is not None and event["pending_webhooks"] > 0:
                event["pending_webhooks"] -= 1
                self.store.save(account, event)

    def settle(self, seq: int, state: str, attempts: int, failure: str | None) -> None:
        if state == "pending" and attempts >= ATTEMPTS_MAX:
            state = "failed"
        wait_s = min(RETRY_MAX_S, RETRY_FIRST_S * 2 ** min(attempts - 1, 10)) if failure else 0.0
        self.store.db.execute(
            "UPDATE deliveries SET state = ?, attempts = ?, last_error = ?, due_at = ?"
            " WHERE seq = ?",
            (state, attempts, failure, time.time() + wait_s, seq),
        )

    async def caught_up(self, account: str, patience_s: float) -> bool:
        """Whether nothing of the account is due any more, waiting at most `patience_s`."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            row = self.store.db.execute(
                "SELECT 1 FROM deliveries WHERE account = ? AND state = 'pending' AND due_at <= ?"
                " LIMIT 1",
                (account, time.time()),
            ).fetchone()
            if row is None:
                return True
            self.wake()
            await asyncio.sleep(0.01)
        return False


def queue_rows(store: Store, account: str, limit: int) -> list[dict[str, Any]]:
    rows = store.db.execute(
        "SELECT event, type, endpoint, state, attempts, last_error FROM deliveries"
        " WHERE account = ? ORDER BY seq DESC LIMIT ?",
        (account, limit),
    ).fetchall()
    names = ("event", "type", "endpoint", "state", "attempts", "last_error")
    return [dict(zip(names, row, strict=True)) for row in rows]
