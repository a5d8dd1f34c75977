"""LateTruth: facts that trickle in are gathered, and priced until nothing new came meanwhile."""

from uuid import uuid4

from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import late_truth as contract
from holdfast.contracts.late_truth import EventSignal, LateResult, StartLateTruth
from holdfast.testing import SteppedSessions
from tests.workflows.running import ORGANIZATION, finished, running


async def test_facts_that_come_together_are_priced_once(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    difference = LateResult(difference_minor=100, energy_wh=22_000, review_opened=True)
    fake.script.answers["reprice"] = [difference]
    start = StartLateTruth(
        session_id=uuid4(),
        organization="acme",
        organization_id=ORGANIZATION,
        station="CP-1",
        gather_s=30,
    )
    async with running(time_skipping.client, contract.WORKFLOW, start, fake.activities()) as handle:
        for event_id in ("a", "b", "b"):
            await handle.signal(contract.FACT_CAME_LATE, EventSignal(event_id=event_id))
        result = LateResult.model_validate(await finished(handle))

    assert result == difference
    assert fake.script.names() == ["reprice"]
