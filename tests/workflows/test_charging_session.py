"""ChargingSession: hours in milliseconds, with activities that keep what they were asked."""

import asyncio
from datetime import timedelta

from temporalio import activity
from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import sessions as contract
from holdfast.contracts.names import ATTENTION
from holdfast.contracts.sessions import (
    Cancelled,
    CancelOrder,
    ChargingStateSignal,
    Check,
    EndOrder,
    EventSignal,
    Settled,
    SettleOrder,
    StartRefusedSignal,
    StopOrder,
    TransactionStartedSignal,
    TripwireSignal,
)
from holdfast.testing import SteppedSessions
from tests.workflows.running import pass_time, running
from tests.workflows.session_telling import NOON, asked, attention_of, ended, result_of, start


async def test_an_ordinary_session_is_settled_and_its_history_stays_short(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        for number, state in enumerate(("suspended_ev", "charging")):
            await asked(fake, "begin", 1)
            await handle.signal(
                contract.CHARGING_STATE_CHANGED,
                ChargingStateSignal(event_id=f"state{number}", at=NOON, state=state),
            )
            await asyncio.sleep(0.1)
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        result = await result_of(handle)
        history = await handle.fetch_history()

    assert fake.script.names() == ["begin", "settle"]
    assert (result.state, result.amount_minor, result.energy_wh) == ("priced", 1234, 20_000)
    assert len(history.events) <= 60


class HeldSettlement(SteppedSessions):
    """Settles only once the test has said all that it has to say."""

    def __init__(self) -> None:
        super().__init__()
        self.all_said = asyncio.Event()

    @activity.defn(name="sessions.settle")
    async def settle_session(self, order: SettleOrder) -> Settled:
        await self.all_said.wait()
        return await super().settle_session(order)


async def test_a_repeated_end_changes_nothing(time_skipping: WorkflowEnvironment) -> None:
    fake = HeldSettlement()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        for event_id in ("ended", "ended", "ended again"):
            await handle.signal(contract.TRANSACTION_ENDED, ended(event_id))
        fake.all_said.set()
        await result_of(handle)

    assert fake.script.names().count("settle") == 1


async def test_an_ordered_session_that_never_starts_is_cancelled_in_time(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    began = await time_skipping.get_current_time()
    async with running(
        time_skipping.client,
        contract.WORKFLOW,
        start(started=False, start_timeout_s=300),
        fake.activities(),
    ) as handle:
        result = await result_of(handle)

    (order,) = fake.script.orders("cancel")
    assert isinstance(order, CancelOrder)
    assert order.reason == "start_timeout"
    assert result.state == "failed"
    assert await time_skipping.get_current_time() - began >= timedelta(seconds=300)


async def test_a_refused_start_is_cancelled_at_once(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(started=False), fake.activities()
    ) as handle:
        await handle.signal(
            contract.START_REFUSED, StartRefusedSignal(event_id="order", order_state="rejected")
        )
        result = await result_of(handle)

    (order,) = fake.script.orders("cancel")
    assert isinstance(order, CancelOrder)
    assert (result.state, order.reason) == ("failed", "start_refused")


async def test_a_start_that_wins_the_race_against_the_timeout_goes_on(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["cancel"] = [Cancelled(closed=False)]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(started=False), fake.activities()
    ) as handle:
        await asked(fake, "begin", 1)
        await handle.signal(
            contract.START_REFUSED, StartRefusedSignal(event_id="order", order_state="expired")
        )
        await asked(fake, "begin", 2)
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        result = await result_of(handle)

    assert result.state == "priced"


async def test_a_remote_start_is_watched_from_the_reported_start(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(started=False), fake.activities()
    ) as handle:
        await handle.signal(
            contract.TRANSACTION_STARTED, TransactionStartedSignal(event_id="started", at=NOON)
        )
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        await result_of(handle)

    assert fake.script.names()[-1] == "settle"
    assert "cancel" not in fake.script.names()


async def test_a_stop_is_ordered_again_until_the_charger_obeys(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["check"] = [Check(verdict="stop", reason="energy", tripwire_version=2)]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRIPWIRE_CROSSED, TripwireSignal(event_id="wire", version=1))
        await asked(fake, "stop", 1)
        for attempt in (2, 3, 4):
            await pass_time(time_skipping, timedelta(seconds=61))
            await asked(fake, "stop", attempt)
        await attention_of(handle, "stop_ignored")
        await pass_time(time_skipping, timedelta(hours=2))
        await asked(fake, "stop", 5)
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        result = await result_of(handle)
        left = (await handle.describe()).typed_search_attributes.get(ATTENTION)

    attempts = [
        order.attempt for order in fake.script.orders("stop") if isinstance(order, StopOrder)
    ]
    assert attempts == list(range(1, len(attempts) + 1))
    assert len(attempts) >= 5
    assert result.state == "priced"
    assert left is None


async def test_a_zombie_is_ended_at_its_last_register(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedSessions()
    fake.script.answers["check"] = [
        Check(verdict="silent", reason="silence", tripwire_version=2),
        Check(verdict="zombie", reason="zombie", tripwire_version=2),
    ]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRIPWIRE_CROSSED, TripwireSignal(event_id="a", version=1))
        await attention_of(handle, "silent")
        await handle.signal(contract.TRIPWIRE_CROSSED, TripwireSignal(event_id="b", version=2))
        result = await result_of(handle)

    (order,) = fake.script.orders("end")
    assert isinstance(order, EndOrder)
    assert order.reason == "zombie"
    assert result.state == "priced"


async def test_a_silent_session_that_is_heard_again_needs_no_attention(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["check"] = [Check(verdict="silent", reason="silence", tripwire_version=2)]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRIPWIRE_CROSSED, TripwireSignal(event_id="a", version=1))
        await attention_of(handle, "silent")
        await handle.signal(
            contract.CHARGING_STATE_CHANGED,
            ChargingStateSignal(event_id="s", at=NOON, state="charging"),
        )
        await asked(fake, "attention", 2)
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        await result_of(handle)

    assert fake.script.names().count("attention") == 2


async def test_settlement_waits_for_what_the_station_still_owes(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRANSACTION_ENDED, ended(complete=False))
        await asked(fake, "ask", 1)
        await asyncio.sleep(0.1)
        waited = "settle" not in fake.script.names()
        await handle.signal(contract.GAPS_CLOSED, EventSignal(event_id="gaps"))
        await result_of(handle)

    assert waited
    assert fake.script.names() == ["begin", "ask", "settle"]


async def test_settlement_does_not_wait_for_ever(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedSessions()
    began = await time_skipping.get_current_time()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRANSACTION_ENDED, ended(complete=False))
        await result_of(handle)

    assert await time_skipping.get_current_time() - began >= timedelta(seconds=120)


async def test_an_end_without_a_start_is_settled(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client,
        contract.WORKFLOW,
        start(started=False, ended_at=NOON),
        fake.activities(),
    ) as handle:
        result = await result_of(handle)

    assert fake.script.names() == ["begin", "settle"]
    assert result.state == "priced"


async def test_a_session_built_again_goes_on_where_its_rows_are(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.plan = fake.plan.model_copy(update={"ended": True, "state": "ended"})
    async with running(
        time_skipping.client, contract.WORKFLOW, start(rebuilt=True), fake.activities()
    ) as handle:
        result = await result_of(handle)

    assert result.state == "priced"
