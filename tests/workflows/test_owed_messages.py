"""What a 2.x station still owes after its end: asked for, believed, not waited for for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import sessions as contract
from holdfast.contracts.sessions import (
    Asked,
    Check,
    EndOrder,
    EventSignal,
    TransactionStatusSignal,
    TripwireSignal,
)
from holdfast.testing import SteppedSessions
from tests.workflows.running import pass_time, running
from tests.workflows.session_telling import asked, ended, result_of, start

Handle = WorkflowHandle[Any, Any]


@asynccontextmanager
async def session(
    environment: WorkflowEnvironment, *, owes: bool = True
) -> AsyncIterator[tuple[Handle, SteppedSessions]]:
    """A 2.x session whose end came before other messages of it."""
    fake = SteppedSessions()
    fake.script.answers["ask"] = [Asked(asked=True)] * 60
    async with running(environment.client, contract.WORKFLOW, start(), fake.activities()) as handle:
        if owes:
            await handle.signal(contract.TRANSACTION_ENDED, ended(complete=False))
            await asked(fake, "ask", 1)
        yield handle, fake


async def lasted(handle: Handle) -> timedelta:
    """From the first to the last event: the server's own clock may have skipped on since."""
    events = (await handle.fetch_history()).events
    return timedelta(seconds=events[-1].event_time.seconds - events[0].event_time.seconds)


async def told(
    handle: Handle, *, ongoing: bool | None, waiting: bool | None, event_id: str = "answer"
) -> None:
    await handle.signal(
        contract.TRANSACTION_STATUS_TOLD,
        TransactionStatusSignal(
            event_id=event_id, order_state="accepted", ongoing=ongoing, messages_waiting=waiting
        ),
    )


async def test_a_station_that_holds_nothing_more_is_not_waited_for(
    time_skipping: WorkflowEnvironment,
) -> None:
    async with session(time_skipping) as (handle, fake):
        await told(handle, ongoing=False, waiting=False)
        result = await result_of(handle)
        waited = await lasted(handle)
        history = await handle.fetch_history()

    assert fake.script.names() == ["begin", "ask", "settle"]
    assert result.state == "priced"
    assert waited < timedelta(seconds=30)
    assert len(history.events) <= 60


async def test_a_station_that_holds_messages_is_waited_for_and_asked_again(
    time_skipping: WorkflowEnvironment,
) -> None:
    async with session(time_skipping) as (handle, fake):
        await told(handle, ongoing=False, waiting=True)
        for _ in range(400):
            if "attention" in fake.script.names():
                break
            await pass_time(time_skipping, timedelta(seconds=30))
            await asyncio.sleep(0.02)
        assert fake.script.names().count("ask") > 1
        assert "settle" not in fake.script.names()
        await handle.signal(contract.GAPS_CLOSED, EventSignal(event_id="gaps"))
        await result_of(handle)
        waited = await lasted(handle)

    assert fake.script.names()[-1] == "settle"
    assert waited > timedelta(seconds=120)


async def test_a_station_that_never_sends_what_it_holds_is_given_a_day(
    time_skipping: WorkflowEnvironment,
) -> None:
    async with session(time_skipping) as (handle, fake):
        await told(handle, ongoing=False, waiting=True)
        await result_of(handle)
        waited = await lasted(handle)
        history = await handle.fetch_history()

    assert timedelta(hours=23) < waited < timedelta(hours=26)
    assert "attention" in fake.script.names()
    assert len(history.events) < 500


async def test_a_station_that_does_not_answer_is_waited_for_as_long_as_usual(
    time_skipping: WorkflowEnvironment,
) -> None:
    async with session(time_skipping) as (handle, fake):
        await result_of(handle)
        waited = await lasted(handle)

    assert timedelta(seconds=120) <= waited < timedelta(minutes=10)
    assert fake.script.names()[-1] == "settle"


async def test_a_silent_transaction_that_the_station_does_not_know_is_ended(
    time_skipping: WorkflowEnvironment,
) -> None:
    async with session(time_skipping, owes=False) as (handle, fake):
        fake.script.answers["check"] = [Check(verdict="silent", tripwire_version=2)]
        await handle.signal(contract.TRIPWIRE_CROSSED, TripwireSignal(event_id="w", version=1))
        await asked(fake, "attention", 1)
        await told(handle, ongoing=False, waiting=False)
        await result_of(handle)

    (order,) = fake.script.orders("end")
    assert isinstance(order, EndOrder)
    assert order.reason == "not_ongoing"


async def test_a_silent_transaction_that_goes_on_is_left_alone(
    time_skipping: WorkflowEnvironment,
) -> None:
    async with session(time_skipping, owes=False) as (handle, fake):
        fake.script.answers["check"] = [Check(verdict="silent", tripwire_version=2)]
        await handle.signal(contract.TRIPWIRE_CROSSED, TripwireSignal(event_id="w", version=1))
        await asked(fake, "attention", 1)
        await told(handle, ongoing=True, waiting=False)
        await asked(fake, "attention", 2)
        await asyncio.sleep(0.1)
        assert "end" not in fake.script.names()
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        await result_of(handle)

    assert "end" not in fake.script.names()
