"""Every recorded history replays on today's code: a change that breaks running workflows fails."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from holdfast.adapters.temporal import data_converter
from holdfast.contracts.catalogue import BY_NAME
from tests.workflows.running import WORKFLOWS
from tests.workflows.scenarios import SCENARIOS
from workers.app import workflow_runner

HISTORIES = {
    path.stem: path.read_text() for path in (Path(__file__).parent / "histories").glob("*.json")
}


def history(text: str) -> WorkflowHistory:
    return WorkflowHistory.from_json("recorded", text)


def replayer() -> Replayer:
    return Replayer(
        workflows=WORKFLOWS, data_converter=data_converter(), workflow_runner=workflow_runner()
    )


def workflow_type(text: str) -> str:
    first = json.loads(text)["events"][0]
    return str(first["workflowExecutionStartedEventAttributes"]["workflowType"]["name"])


@pytest.mark.parametrize("name", sorted(HISTORIES))
async def test_a_recorded_history_replays(name: str) -> None:
    await replayer().replay_workflow(history(HISTORIES[name]))


async def test_a_change_of_the_commands_is_caught() -> None:
    recorded = HISTORIES["ordinary_session"]
    changed = recorded.replace('"sessions.settle"', '"sessions.cancel"')

    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(history(changed))


def test_every_workflow_and_every_scenario_is_recorded() -> None:
    assert {workflow_type(text) for text in HISTORIES.values()} == set(BY_NAME)
    assert {name.split("-")[0] for name in HISTORIES} == set(SCENARIOS)


@pytest.mark.parametrize("name", sorted(HISTORIES))
def test_a_history_names_no_machine(name: str) -> None:
    text = HISTORIES[name]

    assert '"identity": "worker"' in text
    assert "@" not in text
    assert ".py" not in text
