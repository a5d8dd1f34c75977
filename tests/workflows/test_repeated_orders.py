"""StationOrder: what may be sent again is; what may not be is asked about; a hint saves a look."""

from uuid import uuid4

from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from holdfast.contracts import orders as contract
from holdfast.contracts.orders import OrderAnswer, SendOrder, Whereabouts
from holdfast.testing import SteppedOrders
from tests.workflows.running import finished, running
from tests.workflows.test_station_order import start


async def test_an_order_goes_at_once_where_the_socket_was_when_it_was_placed(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake, queue = SteppedOrders(), f"gw.test.{uuid4()}"
    ordered = await start(time_skipping, task_queue=queue, generation=4, priority=2)
    async with (
        Worker(time_skipping.client, task_queue=queue, activities=[fake.send_order]),
        running(time_skipping.client, contract.WORKFLOW, ordered, fake.activities()) as handle,
    ):
        answer = OrderAnswer.model_validate(await finished(handle))

    assert answer.state == "accepted"
    assert fake.script.names() == ["send"]
    (sent,) = fake.script.orders("send")
    assert isinstance(sent, SendOrder)
    assert (sent.generation, sent.priority, sent.station_id) == (4, 2, ordered.station_id)


async def test_an_order_is_sent_again_after_the_pause_that_its_row_says(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake, queue = SteppedOrders(), f"gw.test.{uuid4()}"
    here = Whereabouts(task_queue=queue, generation=1)
    fake.script.answers = {
        "locate": [here, here, here],
        "send": [
            OrderAnswer(state="waiting", again_s=5.0),
            ApplicationError("not yet", type="NotAccepted", non_retryable=True),
        ],
    }
    ordered = await start(time_skipping, kind="configure")
    async with (
        Worker(time_skipping.client, task_queue=queue, activities=[fake.send_order]),
        running(time_skipping.client, contract.WORKFLOW, ordered, fake.activities()) as handle,
    ):
        answer = OrderAnswer.model_validate(await finished(handle))

    assert answer.state == "accepted"
    assert fake.script.names() == ["locate", "send"] * 3


async def test_an_unlock_without_an_answer_is_asked_about(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake, queue = SteppedOrders(), f"gw.test.{uuid4()}"
    fake.script.answers = {
        "locate": [Whereabouts(task_queue=queue, generation=1)],
        "send": [OrderAnswer(state="timed_out")],
    }
    ordered = await start(time_skipping, kind="unlock")
    async with (
        Worker(time_skipping.client, task_queue=queue, activities=[fake.send_order]),
        running(time_skipping.client, contract.WORKFLOW, ordered, fake.activities()) as handle,
    ):
        answer = OrderAnswer.model_validate(await finished(handle))

    assert answer.state == "timed_out"
    # `finish` places the question (services/order_steps.py).
    assert fake.script.names() == ["locate", "send", "finish"]
