"""Limits that a start asked for: each stops its session once, by the writer or by the relay."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from activities.sessions import Sessions as SessionActivities
from gateway.app import GatewayApp
from holdfast.contracts.sessions import Check, CheckOrder, SessionOrder, StopOrder
from holdfast.services.remote_start import StartAsked, StartLimits
from holdfast.services.session_steps import begin, locked_session
from holdfast.services.station_commands import start_session
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import Payment, Tariff, TariffAssignment, TariffVersion
from tests.gateway.conftest import CARD, Database, Network, StationClient, connect_station
from workers.wakes import fire_due

BY_ENERGY = {"type": "ENERGY", "price": "0.50", "step_size": 1}
BY_TIME = {"type": "TIME", "price": "6.00", "step_size": 1}
HOUR = timedelta(hours=1)


@dataclass
class Charging:
    """A session that was started from here, and the station that reports it."""

    session_id: UUID
    number: int
    began: datetime
    station: StationClient
    database: Database

    async def report(self, watt_hours: int) -> None:
        """The register, now."""
        await self.station.call(
            "MeterValues",
            {
                "connectorId": 1,
                "transactionId": self.number,
                "meterValue": [
                    {
                        "timestamp": stamp(datetime.now(UTC)),
                        "sampledValue": [{"value": str(watt_hours)}],
                    }
                ],
            },
        )

    async def signals(self) -> list[dict[str, Any]]:
        """The tripwires that the workflow was told of."""
        return await self.database.rows(
            "SELECT payload FROM outbox WHERE name = 'tripwire_crossed' ORDER BY id"
        )


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


async def priced(db_sessions: Sessions, network: Network, component: dict[str, Any]) -> None:
    body = {"id": "t", "currency": "EUR", "elements": [{"price_components": [component]}]}
    owner = network.organization_id
    async with db_sessions.begin() as db:
        tariff = Tariff(organization_id=owner, name="t", currency="EUR")
        db.add(tariff)
        await db.flush()
        version = TariffVersion(
            organization_id=owner,
            tariff_id=tariff.id,
            number=1,
            valid_from=datetime(2026, 1, 1, tzinfo=UTC),
            body=body,
        )
        everywhere = TariffAssignment(
            organization_id=owner, tariff_id=tariff.id, created_at=version.valid_from
        )
        db.add_all([version, everywhere])


async def hold_ten_euros(db_sessions: Sessions, network: Network, session_id: UUID) -> None:
    async with db_sessions.begin() as db:
        hold = Payment(
            organization_id=network.organization_id,
            kind="hold",
            state="held",
            currency="EUR",
            asked_minor=1_000,
            held_minor=1_000,
            session_id=session_id,
        )
        db.add(hold)
        await db.flush()
        (await locked_session(db, session_id)).payment_id = hold.id


async def charging(
    db_sessions: Sessions,
    settings: Settings,
    network: Network,
    station: StationClient,
    database: Database,
    limits: StartLimits,
) -> Charging:
    """Started from here just now; reported by a station whose clock is half a minute behind."""
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        commanded = await start_session(
            db,
            network.organization_id,
            "CP1",
            StartAsked(evse=1, connector=1, token_uid=CARD, limits=limits),
            actor="key:test",
            now=now,
            not_after=now + HOUR,
            settings=settings,
        )
    began = now.replace(microsecond=0) - timedelta(seconds=30)
    answer = await station.call(
        "StartTransaction",
        {"connectorId": 1, "idTag": CARD, "timestamp": stamp(began), "meterStart": 0},
    )
    session_id = commanded.order.session_id
    assert session_id is not None
    return Charging(session_id, int(answer["transactionId"]), began, station, database)


async def stopped_once(steps: SessionActivities, session: Charging) -> Check:
    """What the crossed tripwire means; heard again it means the same, and the stop is one."""
    order = CheckOrder(session_id=session.session_id, version=1, stopping=False)
    check = await steps.check_session(order)
    again = await steps.check_session(order)
    assert (again.verdict, again.reason) == (check.verdict, check.reason)
    stop = StopOrder(
        session_id=session.session_id, attempt=1, reason=check.reason or "", valid_s=60
    )
    await steps.stop_session(stop)
    await steps.stop_session(stop)
    ordered = await session.database.rows("SELECT payload FROM orders WHERE kind = 'stop'")
    assert [row["payload"] for row in ordered] == [{"transaction_id": str(session.number)}]
    return check


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (StartLimits(energy_wh=5_000), "energy"),
        (StartLimits(cost_minor=250), "cost"),
        (StartLimits(cost_minor=250, energy_wh=9_000, duration_s=7_200), "cost"),
        (StartLimits(cost_minor=900, energy_wh=5_000), "energy"),
    ],
    ids=["energy", "cost", "the cost comes first", "the energy comes first"],
)
async def test_the_writer_tells_once_that_a_limit_is_reached_and_the_session_is_stopped_once(
    limits: StartLimits,
    reason: str,
    gateway: GatewayApp,
    network: Network,
    settings: Settings,
    db_sessions: Sessions,
    database: Database,
) -> None:
    steps = SessionActivities(db_sessions, settings)
    await priced(db_sessions, network, BY_ENERGY)
    async with await connect_station(gateway.port, "CP1") as station:
        session = await charging(db_sessions, settings, network, station, database, limits)
        await steps.begin_session(SessionOrder(session_id=session.session_id))
        await session.report(4_990)
        assert await session.signals() == []

        for watt_hours in (5_000, 5_001, 5_900):
            await session.report(watt_hours)
        check = await stopped_once(steps, session)
        await session.report(7_000)

    assert (check.verdict, check.reason) == ("stop", reason)
    assert len(await session.signals()) == 1


@pytest.mark.parametrize(
    ("limits", "component", "reason"),
    [
        (StartLimits(duration_s=10), BY_ENERGY, "duration"),
        (StartLimits(cost_minor=2), BY_TIME, "cost"),
    ],
    ids=["duration", "cost by time"],
)
async def test_the_relay_tells_once_that_a_limit_is_reached_and_the_session_is_stopped_once(
    limits: StartLimits,
    component: dict[str, Any],
    reason: str,
    gateway: GatewayApp,
    network: Network,
    settings: Settings,
    db_sessions: Sessions,
    database: Database,
) -> None:
    await priced(db_sessions, network, component)
    async with await connect_station(gateway.port, "CP1") as station:
        session = await charging(db_sessions, settings, network, station, database, limits)
        async with db_sessions.begin() as db:
            row = await locked_session(db, session.session_id)
            # As it was planted when the station said that it had begun.
            await begin(db, row, settings, session.began)
        assert await session.signals() == []

        for _ in range(3):
            async with db_sessions.begin() as db:
                await fire_due(db)
        check = await stopped_once(SessionActivities(db_sessions, settings), session)
        async with db_sessions.begin() as db:
            await fire_due(db)

    assert (check.verdict, check.reason) == ("stop", reason)
    assert len(await session.signals()) == 1


@pytest.mark.parametrize(
    ("asked", "last_quiet_wh", "crossing_wh"),
    [(None, 18_900, 19_000), (5_000, 18_900, 19_000), (250, 4_900, 5_000)],
    ids=["the hold alone", "more than the hold", "less than the hold"],
)
async def test_a_hold_is_a_limit_of_cost_less_its_margin(
    asked: int | None,
    last_quiet_wh: int,
    crossing_wh: int,
    gateway: GatewayApp,
    network: Network,
    settings: Settings,
    db_sessions: Sessions,
    database: Database,
) -> None:
    """10.00 EUR are held: 9.50 EUR may be spent, which is 19 kWh."""
    steps = SessionActivities(db_sessions, settings)
    await priced(db_sessions, network, BY_ENERGY)
    async with await connect_station(gateway.port, "CP1") as station:
        session = await charging(
            db_sessions, settings, network, station, database, StartLimits(cost_minor=asked)
        )
        await hold_ten_euros(db_sessions, network, session.session_id)
        await steps.begin_session(SessionOrder(session_id=session.session_id))
        await session.report(last_quiet_wh)
        assert await session.signals() == []
        await session.report(crossing_wh)
        check = await stopped_once(steps, session)

    assert (check.verdict, check.reason) == ("stop", "cost")
    assert len(await session.signals()) == 1


async def test_the_installation_s_own_limits_hold_for_a_session_that_asked_for_more(
    gateway: GatewayApp,
    network: Network,
    settings: Settings,
    db_sessions: Sessions,
    database: Database,
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        session = await charging(
            db_sessions, settings, network, station, database, StartLimits(energy_wh=400_000)
        )
        stricter = settings.model_copy(update={"session_energy_limit_wh": 3_000})
        steps = SessionActivities(db_sessions, stricter)
        await steps.begin_session(SessionOrder(session_id=session.session_id))
        await session.report(3_000)
        check = await stopped_once(steps, session)

    assert (check.verdict, check.reason) == ("stop", "energy")
    assert len(await session.signals()) == 1
