"""What a protocol version must be able to say and answer; the station itself speaks neither."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from simulator.stations.car import Reading
from simulator.stations.ledger import Waiting
from simulator.stations.messages import Answer, Json, Message
from simulator.stations.transaction import StopReason, Transaction

if TYPE_CHECKING:
    from simulator.stations.connector import Connector


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When something happened by the station's clock, what its meter showed, and whether a socket
    was open."""

    at: datetime
    reading: Reading
    offline: bool


class Dialect(Protocol):
    """One OCPP version. Builders are pure but for a transaction's sequence number."""

    format_error: str

    def boot(self, reason: str) -> Message: ...

    def heartbeat(self) -> Message: ...

    def status(self, connector: "Connector", at: datetime) -> Message: ...

    def status_word(self, connector: "Connector") -> str: ...

    def authorize(self, token: str) -> Message: ...

    def is_authorized(self, answer: Json) -> bool: ...

    def reported_mwh(self, register_mwh: int) -> int:
        """The register as this version can carry it at start and stop."""
        ...

    def started(self, transaction: Transaction, moment: Moment) -> list[Message]: ...

    def state_changed(self, transaction: Transaction, moment: Moment) -> list[Message]: ...

    def metered(self, transaction: Transaction, moment: Moment, *, asked: bool) -> list[Message]:
        """A periodic sample, or one that the back office asked for."""
        ...

    def ended(
        self, transaction: Transaction, moment: Moment, reason: StopReason
    ) -> list[Message]: ...

    def idle_sample(self, connector: "Connector", moment: Moment) -> Message:
        """Meter values outside a transaction."""
        ...

    def complete(self, waiting: Waiting, transaction: Transaction | None) -> Json:
        """The payload as it leaves, with what was learnt since it was queued."""
        ...

    def learn(self, waiting: Waiting, answer: Json, transaction: Transaction) -> bool:
        """Take in an answer; False when it refuses the token."""
        ...

    def answer(self, action: str, payload: Json) -> Answer:
        """A call from the back office. Raises `NotImplementedHere` or `PayloadWrong`."""
        ...


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
