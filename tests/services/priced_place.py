"""A network whose sessions have samples, and what a worker would run on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert

from activities.sessions import Sessions as SessionActivities
from holdfast.contracts.sessions import SessionOrder, SettleOrder
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import MeterValue, Session, Settlement, TariffVersion
from tests.activities.rows import Network, network, settlement_of

# The day before yesterday: old enough to be over, young enough to be settled.
NOON = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) - timedelta(days=2)
MINUTE = timedelta(minutes=1)
START_MWH = 1_000_000_000

# Dearer after 10 minutes, dearer still from 4 kWh on or above 22 kW; 19 % on top.
STEEP = {
    "id": "steep",
    "currency": "EUR",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": price, "vat": "19", "step_size": 1}],
            "restrictions": when,
        }
        for price, when in (
            ("0.95", {"min_power": "22"}),
            ("0.70", {"min_kwh": "4"}),
            ("0.31", {"max_duration": 600}),
            ("0.50", {}),
        )
    ],
}


@dataclass
class Place:
    """A network under a tariff, with what a worker would run."""

    db_sessions: Sessions
    made: Network
    steps: SessionActivities

    async def session(self, *, at_min: int = 0, minutes: int = 60, **fields: Any) -> UUID:
        """A session that started so long after noon and has no samples yet."""
        async with self.db_sessions.begin() as db:
            started_at = NOON + at_min * MINUTE
            values: dict[str, Any] = {
                "organization_id": self.made.organization_id,
                "station_id": self.made.station_id,
                "site_id": self.made.site_id,
                "evse": 1,
                "transaction_id": str(uuid4()),
                "started_at": started_at,
                "ended_at": started_at + minutes * MINUTE,
                "meter_start_mwh": START_MWH,
                "last_seen_at": started_at + minutes * MINUTE,
            }
            row = await db.execute(insert(Session).values(values | fields).returning(Session.id))
            return row.scalar_one()

    async def sample(self, session_id: UUID, *samples: tuple[int, int, int | None]) -> None:
        """(minute, Wh since the start, W) each, as the writer would store them; the energy of the
        session follows from the highest."""
        async with self.db_sessions.begin() as db:
            session = await db.get_one(Session, session_id)
            assert session.started_at is not None
            for minute, wh, power_w in samples:
                await db.execute(
                    insert(MeterValue).values(
                        received_at=datetime.now(UTC),
                        organization_id=session.organization_id,
                        station_id=session.station_id,
                        session_id=session_id,
                        evse=1,
                        sampled_at=session.started_at + minute * MINUTE,
                        energy_mwh=START_MWH + wh * 1_000,
                        power_w=power_w,
                        samples=[],
                    )
                )
                session.energy_wh = max(session.energy_wh, wh)
            session.meter_last_mwh = START_MWH + session.energy_wh * 1_000

    async def settle(self, session_id: UUID) -> Settlement:
        await self.steps.begin_session(SessionOrder(session_id=session_id))
        await self.steps.settle_session(SettleOrder(session_id=session_id))
        settled = await settlement_of(self.db_sessions, session_id)
        assert settled is not None
        return settled


SAMPLES: Sequence[tuple[int, int, int | None]] = (
    (0, 0, 11_000),
    (7, 1_300, None),
    (15, 3_700, 24_000),
    (22, 6_400, 12_500),
    (41, 9_950, 3_000),
    (60, 10_321, None),
)


async def steep_place(db_sessions: Sessions, organization: UUID, settings: Settings) -> Place:
    """Under the tariff `STEEP`."""
    made = await network(db_sessions, organization, STEEP)
    return Place(db_sessions, made, SessionActivities(db_sessions, settings))


async def retariffed(place: Place, **changes: Any) -> None:
    """Another version of the tariff, in force before any session."""
    async with place.db_sessions.begin() as db:
        version = await db.get_one(TariffVersion, place.made.tariff_version_id)
        body = {
            "id": "steady",
            "currency": "EUR",
            "elements": [{"price_components": [{"type": "ENERGY", "price": "0.50"}]}],
        }
        db.add(
            TariffVersion(
                organization_id=version.organization_id,
                tariff_id=version.tariff_id,
                number=2,
                valid_from=version.valid_from + timedelta(days=1),
                body=body | changes,
            )
        )
