"""StationOrder: sent once, on the queue of whoever holds the socket, or not at all."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from holdfast.contracts import orders as contract
from holdfast.contracts.orders import (
    EventSignal,
    FinishOrder,
    OrderAnswer,
    StartOrder,
    Whereabouts,
)
from holdfast.testing import SteppedOrders
from tests.workflows.running import ORGANIZATION, finished, running


async def start(environment: WorkflowEnvironment, **fields: Any) -> StartOrder:
    values: dict[str, Any] = {
        "order_id": uuid4(),
        "organization": "acme",
        "organization_id": ORGANIZATION,
        "station_id": uuid4(),
        "station": "CP-1",
        "kind": "reset",
        "not_after": await environment.get_current_time() + timedelta(minutes=10),
    }
    return StartOrder.model_validate({**values, **fields})


async def test_an_order_is_sent_on_the_gateways_own_queue(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedOrders()
    queue = f"gw.test.{uuid4()}"
    fake.script.answers["locate"] = [Whereabouts(task_queue=queue, generation=3)]
    async with (
        Worker(time_skipping.client, task_queue=queue, activities=[fake.send_order]),
        running(
            time_skipping.client, contract.WORKFLOW, await start(time_skipping), fake.activities()
        ) as handle,
    ):
        answer = OrderAnswer.model_validate(await finished(handle))

    assert (answer.state, answer.status) == ("accepted", "Accepted")
    assert fake.script.names() == ["locate", "send"]


async def test_an_order_waits_for_its_station_and_goes_when_it_connects(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedOrders()
    queue = f"gw.test.{uuid4()}"
    here = Whereabouts(task_queue=queue, generation=1)
    async with (
        Worker(time_skipping.client, task_queue=queue, activities=[fake.send_order]),
        running(
            time_skipping.client, contract.WORKFLOW, await start(time_skipping), fake.activities()
        ) as handle,
    ):
        while "locate" not in fake.script.names():  # noqa: ASYNC110 - a fake raises no event
            await asyncio.sleep(0.02)
        fake.script.answers["locate"] = [here]
        await handle.signal(contract.STATION_CONNECTED, EventSignal(event_id="connected"))
        answer = OrderAnswer.model_validate(await finished(handle))

    assert answer.state == "accepted"


async def test_an_order_that_is_too_late_expires_unsent(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedOrders()
    async with running(
        time_skipping.client, contract.WORKFLOW, await start(time_skipping), fake.activities()
    ) as handle:
        answer = OrderAnswer.model_validate(await finished(handle))

    assert answer.state == "expired"
    assert "send" not in fake.script.names()
    assert len(fake.script.orders("locate")) <= 8


async def test_a_socket_that_moved_is_looked_for_again(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedOrders()
    queue = f"gw.test.{uuid4()}"
    here = Whereabouts(task_queue=queue, generation=1)
    moved = ApplicationError("not here", type="NotConnectedHere", non_retryable=True)
    fake.script.answers = {"locate": [here, here], "send": [moved]}
    async with (
        Worker(time_skipping.client, task_queue=queue, activities=[fake.send_order]),
        running(
            time_skipping.client, contract.WORKFLOW, await start(time_skipping), fake.activities()
        ) as handle,
    ):
        answer = OrderAnswer.model_validate(await finished(handle))

    assert answer.state == "accepted"
    assert fake.script.names() == ["locate", "send", "locate", "send"]


async def test_a_dead_gateway_is_noticed_and_the_order_goes_elsewhere(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedOrders()
    alive = f"gw.test.{uuid4()}"
    fake.script.answers["locate"] = [
        Whereabouts(task_queue=f"gw.dead.{uuid4()}", generation=1),
        Whereabouts(task_queue=alive, generation=2),
    ]
    async with (
        Worker(time_skipping.client, task_queue=alive, activities=[fake.send_order]),
        running(
            time_skipping.client, contract.WORKFLOW, await start(time_skipping), fake.activities()
        ) as handle,
    ):
        answer = OrderAnswer.model_validate(await finished(handle))

    assert answer.state == "accepted"
    assert fake.script.names() == ["locate", "locate", "send"]


async def test_an_order_whose_outcome_is_unknown_is_not_sent_again(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedOrders()
    queue = f"gw.test.{uuid4()}"
    fake.script.answers = {
        "locate": [Whereabouts(task_queue=queue, generation=1)],
        "send": [RuntimeError("the gateway died")],
    }
    async with (
        Worker(time_skipping.client, task_queue=queue, activities=[fake.send_order]),
        running(
            time_skipping.client, contract.WORKFLOW, await start(time_skipping), fake.activities()
        ) as handle,
    ):
        answer = OrderAnswer.model_validate(await finished(handle))

    assert answer.state == "timed_out"
    assert fake.script.names() == ["locate", "send", "finish"]


async def test_a_rejected_start_is_told_to_its_session(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedOrders()
    queue = f"gw.test.{uuid4()}"
    fake.script.answers = {
        "locate": [Whereabouts(task_queue=queue, generation=1)],
        "send": [OrderAnswer(state="rejected", status="Rejected")],
    }
    ordered = await start(time_skipping, kind="start", session_id=uuid4())
    async with (
        Worker(time_skipping.client, task_queue=queue, activities=[fake.send_order]),
        running(time_skipping.client, contract.WORKFLOW, ordered, fake.activities()) as handle,
    ):
        await finished(handle)

    (told,) = fake.script.orders("finish")
    assert isinstance(told, FinishOrder)
    assert told.state == "rejected"


async def test_an_order_that_is_final_already_does_nothing(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedOrders()
    fake.script.answers["locate"] = [Whereabouts(closed=True, state="cancelled")]
    async with running(
        time_skipping.client, contract.WORKFLOW, await start(time_skipping), fake.activities()
    ) as handle:
        answer = OrderAnswer.model_validate(await finished(handle))

    assert answer.state == "cancelled"


async def test_the_end_of_a_local_lists_order_is_told_so_that_its_next_step_is_placed(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedOrders()
    queue = f"gw.test.{uuid4()}"
    fake.script.answers["locate"] = [Whereabouts(task_queue=queue, generation=3)]
    begun = await start(time_skipping, kind="local_list")
    async with (
        Worker(time_skipping.client, task_queue=queue, activities=[fake.send_order]),
        running(time_skipping.client, contract.WORKFLOW, begun, fake.activities()) as handle,
    ):
        await finished(handle)

    assert fake.script.names() == ["locate", "send", "finish"]
