"""Steps of a publication: each looks at rows, or writes rows and orders in one transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.final_errors import final
from holdfast.contracts.tariff_publications import (
    AttentionOrder,
    EndPublication,
    Portion,
    PortionTold,
    PublicationOrder,
    PublicationSeen,
    ResolutionOrder,
)
from holdfast.domain.tariff.version import TariffInvalid
from holdfast.domain.time_zone import UnknownZone
from holdfast.services import publication_steps
from holdfast.services.refusal import NotFound
from holdfast.store.database import Sessions

NEVER = (NotFound, TariffInvalid, UnknownZone)
"""What repeating does not mend: a person must change a row."""


@dataclass(frozen=True)
class TariffPublications:
    """The publication activities, with the database that the worker hands in."""

    sessions: Sessions

    @activity.defn(name="publications.look")
    async def look_at_publication(self, order: PublicationOrder) -> PublicationSeen:
        """Write down what stations answered since, and say how the publication stands."""
        async with self._rows() as db:
            return await publication_steps.look(db, order.publication_id, datetime.now(UTC))

    @activity.defn(name="publications.tell")
    async def tell_stations(self, order: Portion) -> PortionTold:
        """Bring the next stations up to date; a repeat places nothing."""
        async with self._rows() as db:
            return await publication_steps.tell(
                db, order.publication_id, order.after, datetime.now(UTC)
            )

    @activity.defn(name="publications.end")
    async def end_publication(self, order: EndPublication) -> PublicationSeen:
        """Write how it ended; what partners and pages showed of it ends too."""
        async with self._rows() as db:
            return await publication_steps.end(
                db, order.publication_id, order.state, datetime.now(UTC)
            )

    @activity.defn(name="publications.resolve")
    async def resolve_publication(self, order: ResolutionOrder) -> PublicationSeen:
        """Carry out what a person decided of stations that refused."""
        async with self._rows() as db:
            return await publication_steps.resolve(db, order, datetime.now(UTC))

    @activity.defn(name="publications.attention")
    async def raise_publication_attention(self, order: AttentionOrder) -> None:
        """Write into the row what a person must look at."""
        async with self._rows() as db:
            await publication_steps.note_attention(db, order.publication_id, order.reason)

    @asynccontextmanager
    async def _rows(self) -> AsyncIterator[AsyncSession]:
        async with final(*NEVER), self.sessions.begin() as db:
            yield db
