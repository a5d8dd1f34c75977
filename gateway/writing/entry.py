"""What waits to be written: a message of a station with its fact, or a line of the message log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol
from uuid import UUID

from gateway.dialect import Dialect, Handler, Outcome
from gateway.quirks import NONE, Quirks
from holdfast.contracts.facts import Fact
from holdfast.domain.quirks import Described


@dataclass(slots=True, kw_only=True)
class Peer:
    """The station at the other end, as known when it connected."""

    station_id: UUID
    organization_id: UUID
    identity: str
    registration: str
    dialect: Dialect
    described: Described = field(default_factory=Described)  # by its last boot
    quirks: Quirks = NONE
    certified_names: tuple[str, ...] = ()  # common names of the certificate that it showed


class Owner(Protocol):
    """Who waits for the answer: a socket, or an operator's replay."""

    @property
    def is_open(self) -> bool:
        """Whether an answer still has somewhere to go."""
        ...


class Nobody:
    """The owner of what is never answered, and never sent again: it is written whoever is there."""

    is_open = True


@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """A message to record and to answer. `answer` is set after the commit, then `settled` runs."""

    peer: Peer
    owner: Owner
    message_id: str
    action: str
    frame: bytes
    received_at: datetime
    handler: Handler
    fact: Fact | None  # None: unreadable, `problem` says why
    key: UUID | None = None
    twin: UUID | None = None
    finding: str | None = None
    problem: str | None = None
    replay_of: UUID | None = None
    settled: Callable[[], None] = field(default=lambda: None)
    answer: dict[str, Any] | None = None
    outcome: Outcome | None = None  # of a question, before anybody was asked
    given_up: bool = False  # refused even by the quarantine: `settled` runs without an answer

    @property
    def waits(self) -> bool:
        """Whether it is still to be recorded, for somebody who would hear the answer."""
        return self.answer is None and not self.given_up and self.owner.is_open

    @property
    def station_id(self) -> UUID:
        """Whose message it is."""
        return self.peer.station_id


@dataclass(slots=True, frozen=True)
class LogLine:
    """A frame that changes nothing: kept for people, in bulk, lost with the process."""

    peer: Peer
    received_at: datetime
    outbound: bool
    message_id: str | None
    action: str | None
    frame: bytes
    finding: str | None = None
    transaction_id: str | None = None


def transaction_of(fact: Fact | None, answer: Mapping[str, Any] | None) -> str | None:
    """The transaction that a message speaks of; of a start of OCPP 1.6 the id that we gave it."""
    found = getattr(fact, "transaction_id", None)
    if found is None and answer and "transactionId" in answer:
        return str(answer["transactionId"])
    return found if isinstance(found, str) else None


def key_digest(text: str | None) -> UUID | None:
    """A natural key as 128 bits of BLAKE2b."""
    if text is None:
        return None
    return UUID(bytes=blake2b(text.encode("utf-8", "replace"), digest_size=16).digest())
