"""Faults on demand: what goes wrong with the next requests of an operation.

Ordered at `POST /_sim/faults`, kept in the store (a restart does not heal), used up one request
at a time, oldest order first.
"""

from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

import orjson

from simulator.stripe.errors import JsonObject, Refused
from simulator.stripe.store import Store

KINDS = ("drop", "delay", "error", "malformed")
WHENS = ("before", "after")
STATUSES = (409, 429, 500, 502, 503, 504)
FAULTS_MAX = 1_000
COUNT_MAX = 1_000_000
DELAY_MAX_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`operation` is a name or pattern (`payment_intents.*`). `when`: before or after execution.

    `drop` closes the connection without an answer; `delay` waits `delay_s`; `error` answers with
    `status`; `malformed` executes and answers 200 with half of the body. A 500 is the API's own
    failure and kept under the idempotency key; other statuses come from in front of it and are
    not. `should_retry` sets the header Stripe-Should-Retry.
    """

    operation: str
    kind: str
    when: str = "before"
    delay_s: float = 1.0
    status: int = 500
    should_retry: bool | None = None

    def check(self, operations: frozenset[str]) -> str | None:
        """What is wrong with it, in one sentence."""
        if not self.operation or self.kind not in KINDS or self.when not in WHENS:
            return f"a fault has an operation, a kind of {KINDS} and a when of {WHENS}"
        if not any(fnmatchcase(name, self.operation) for name in operations):
            return f"no operation is called {self.operation}; known are {sorted(operations)}"
        if self.kind == "error" and self.status not in STATUSES:
            return f"the status of an error is one of {STATUSES}"
        if not 0 <= self.delay_s <= DELAY_MAX_S:
            return f"delay_s is between 0 and {DELAY_MAX_S:.0f}"
        return None

    def is_crash(self) -> bool:
        """Whether the API itself failed, so that its idempotency layer remembers the failure."""
        return self.kind == "error" and self.status == 500

    def refusal(self) -> Refused:
        if self.status == 429:
            return Refused(
                429,
                "invalid_request_error",
                "Request rate limit exceeded. Learn more about rate limits here "
                "https://stripe.com/docs/rate-limits.",
                code="rate_limit",
            )
        if self.status == 409:
            return Refused(
                409,
                "invalid_request_error",
                "This object cannot be accessed right now because another API request or Stripe "
                "process is currently accessing it.",
                code="lock_timeout",
            )
        return Refused(
            self.status,
            "api_error",
            "An unknown error occurred",
            executed=self.status == 500,
        )


def order(store: Store, account: str, fault: Fault, count: int) -> int:
    held = store.db.execute("SELECT count(*) FROM faults WHERE account = ?", (account,)).fetchone()
    if held[0] >= FAULTS_MAX or not 1 <= count <= COUNT_MAX:
        raise ValueError(f"at most {FAULTS_MAX} faults, each 1 to {COUNT_MAX} times")
    cursor = store.db.execute(
        "INSERT INTO faults (account, operation, remaining, body) VALUES (?,?,?,?)",
        (account, fault.operation, count, orjson.dumps(asdict(fault))),
    )
    return int(cursor.lastrowid or 0)


def take(store: Store, account: str, operation: str) -> Fault | None:
    """The fault for this request, which uses it up by one."""
    rows = store.db.execute(
        "SELECT seq, operation, remaining, body FROM faults WHERE account = ? ORDER BY seq",
        (account,),
    ).fetchall()
    for seq, pattern, remaining, body in rows:
        if not fnmatchcase(operation, pattern):
            continue
        if remaining == 1:
            store.db.execute("DELETE FROM faults WHERE seq = ?", (seq,))
        else:
            store.db.execute("UPDATE faults SET remaining = remaining - 1 WHERE seq = ?", (seq,))
        return Fault(**orjson.loads(body))
    return None


def pending(store: Store, account: str) -> list[JsonObject]:
    rows = store.db.execute(
        "SELECT seq, remaining, body FROM faults WHERE account = ? ORDER BY seq", (account,)
    ).fetchall()
    return [{"id": seq, "count": left, **orjson.loads(body)} for seq, left, body in rows]


def clear(store: Store, account: str) -> None:
    store.db.execute("DELETE FROM faults WHERE account = ?", (account,))
