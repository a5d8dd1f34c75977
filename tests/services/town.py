"""A network whose stations are told of publications, on real rows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from holdfast.contracts.tariff_publications import PublicationSeen
from holdfast.services import (
    publication_steps,
    publications,
)
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    Evse,
    Order,
    ShownPrice,
    Station,
    StationVariable,
    TariffAssignment,
    TariffVersion,
)
from tests.activities.rows import Network, network

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
SPOT = {
    "type": "ENERGY",
    "price": "0.10",
    "step_size": 1,
    "spot": {"feed": "DE-LU", "fallback": "0.20"},
}


def per_kwh(price: str) -> dict[str, Any]:
    """A body of one price."""
    component = {"type": "ENERGY", "price": price, "step_size": 1}
    return {"id": "v", "currency": "EUR", "elements": [{"price_components": [component]}]}


class Town:
    """A network whose stations are told."""

    def __init__(self, sessions: Sessions, made: Network) -> None:
        self.sessions = sessions
        self.made = made

    @classmethod
    async def of(
        cls,
        sessions: Sessions,
        organization: UUID,
        protocol: str,
        body: dict[str, Any] | None = None,
        variables: Sequence[tuple[str, str, str]] = (),
    ) -> "Town":
        """One station of two EVSEs; `variables`: component, variable, value."""
        town = cls(sessions, await network(sessions, organization, body))
        async with sessions.begin() as db:
            station = await db.get_one(Station, town.made.station_id)
            station.protocol = protocol
            db.add_all(
                Evse(organization_id=organization, station_id=station.id, number=number)
                for number in (1, 2)
            )
        await town.says(*variables)
        return town

    async def says(self, *variables: tuple[str, str, str]) -> None:
        async with self.sessions.begin() as db:
            db.add_all(
                StationVariable(
                    organization_id=self.made.organization_id,
                    station_id=self.made.station_id,
                    component=component,
                    variable=variable,
                    value=value,
                    attribute="actual",
                    reported_at=NOON,
                    source="get",
                )
                for component, variable, value in variables
            )

    async def version(self, body: dict[str, Any], valid_from: datetime) -> UUID:
        """Another version of the same tariff."""
        async with self.sessions.begin() as db:
            first = await db.get_one(TariffVersion, self.made.tariff_version_id)
            row = TariffVersion(
                organization_id=first.organization_id,
                tariff_id=first.tariff_id,
                number=2,
                valid_from=valid_from,
                body=body,
            )
            db.add(row)
            await db.flush()
            return row.id

    async def begin(self, version_id: UUID | None = None) -> UUID:
        async with self.sessions.begin() as db:
            version = await db.get_one(TariffVersion, version_id or self.made.tariff_version_id)
            return (await publications.begin(db, version, "key:1")).id

    async def tell(self, publication_id: UUID, now: datetime = NOON) -> int:
        async with self.sessions.begin() as db:
            return (await publication_steps.tell(db, publication_id, None, now)).orders

    async def look(self, publication_id: UUID, now: datetime = NOON) -> PublicationSeen:
        async with self.sessions.begin() as db:
            return await publication_steps.look(db, publication_id, now)

    async def orders(self, kind: str, state: str = "waiting") -> list[Order]:
        async with self.sessions() as db:
            rows = await db.scalars(
                select(Order).where(Order.kind == kind, Order.state == state).order_by(Order.id)
            )
            return list(rows.all())

    async def answer(self, kind: str, state: str, at: datetime, status: str = "Accepted") -> None:
        async with self.sessions.begin() as db:
            await db.execute(
                update(Order)
                .where(Order.kind == kind, Order.state == "waiting")
                .values(state=state, answered_at=at, answer={"status": status})
            )

    async def ledger(self, channel: str) -> list[ShownPrice]:
        async with self.sessions() as db:
            rows = await db.scalars(
                select(ShownPrice).where(ShownPrice.channel == channel).order_by(ShownPrice.id)
            )
            return list(rows.all())

    async def unassign(self) -> None:
        async with self.sessions.begin() as db:
            await db.execute(update(TariffAssignment).values(until_at=LATER))
