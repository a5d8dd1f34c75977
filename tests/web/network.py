"""A small network in rows: what a gateway, the workflows and the API would have written."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff.canonical import tariff_to_json
from holdfast.services.api_keys import new_key, register_key
from holdfast.store import tables as t
from tests.web.session_rows import SessionRows, add
from tests.web.tariff import TARIFF

# A long name beside a long value: both must fit into a narrow column.
REVIEWED = {
    "difference_minor": 120,
    "currency": "EUR",
    "what_the_station_said_of_it_afterwards": "the register went on counting for a while",
}


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
    await _lease(db, boot, now)
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
    version = await _tariff(db, organization_id, site, now)
    ids = list(stations.values())
    sessions = SessionRows(db, organization_id, site, version, now)
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
            details=REVIEWED,
        ),
        tariff_version=version,
    )


async def _lease(db: AsyncSession, boot: UUID, now: datetime) -> None:
    """No gateway renews it, and a test may take longer than one lasts."""
    await db.execute(
        insert(t.Gateway).values(
            boot_id=boot,
            gateway_id="gw1",
            task_queue=f"gw.gw1.{boot}",
            seen_at=now + timedelta(minutes=30),
        )
    )


async def _tariff(db: AsyncSession, organization_id: UUID, site: UUID, now: datetime) -> UUID:
    tariff = await add(
        db, t.Tariff, organization_id=organization_id, name="Everyday", currency="EUR"
    )
    version: UUID = await add(
        db,
        t.TariffVersion,
        organization_id=organization_id,
        tariff_id=tariff,
        number=1,
        valid_from=now - timedelta(days=30),
        body=tariff_to_json(TARIFF),
    )
    await add(
        db,
        t.TariffAssignment,
        organization_id=organization_id,
        tariff_id=tariff,
        site_id=site,
        created_at=now - timedelta(days=30),
    )
    return version


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
    await _outlets(db, organization_id, station, number, now)
    await _messages(db, organization_id, station, now)
    return station


async def _outlets(
    db: AsyncSession, organization_id: UUID, station: UUID, number: int, now: datetime
) -> None:
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


async def _messages(db: AsyncSession, organization_id: UUID, station: UUID, now: datetime) -> None:
    call = [2, "41", "MeterValues", {"connectorId": 1, "meterValue": [{"sampledValue": []}]}]
    frames = (
        (True, "MeterValues", [3, "41", {}]),
        (False, "MeterValues", call),
        (True, "RemoteStopTransaction", [2, "c-1", "RemoteStopTransaction", {"transactionId": 7}]),
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
