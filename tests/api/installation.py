"""An organization with a row of every kind that routes can name."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff.canonical import tariff_to_json
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    Account,
    Authority,
    CertificateRequest,
    Connector,
    ContractCertificate,
    Evse,
    Frame,
    LateFact,
    MeterKey,
    MeterValue,
    Order,
    Organization,
    OutboxRow,
    Payment,
    PaymentOperation,
    Publication,
    Quarantined,
    QuirkRule,
    ReviewTask,
    Session,
    SessionEvent,
    Settlement,
    ShownPrice,
    SignedReading,
    Site,
    SpotFeed,
    Station,
    StationCertificateRow,
    StationMonitor,
    StationSetting,
    StationVariable,
    Tariff,
    TariffAssignment,
    TariffDraft,
    TariffSimulation,
    TariffVersion,
    Token,
    TrustedRoot,
    UserGroup,
)

METER_KEY = (  # of no meter: made for tests
    "3059301306072a8648ce3d020106082a8648ce3d0301070342000450da6a6c6fc4549cdc79447985"
    "9a1c99c13fef74a4e8b0ea6cda684aa13d469ec98ec9e9360ad8edd42284104dd7683dcd89929e4c"
    "9ad8163e22516ef35afb7f"
)
STARTED = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Installation:
    """The ids of one organization's rows, by the names of path parameters."""

    ids: Mapping[str, str]

    @property
    def session(self) -> UUID:
        return UUID(self.ids["session_id"])


async def install(sessions: Sessions, organization_id: UUID, prefix: str) -> Installation:
    """`prefix` makes identities and uids the organization's own."""
    async with sessions.begin() as db:
        return await _install(db, organization_id, prefix)


@dataclass(frozen=True)
class Rows:
    """Inserts rows of one organization."""

    db: AsyncSession
    organization_id: UUID

    async def add(self, table: Any, **values: Any) -> Any:
        """One row, as it is then."""
        made = await self.db.scalars(
            insert(table).values(organization_id=self.organization_id, **values).returning(table)
        )
        return made.one()


async def _install(db: AsyncSession, organization_id: UUID, prefix: str) -> Installation:
    await db.execute(
        update(Organization)
        .where(Organization.id == organization_id)
        .values(tariff_approval="author")  # so that its one key may publish versions directly
    )
    rows = Rows(db, organization_id)
    ids = await _network(rows, prefix)
    ids |= await _charging(rows, prefix, ids)
    ids |= await _oversight(rows, prefix, ids)
    return Installation({name: str(value) for name, value in ids.items()})


async def _network(rows: Rows, prefix: str) -> dict[str, Any]:
    site = await rows.add(Site, name=f"{prefix} site", time_zone="Europe/Berlin", currency="EUR")
    station = await rows.add(
        Station,
        identity=f"{prefix}-1",
        site_id=site.id,
        registration="accepted",
        password_hash=b"-",
    )
    await rows.add(Evse, station_id=station.id, number=1)
    await rows.add(Connector, station_id=station.id, evse=1, number=1, status="charging")
    account = await rows.add(Account, name=f"{prefix} driver", billing="invoice")
    token = await rows.add(
        Token, type="RFID", uid=f"{prefix}UID", account_id=account.id, status="accepted"
    )
    life = {"not_before": STARTED, "not_after": STARTED + timedelta(days=3650)}
    root = await rows.add(
        TrustedRoot, use="mo", subject=f"CN={prefix} root", pem="-", fingerprint=b"-", **life
    )
    contract = await rows.add(
        ContractCertificate, emaid="DE8AA1A2B3C4D5", serial=prefix, chain_pem="-", **life
    )
    made = await _certificates(rows, prefix, station.id) | await _tariffs(rows, prefix)
    made |= await _market(rows, made["tariff_id"])
    return made | {
        "root_id": root.id,
        "contract_id": contract.id,
        "site_id": site.id,
        "identity": station.identity,
        "station_id": station.id,
        "account_id": account.id,
        "token_id": token.id,
    }


