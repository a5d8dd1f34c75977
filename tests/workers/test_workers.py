"""From outbox rows to settled sessions, with every engine real."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text
from temporalio.client import Client
from temporalio.common import VersioningBehavior

from cli.rebuild import rebuild
from holdfast.contracts import sessions as contract
from holdfast.contracts.names import late_truth_workflow_id, session_workflow_id
from holdfast.contracts.sessions import StartSession, TransactionEndedSignal
from holdfast.services.charges import place_hold
from holdfast.services.orders import place_order
from holdfast.services.outbox import notify, tell
from holdfast.services.verify import find_breaches
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    LateFact,
    Order,
    Organization,
    OutboxRow,
    Payment,
    Session,
    Station,
)
from tests.activities.money import carded
from tests.activities.rows import Network, account, row_of, session, settlement_of
from tests.simulator.stripe.server import World
from tests.workers.conftest import serving
from workers.app import build_worker, roles

pytestmark = pytest.mark.usefixtures("nothing_left_running")

PATIENCE_S = 120.0


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for it, but not for ever."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await holds():  # noqa: ASYNC110 - the rows of another process raise no event
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None


async def tell_start(db_sessions: Sessions, made: Network, session_id: UUID) -> None:
    """What the writer writes with the first fact."""
    async with db_sessions.begin() as db:
        station = await db.get_one(Station, made.station_id)
        row = await db.get_one(Session, session_id)
        await tell(
            db,
            made.organization_id,
            session_workflow_id(session_id),
            operation="start",
            name=contract.WORKFLOW,
            message=StartSession(
                session_id=session_id,
                organization="acme",
                organization_id=made.organization_id,
                site_id=made.site_id,
                station=station.identity,
                evse=1,
                started_at=row.started_at,
            ),
        )
        await notify(db, ["outbox", "sessions"])


async def tell_end(
    db_sessions: Sessions, made: Network, session_id: UUID, event_id: str = "ended"
) -> None:
    """What the writer writes with the end: the row and the signal, in one transaction."""
    async with db_sessions.begin() as db:
        row = await db.get_one(Session, session_id)
        row.ended_at = row.ended_at or datetime.now(UTC)
        row.meter_stop_mwh = row.meter_last_mwh
        await tell(
            db,
            made.organization_id,
            session_workflow_id(session_id),
            operation="signal",
            name=contract.TRANSACTION_ENDED,
            message=TransactionEndedSignal(event_id=event_id, at=datetime.now(UTC)),
        )
        await notify(db, ["outbox", "sessions"])


async def running_session(db_sessions: Sessions, made: Network, **fields: object) -> UUID:
    return await session(
        db_sessions, made, ended_at=None, meter_stop_mwh=None,
        last_seen_at=datetime.now(UTC), **fields,
    )  # fmt: skip


def closed(db_sessions: Sessions, session_id: UUID) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return (await row_of(db_sessions, session_id)).closed_at is not None

    return holds


def begun(db_sessions: Sessions, session_id: UUID, times: int = 1) -> Callable[[], Awaitable[bool]]:
    """Its workflow has read the rows, so often: of an end that they did not say then it hears by a
    signal. An end that they did say it acts on at once, and its signal may come late."""

    async def holds() -> bool:
        return (await row_of(db_sessions, session_id)).tripwire_version >= times

    return holds


async def all_sent(db_sessions: Sessions) -> bool:
    async with db_sessions() as db:
        waiting = select(OutboxRow.id).where(
            OutboxRow.sent_at.is_(None), OutboxRow.parked_at.is_(None)
        )
        return await db.scalar(waiting.limit(1)) is None


async def test_an_account_holders_session_goes_from_its_facts_to_captured_money(
    worker_settings: Settings, db_sessions: Sessions, made: Network, world: World
) -> None:
    who = await carded(db_sessions, made, world)
    session_id = await running_session(db_sessions, made, **who)
    async with serving(worker_settings):
        await tell_start(db_sessions, made, session_id)
        await until(begun(db_sessions, session_id), "the session is watched")
        await tell_end(db_sessions, made, session_id)
        await until(closed(db_sessions, session_id), "the session is closed")
        await until(lambda: all_sent(db_sessions), "the outbox is empty")

    settlement = await settlement_of(db_sessions, session_id)
    assert settlement is not None
    assert (settlement.outcome, settlement.settled_minor) == ("captured", 1000)
    assert (await row_of(db_sessions, session_id)).workflow_started_at is not None
    async with db_sessions() as db:
        assert await find_breaches(db, quiescent=True) == []


async def test_a_history_of_an_ordinary_session_is_short(
    worker_settings: Settings,
    db_sessions: Sessions,
    made: Network,
    world: World,
    temporal: Client,
) -> None:
    who = await carded(db_sessions, made, world)
    session_id = await running_session(db_sessions, made, **who)
    async with serving(worker_settings):
        await tell_start(db_sessions, made, session_id)
        for state in ("suspended_ev", "charging"):
            await until(lambda: all_sent(db_sessions), "the workflow knows what was told so far")
            await asyncio.sleep(0.5)
            async with db_sessions.begin() as db:
                await tell(
                    db, made.organization_id, session_workflow_id(session_id),
                    operation="signal", name=contract.CHARGING_STATE_CHANGED,
                    message=contract.ChargingStateSignal(
                        event_id=state, at=datetime.now(UTC), state=state
                    ),
                )  # fmt: skip
                await notify(db, ["outbox"])
        await until(lambda: all_sent(db_sessions), "the workflow knows both")
        await asyncio.sleep(0.5)
        await tell_end(db_sessions, made, session_id)
        handle = temporal.get_workflow_handle(session_workflow_id(session_id))
        await handle.result()
        history = await handle.fetch_history()
        description = await handle.describe()

    assert len(history.events) <= 60
    shown = {pair.key.name: pair.value for pair in description.typed_search_attributes}
    assert shown["SessionState"] == "priced"
    assert shown["Organization"] == "acme"


async def test_an_ad_hoc_hold_is_captured_when_its_session_ends(
    worker_settings: Settings, db_sessions: Sessions, made: Network, world: World
) -> None:
    async with db_sessions.begin() as db:
        hold = await place_hold(
            db, organization_id=made.organization_id, amount_minor=6000, currency="EUR",
            payment_method="pm_card_visa",
        )  # fmt: skip
    session_id = await running_session(db_sessions, made, payment_id=hold.id)

    async def is_held() -> bool:
        async with db_sessions() as db:
            return (await db.get_one(Payment, hold.id)).state == "held"

    async with serving(worker_settings):
        await until(is_held, "the hold is held")
        await tell_start(db_sessions, made, session_id)
        await tell_end(db_sessions, made, session_id)
        await until(closed(db_sessions, session_id), "the session is closed")

    settlement = await settlement_of(db_sessions, session_id)
    assert settlement is not None
    assert (settlement.outcome, settlement.settled_minor) == ("captured", 1000)
    async with db_sessions() as db:
        assert await find_breaches(db) == []


async def test_a_fact_for_a_closed_session_is_kept_and_taken_into_account(
    worker_settings: Settings,
    db_sessions: Sessions,
    made: Network,
    temporal: Client,
) -> None:
    account_id, token_id = await account(db_sessions, made, billing="invoice")
    session_id = await running_session(db_sessions, made, account_id=account_id, token_id=token_id)
    async with serving(worker_settings):
        await tell_start(db_sessions, made, session_id)
        await tell_end(db_sessions, made, session_id)
        await until(closed(db_sessions, session_id), "the session is closed")
        await temporal.get_workflow_handle(session_workflow_id(session_id)).result()
        await tell_end(db_sessions, made, session_id, "ended once more")
        await until(lambda: all_sent(db_sessions), "the outbox is empty")
        late = await temporal.get_workflow_handle(late_truth_workflow_id(session_id)).describe()

    assert late.workflow_type == "LateTruth"
    async with db_sessions() as db:
        facts = list(await db.scalars(select(LateFact)))
    assert [(fact.session_id, fact.name) for fact in facts] == [(session_id, "transaction_ended")]


async def test_a_row_that_cannot_be_sent_holds_up_only_its_own_workflow(
    worker_settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    account_id, token_id = await account(db_sessions, made, billing="invoice")
    who = {"account_id": account_id, "token_id": token_id}
    broken = await running_session(db_sessions, made, **who)
    sound = await running_session(db_sessions, made, **who)
    await tell_start(db_sessions, made, broken)
    async with db_sessions.begin() as db:
        await db.execute(text("UPDATE outbox SET payload = '{\"session_id\": 5}'"))
    await tell_end(db_sessions, made, broken)
    await tell_start(db_sessions, made, sound)
    await tell_end(db_sessions, made, sound)

    async def asks() -> bool:
        return (await row_of(db_sessions, broken)).attention is not None

    async with serving(worker_settings):
        await until(closed(db_sessions, sound), "the sound session is closed")
        await until(asks, "the broken session asks for attention")

    async with db_sessions() as db:
        rows = list(
            await db.scalars(
                select(OutboxRow)
                .where(OutboxRow.workflow_id == session_workflow_id(broken))
                .order_by(OutboxRow.id)
            )
        )
    assert [(row.parked_at is not None, row.sent_at is not None) for row in rows] == [
        (True, False),
        (False, False),
    ]
    assert "does not decode" in (rows[0].error or "")
    assert (await row_of(db_sessions, broken)).attention == "outbox_parked"


async def test_a_session_that_temporal_lost_is_started_again_by_its_next_signal(
    worker_settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    account_id, token_id = await account(db_sessions, made, billing="invoice")
    session_id = await running_session(db_sessions, made, account_id=account_id, token_id=token_id)
    await tell_end(db_sessions, made, session_id)

    async with serving(worker_settings):
        await until(closed(db_sessions, session_id), "the session is closed")

    async with db_sessions() as db:
        assert list(await db.scalars(select(LateFact))) == []


async def test_rebuild_starts_what_the_rows_say_should_run(
    worker_settings: Settings, db_sessions: Sessions, made: Network, world: World
) -> None:
    who = await carded(db_sessions, made, world)
    open_session = await running_session(db_sessions, made, **who)
    ended = await session(db_sessions, made, **who)
    async with db_sessions.begin() as db:
        await place_hold(
            db, organization_id=made.organization_id, amount_minor=6000, currency="EUR",
            payment_method="pm_card_visa",
        )  # fmt: skip
        await place_order(
            db,
            organization=await db.get_one(Organization, made.organization_id),
            station=await db.get_one(Station, made.station_id),
            kind="reset",
            payload={"type": "soft"},
            not_after=datetime.now(UTC) + timedelta(hours=1),
            requested_by="key:1",
        )
        await db.execute(text("UPDATE outbox SET sent_at = now()"))

    first = await rebuild(worker_settings)
    second = await rebuild(worker_settings)
    async with serving(worker_settings):
        await until(closed(db_sessions, ended), "the ended session is closed")
        await tell_end(db_sessions, made, open_session)
        await until(closed(db_sessions, open_session), "the open session is closed")

    everything = {"ChargingSession": 2, "Payment": 1, "StationOrder": 1}
    assert first == {"started": everything, "running": {}}
    assert second == {"started": {}, "running": everything}


async def test_an_order_for_a_station_that_never_comes_expires(
    worker_settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    async with db_sessions.begin() as db:
        order = await place_order(
            db,
            organization=await db.get_one(Organization, made.organization_id),
            station=await db.get_one(Station, made.station_id),
            kind="reset",
            payload={"type": "soft"},
            not_after=datetime.now(UTC) + timedelta(seconds=1),
            requested_by="key:1",
        )

    async def expired() -> bool:
        async with db_sessions() as db:
            return (await db.get_one(Order, order.id)).state == "expired"

    async with serving(worker_settings):
        await until(expired, "the order is expired")


async def test_silence_wakes_the_session_once(
    worker_settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    impatient = worker_settings.model_copy(update={"session_silence_s": 1})
    session_id = await running_session(db_sessions, made)

    async def silent() -> bool:
        return (await row_of(db_sessions, session_id)).attention == "silent"

    async with serving(impatient):
        await tell_start(db_sessions, made, session_id)
        await until(silent, "the session asks for attention")

    row = await row_of(db_sessions, session_id)
    assert row.tripwire_version == 2
    assert row.fired_version == 1


async def test_two_relays_share_the_lanes(
    worker_settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    async with serving(worker_settings) as first, serving(worker_settings) as second:

        async def shared() -> bool:
            return (first._relay.owns, second._relay.owns) == (32, 32)

        await until(shared, "each relay owns half of the lanes")


async def test_a_build_id_switches_versioning_on_and_pins(
    worker_settings: Settings, db_sessions: Sessions, temporal: Client
) -> None:
    versioned = worker_settings.model_copy(update={"worker_build_id": "build-1"})
    role = roles(versioned, db_sessions, None)[0]
    config = build_worker(temporal, role, versioned).config()["deployment_config"]
    plain = build_worker(temporal, role, worker_settings).config()["deployment_config"]

    assert config is not None
    assert config.use_worker_versioning
    assert config.default_versioning_behavior is VersioningBehavior.PINNED
    assert plain is None
