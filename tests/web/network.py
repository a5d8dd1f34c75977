"""A small network in rows: what a gateway, the workflows and the API would have written."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.charging_period import ChargingPeriod
from holdfast.domain.currency import EUR
from holdfast.domain.price_json import price_to_json
from holdfast.domain.pricing import price
from holdfast.domain.tariff import (
    DimensionType,
    PriceComponent,
    TariffElement,
    TariffVersion,
)
from holdfast.domain.tariff_json import tariff_to_json
from holdfast.services.api_keys import new_key, register_key
from holdfast.store import tables as t

KWH_PRICE = Decimal("0.49")
VAT = Decimal(19)
TARIFF = TariffVersion(
    id="everyday",
    currency=EUR,
    elements=(
        TariffElement(
            price_components=(
                PriceComponent(type=DimensionType.FLAT, price=Decimal(1), vat=VAT),
                PriceComponent(type=DimensionType.ENERGY, price=KWH_PRICE, vat=VAT),
                PriceComponent(type=DimensionType.PARKING_TIME, price=Decimal(6), vat=VAT),
            )
        ),
    ),
    idle_grace_s=900,
)


@dataclass(frozen=True, kw_only=True)
class Network:
    """The ids that tests ask for."""

    organization_id: UUID
    site_id: UUID
    stations: dict[str, UUID]
    running: UUID
    settled: UUID
    declined: UUID
    troubled: UUID
    quarantined: UUID
    late: UUID
    review: UUID
    tariff_version: UUID


async def add(db: AsyncSession, table: Any, **values: Any) -> Any:
    """Insert a row and return its id."""
    row = await db.execute(insert(table).values(**values).returning(table.id))
    return row.scalar_one()


async def add_key(
    db: AsyncSession, secret_key: str, organization_id: UUID, role: str = "administrator"
) -> tuple[str, UUID]:
    """A key of this role, and its id."""
    text = new_key()
    row = await register_key(
        db, secret_key, organization_id, name=f"{role} of the night shift", role=role, api_key=text
    )
    return text, row.id


async def build(db: AsyncSession, organization_id: UUID, prefix: str, now: datetime) -> Network:
    """Twelve stations at a site, a running, a settled and a troubled session, and what waits."""
    boot = uuid4()
    await db.execute(
        insert(t.Gateway).values(
            boot_id=boot, gateway_id="gw1", task_queue=f"gw.gw1.{boot}", seen_at=now
        )
    )
    site = await add(
        db,
        t.Site,
        organization_id=organization_id,
        name=f"{prefix} Harbour",
        city="Kiel",
        country="DE",
        time_zone="Europe/Berlin",
        currency="EUR",
    )
    stations = {
        f"{prefix}-{number:02d}": await _station(
            db, organization_id, site, f"{prefix}-{number:02d}", number, boot, now
        )
        for number in range(1, 13)
    }
    tariff = await add(
        db, t.Tariff, organization_id=organization_id, name="Everyday", currency="EUR"
    )
    version = await add(
        db,
        t.TariffVersion,
        organization_id=organization_id,
        tariff_id=tariff,
        number=1,
        valid_from=now - timedelta(days=30),
        body=tariff_to_json(TARIFF),
    )
    await add(
        db, t.TariffAssignment, organization_id=organization_id, tariff_id=tariff, site_id=site
    )
    ids = list(stations.values())
    sessions = _Sessions(db, organization_id, site, version, now)
    token = await sessions.driver(f"{prefix}04A1B2C3")
    running = await sessions.running(ids[0], f"{prefix}04A1B2C3", token)
    settled = await sessions.settled(ids[1], f"{prefix}04A1B2C3", token)
    troubled = await sessions.troubled(ids[2])
    declined = await sessions.declined_payment(settled)
    return Network(
        organization_id=organization_id,
        site_id=site,
        stations=stations,
        running=running,
        settled=settled,
        declined=declined,
        troubled=troubled,
        quarantined=await _quarantined(db, organization_id, ids[0], now),
        late=await add(
            db,
            t.LateFact,
            organization_id=organization_id,
            session_id=settled,
            outbox_id=int.from_bytes(prefix.encode()[:4], "big"),
            name="meter_corrected",
            payload={"event_id": "one"},
        ),
        review=await add(
            db,
            t.ReviewTask,
            organization_id=organization_id,
            kind="late_truth",
            subject=f"session:{settled}",
            details={"difference_minor": 120, "currency": "EUR"},
        ),
        tariff_version=version,
    )


async def _station(
    db: AsyncSession,
    organization_id: UUID,
    site: UUID,
    identity: str,
    number: int,
    boot: UUID,
    now: datetime,
) -> UUID:
    is_online = number != 12
    station: UUID = await add(
        db,
        t.Station,
        organization_id=organization_id,
        site_id=site,
        identity=identity,
        name=f"Berth {number}",
        registration="pending" if number == 11 else "accepted",
        protocol="ocpp2.0.1" if number % 3 == 0 else "ocpp1.6",
        vendor="Voltwerk",
        model="V22" if number % 2 else "HPC 150",
        serial_number=f"SN-{number:05d}",
        firmware_version="4.2.1",
        booted_at=now - timedelta(hours=30),
        last_seen_at=now - timedelta(seconds=7 * number if is_online else 7_200),
    )
    await db.execute(
        insert(t.StationConnection).values(
            station_id=station,
            organization_id=organization_id,
            generation=number,
            boot_id=boot if is_online else None,
            protocol="ocpp1.6",
            remote_address="10.0.0.7",
            connected_at=now - timedelta(hours=3),
            disconnected_at=None if is_online else now - timedelta(hours=2),
        )
    )
    for evse in (1, 2):
        await add(
            db,
            t.Evse,
            organization_id=organization_id,
            station_id=station,
            number=evse,
            max_power_w=22_000,
            current_type="AC",
        )
        status = {(1, 1): "charging", (4, 2): "faulted", (3, 1): "suspended_ev"}.get(
            (number, evse), "available"
        )
        await add(
            db,
            t.Connector,
            organization_id=organization_id,
            station_id=station,
            evse=evse,
            number=1,
            standard="IEC_62196_T2",
            status=status,
            status_at=now - timedelta(minutes=4),
            error_code="GroundFailure" if status == "faulted" else None,
        )
    await _messages(db, organization_id, station, now)
    return station


async def _messages(db: AsyncSession, organization_id: UUID, station: UUID, now: datetime) -> None:
    call = [2, "41", "MeterValues", {"connectorId": 1, "meterValue": [{"sampledValue": []}]}]
    frames = (
        (True, "RemoteStopTransaction", [2, "c-1", "RemoteStopTransaction", {"transactionId": 7}]),
        (False, "MeterValues", call),
        (True, "MeterValues", [3, "41", {}]),
    )
    for age, (outbound, action, frame) in enumerate(frames):
        await db.execute(
            insert(t.Frame).values(
                received_at=now - timedelta(seconds=20 + age),
                organization_id=organization_id,
                station_id=station,
                outbound=outbound,
                message_id=str(frame[1]),
                action=action,
                frame=json.dumps(frame).encode(),
                finding="meterValue/0: 'timestamp' is a required property" if age == 1 else None,
            )
        )


async def _quarantined(
    db: AsyncSession, organization_id: UUID, station: UUID, now: datetime
) -> UUID:
    row: UUID = await add(
        db,
        t.Quarantined,
        organization_id=organization_id,
        station_id=station,
        received_at=now - timedelta(minutes=2),
        protocol="ocpp1.6",
        action="StopTransaction",
        frame=b'[2, "9", "StopTransaction", {"meterStop": 9223372036854775808}]',
        error="bigint out of range",
    )
    return row


@dataclass(frozen=True)
class _Sessions:
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
            "Europe/Berlin",
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
