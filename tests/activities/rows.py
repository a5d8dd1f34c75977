"""Rows of a small network, as the gateway's writer and the API would leave them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.sessions import Decision
from holdfast.services.session_decisions import decide
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    Account,
    MeterValue,
    Organization,
    OutboxRow,
    ReviewTask,
    Session,
    Settlement,
    Site,
    Station,
    Tariff,
    TariffAssignment,
    TariffVersion,
    Token,
)

HALF_A_EURO_PER_KWH = {
    "id": "plain",
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": "0.50", "step_size": 1}]}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Ids of what `network` made."""

    organization_id: UUID
    site_id: UUID
    station_id: UUID
    tariff_version_id: UUID


async def network(
    db_sessions: Sessions, organization_id: UUID, tariff: dict[str, Any] | None = None
) -> Network:
    """A site in Berlin, a station, and a tariff for everyone: 0.50 EUR per kWh."""
    async with db_sessions.begin() as db:
        site = Site(
            organization_id=organization_id, name="Hof", time_zone="Europe/Berlin", currency="EUR"
        )
        db.add(site)
        await db.flush()
        station = Station(
            organization_id=organization_id,
            site_id=site.id,
            identity=f"CP-{organization_id}",
            registration="accepted",
        )
        priced = Tariff(organization_id=organization_id, name="plain", currency="EUR")
        db.add_all([station, priced])
        await db.flush()
        version = TariffVersion(
            organization_id=organization_id,
            tariff_id=priced.id,
            number=1,
            valid_from=datetime(2026, 1, 1, tzinfo=UTC),
            body=tariff or HALF_A_EURO_PER_KWH,
        )
        everywhere = TariffAssignment(
            organization_id=organization_id, tariff_id=priced.id, created_at=version.valid_from
        )
        db.add_all([version, everywhere])
        await db.flush()
        return Network(
            organization_id=organization_id,
            site_id=site.id,
            station_id=station.id,
            tariff_version_id=version.id,
        )


async def account(
    db_sessions: Sessions,
    made: Network,
    *,
    billing: str = "card",
    customer: str | None = None,
    payment_method: str | None = None,
) -> tuple[UUID, UUID]:
    """An account and its token; returns both ids."""
    async with db_sessions.begin() as db:
        payer = Account(
            organization_id=made.organization_id,
            name="Payer",
            billing=billing,
            stripe_customer=customer,
            stripe_payment_method=payment_method,
        )
        db.add(payer)
        await db.flush()
        token = Token(
            organization_id=made.organization_id,
            account_id=payer.id,
            type="ISO14443",
            uid=f"T{payer.id.hex[-12:]}",
        )
        db.add(token)
        await db.flush()
        return payer.id, token.id


async def session(db_sessions: Sessions, made: Network, **fields: Any) -> UUID:
    """A session that began an hour ago and, unless told otherwise, ended a minute ago: 20 kWh."""
    now = datetime.now(UTC)
    began = now - timedelta(hours=1)
    energy_wh = fields.pop("energy_wh", 20_000)
    values: dict[str, Any] = {
        "organization_id": made.organization_id,
        "station_id": made.station_id,
        "site_id": made.site_id,
        "evse": 1,
        "connector": 1,
        "transaction_id": "77",
        "started_at": began,
        "ended_at": now - timedelta(minutes=1),
        "meter_start_mwh": 1_000_000,
        "meter_last_mwh": 1_000_000 + energy_wh * 1_000,
        "meter_last_at": now - timedelta(minutes=1),
        "meter_stop_mwh": 1_000_000 + energy_wh * 1_000,
        "energy_wh": energy_wh,
        "last_seen_at": now - timedelta(minutes=1),
    }
    async with db_sessions.begin() as db:
        row = await db.execute(insert(Session).values({**values, **fields}).returning(Session.id))
        session_id = row.scalar_one()
        await db.execute(
            insert(MeterValue).values(
                received_at=now,
                organization_id=made.organization_id,
                station_id=made.station_id,
                session_id=session_id,
                evse=1,
                sampled_at=began + timedelta(minutes=30),
                energy_mwh=1_000_000 + energy_wh * 500,
                samples=[],
            )
        )
        return session_id


async def decided(
    db_sessions: Sessions, made: Network, session_id: UUID, action: Decision, reason: str = "so"
) -> None:
    """A person decided, by the API."""
    async with db_sessions.begin() as db:
        await decide(
            db, made.organization_id, session_id, action=action, reason=reason, actor="key:1"
        )


async def settlement_of(db_sessions: Sessions, session_id: UUID) -> Settlement | None:
    """The settlement row."""
    async with db_sessions() as db:
        return await db.get(Settlement, session_id)


async def row_of(db_sessions: Sessions, session_id: UUID) -> Session:
    """The session row."""
    async with db_sessions() as db:
        return await db.get_one(Session, session_id)


async def outbox_names(db: AsyncSession, workflow_id: str) -> list[str]:
    """What a workflow was told, in order."""
    rows = await db.scalars(
        select(OutboxRow.name).where(OutboxRow.workflow_id == workflow_id).order_by(OutboxRow.id)
    )
    return list(rows)


async def review_kinds(db_sessions: Sessions, session_id: UUID) -> list[str]:
    """Kinds of the open review tasks of a session."""
    async with db_sessions() as db:
        rows = await db.scalars(
            select(ReviewTask.kind).where(ReviewTask.subject == f"session:{session_id}")
        )
        return sorted(rows)


async def slug_of(db: AsyncSession, organization_id: UUID) -> str:
    """The organization's slug."""
    return (await db.get_one(Organization, organization_id)).slug
