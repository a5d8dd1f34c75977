"""What stations tell of themselves, as `EventReported`: one reader, described per action.

Every version's table of such messages is in its own room (`v16/events.py`, …).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.dialect import Payload, Reading
from gateway.reading import digest, evse_if_any, instant, text, transaction_id, whole
from holdfast.contracts.facts import EventReported

NAME_LENGTH_MAX = 128

Naming = Callable[[Payload], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """How a message becomes an `EventReported`; an instance is the reader of its action.

    `kind` is ours; `name` is the field with the station's word, or a function that finds it.
    `stamp` is the message's own time: only with a good one is there a natural key, since what has
    none may truly happen twice. Fields that became columns are not repeated in the details.
    """

    kind: str
    name: str | Naming | None = None
    stamp: str | None = None
    evse: str | None = None
    connector: str | None = None
    request: str | None = None
    transaction: str | None = None

    def __call__(self, payload: Payload, received_at: datetime) -> Reading:
        """The fact. Raises `Unreadable` only for a payload that is nested too deep."""
        own = payload.get(self.stamp) if self.stamp else None
        at, clock = instant(own, received_at) if self.stamp else (received_at, "ok")
        has_key = self.stamp is not None and clock == "ok"
        columns = {self.stamp, self.evse, self.connector, self.request, self.transaction}
        if isinstance(self.name, str):
            columns.add(self.name)
        return Reading(
            EventReported(
                at=at,
                clock=clock,
                key=f"{self.kind}|{own}|{digest(payload)}" if has_key else None,
                kind=self.kind,
                name=self._name(payload),
                evse=evse_if_any(_at(payload, self.evse)),
                connector=evse_if_any(_at(payload, self.connector)),
                request_id=whole(_at(payload, self.request)),
                transaction_id=transaction_id(_at(payload, self.transaction)),
                details={key: value for key, value in payload.items() if key not in columns},
            )
        )

    def _name(self, payload: Payload) -> str | None:
        if callable(self.name):
            return (self.name(payload) or "")[:NAME_LENGTH_MAX] or None
        return text(payload, self.name, NAME_LENGTH_MAX) if self.name else None


def always(word: str) -> Naming:
    """The same name for every message of an action."""
    return lambda _payload: word


def either(field: str, yes: str, no: str) -> Naming:
    """One of two names, by a boolean of the message."""
    return lambda payload: yes if payload.get(field) is True else no


def within(outer: str, inner: str) -> Naming:
    """A field of an object in the message."""

    def find(payload: Payload) -> str | None:
        found = payload.get(outer)
        return text(found, inner, NAME_LENGTH_MAX) if isinstance(found, dict) else None

    return find


def _at(payload: Mapping[str, Any], field: str | None) -> object:
    return payload.get(field) if field else None
