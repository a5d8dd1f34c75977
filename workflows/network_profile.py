"""Another way for a station to reach us: written to a free slot, tried, and taken back."""

from temporalio import workflow

from holdfast.contracts import network_changes as contract
from holdfast.contracts.network_changes import (
    ChangeSeen,
    ChangeStep,
    EndChange,
    StartChange,
    Step,
)
from workflows.order_watch import Patience, ended
from workflows.step import step


@workflow.defn(name=contract.WORKFLOW)
class NetworkProfile:
    """The old slot stays second in the list, so a station that cannot come the new way comes back
    the old one by itself (2.0.1 B10.FR.03)."""

    @workflow.init
    def __init__(self, start: StartChange) -> None:
        self.start = start
        self.slot = 0

    @workflow.run
    async def run(self, start: StartChange) -> ChangeSeen:
        """Write the slot, set the order of slots, wait for the station, or take it back."""
        steps: tuple[tuple[Step, str], ...] = (
            ("profile", "the profile"),
            ("priority", "the list of slots"),
        )
        for name, what in steps:
            state = await self._ordered(name)
            if state != "accepted":
                if name == "priority" and state != "rejected":
                    # It may have taken the list all the same: put the old one back.
                    await self._ordered("restore")
                return await self._end("failed", f"{what}: {state or 'no answer in time'}")
        if start.reset:
            # Its answer may be lost with the restart itself: what counts is whether it comes back.
            await step(contract.place_step, self._of("reset"), summary="restart the station")
        if await self._back():
            slot = await self._slot_in_use()
            if slot is None:
                return await self._end("done", "the station does not say which slot it uses")
            if slot == self.slot:
                return await self._end("done", None)
        await self._ordered("restore")
        return await self._end("fallen_back", "the station did not come through the new profile")

    async def _ordered(self, name: Step) -> str | None:
        workflow.set_current_details(f"ordered: {name}; waits for {self.start.station} to answer")
        await step(contract.place_step, self._of(name), summary=f"order: {name}")
        answered = f"answered: {name}?"

        async def look() -> str | None:
            return (await step(contract.look_at_change, self._of(name), summary=answered)).order

        return await ended(look, self.start.deadline_at, f"until {self.start.station} answers")

    async def _back(self) -> bool:
        patience = Patience()
        while True:
            workflow.set_current_details(f"waits for {self.start.station} to come the new way")
            seen = await step(contract.look_at_change, self._of("reset"), summary="is it back")
            if seen.back:
                return True
            if not await patience.pause(
                self.start.deadline_at, lambda: False, f"until {self.start.station} is back"
            ):
                return False

    async def _slot_in_use(self) -> int | None:
        """As the station says; one that does not say is taken at its connection."""
        await self._ordered("active")
        seen = await step(contract.look_at_change, self._of("active"), summary="which slot")
        self.slot = seen.slot
        return seen.active_slot

    def _of(self, name: Step) -> ChangeStep:
        return ChangeStep(change_id=self.start.change_id, step=name)

    async def _end(self, state: str, reason: str | None) -> ChangeSeen:
        order = EndChange.model_validate(
            {"change_id": self.start.change_id, "state": state, "reason": reason}
        )
        workflow.set_current_details(f"{state} {reason or ''}".strip())
        return await step(contract.end_change, order, summary=f"end: {state}")
