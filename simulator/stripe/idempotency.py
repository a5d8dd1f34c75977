"""Idempotency keys: the first answer of an executed request is the answer to all its repeats.

docs.stripe.com/api/idempotent_requests. Kept: results, card errors, refusals of the state
machine, and 500s. Not kept: failed validation, 401, 409, 429, and what a gateway in front says.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson

from simulator.stripe.errors import JsonObject, Refused, invalid
from simulator.stripe.store import Store

KEPT_S = 86_400
KEY_MAX = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    status: int
    body: bytes
    request_id: str


def fingerprint(raw: JsonObject) -> str:
    """Of the parameters, whatever their order."""
    return hashlib.sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).hexdigest()


def require_sound(key: str) -> None:
    if not key or len(key) > KEY_MAX:
        raise invalid(f"Idempotency keys must have 1 to {KEY_MAX} characters.")


def find(store: Store, account: str, key: str, path: str, mark: str, now: int) -> Kept | None:
    """The stored answer, if the key was used within a day; another request under it is refused."""
    row = store.db.execute(
        "SELECT path, fingerprint, status, body, request_id FROM idempotency"
        " WHERE account = ? AND key = ? AND stored_at > ?",
        (account, key, now - KEPT_S),
    ).fetchone()
    if row is None:
        return None
    if row[0] != path:
        raise Refused(
            400,
            "idempotency_error",
            "Keys for idempotent requests can only be used for the same endpoint they were first "
            f"used for ('{row[0]}' vs '{path}'). Try using a key other than '{key}' if you meant "
            "to execute a different request.",
        )
    if row[1] != mark:
        raise Refused(
            400,
            "idempotency_error",
            "Keys for idempotent requests can only be used with the same parameters they were "
            f"first used with. Try using a key other than '{key}' if you meant to execute a "
            "different request.",
        )
    return Kept(status=row[2], body=row[3], request_id=row[4])


def keep(
    store: Store, account: str, key: str, path: str, mark: str, now: int, answer: Kept
) -> None:
    store.db.execute(
        "INSERT OR REPLACE INTO idempotency VALUES (?,?,?,?,?,?,?,?)",
        (account, key, path, mark, answer.status, answer.body, answer.request_id, now),
    )


@dataclass(frozen=True)
class InFlight:
    """Keys whose first request has not ended. In memory: after a restart nothing is in flight."""

    keys: set[tuple[str, str]] = field(default_factory=set)

    @contextmanager
    def claim(self, account: str, key: str | None) -> Iterator[None]:
        if key is None:
            yield
            return
        if (account, key) in self.keys:
            raise Refused(
                409,
                "idempotency_error",
                "There is currently another in-progress request using this Idempotent Key (that "
                "probably means you submitted twice, and the other request is still going "
                f"through): {key}. Please try again later.",
                code="idempotency_key_in_use",
            )
        self.keys.add((account, key))
        try:
            yield
        finally:
            self.keys.discard((account, key))
