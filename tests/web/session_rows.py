"""Sessions in rows: one that runs, one that was settled, one that needs a person."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.price import price
from holdfast.store import tables as t
from tests.web.tariff import TARIFF


async def add(db: AsyncSession, table: Any, **values: Any) -> Any:
    """Insert a row and return its id."""
    row = await db.execute(insert(table).values(**values).returning(table.id))
    return row.scalar_one()


@dataclass(frozen=True)
class SessionRows:
    """Makes them for one organization and site."""

    db: AsyncSession
    organization_id: UUID
    site: UUID
    version: UUID
    now: datetime

    async def driver(self, uid: str) -> UUID:
        account = await add(
            self.db,
            t.Account,
            organization_id=self.organization_id,
            name="Ada Lindqvist",
            billing="card",
            card_brand="visa",
            card_last4="4242",
        )
        token: UUID = await add(
            self.db,
            t.Token,
            organization_id=self.organization_id,
            account_id=account,
            type="ISO14443",
            uid=uid,
            visual_number="No. 17",
        )
        return token

    async def running(self, station: UUID, uid: str, token: UUID) -> UUID:
        started = self.now - timedelta(minutes=42)
        session: UUID = await self._session(
            station,
            token_id=token,
            token_uid=uid,
            token_type="ISO14443",  # noqa: S106 - a kind, no secret
            transaction_id="7001",
            started_at=started,
            charging_state="charging",
            meter_start_mwh=1_000_000,
            meter_last_mwh=9_240_000,
            meter_last_at=self.now - timedelta(seconds=15),
            energy_wh=8_240,
            last_seen_at=self.now - timedelta(seconds=15),
        )
        await self._curve(session, station, started, 42, 1_000_000)
        await self._event(session, "started", started, {"evse": 1})
        return session

    async def settled(self, station: UUID, uid: str, token: UUID) -> UUID:
        started = self.now - timedelta(hours=2)
        ended = started + timedelta(minutes=56)
        session = await self._session(
            station,
            token_id=token,
            token_uid=uid,
            transaction_id="7000",
            started_at=started,
            ended_at=ended,
            stop_reason="EVDisconnected",
            meter_start_mwh=0,
            meter_last_mwh=16_133_000,
            meter_stop_mwh=16_133_000,
            energy_wh=16_133,
            closed_at=ended + timedelta(minutes=1),
        )
        await self._curve(session, station, started, 56, 0)
        for kind, at in (("started", started), ("ended", ended), ("settled", ended)):
            await self._event(session, kind, at, {"energy_wh": 16_133})
        priced = price(
            TARIFF,
            [ChargingPeriod(started_at=started, time_s=3_360, energy_mwh=16_133_000)],
            PriceContext(zone="Europe/Berlin"),
        )
        form = price_to_json(priced)
        payment = await add(
            self.db,
            t.Payment,
            organization_id=self.organization_id,
            kind="off_session",
            session_id=session,
            currency="EUR",
            asked_minor=priced.incl.amount_minor,
            captured_minor=priced.incl.amount_minor,
            state="captured",
            closed_at=self.now,
        )
        await self.db.execute(
            insert(t.Settlement).values(
                session_id=session,
                organization_id=self.organization_id,
                tariff_version_id=self.version,
                currency="EUR",
                energy_wh=16_133,
                amount_minor=priced.incl.amount_minor,
                excl_vat=form["excl_vat"],
                incl_vat=form["incl_vat"],
                breakdown=form["breakdown"],
                deadline_at=self.now + timedelta(days=1),
                payment_id=payment,
                outcome="captured",
                settled_minor=priced.incl.amount_minor,
                settled_at=ended + timedelta(minutes=1),
            )
        )
        return session

    async def declined_payment(self, session: UUID) -> UUID:
        """The first try for a session that was paid in the second."""
        payment: UUID = await add(
            self.db,
            t.Payment,
            organization_id=self.organization_id,
            kind="off_session",
            session_id=session,
            currency="EUR",
            asked_minor=1_060,
            state="failed",
            decline_code="card_declined",
            attention="the card was declined",
        )
        return payment

    async def troubled(self, station: UUID) -> UUID:
        return await self._session(
            station,
            token_uid="UNKNOWN77",  # noqa: S106 - a uid, no secret
            transaction_id="6999",
            started_at=self.now - timedelta(hours=5),
            charging_state="suspended_ev",
            energy_wh=3_021,
            attention="silent for 2 h: the station does not answer",
        )

    async def _session(self, station: UUID, **values: Any) -> UUID:
        session: UUID = await add(
            self.db,
            t.Session,
            organization_id=self.organization_id,
            station_id=station,
            site_id=self.site,
            evse=1,
            connector=1,
            tariff_version_id=self.version,
            **values,
        )
        return session

    async def _event(self, session: UUID, kind: str, at: datetime, details: dict[str, Any]) -> None:
        await self.db.execute(
            insert(t.SessionEvent).values(
                session_id=session,
                key=kind,
                organization_id=self.organization_id,
                at=at,
                kind=kind,
                details=details,
            )
        )

    async def _curve(
        self, session: UUID, station: UUID, started: datetime, minutes: int, register_mwh: int
    ) -> None:
        """A ramp, a plateau and a taper, a sample every minute."""
        for minute in range(minutes):
            power_w = min(2_000 * (minute + 1), 11_000, 900 * (minutes - minute))
            register_mwh += power_w * 1_000 // 60
            await self.db.execute(
                insert(t.MeterValue).values(
                    received_at=datetime.now(UTC),
                    organization_id=self.organization_id,
                    station_id=station,
                    session_id=session,
                    evse=1,
                    sampled_at=started + timedelta(minutes=minute),
                    energy_mwh=register_mwh,
                    power_w=power_w,
                    samples=[],
                )
            )
