"""What an operation of the API is: a name, a place in the URL space, parameters, and a handler."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simulator.stripe.account import Account
from simulator.stripe.errors import JsonObject
from simulator.stripe.form import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as its handler sees it: already authenticated, its parameters checked."""

    account: Account
    params: JsonObject
    ids: Mapping[str, str]
    base_url: str

    @property
    def id(self) -> str:
        return self.ids["id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`name` is the SDK's (`payment_intents.capture`); faults are ordered by it."""

    name: str
    method: str
    path: str
    handler: Callable[[Call], JsonObject]
    params: Mapping[str, Check] = field(default_factory=dict)
