"""Running costs on real rows: whose turn it is, what is told to whom, and the end."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select, update

from holdfast.services import cost_messages, running_costs, session_course
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    Order,
    RunningCost,
    Session,
    Settlement,
    Station,
    StationConnection,
    StationVariable,
    TariffVersion,
)
from tests.activities.rows import Network, network, session


async def town(
    sessions: Sessions, organization: UUID, protocol: str, *variables: tuple[str, str, str]
) -> Network:
    """A connected station that says these variables (component, variable, value)."""
    made = await network(sessions, organization)
    async with sessions.begin() as db:
        station = await db.get_one(Station, made.station_id)
        station.protocol = protocol
        db.add(
            StationConnection(
                station_id=station.id, organization_id=organization, generation=1, boot_id=uuid4()
            )
        )
        db.add_all(
            StationVariable(
                organization_id=organization,
                station_id=station.id,
                component=component,
                variable=variable,
                value=value,
                attribute="actual",
                reported_at=datetime.now(UTC),
                source="get",
            )
            for component, variable, value in variables
        )
    return made


async def running(sessions: Sessions, made: Network, **fields: Any) -> UUID:
    """10 kWh at 0.50 EUR so far."""
    values = {"ended_at": None, "meter_stop_mwh": None, "energy_wh": 10_000}
    version = {"tariff_version_id": made.tariff_version_id}
    return await session(sessions, made, **(values | version | fields))


async def settled(
    sessions: Sessions, session_id: UUID, at: datetime, *, amount_minor: int, outcome: str
) -> None:
    """It ended and was settled, for so much."""
    async with sessions.begin() as db:
        row = await db.get_one(Session, session_id)
        row.ended_at = row.closed_at = at
        euros = str(Decimal(amount_minor) / 100)
        db.add(
            Settlement(
                session_id=session_id,
                organization_id=row.organization_id,
                currency="EUR",
                energy_wh=10_000,
                amount_minor=amount_minor,
                excl_vat=euros,
                incl_vat=euros,
                breakdown={},
                deadline_at=at,
                outcome=outcome,
                settled_at=at,
            )
        )


async def round_at(sessions: Sessions, now: datetime) -> tuple[int, int, int]:
    """How many sessions were priced, and how many orders placed: meanwhile, finally."""
    async with sessions.begin() as db:
        done = await running_costs.cost_due(db, now)
        told = await cost_messages.tell_due(db, now)
        final = await cost_messages.tell_final(db, now)
    return done.sessions, told, final


async def orders(sessions: Sessions) -> list[Order]:
    async with sessions() as db:
        return list((await db.scalars(select(Order).order_by(Order.created_at))).all())


async def test_a_session_is_priced_when_it_moved_and_now_and_then_when_it_did_not(
    db_sessions: Sessions, organization: UUID
) -> None:
    made = await town(db_sessions, organization, "ocpp2.0.1")
    session_id = await running(db_sessions, made)
    now = datetime.now(UTC)

    assert await round_at(db_sessions, now) == (1, 0, 0)
    async with db_sessions() as db:
        cost = await db.get_one(RunningCost, session_id)
        assert (cost.incl_minor, cost.incl_vat, cost.currency) == (500, "5.00", "EUR")
    soon = now + timedelta(seconds=30)
    assert (await round_at(db_sessions, soon))[0] == 0
    async with db_sessions.begin() as db:
        await db.execute(update(Session).values(last_seen_at=soon, energy_wh=12_000))
    assert (await round_at(db_sessions, soon))[0] == 1
    async with db_sessions() as db:
        assert (await db.get_one(RunningCost, session_id)).incl_minor == 600
    assert (await round_at(db_sessions, soon + timedelta(seconds=60)))[0] == 0
    assert (await round_at(db_sessions, soon + timedelta(seconds=121)))[0] == 1


async def test_a_display_is_told_when_the_transaction_itself_is_silent_and_the_end_once(
    db_sessions: Sessions, organization: UUID
) -> None:
    shows = ("TariffCostCtrlr", "Enabled", "true")
    made = await town(db_sessions, organization, "ocpp2.0.1", shows)
    now = datetime.now(UTC)
    session_id = await running(db_sessions, made, transaction_id="T-1", last_seen_at=now)

    assert await round_at(db_sessions, now) == (1, 0, 0)  # its own events are answered with it
    silent = now + timedelta(minutes=3)
    assert (await round_at(db_sessions, silent))[1] == 1
    assert (await round_at(db_sessions, silent + timedelta(minutes=3)))[1] == 0  # nothing new
    await settled(db_sessions, session_id, silent, amount_minor=512, outcome="invoiced")
    assert (await round_at(db_sessions, silent))[2] == 1
    assert (await round_at(db_sessions, silent))[2] == 0

    told = [(order.kind, order.payload["total_minor"]) for order in await orders(db_sessions)]
    assert told == [("cost", 500), ("cost", 512)]
    async with db_sessions() as db:
        assert await db.get(RunningCost, session_id) is None


async def test_a_display_in_another_currency_is_told_nothing(
    db_sessions: Sessions, organization: UUID
) -> None:
    made = await town(
        db_sessions,
        organization,
        "ocpp2.0.1",
        ("TariffCostCtrlr", "Enabled", "true"),
        ("TariffCostCtrlr", "Currency", "CHF"),
    )
    now = datetime.now(UTC)
    session_id = await running(db_sessions, made, last_seen_at=now - timedelta(hours=1))

    assert await round_at(db_sessions, now) == (1, 0, 0)
    async with db_sessions() as db:
        assert (await db.get_one(RunningCost, session_id)).tellable is False


async def test_an_ocpp_1_6_display_hears_of_the_driver_s_price_the_cost_and_the_end(
    db_sessions: Sessions, organization: UUID
) -> None:
    supported = ("", "CustomDisplayCostAndPrice", "true")
    made = await town(db_sessions, organization, "ocpp1.6", supported)
    driven = {"token_uid": "CARD0001", "charging_state": "charging"}
    session_id = await running(db_sessions, made, **driven)
    now = datetime.now(UTC)

    assert (await round_at(db_sessions, now))[1] == 2
    told = {order.payload["message_id"]: order.payload for order in await orders(db_sessions)}
    assert {one["vendor_id"] for one in told.values()} == {"org.openchargealliance.costmsg"}
    said = json.loads(told["SetUserPrice"]["data"])
    assert (said["idToken"], "0.50" in said["priceText"]) == ("CARD0001", True)
    said = json.loads(told["RunningCost"]["data"])
    assert (said["transactionId"], said["cost"], said["state"]) == (77, 5, "Charging")
    assert said["chargingPrice"] == {"kWhPrice": 0.5}
    assert said["meterValue"] == 11_000

    async with db_sessions.begin() as db:
        await db.execute(delete(Order))
    await settled(db_sessions, session_id, now, amount_minor=500, outcome="waived")
    assert (await round_at(db_sessions, now))[2] == 1
    (final,) = await orders(db_sessions)
    assert final.payload["message_id"] == "FinalCost"
    assert json.loads(final.payload["data"])["cost"] == 0


async def test_who_charges_for_free_is_told_so_in_the_end(
    db_sessions: Sessions, organization: UUID
) -> None:
    made = await town(
        db_sessions, organization, "ocpp2.0.1", ("TariffCostCtrlr", "Enabled", "true")
    )
    now = datetime.now(UTC)
    for outcome in ("free", "waived", "invoiced"):
        session_id = await running(db_sessions, made, transaction_id=outcome, last_seen_at=now)
        await round_at(db_sessions, now)
        await settled(db_sessions, session_id, now, amount_minor=500, outcome=outcome)
        assert (await round_at(db_sessions, now))[2] == 1

    told = {
        order.payload["transaction_id"]: order.payload["total_minor"]
        for order in await orders(db_sessions)
    }
    assert told == {"free": 0, "waived": 0, "invoiced": 500}


async def test_one_odd_session_keeps_no_other_from_its_price(
    db_sessions: Sessions, organization: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a version that cannot be read, nor more samples than are loaded at once."""
    made = await town(db_sessions, organization, "ocpp2.0.1")
    good = [await running(db_sessions, made, transaction_id=f"T-{number}") for number in range(3)]
    async with db_sessions.begin() as db:
        version = await db.get_one(TariffVersion, made.tariff_version_id)
        odd = TariffVersion(
            organization_id=organization,
            tariff_id=version.tariff_id,
            number=2,
            valid_from=version.valid_from + timedelta(days=1),
            body={**version.body, "elements": "none"},
        )
        db.add(odd)
    bad = await running(db_sessions, made, transaction_id="T-9", tariff_version_id=odd.id)
    monkeypatch.setattr(session_course, "READINGS_MAX", 1)

    async with db_sessions.begin() as db:
        done = await running_costs.cost_due(db, datetime.now(UTC))

    assert (done.sessions, done.unpriceable) == (4, frozenset({bad}))
    async with db_sessions() as db:
        costs = (await db.scalars(select(RunningCost))).all()
    assert {cost.session_id for cost in costs} == set(good)


async def test_the_cost_of_a_session_that_is_over_without_a_settlement_is_forgotten(
    db_sessions: Sessions, organization: UUID
) -> None:
    made = await town(db_sessions, organization, "ocpp2.0.1")
    over, still_open = [await running(db_sessions, made, transaction_id=name) for name in "AB"]
    now = datetime.now(UTC)
    await round_at(db_sessions, now)
    async with db_sessions.begin() as db:
        await db.execute(update(Session).where(Session.id == over).values(closed_at=now))

    await round_at(db_sessions, now + cost_messages.FORGOTTEN_AFTER + timedelta(seconds=1))

    async with db_sessions() as db:
        assert list(await db.scalars(select(RunningCost.session_id))) == [still_open]
