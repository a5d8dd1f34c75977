"""An order to a station: wait for its socket until `not_after`, send once, record the answer."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeout

from holdfast.contracts import orders as contract
from holdfast.contracts.orders import (
    EventSignal,
    FinishOrder,
    OrderAnswer,
    OrderRef,
    SendOrder,
    StartOrder,
    Whereabouts,
)
from workflows.seen_events import SeenEvents
from workflows.step import step

SEND_TIMEOUT_S = 30.0
SCHEDULE_TO_START = timedelta(seconds=3)
POLL_FIRST_S = 30
POLL_MAX_S = 900
ONE_ATTEMPT = RetryPolicy(maximum_attempts=1)


@workflow.defn(name=contract.WORKFLOW)
class StationOrder:
    """An order whose outcome is unknown stays unknown: it is never blindly sent again."""

    @workflow.init
    def __init__(self, start: StartOrder) -> None:
        self.order_id = start.order_id
        self.connected = 0
        self.seen = SeenEvents()

    @workflow.run
    async def run(self, start: StartOrder) -> OrderAnswer:
        """Deliver it, or say that it could not be delivered."""
        answer = await self._deliver(start)
        if start.kind == "start" and answer.state in ("rejected", "expired", "cancelled"):
            # The row is final; finishing it again only tells the session.
            answer = await self._finish(answer.state)
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.set_current_details(f"{answer.state} {answer.status or ''}".strip())
        return answer

    @workflow.signal
    def station_connected(self, fact: EventSignal) -> None:
        """The station is back: try again now."""
        if self.seen.is_new(fact.event_id):
            self.connected += 1

    async def _deliver(self, start: StartOrder) -> OrderAnswer:
        poll_s = POLL_FIRST_S
        while True:
            connected = self.connected
            where = await step(
                contract.locate_station,
                OrderRef(order_id=self.order_id),
                summary=f"where is {start.station}",
            )
            if where.closed:
                return OrderAnswer(state=where.state or "unknown")
            left = start.not_after - workflow.now()
            if left <= timedelta(0):
                return await self._finish("expired")
            if where.task_queue is not None:
                answer = await self._send(start, where)
                if answer is not None:
                    return answer
                pause = timedelta(seconds=1)
            else:
                pause, poll_s = timedelta(seconds=poll_s), min(POLL_MAX_S, poll_s * 2)
            workflow.set_current_details(f"{start.station} is not connected; waiting for it")
            await self._pause(connected, min(left, pause))

    async def _pause(self, connected: int, pause: timedelta) -> None:
        try:
            await workflow.wait_condition(
                lambda: self.connected != connected,
                timeout=pause,
                timeout_summary="until the station connects",
            )
        except TimeoutError:
            return

    async def _send(self, start: StartOrder, where: Whereabouts) -> OrderAnswer | None:
        """One attempt on one socket; None where certainly nothing was sent."""
        workflow.set_current_details(f"sending {start.kind} to {start.station}")
        try:
            return await workflow.execute_activity(
                contract.send_order,
                SendOrder(
                    order_id=self.order_id,
                    generation=where.generation or 0,
                    timeout_s=SEND_TIMEOUT_S,
                ),
                task_queue=where.task_queue,
                schedule_to_start_timeout=SCHEDULE_TO_START,
                start_to_close_timeout=timedelta(seconds=SEND_TIMEOUT_S + 5),
                retry_policy=ONE_ATTEMPT,
                summary=f"{start.kind} to {start.station}",
            )
        except ActivityError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError) and cause.type == "NotConnectedHere":
                return None
            if isinstance(cause, ActivityTimeout) and cause.type is TimeoutType.SCHEDULE_TO_START:
                return None
            # The gateway died or failed with the order in its hands. Its row says whether the
            # frame had left: finishing as unknown keeps a state that is already better known.
            return await self._finish("unknown")

    async def _finish(self, state: str) -> OrderAnswer:
        return await step(
            contract.finish_order,
            FinishOrder(order_id=self.order_id, state=state),
            summary=f"finish: {state}",
        )
