"""Steps of a simulation: find its sessions, price them for a while, write why it cannot go on."""

import time
from dataclasses import dataclass

from temporalio import activity

from activities.final_errors import final
from holdfast.contracts.tariff_simulations import FailSimulation, SimulationRef, SimulationSeen
from holdfast.services import simulation_portions
from holdfast.services.refusal import NotFound
from holdfast.store.database import Sessions

WHILE_S = 20.0  # then the workflow says how far it is, and the worker may end


@dataclass(frozen=True)
class TariffSimulations:
    """The simulations' activities, with the database that the worker hands in."""

    sessions: Sessions

    @activity.defn(name="simulations.begin")
    async def begin_simulation(self, order: SimulationRef) -> SimulationSeen:
        """Find out which sessions it is about; one that began or ended is left as it is."""
        async with final(NotFound), self.sessions.begin() as db:
            return await simulation_portions.begin(db, order.simulation_id)

    @activity.defn(name="simulations.advance")
    async def advance_simulation(self, order: SimulationRef) -> SimulationSeen:
        """Price as many portions as fit in a while; each is in the result before the next begins.

        Each is a transaction of its own: whoever comes after a kill goes on behind the last one.
        """
        until = time.monotonic() + WHILE_S
        async with final(NotFound, simulation_portions.SimulationUnreadable):
            while True:
                async with self.sessions.begin() as db:
                    found = await simulation_portions.advance(db, order.simulation_id)
                activity.heartbeat(found.done)
                over = time.monotonic() >= until or activity.is_worker_shutdown()
                if found.state != "running" or over:
                    return found

    @activity.defn(name="simulations.fail")
    async def fail_simulation(self, order: FailSimulation) -> SimulationSeen:
        """Write down why it cannot go on, unless it has ended."""
        async with final(NotFound), self.sessions.begin() as db:
            return await simulation_portions.fail(db, order.simulation_id, order.problem)
