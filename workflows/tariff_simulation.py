"""What a tariff would have earned: past sessions priced again, a while at a time."""

from datetime import timedelta

from temporalio import workflow

from holdfast.contracts import tariff_simulations as contract
from holdfast.contracts.tariff_simulations import (
    FailSimulation,
    SimulationRef,
    SimulationSeen,
    StartSimulation,
)
from workflows.step import Refused, step

ADVANCE_WITHIN = timedelta(minutes=5)
HEARTBEAT = timedelta(seconds=60)  # a portion takes a second or two
ROUNDS_MAX = 300


@workflow.defn(name=contract.WORKFLOW)
class TariffSimulation:
    """Its row holds the result and how far it is: a worker that dies loses one portion's work."""

    @workflow.init
    def __init__(self, start: StartSimulation) -> None:
        self.order = SimulationRef(simulation_id=start.simulation_id)

    @workflow.run
    async def run(self, start: StartSimulation) -> SimulationSeen:
        """Price until nothing is left, or somebody cancelled."""
        try:
            seen = await step(
                contract.begin_simulation, self.order, summary="which sessions is it about"
            )
            for _ in range(ROUNDS_MAX):
                workflow.set_current_details(f"{seen.state}: {seen.done} of {seen.total} sessions")
                if seen.state != "running":
                    return seen
                seen = await step(
                    contract.advance_simulation,
                    self.order,
                    summary=f"from session {seen.done} on",
                    within=ADVANCE_WITHIN,
                    heartbeat=HEARTBEAT,
                )
        except Refused as error:
            seen = await step(
                contract.fail_simulation,
                FailSimulation(simulation_id=start.simulation_id, problem=error.message),
                summary="it cannot go on",
            )
            workflow.set_current_details(f"{seen.state}: {seen.problem}")
            return seen
        workflow.continue_as_new(start)
