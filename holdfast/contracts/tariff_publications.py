"""TariffPublication: a version goes live, and everybody who shows its price is told.

Prices stay in the rows: a history holds ids, counts and instants.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from temporalio import activity, workflow

from holdfast.contracts.message import Message, declared

WORKFLOW = "TariffPublication"

PUBLICATION_CHANGED = "publication_changed"  # signal: an assignment, an end, a later version
OPERATOR_DECIDED = "operator_decided"  # signal: what to do about places that refused


class StartPublication(Message):
    """A publication's row exists.

    The last three carry over a history that was cut: those who show the price were told; what a
    person is asked; how many refusals a person left at that.
    """

    publication_id: UUID
    organization: str
    organization_id: UUID
    tariff_id: UUID
    tariff: str  # its name
    number: int  # of the version
    valid_from: datetime
    rebuilt: bool = False
    told: bool = False
    attention: str | None = None
    left: int = 0

    @property
    def summary(self) -> str:
        """One line for on-call: which price, from when."""
        return f"{self.tariff} {self.number} · from {self.valid_from:%Y-%m-%d %H:%M} UTC"


class EventSignal(Message):
    """Something changed: look again."""

    event_id: str


class PublicationOrder(Message):
    """Names a publication."""

    publication_id: UUID


class PublicationSeen(Message):
    """As its rows are now. `over`: it applies nowhere any more, or never will; `due_at`: when it
    comes into force; `ends_at`: when it stops, as far as is known. The counts are of places."""

    state: str
    due_at: datetime
    ends_at: datetime | None = None
    withdrawn: bool = False
    over: bool = False
    asked: int = 0
    shown: int = 0
    refused: int = 0
    unsupported: int = 0


class Portion(Message):
    """Stations after this one in the order of their ids; None: from the first on."""

    publication_id: UUID
    after: UUID | None = None


class PortionTold(Message):
    """What was done. `last`: the last station of the portion; None: there is no more."""

    last: UUID | None = None
    stations: int = 0
    orders: int = 0


class EndPublication(Message):
    """How it ended."""

    publication_id: UUID
    state: Literal["ended", "withdrawn"]


class AttentionOrder(Message):
    """What a person must look at; None: nothing any more."""

    publication_id: UUID
    reason: str | None = None


Action = Literal["try_again", "leave"]


class PublicationDecision(Message):
    """What a person decided, and the audit log knows: tell those that refused once more, or leave
    it at that."""

    event_id: str
    action: Action


class Resolution(Message):
    """The same from the Temporal UI."""

    action: Action
    reason: str = ""  # refused in words where it is empty


class ResolutionOrder(Message):
    """Carry a decision out. With an event's id it is written into the audit log first, once."""

    publication_id: UUID
    action: Action
    reason: str | None = None
    event_id: str | None = None


@activity.defn(name="publications.look")
async def look_at_publication(order: PublicationOrder) -> PublicationSeen:
    """Write down what stations answered since, and say how the publication stands."""
    declared()


@activity.defn(name="publications.tell")
async def tell_stations(order: Portion) -> PortionTold:
    """Bring the next stations up to date; a repeat places nothing. The first portion tells
    partners and pages too, the last one makes the publication live."""
    declared()


@activity.defn(name="publications.end")
async def end_publication(order: EndPublication) -> PublicationSeen:
    """Write how it ended; what partners and pages showed of it ends too."""
    declared()


@activity.defn(name="publications.resolve")
async def resolve_publication(order: ResolutionOrder) -> PublicationSeen:
    """Carry out what a person decided of stations that refused."""
    declared()


@activity.defn(name="publications.attention")
async def raise_publication_attention(order: AttentionOrder) -> None:
    """Write into the row what a person must look at."""
    declared()


@workflow.defn(name=WORKFLOW)
class TariffPublicationDeclaration:
    """Id `publication-<uuid>`, queue `tariffs`."""

    @workflow.run
    async def run(self, start: StartPublication) -> PublicationSeen:
        """Wait for the first moment, tell everybody, keep them told, end."""
        declared()
