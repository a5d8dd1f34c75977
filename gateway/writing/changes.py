"""What a batch will save, table by table, gathered while its facts are applied."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from gateway.writing.entry import Entry, LogLine
from gateway.writing.session_row import SessionRow
from holdfast.contracts.facts import (
    EventReported,
    Fact,
    Sample,
    SignedValue,
    StationBooted,
    StatusReported,
)
from holdfast.contracts.message import Message
from holdfast.contracts.orders import OrderKind
from holdfast.domain.lane import lane

if TYPE_CHECKING:
    from gateway.writing.certificates import RequestChange


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxChange:
    """A start or a signal. A debounced one takes the place of its unsent predecessor."""

    organization_id: UUID
    workflow_id: str
    operation: str
    name: str
    message: Message
    due_at: datetime | None = None

    @property
    def lane(self) -> int:
        """Which relay carries it."""
        return lane(self.workflow_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOrder:
    """An order that the writer gives. It leaves `delay` later; unsent, it is dropped after
    `kept`."""

    organization_id: UUID
    station_id: UUID
    kind: OrderKind
    payload: dict[str, Any]
    now: datetime
    delay: timedelta = timedelta(0)
    kept: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Milestone:
    """A line of a session's timeline."""

    row: SessionRow
    key: str
    at: datetime
    kind: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MeterChange:
    """A sample to keep."""

    entry: Entry
    session_id: UUID | None
    evse: int
    sample: Sample


@dataclass(frozen=True, slots=True)
class SignedChange:
    """A signed value to keep as evidence."""

    entry: Entry
    row: SessionRow | None
    evse: int
    sample: Sample
    value: SignedValue


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A public key that a station named as a meter's. EVSE 0: of all of its EVSEs."""

    entry: Entry
    evse: int
    public_key: str  # hex of its DER
    source: str


@dataclass(slots=True)
class Changes:
    """Everything that one batch writes."""

    meters: list[MeterChange] = field(default_factory=list)
    signed: list[SignedChange] = field(default_factory=list)
    # sessions that signed values may wait for: those of a transaction that was not known then
    attached: list[SessionRow] = field(default_factory=list)
    meter_keys: list[KeyChange] = field(default_factory=list)
    # sessions whose readings must be looked at together
    recounts: dict[UUID, SessionRow] = field(default_factory=dict)
    milestones: list[Milestone] = field(default_factory=list)
    states: list[tuple[SessionRow, datetime, str]] = field(default_factory=list)
    outbox: list[OutboxChange] = field(default_factory=list)
    # workflow ids and names of debounced signals that are void where they are unsent
    undebounce: set[tuple[str, str]] = field(default_factory=set)
    # the newest debounced signal of a session (its name, itself, when it is due), told once the
    # place of a void one is free again
    debounced: dict[str, tuple[SessionRow, str, Message, datetime]] = field(default_factory=dict)
    statuses: dict[tuple[UUID, int, int], tuple[Entry, StatusReported]] = field(
        default_factory=dict
    )
    boots: dict[UUID, tuple[Entry, StationBooted]] = field(default_factory=dict)
    firmware: dict[UUID, tuple[str, datetime]] = field(default_factory=dict)
    certificate_requests: list["RequestChange"] = field(default_factory=list)
    events: list[tuple[Entry, EventReported]] = field(default_factory=list)
    # what is said of variables, settings and monitors, in the order of arrival
    variables: list[tuple[Entry, Fact]] = field(default_factory=list)
    orders: list[PlacedOrder] = field(default_factory=list)
    seen: dict[UUID, datetime] = field(default_factory=dict)
    quarantined: list[tuple[Entry, str]] = field(default_factory=list)
    replayed: list[UUID] = field(default_factory=list)
    # keys whose answer is not the usual empty one, or whose session is new
    answers: list[tuple[Entry, dict[str, Any], UUID | None]] = field(default_factory=list)
    lines: list[LogLine] = field(default_factory=list)
    topics: set[str] = field(default_factory=set)
