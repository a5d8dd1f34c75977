"""Past sessions priced again: the one pricing function, everybody once, and only one's own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.ports import SpotInterval
from holdfast.contracts.tariff_simulations import SimulationSeen
from holdfast.domain.pricing.priced_session import PricedSession
from holdfast.domain.simulation_tally import Tally
from holdfast.services import simulation_portions, spot_prices
from holdfast.services.refusal import Conflict, Invalid, NotFound, TooMany
from holdfast.services.session_price import price_session
from holdfast.services.simulation_earlier import EarlierDays
from holdfast.services.simulation_scope import SimulationScope
from holdfast.services.simulations import (
    Subject,
    begin_simulation,
    cancel_simulation,
    get_simulation,
    tally_of,
)
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    Account,
    MeterValue,
    Organization,
    OutboxRow,
    Session,
    SessionState,
    TariffSimulation,
    TariffVersion,
)
from tests.activities.rows import Network, account, network

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BEGAN = datetime(2026, 11, 2, 16, 30, tzinfo=UTC)  # 17:30 in Berlin
EVENING: dict[str, Any] = {
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": "0.30", "vat": "19"}],
            "restrictions": {"start_time": "18:00", "end_time": "06:00"},
        },
        {
            "price_components": [
                {"type": "ENERGY", "price": "0.60", "vat": "19"},
                {"type": "PARKING_TIME", "price": "6.00", "vat": "19"},
            ]
        },
    ]
}


@pytest.fixture
async def made(db_sessions: Sessions, organization: UUID) -> Network:
    """0.50 EUR per kWh for everyone, without tax."""
    return await network(db_sessions, organization)


async def sessions(db: AsyncSession, made: Network, count: int, **fields: Any) -> list[UUID]:
    """An hour each from 17:30 local on, a day apart, with a sample every ten minutes; every third
    stands idle for its last ten minutes. Session n took n kWh."""
    found: list[UUID] = []
    for number in range(1, count + 1):
        began = BEGAN + timedelta(days=number % 15)
        values = {
            "organization_id": made.organization_id,
            "station_id": made.station_id,
            "site_id": made.site_id,
            "evse": 1,
            "started_at": began,
            "ended_at": began + timedelta(hours=1),
            "meter_start_mwh": 0,
            "meter_stop_mwh": number * 1_000_000,
            "energy_wh": number * 1_000,
            "tariff_version_id": made.tariff_version_id,
            **fields,
        }
        row = await db.execute(insert(Session).values(values).returning(Session.id))
        session_id = row.scalar_one()
        found.append(session_id)
        samples = [
            {
                "received_at": began,
                "organization_id": made.organization_id,
                "station_id": made.station_id,
                "session_id": session_id,
                "evse": 1,
                "sampled_at": began + timedelta(minutes=10 * step),
                "energy_mwh": number * 1_000_000 * step // 6,
                "samples": [],
            }
            for step in range(7)
        ]
        await db.execute(insert(MeterValue), samples)
        if number % 3 == 0:
            state = {
                "session_id": session_id,
                "at": began + timedelta(minutes=50),
                "state": "suspended_ev",
                "organization_id": made.organization_id,
            }
            await db.execute(insert(SessionState), [state])
    return found


async def tariff_of(db: AsyncSession, made: Network) -> UUID:
    return (await db.get_one(TariffVersion, made.tariff_version_id)).tariff_id


async def begun(
    db: AsyncSession, made: Network, body: dict[str, Any], **scope: Any
) -> TariffSimulation:
    span = SimulationScope(from_at=BEGAN - timedelta(days=1), until_at=NOW, **scope)
    simulation = await begin_simulation(
        db,
        made.organization_id,
        await tariff_of(db, made),
        Subject(body=body),
        span,
        now=NOW,
        actor="key:1",
    )
    await simulation_portions.begin(db, simulation.id)
    return simulation


async def run(db: AsyncSession, simulation: TariffSimulation, portion: int = 50) -> Tally:
    """To its end."""
    state = "running"
    while state == "running":
        state = (await simulation_portions.advance(db, simulation.id, portion=portion)).state
    assert state == "done"
    await db.refresh(simulation)
    return tally_of(simulation)


async def price(db: AsyncSession, session: Session) -> PricedSession:
    """As a settlement would."""
    found = await price_session(db, session, NOW)
    assert found is not None
    return found.priced


async def test_every_session_costs_what_the_one_pricing_function_says_once(
    db_sessions: Sessions, made: Network
) -> None:
    async with db_sessions.begin() as db:
        ids = await sessions(db, made, 25)
        simulation = await begun(db, made, EVENING)
        assert (simulation.state, simulation.sessions_total) == ("running", 25)

    async def portion() -> SimulationSeen:
        async with db_sessions.begin() as db:
            return await simulation_portions.advance(db, simulation.id, portion=10)

    await portion()
    async with db_sessions() as killed:
        await simulation_portions.advance(killed, simulation.id, portion=10)
        await killed.rollback()  # as it is where a worker dies before the commit
    async with db_sessions() as slow:
        # Another worker took the same portion, and was slower: what it found is thrown away.
        stale = await slow.get_one(TariffSimulation, simulation.id)
        assert stale.sessions_done == 10
        await portion()
        again = await simulation_portions.put(
            slow,
            stale,
            [await slow.get_one(Session, ids[10])],
            tally_of(stale),
            EarlierDays(),
            over=False,
        )
        assert again.sessions_done == 20
    assert (await portion()).state == "done"

    async with db_sessions.begin() as db:
        tally = tally_of(await get_simulation(db, made.organization_id, simulation.id))
        await same_as_settled(db, made, ids, tally)


async def same_as_settled(db: AsyncSession, made: Network, ids: list[UUID], tally: Tally) -> None:
    """Each session priced by its own, as it was and with the version that was simulated."""
    before = [await price(db, await db.get_one(Session, each)) for each in ids]
    version = await db.get_one(TariffVersion, made.tariff_version_id)
    new = TariffVersion(
        organization_id=made.organization_id,
        tariff_id=version.tariff_id,
        number=2,
        valid_from=BEGAN,
        body={**EVENING, "id": "evening", "currency": "EUR"},
    )
    db.add(new)
    await db.flush()
    after = []
    for each in ids:
        session = await db.get_one(Session, each)
        session.tariff_version_id = new.id
        after.append(await price(db, session))
    assert tally.total.sessions == 25
    assert tally.total.before_gross == sum(each.incl.amount_minor for each in before)
    assert tally.total.after_gross == sum(each.incl.amount_minor for each in after)
    assert tally.total.after_net == sum(each.excl.amount_minor for each in after if each.excl)
    assert tally.total.before_gross == sum(50 * number for number in range(1, 26))
    assert tally.dearer + tally.cheaper + tally.equal == 25
    assert len(tally.days) == 15
    assert tally.hours[17][0] + sum(tally.hours[day * 24 + 17][0] for day in range(1, 7)) == 25
    changes = {
        each: new.incl.amount_minor - old.incl.amount_minor
        for each, old, new in zip(ids, before, after, strict=True)
    }
    kept = {UUID(one["session"]): one["difference"] for one in tally.most_dearer}
    assert kept == {each: change for each, change in changes.items() if change > 0}
    assert sum(tally.histogram) == 25


async def test_a_scope_is_a_place_an_audience_and_a_number_and_never_anothers(
    db_sessions: Sessions, made: Network
) -> None:
    async with db_sessions.begin() as db:
        other = (
            await db.execute(
                insert(Organization).values(slug="rival", name="Rival").returning(Organization.id)
            )
        ).scalar_one()
    theirs = await network(db_sessions, other)
    payer, token = await account(db_sessions, made, billing="invoice")
    async with db_sessions.begin() as db:
        await sessions(db, made, 3)
        await sessions(db, made, 2, account_id=payer, token_id=token)
        await sessions(db, made, 2, tariff_version_id=None)
        await sessions(db, made, 1, payment_id=UUID(int=7), site_id=None)
        await sessions(db, made, 1, ended_at=None)
        await sessions(db, theirs, 4)
        scopes: dict[str, dict[str, Any]] = {
            "tariff": {},
            "place": {"which": "place"},
            "site": {"site_id": made.site_id},
            "account": {"account_id": payer},
            "few": {"sessions_max": 2},
        }
        counts = {
            name: (await begun(db, made, EVENING, **scope)).sessions_total
            for name, scope in scopes.items()
        }
        assert counts == {"tariff": 6, "place": 8, "site": 5, "account": 2, "few": 2}
        with pytest.raises(TooMany, match="under way"):
            await begun(db, made, EVENING)


async def test_what_is_wrong_or_anothers_begins_nothing_and_what_is_cancelled_ends(
    db_sessions: Sessions, made: Network
) -> None:
    payer, _ = await account(db_sessions, made, billing="invoice")
    async with db_sessions.begin() as db:
        other = (
            await db.execute(
                insert(Organization).values(slug="rival", name="Rival").returning(Organization.id)
            )
        ).scalar_one()
    theirs = await network(db_sessions, other)
    async with db_sessions.begin() as db:
        await sessions(db, made, 2)
        await begun(db, made, EVENING)
        simulation = (await db.scalars(select(TariffSimulation).limit(1))).one()
        with pytest.raises(NotFound):
            await get_simulation(db, other, simulation.id)
        await cancel_simulation(db, made.organization_id, simulation.id, now=NOW, actor="key:1")
        assert (await simulation_portions.advance(db, simulation.id)).state == "cancelled"
        with pytest.raises(Conflict, match="has ended"):
            await cancel_simulation(db, made.organization_id, simulation.id, now=NOW, actor="key:1")
        wrong_ones: tuple[dict[str, Any], ...] = (
            {"site_id": theirs.site_id},
            {"station": "nobody"},
            {"user_group": "nobodies"},
            {"ad_hoc": True, "account_id": payer},
            {"sessions_max": 0},
        )
        for wrong in wrong_ones:
            with pytest.raises((NotFound, Invalid)):
                await begun(db, made, EVENING, **wrong)
        started = await db.scalars(
            select(OutboxRow.payload).where(OutboxRow.name == "TariffSimulation")
        )
        assert str(simulation.id) in {row["simulation_id"] for row in started}


async def test_a_cap_per_day_counts_what_the_driver_had_earlier_in_the_simulation(
    db_sessions: Sessions, made: Network
) -> None:
    payer, token = await account(db_sessions, made, billing="invoice")
    capped = {
        "elements": [{"price_components": [{"type": "ENERGY", "price": "1.00"}]}],
        "daily_cap": {"excl_vat": "10.00", "incl_vat": "10.00"},
        "allowances": [{"type": "ENERGY", "quantity": "5", "per": "month"}],
    }
    async with db_sessions.begin() as db:
        # 16 and 1 begin on the same local day: 1 kWh, then 16 kWh.
        ids = await sessions(db, made, 16, account_id=payer, token_id=token)
        first, last = await db.get_one(Session, ids[0]), await db.get_one(Session, ids[15])
        assert first.started_at == last.started_at
        alone = await sessions(db, made, 16)
        tally = await run(db, await begun(db, made, capped), portion=3)

        # 5 kWh of the month are free: the first two sessions and 2 kWh of the third.
        known = [0, 0, 1, 4, 5, 6, 7, 8, 9, 10, 10, 10, 10, 10, 10, 10]
        # Nobody knows whose the others are: 5 kWh of each are free.
        unknown = [min(10, max(0, number - 5)) for number in range(1, 17)]
        assert tally.total.after_gross == 100 * (sum(known) + sum(unknown))
        assert len(alone) == 16
        assert await db.get(Account, payer) is not None


async def test_a_market_that_said_nothing_is_a_finding_and_not_a_price(
    db_sessions: Sessions, made: Network
) -> None:
    spot = {
        "elements": [
            {
                "price_components": [
                    {
                        "type": "ENERGY",
                        "price": "0.10",
                        "spot": {"feed": "DE-LU", "fallback": "0.50"},
                    }
                ]
            }
        ]
    }
    async with db_sessions.begin() as db:
        await sessions(db, made, 2)
        feed = await spot_prices.create_feed(
            db,
            made.organization_id,
            spot_prices.NewFeed(
                key="DE-LU", name="x", currency="EUR", source="api", time_zone="Europe/Berlin"
            ),
            actor="key:1",
        )
        hour = (BEGAN + timedelta(days=1)).replace(minute=0)
        told = [
            SpotInterval(
                starts_at=hour + n * timedelta(hours=1),
                ends_at=hour + (n + 1) * timedelta(hours=1),
                price=Decimal("0.20"),
            )
            for n in range(2)
        ]
        await spot_prices.write_prices(db, feed, told)
        tally = await run(db, await begun(db, made, spot))

        # 1 kWh at 0.30, 2 kWh at 0.60.
        assert tally.total.after_gross == 30 + 120
        assert sum(tally.findings.values()) >= 1
        assert any("spot" in code for code in tally.findings)


async def test_a_session_that_cannot_be_priced_is_counted_apart_with_its_reason(
    db_sessions: Sessions, made: Network
) -> None:
    async with db_sessions.begin() as db:
        await sessions(db, made, 2)
        (endless,) = await sessions(
            db, made, 1, started_at=BEGAN, ended_at=BEGAN + timedelta(days=5)
        )
        dollars = TariffVersion(
            organization_id=made.organization_id,
            tariff_id=await tariff_of(db, made),
            number=2,
            valid_from=BEGAN,
            body={**EVENING, "id": "dollars", "currency": "USD"},
        )
        db.add(dollars)
        await db.flush()
        (foreign,) = await sessions(db, made, 1, tariff_version_id=dollars.id)
        broken = await db.get_one(Session, endless)
        broken.price_terms = {"zone": "Nowhere/Land", "calibration_law": False, "groups": []}
        await db.flush()
        tally = await run(db, await begun(db, made, EVENING))

        assert tally.total.sessions == 2
        assert tally.unpriced == {"other_currency": 1, "UnknownZone": 1}
        assert {example["session"] for example in tally.unpriced_examples} == {
            str(foreign),
            str(endless),
        }
