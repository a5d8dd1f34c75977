"""TariffSimulation: past sessions priced again under another version, portion by portion."""

from uuid import UUID

from temporalio import activity, workflow

from holdfast.contracts.message import Message, declared

WORKFLOW = "TariffSimulation"


class StartSimulation(Message):
    """A simulation's row exists. `tariff` is its tariff's id."""

    simulation_id: UUID
    organization: str
    organization_id: UUID
    tariff: str
    rebuilt: bool = False


class SimulationRef(Message):
    """Names a simulation."""

    simulation_id: UUID


class SimulationSeen(Message):
    """As its row is now. `total` is None before it began."""

    state: str
    done: int = 0
    total: int | None = None
    problem: str | None = None


class FailSimulation(Message):
    """It cannot go on; the text is for people."""

    simulation_id: UUID
    problem: str


@activity.defn(name="simulations.begin")
async def begin_simulation(order: SimulationRef) -> SimulationSeen:
    """Find out which sessions it is about; one that began or ended is left as it is."""
    declared()


@activity.defn(name="simulations.advance")
async def advance_simulation(order: SimulationRef) -> SimulationSeen:
    """Price as many portions as fit in a while; each is in the result before the next begins."""
    declared()


@activity.defn(name="simulations.fail")
async def fail_simulation(order: FailSimulation) -> SimulationSeen:
    """Write down why it cannot go on, unless it has ended."""
    declared()


@workflow.defn(name=WORKFLOW)
class TariffSimulationDeclaration:
    """Id `simulation-<simulation uuid>`, queue `tariffs`."""

    @workflow.run
    async def run(self, start: StartSimulation) -> SimulationSeen:
        """Price until nothing is left, or somebody cancelled."""
        declared()
