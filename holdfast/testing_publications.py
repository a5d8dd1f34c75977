"""A hand-written fake: the activities of publications without a database."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from temporalio import activity

from holdfast.contracts import tariff_publications as publications
from holdfast.testing import Script

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class SteppedPublications:
    """In force since long ago, two stations, all of whom show the price at once.

    `standing` is what the rows say until a test says otherwise.
    """

    script: Script = field(default_factory=Script)
    standing: publications.PublicationSeen = field(
        default_factory=lambda: publications.PublicationSeen(state="live", due_at=LONG_AGO, shown=2)
    )

    def activities(self) -> list[Callable[..., Any]]:
        """For the worker."""
        return [
            self.look_at_publication,
            self.tell_stations,
            self.end_publication,
            self.resolve_publication,
            self.raise_publication_attention,
        ]

    @activity.defn(name="publications.look")
    async def look_at_publication(
        self, order: publications.PublicationOrder
    ) -> publications.PublicationSeen:
        answer: publications.PublicationSeen = self.script.take("look", order, self.standing)
        return answer

    @activity.defn(name="publications.tell")
    async def tell_stations(self, order: publications.Portion) -> publications.PortionTold:
        usual = publications.PortionTold(stations=2, orders=2)
        answer: publications.PortionTold = self.script.take("tell", order, usual)
        return answer

    @activity.defn(name="publications.end")
    async def end_publication(
        self, order: publications.EndPublication
    ) -> publications.PublicationSeen:
        usual = self.standing.model_copy(update={"state": order.state, "over": True})
        answer: publications.PublicationSeen = self.script.take("end", order, usual)
        return answer

    @activity.defn(name="publications.resolve")
    async def resolve_publication(
        self, order: publications.ResolutionOrder
    ) -> publications.PublicationSeen:
        answer: publications.PublicationSeen = self.script.take("resolve", order, self.standing)
        return answer

    @activity.defn(name="publications.attention")
    async def raise_publication_attention(self, order: publications.AttentionOrder) -> None:
        self.script.take("attention", order, None)
