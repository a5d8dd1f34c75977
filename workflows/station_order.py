"""An order to a station: wait for its socket until `not_after`, send it, record the answer.

What may be repeated is sent again after a pause when no answer came; everything else is sent once.
Which is which is `domain.order_policy`'s to say, and the row's to count.
"""

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
from holdfast.domain.order_policy import ASKED_ABOUT
from workflows.seen_events import SeenEvents
from workflows.step import step

SEND_TIMEOUT_S = 30.0
SCHEDULE_TO_START = timedelta(seconds=3)
# Kinds that may take many calls; a gateway that dies meanwhile is noticed by its heartbeats.
MANY_CALLS = frozenset(
    {
        "clear_monitors",
        "configure",
        "installed_certificates",
        "local_list",
        "monitor",
        "monitoring_report",
        "read_configuration",
        "report",
    }
)
MANY_CALLS_MAX = timedelta(minutes=30)
HEARTBEAT = timedelta(seconds=60)
POLL_FIRST_S = 30
POLL_MAX_S = 900
BUSY_FIRST_S = 1
BUSY_MAX_S = 30
ONE_ATTEMPT = RetryPolicy(maximum_attempts=1)
TOLD_TO_LIST = ("local_list", "local_list_version")
TOLD_TO_SESSION = ("rejected", "expired", "superseded", "cancelled")


@workflow.defn(name=contract.WORKFLOW)
class StationOrder:
    """An order whose outcome is unknown is asked about, never blindly sent again."""

    @workflow.init
    def __init__(self, start: StartOrder) -> None:
        self.order_id = start.order_id
        self.connected = 0
        self.seen = SeenEvents()
        # Where the socket was when the order was placed; good for one attempt.
        self.hint: Whereabouts | None = None
        if start.task_queue is not None and start.generation is not None and not start.rebuilt:
            self.hint = Whereabouts(task_queue=start.task_queue, generation=start.generation)

    @workflow.run
    async def run(self, start: StartOrder) -> OrderAnswer:
        """Deliver it, or say that it could not be delivered."""
        answer = await self._deliver(start)
        if (
            (start.kind == "start" and answer.state in TOLD_TO_SESSION)
            or (start.kind in ASKED_ABOUT and answer.state == "timed_out")
            or (start.kind == "transaction_status" and start.session_id is not None)
            or start.kind in TOLD_TO_LIST
        ):
            # The row is final; finishing it again tells the session, asks the station, or goes on
            # with its local list.
            answer = await self._finish(answer.state)
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.set_current_details(f"{answer.state} {answer.status or ''}".strip())
        return answer

    @workflow.signal
    def station_connected(self, fact: EventSignal) -> None:
        """The station is back, its turn came, or the row has changed: look again now."""
        if self.seen.is_new(fact.event_id):
            self.connected += 1

    async def _deliver(self, start: StartOrder) -> OrderAnswer:
        poll_s, busy_s = POLL_FIRST_S, BUSY_FIRST_S
        while True:
            if workflow.info().is_continue_as_new_suggested():
                # A long wait. Nothing is lost: all that matters is in the row.
                workflow.continue_as_new(
                    start.model_copy(update={"task_queue": None, "generation": None})
                )
            connected, answer = self.connected, None
            where = await self._locate(start)
            if where.closed:
                return OrderAnswer(state=where.state or "timed_out")
            left, pause = start.not_after - workflow.now(), timedelta(0)
            if left <= timedelta(0):
                return await self._finish("expired")
            if where.task_queue is not None:
                answer = await self._send(start, where)
                if answer is not None and answer.state != "waiting":
                    return answer
                if answer is not None and answer.again_s is not None:
                    # A connection in between does not shorten the pause: it is for the station.
                    workflow.set_current_details(f"{start.station} did not answer; once more")
                    await self._rest(min(left, timedelta(seconds=answer.again_s)))
                    continue
                if answer is None:
                    pause, busy_s = timedelta(seconds=busy_s), min(BUSY_MAX_S, busy_s * 2)
            if where.task_queue is None or answer is not None:
                # Not connected, or not accepted yet: a signal tells when that changes.
                pause, poll_s = timedelta(seconds=poll_s), min(POLL_MAX_S, poll_s * 2)
            workflow.set_current_details(f"{start.station} cannot take it yet; waiting for it")
            await self._pause(connected, min(left, pause))

    async def _locate(self, start: StartOrder) -> Whereabouts:
        hint, self.hint = self.hint, None
        if hint is not None:
            return hint
        return await step(
            contract.locate_station,
            OrderRef(order_id=self.order_id),
            summary=f"where is {start.station}",
        )

    async def _pause(self, connected: int, pause: timedelta) -> None:
        try:
            await workflow.wait_condition(
                lambda: self.connected != connected,
                timeout=pause,
                timeout_summary="until the station connects",
            )
        except TimeoutError:
            return

    async def _rest(self, pause: timedelta) -> None:
        await workflow.sleep(pause, summary="before it is sent again")

    async def _send(self, start: StartOrder, where: Whereabouts) -> OrderAnswer | None:
        """One attempt on one socket; None where certainly nothing was sent."""
        workflow.set_current_details(f"sending {start.kind} to {start.station}")
        many = start.kind in MANY_CALLS
        try:
            return await workflow.execute_activity(
                contract.send_order,
                SendOrder(
                    order_id=self.order_id,
                    generation=where.generation or 0,
                    timeout_s=SEND_TIMEOUT_S,
                    station_id=start.station_id,
                    priority=start.priority,
                ),
                task_queue=where.task_queue,
                schedule_to_start_timeout=SCHEDULE_TO_START,
                start_to_close_timeout=MANY_CALLS_MAX
                if many
                else timedelta(seconds=SEND_TIMEOUT_S + 10),
                heartbeat_timeout=HEARTBEAT if many else None,
                retry_policy=ONE_ATTEMPT,
                summary=f"{start.kind} to {start.station}",
            )
        except ActivityError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError) and cause.type == "NotConnectedHere":
                return None
            if isinstance(cause, ApplicationError) and cause.type == "NotAccepted":
                return OrderAnswer(state="waiting")
            if isinstance(cause, ActivityTimeout) and cause.type is TimeoutType.SCHEDULE_TO_START:
                return None
            # The gateway died or failed with the order in its hands. Its row says whether the
            # frame had left: finishing as timed out keeps a state that is already better known.
            return await self._finish("timed_out")

    async def _finish(self, state: str) -> OrderAnswer:
        return await step(
            contract.finish_order,
            FinishOrder(order_id=self.order_id, state=state),
            summary=f"finish: {state}",
        )