async def _tariffs(rows: Rows, prefix: str) -> dict[str, Any]:
    """A tariff that everybody pays, the draft of its next version, a group of drivers."""
    tariff = await rows.add(Tariff, name=f"{prefix} tariff", currency="EUR")
    elements = [{"price_components": [{"type": "ENERGY", "price": "0.5"}]}]
    body = {"id": f"{prefix} version", "currency": "EUR", "elements": elements}
    version = await rows.add(
        TariffVersion,
        tariff_id=tariff.id,
        number=1,
        valid_from=STARTED - timedelta(days=1),
        body=tariff_to_json(tariff_from_json(body)),
    )
    assignment = await rows.add(
        TariffAssignment, tariff_id=tariff.id, created_at=version.valid_from
    )
    draft = await rows.add(
        TariffDraft,
        tariff_id=tariff.id,
        body={"elements": elements},
        created_by="system:test",
        changed_by="system:test",
    )
    publication = await rows.add(
        Publication,
        tariff_id=tariff.id,
        version_id=version.id,
        state="live",
        attention="1 places refused the price",
    )
    await rows.add(
        ShownPrice,
        key=f"{prefix} partner",
        version_id=version.id,
        channel="partner",
        content={
            "forms": {
                "2.2.1": {
                    "id": str(tariff.id),
                    "currency": "EUR",
                    "elements": [],
                    "start_date_time": "2026-01-01T00:00:00Z",
                }
            },
            "losses": {},
        },
        state="shown",
        shown_at=STARTED,
    )
    group = await rows.add(UserGroup, key=f"{prefix}-members", name=f"{prefix} members")
    return {
        "number": version.number,
        "publication_id": publication.id,
        "draft_id": draft.id,
        "group_id": group.id,
        "tariff_id": tariff.id,
        "version_id": version.id,
        "assignment_id": assignment.id,
    }


async def _market(rows: Rows, tariff_id: UUID) -> dict[str, Any]:
    """A feed of market prices, named as a calendar is, and a simulation that has not begun."""
    feed = await rows.add(
        SpotFeed, key="DE-BY", name="Market", currency="EUR", time_zone="UTC", source="api"
    )
    simulation = await rows.add(
        TariffSimulation, tariff_id=tariff_id, body={}, scope={}, created_by="system:test"
    )
    return {"key": feed.key, "simulation_id": simulation.id}


async def _certificates(rows: Rows, prefix: str, station_id: UUID) -> dict[str, Any]:
    authority = await rows.add(
        Authority,
        purpose="station",
        root_pem=f"{prefix} root",
        issuing_pem=f"{prefix} issuing",
        root_key_sealed=b"-",
        issuing_key_sealed=b"-",
    )
    owned = {"station_id": station_id, "use": "station"}
    request = await rows.add(CertificateRequest, csr="-", state="approval", **owned)
    certificate = await rows.add(
        StationCertificateRow,
        authority_id=authority.id,
        request_id=request.id,
        subject=f"CN={prefix}-1",
        serial=f"{prefix}serial",
        fingerprint=prefix.encode(),
        chain_pem="-",
        not_before=STARTED,
        not_after=STARTED + timedelta(days=3650),
        **owned,
    )
    return {"request_id": request.id, "certificate_id": certificate.id}


async def _charging(rows: Rows, prefix: str, ids: Mapping[str, Any]) -> dict[str, Any]:
    session = await rows.add(
        Session,
        station_id=ids["station_id"],
        site_id=ids["site_id"],
        evse=1,
        connector=1,
        token_id=ids["token_id"],
        token_uid=f"{prefix}UID",
        account_id=ids["account_id"],
        transaction_id=f"{prefix}-tx",
        started_at=STARTED,
        charging_state="charging",
        meter_start_mwh=1_000_000,
        meter_last_mwh=3_000_000,
        energy_wh=2_000,
        tariff_version_id=ids["version_id"],
    )
    await rows.add(SessionEvent, session_id=session.id, key="start", at=STARTED, kind="started")
    for minute in range(60):
        await rows.add(
            MeterValue,
            received_at=STARTED,
            station_id=ids["station_id"],
            session_id=session.id,
            evse=1,
            sampled_at=STARTED + timedelta(minutes=minute),
            energy_mwh=1_000_000 + minute * 10_000,
            power_w=7_000 + minute,
            samples=[],
        )
    device = await _device(rows, prefix, ids["station_id"], session.id)
    payment = await rows.add(
        Payment, kind="hold", currency="EUR", asked_minor=6000, intent=f"pi_{prefix}"
    )
    await rows.add(
        PaymentOperation,
        payment_id=payment.id,
        operation="hold",
        sequence=1,
        idempotency_key=f"{prefix}:1",
        parameters={},
    )
    return {"session_id": session.id, "payment_id": payment.id, **device}


