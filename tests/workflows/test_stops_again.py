"""A person who has a stop ordered again gets new orders, not the names of the old ones."""

from datetime import timedelta

from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import sessions as contract
from holdfast.contracts.sessions import Check, OperatorDecision, StopOrder, TripwireSignal
from holdfast.testing import Refusal, SteppedSessions
from tests.workflows.running import pass_time, running
from tests.workflows.session_telling import asked, attention_of, ended, result_of, start

WIRE = TripwireSignal(event_id="wire", version=1)


async def test_an_operators_retry_orders_stops_that_were_never_ordered_before(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["check"] = [Check(verdict="stop", reason="energy", tripwire_version=2)]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRIPWIRE_CROSSED, WIRE)
        await asked(fake, "stop", 1)
        for attempt in (2, 3, 4):
            await pass_time(time_skipping, timedelta(seconds=61))
            await asked(fake, "stop", attempt)
        await attention_of(handle, "stop_ignored")
        before = fake.script.names().count("stop")
        await handle.signal(
            contract.OPERATOR_DECIDED, OperatorDecision(event_id="d", action="retry")
        )
        await asked(fake, "stop", before + 1)
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        await result_of(handle)

    orders = [order for order in fake.script.orders("stop") if isinstance(order, StopOrder)]
    attempts = [order.attempt for order in orders]
    assert len(attempts) > before
    assert len(set(attempts)) == len(attempts)
    assert orders[before].valid_s == 60  # patient again, as at first


async def test_a_session_that_cannot_be_judged_goes_on_and_asks_for_a_person(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["check"] = [Refusal("TooManyPeriods")]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRIPWIRE_CROSSED, WIRE)
        await attention_of(handle, "cannot watch: TooManyPeriods")
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        result = await result_of(handle)

    assert result.state == "priced"
