"""NetworkChange: another way for a station to reach us, with the old one behind it (2.x B09, B10).

A profile of ours carries no credentials: the station keeps the password that it has.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from temporalio import activity, workflow

from holdfast.contracts.message import Message, declared

WORKFLOW = "NetworkProfile"

Step = Literal["profile", "priority", "reset", "active", "restore"]


class StartChange(Message):
    """A change's row exists."""

    change_id: UUID
    organization: str
    organization_id: UUID
    station_id: UUID
    station: str
    site_id: UUID | None = None
    reset: bool = False
    deadline_at: datetime
    rebuilt: bool = False


class ChangeStep(Message):
    """Names a change and a step of it, each of which is one order."""

    change_id: UUID
    step: Step


class ChangeSeen(Message):
    """As its rows are now: the change's state, the step's order, whether the station has connected
    anew with the profile's security; after the step `active`, which slot it says it uses."""

    state: str
    order: str | None = None
    back: bool = False
    active_slot: int | None = None
    slot: int = 0


class EndChange(Message):
    """How it ended."""

    change_id: UUID
    state: Literal["done", "fallen_back", "failed"]
    reason: str | None = None


@activity.defn(name="network.step")
async def place_step(order: ChangeStep) -> ChangeSeen:
    """Place the order of a step; a repeat places nothing."""
    declared()


@activity.defn(name="network.look")
async def look_at_change(order: ChangeStep) -> ChangeSeen:
    """How the change, the step's order and the station's connection stand."""
    declared()


@activity.defn(name="network.end")
async def end_change(order: EndChange) -> ChangeSeen:
    """Write how it ended; where the station fell back, open a task for a person."""
    declared()


@workflow.defn(name=WORKFLOW)
class NetworkProfileDeclaration:
    """Id `network-<change uuid>`, queue `orders`."""

    @workflow.run
    async def run(self, start: StartChange) -> ChangeSeen:
        """Write the slot, set the order of slots, wait for the station, or take it back."""
        declared()
