"""One merchant's world: its objects, its clock, and the events that its changes cause."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.stripe import errors
from simulator.stripe.deliveries import enqueue
from simulator.stripe.errors import JsonObject
from simulator.stripe.ids import new_id
from simulator.stripe.store import Store

DUE_BATCH = 1_000
# Where the parameter that names an object in the path is not called "id" in refusals.
PATH_PARAM = {"payment_intent": "intent", "setup_intent": "intent"}
WORDS = {"payment_method": "PaymentMethod", "setup_intent": "setupintent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The request that causes events; both null for what Stripe does by itself."""

    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """`name` is empty for the account at the root of the server."""

    name: str
    store: Store
    api_version: str
    origin: Origin = Origin()

    def now(self) -> int:
        """The account's own clock in Unix seconds: the real one, plus what tests advanced."""
        return int(time.time()) + int(self.store.setting(self.name, "clock_offset_s") or 0)

    def advance(self, seconds: int) -> None:
        offset = int(self.store.setting(self.name, "clock_offset_s") or 0)
        self.store.set(self.name, "clock_offset_s", offset + seconds)

    def save(self, body: JsonObject) -> None:
        self.store.save(self.name, body)

    def get(
        self, kind: str, object_id: str, *, param: str | None = None, in_path: bool = False
    ) -> JsonObject:
        """The object, or Stripe's refusal: 404 if the path named it, 400 if a parameter did."""
        body = self.store.find(self.name, object_id)
        if body is None or body["object"] != kind:
            raise errors.missing(
                WORDS.get(kind, kind),
                object_id[:100],
                param=param or PATH_PARAM.get(kind, "id"),
                in_path=in_path,
            )
        return body

    def due(self) -> list[JsonObject]:
        return self.store.due(self.name, self.now(), DUE_BATCH)

    def emit(
        self, kind: str, subject: JsonObject, previous: Mapping[str, Any] | None = None
    ) -> None:
        """Record the event and queue its deliveries, in the transaction of the change itself."""
        data: JsonObject = {"object": public(subject)}
        if previous is not None:
            data["previous_attributes"] = dict(previous)
        event: JsonObject = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": self.api_version,
            "created": self.now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {
                "id": self.origin.request_id,
                "idempotency_key": self.origin.idempotency_key,
            },
            "type": kind,
        }
        event["pending_webhooks"] = enqueue(self.store, self.name, event)
        self.save(event)


def public(body: JsonObject) -> JsonObject:
    """Without what only the simulator knows (`_sim`)."""
    return {name: value for name, value in body.items() if name != "_sim"}


def subset(params: JsonObject, names: Sequence[str]) -> JsonObject:
    return {name: params[name] for name in names if name in params}
