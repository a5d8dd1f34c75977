"""What one OCPP version offers to the rest of the gateway: a handler per action.

Everything here is pure: a payload in, a fact out; a fact and what became of it in, an answer out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from gateway.limits import Limits
from holdfast.contracts.facts import Fact
from holdfast.domain.authorization import Decision

if TYPE_CHECKING:
    from gateway.writing.entry import Peer

Payload = dict[str, Any]
TOTAL_COST = "total_cost"  # in an outcome's details: what the transaction costs so far


@dataclass(frozen=True, slots=True)
class Reading:
    """A fact, and the text of a second key beside its natural one.

    The natural key (`fact.key`) says whether the fact is a repeat; the twin is flagged where only
    one of the two is new: another stop of the same transaction, another event of the same number.
    """

    fact: Fact
    twin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a fact, for its answer. `at` is the time of the answer."""

    at: datetime
    decision: Decision | None = None
    transaction_number: int | None = None
    registration: str = "accepted"
    # what a question's answer holds beyond a decision (gateway/questions.py)
    details: Mapping[str, Any] = field(default_factory=dict)


Read = Callable[[Payload, datetime], Reading]
Answer = Callable[[Fact, Outcome], Payload]


@dataclass(frozen=True, slots=True)
class Handler:
    """How an action is read and answered.

    A lenient one (transactions, meters) is never refused for its payload: what cannot be read is
    quarantined and answered with `plain`. One that `asks` is answered after somebody else was
    asked (`Questions`), out of its turn, so that nobody waits behind it. Its facts have no natural
    key: a question changes nothing, and one that is put again is asked again. An `unconfirmed` one
    comes in a SEND (OCPP 2.1) and gets no answer. `total_field`: where the answer to the end of a
    transaction says what it cost (`gateway.totals`).
    """

    read: Read
    answer: Answer
    lenient: bool = False
    asks: bool = False
    unconfirmed: bool = False
    total_field: str | None = None


class Questions(Protocol):
    """Who is asked for what a database cannot answer: is this certificate revoked, who signs a
    contract. Built by the composition root, called after the fact is committed."""

    async def answer(self, peer: "Peer", fact: Fact, outcome: Outcome) -> Outcome:
        """The outcome with what was found out, usually in `details`.

        Where it raises, takes more than 20 s, or too many questions of one station are open, the
        answer is made from `outcome` as it came: a handler must take missing `details` for "nobody
        could be asked", and say no more than that.
        """
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """An order in a version's own words."""

    action: str
    payload: Payload


class NotInThisVersion(ValueError):
    """An order that the station's version cannot express; the text says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One OCPP version."""

    protocol: str
    handlers: Mapping[str, Handler]
    translate_order: Callable[[str, Mapping[str, Any], "OrderContext"], tuple[Call, ...]]
    accepted_statuses: frozenset[str]
    unaccepted_are_refused: bool  # 2.x: SecurityError before the station is accepted
    sends: bool = False  # 2.1: the message types 5 (CALLRESULTERROR) and 6 (SEND)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOfOrder:
    """What an order to start needs of its session; the token never rests in the order."""

    evse: int
    token_uid: str | None
    token_type: str | None
    remote_start_number: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderContext:
    """What a translation needs besides the order's payload. `request_id` is the order's number in
    the messages that follow; `secret` never rests in an order and is read when it is sent."""

    session: SessionOfOrder | None = None
    request_id: int | None = None
    limits: Limits = field(default_factory=Limits)
    secret: str | None = field(default=None, repr=False)


Order = Mapping[str, Any]
Translate = Callable[[Order, OrderContext], tuple[Call, ...]]


def empty_answer(_fact: Fact, _outcome: Outcome) -> Payload:
    """The usual confirmation without a field."""
    return {}
