"""LateTruth: facts that came after a session's workflow had closed."""

from uuid import UUID

from temporalio import activity, workflow

from holdfast.contracts.message import Message, declared

WORKFLOW = "LateTruth"
FACT_CAME_LATE = "fact_came_late"


class StartLateTruth(Message):
    """A late fact is stored for this session."""

    session_id: UUID
    organization: str
    organization_id: UUID
    station: str
    site_id: UUID | None = None
    gather_s: int = 30  # wait this long for more before repricing


class LateOrder(Message):
    """Reprice this session from its rows and compare with what was settled."""

    session_id: UUID


class LateResult(Message):
    """The difference in minor units (positive: the driver owes more) and whether a task opened."""

    difference_minor: int
    energy_wh: int
    review_opened: bool


class EventSignal(Message):
    """One more late fact."""

    event_id: str


@activity.defn(name="sessions.reprice")
async def reprice_session(order: LateOrder) -> LateResult:
    """Price the same version again; open a review task where the total differs."""
    declared()


@workflow.defn(name=WORKFLOW)
class LateTruthDeclaration:
    """Id `late-<session uuid>`, queue `sessions`; may run again for the same session."""

    @workflow.run
    async def run(self, start: StartLateTruth) -> LateResult:
        """Gather, then reprice."""
        declared()
