"""A new password for a station: sent, then seen in use, or given up with the old one still good."""

from datetime import timedelta
from functools import partial

from temporalio import workflow

from holdfast.contracts import password_rotations as contract
from holdfast.contracts.password_rotations import (
    EndRotation,
    EventSignal,
    RotationOrder,
    RotationSeen,
    StartRotation,
)
from workflows.order_watch import OPEN_STATES, Patience
from workflows.seen_events import SeenEvents
from workflows.step import step

RESET_AFTER = timedelta(minutes=1)  # some stations log in anew by themselves


@workflow.defn(name=contract.WORKFLOW)
class PasswordRotation:
    """Until the station has shown which password it has, both are good."""

    @workflow.init
    def __init__(self, start: StartRotation) -> None:
        self.rotation = RotationOrder(rotation_id=start.rotation_id)
        self.logins = 0
        self.seen = SeenEvents()

    @workflow.run
    async def run(self, start: StartRotation) -> RotationSeen:
        """Send, then wait until the station comes with it, or the deadline."""
        now = await step(
            contract.send_password, self.rotation, summary=f"a new password for {start.station}"
        )
        now = await self._watched(start, now)
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.set_current_details(now.state)
        return now

    @workflow.signal
    def password_seen(self, fact: EventSignal) -> None:
        """The station logged in with the new password."""
        if self.seen.is_new(fact.event_id):
            self.logins += 1

    async def _watched(self, start: StartRotation, now: RotationSeen) -> RotationSeen:
        patience, reset_at = Patience(), None
        while now.state not in ("done", "failed"):
            if now.order == "rejected":
                return await self._end("the station refused it")
            if now.order not in (*OPEN_STATES, "accepted", "timed_out", "unknown"):
                return await self._end(f"the order is {now.order}")
            if now.state == "accepted" and start.reset:
                reset_at = reset_at or workflow.now() + RESET_AFTER
                if workflow.now() >= reset_at:
                    await step(contract.reset_station, self.rotation, summary="restart it")
            logins = self.logins
            workflow.set_current_details(f"{start.station} has not come with it; both are good")
            if not await patience.pause(
                start.deadline_at,
                partial(self._has_come_since, logins),
                f"until {start.station} comes with it",
            ):
                return await self._end("the station never came with it")
            now = await step(contract.look_at_rotation, self.rotation, summary="did it come")
        return now

    def _has_come_since(self, logins: int) -> bool:
        return self.logins != logins

    async def _end(self, reason: str) -> RotationSeen:
        order = EndRotation(rotation_id=self.rotation.rotation_id, reason=reason)
        return await step(contract.end_rotation, order, summary=f"end: {reason}")