async def _device(rows: Rows, prefix: str, station_id: UUID, session_id: UUID) -> dict[str, Any]:
    """What the station told of itself, and what it signed."""
    await rows.add(
        SignedReading,
        station_id=station_id,
        session_id=session_id,
        evse=1,
        received_at=STARTED,
        at=STARTED,
        data=b"EDL|signed",
        digest=uuid4(),
    )
    variable = await rows.add(
        StationVariable, station_id=station_id, component="", variable=f"{prefix}Key",
        reported_at=STARTED, source="get",
    )  # fmt: skip
    setting = await rows.add(
        StationSetting, station_id=station_id, component="", variable=f"{prefix}Key",
        wanted="1", wanted_by="system:test",
    )  # fmt: skip
    await rows.add(
        StationMonitor, station_id=station_id, number=1, component="C", variable="V",
        type="delta", value="1", severity=5, reported_at=STARTED,
    )  # fmt: skip
    meter_key = await rows.add(
        MeterKey, station_id=station_id, public_key=f"30{prefix.encode().hex()}",
        source="data_transfer",
    )  # fmt: skip
    return {
        "meter_key_id": meter_key.id,
        "variable_id": variable.id,
        "setting_id": setting.id,
    }


async def _oversight(rows: Rows, prefix: str, ids: Mapping[str, Any]) -> dict[str, Any]:
    station_id, session_id = ids["station_id"], ids["session_id"]
    await rows.add(
        Frame,
        received_at=datetime.now(UTC) - timedelta(minutes=1),
        station_id=station_id,
        message_id="m1",
        action="Heartbeat",
        frame=f'[2,"m1","Heartbeat",{{}}] {prefix}'.encode(),
    )
    order = await rows.add(
        Order,
        station_id=station_id,
        kind="reset",
        payload={"type": "soft"},
        requested_by="system:test",
        not_after=datetime.now(UTC) + timedelta(minutes=5),
    )
    message = await rows.add(
        Quarantined,
        station_id=station_id,
        received_at=STARTED,
        protocol="ocpp1.6",
        action="StartTransaction",
        frame=f'[2,"q1","StartTransaction",{{}}] {prefix}'.encode(),
        error="numeric value out of range",
    )
    outbox = await rows.add(
        OutboxRow,
        id=10**12 + secrets.randbelow(10**12),  # found in no other answer by chance
        lane=1,
        workflow_id=f"session-{session_id}",
        operation="signal",
        name="x",
        payload={},
        parked_at=datetime.now(UTC),
    )
    fact = await rows.add(
        LateFact, session_id=session_id, outbox_id=outbox.id, name="meter_corrected", payload={}
    )
    rule = await rows.add(QuirkRule, quirk="no_pings", value=True, vendor=f"{prefix} vendor")
    task = await rows.add(ReviewTask, kind="late_truth", subject=f"session:{session_id}")
    return {
        "order_id": order.id,
        "message_id": message.id,
        "fact_id": fact.id,
        "row_id": outbox.id,
        "task_id": task.id,
        "rule_id": rule.id,
    }


async def settle(sessions: Sessions, session_id: UUID, outcome: str | None) -> None:
    """Price the session, and settle it where there is an outcome."""
    async with sessions.begin() as db:
        session = (await db.scalars(select(Session).where(Session.id == session_id))).one()
        session.ended_at = STARTED + timedelta(hours=1)
        await db.execute(
            insert(Settlement).values(
                session_id=session_id,
                organization_id=session.organization_id,
                currency="EUR",
                energy_wh=2_000,
                amount_minor=100,
                excl_vat="1.00",
                incl_vat="1.00",
                breakdown={"lines": []},
                deadline_at=datetime.now(UTC) + timedelta(days=1),
                outcome=outcome,
                settled_minor=None if outcome is None else 100,
                settled_at=None if outcome is None else datetime.now(UTC),
            )
        )
        if outcome is not None:
            session.closed_at = datetime.now(UTC)
