"""Steps of a change of network profile, each an order to the station."""

from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.final_errors import final
from holdfast.contracts.network_changes import ChangeSeen, ChangeStep, EndChange
from holdfast.services import network_changes
from holdfast.services.refusal import NotFound
from holdfast.store.database import Sessions


@dataclass(frozen=True)
class NetworkChanges:
    """The network activities, with the database that the worker hands in."""

    sessions: Sessions

    @activity.defn(name="network.step")
    async def place_step(self, order: ChangeStep) -> ChangeSeen:
        """Place the order of a step; a repeat places nothing."""
        async with final(NotFound), self.sessions.begin() as db:
            return await network_changes.place_step(
                db, order.change_id, order.step, datetime.now(UTC)
            )

    @activity.defn(name="network.look")
    async def look_at_change(self, order: ChangeStep) -> ChangeSeen:
        """How the change, the step's order and the station's connection stand."""
        async with final(NotFound), self.sessions() as db:
            return await network_changes.look(db, order.change_id, order.step)

    @activity.defn(name="network.end")
    async def end_change(self, order: EndChange) -> ChangeSeen:
        """Write how it ended; where the station fell back, open a task for a person."""
        async with final(NotFound), self.sessions.begin() as db:
            return await network_changes.end(
                db, order.change_id, order.state, order.reason, datetime.now(UTC)
            )
