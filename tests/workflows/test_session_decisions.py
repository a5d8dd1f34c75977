"""Where only a person can decide: the session pauses, says why, and goes on from there."""

import base64
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import sessions as contract
from holdfast.contracts.names import SESSION_STATE
from holdfast.contracts.sessions import (
    Cancelled,
    DecisionOrder,
    EndOrder,
    OperatorDecision,
    Resolution,
    Settled,
)
from holdfast.testing import Refusal, SteppedSessions
from tests.workflows.running import running
from tests.workflows.session_telling import asked, attention_of, ended, result_of, start


async def test_an_objection_waits_for_a_person_and_then_settles_anyway(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["settle"] = [Settled(blocked="energy_above_power")]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        await attention_of(handle, "quality: energy_above_power")
        answer = await handle.execute_update(
            "resolve",
            {"action": "settle_anyway", "reason": "meter checked", "actor": "key:somebody else"},
        )
        await result_of(handle)

    (noted,) = fake.script.orders("decide")
    assert answer == "noted: settle_anyway"
    assert isinstance(noted, DecisionOrder)
    assert (noted.action, noted.reason) == ("settle_anyway", "meter checked")
    assert fake.script.names()[-4:] == ["attention", "decide", "settle", "attention"]


async def test_a_decision_that_the_rows_do_not_allow_fails_and_changes_nothing(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["decide"] = [Refusal("Conflict")]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await handle.execute_update(
                "resolve", Resolution(action="settle_anyway", reason="in advance")
            )
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        await result_of(handle)

    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "Conflict"
    assert sorted(fake.script.names()) == ["begin", "decide", "settle"]


async def test_what_a_person_writes_goes_to_one_activity_and_no_further(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.execute_update(
            "resolve", Resolution(action="waive", reason="Erika Mustermann was stranded")
        )
        await handle.execute_update("resolve", Resolution(action="force_end", reason="cable cut"))
        result = await result_of(handle)
        history = (await handle.fetch_history()).to_json()

    assert result.state == "priced"
    assert holders(json.loads(history), "Mustermann") == [
        "workflowExecutionUpdateAcceptedEventAttributes",
        "activityTaskScheduledEventAttributes",
    ]


async def test_a_session_that_is_built_again_knows_what_was_decided(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    decision = OperatorDecision(event_id="audit-1", action="force_end")
    again = start(rebuilt=True, decisions=(decision,))
    async with running(time_skipping.client, contract.WORKFLOW, again, fake.activities()) as handle:
        await handle.signal(contract.OPERATOR_DECIDED, decision)
        await result_of(handle)

    assert fake.script.names() == ["begin", "end", "settle"]


async def test_an_ordered_session_that_is_built_again_waits_only_for_the_time_that_is_left(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.plan = fake.plan.model_copy(update={"start_left_s": 7})
    async with running(
        time_skipping.client,
        contract.WORKFLOW,
        start(started=False, rebuilt=True, start_timeout_s=3600),
        fake.activities(),
    ) as handle:
        result = await result_of(handle)
        description = await handle.describe()

    assert result.state == "failed"
    assert description.close_time is not None
    waited = description.close_time - description.start_time
    assert timedelta(seconds=7) <= waited < timedelta(seconds=60)


async def test_a_forced_end_holds_though_the_start_is_stored_at_that_moment(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["cancel"] = [Cancelled(closed=False)]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(started=False), fake.activities()
    ) as handle:
        await handle.signal(
            contract.OPERATOR_DECIDED, OperatorDecision(event_id="d", action="force_end")
        )
        result = await result_of(handle)

    assert fake.script.names() == ["begin", "cancel", "begin", "end", "settle"]
    assert result.state == "priced"


async def test_a_session_that_cannot_begin_can_be_ended_by_a_person(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["begin"] = [Refusal("TariffInvalid")]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await attention_of(handle, "cannot begin: TariffInvalid")
        await handle.signal(
            contract.OPERATOR_DECIDED, OperatorDecision(event_id="d", action="force_end")
        )
        await result_of(handle)

    assert fake.script.names()[:4] == ["begin", "attention", "end", "begin"]


async def test_the_end_of_a_session_that_could_not_begin_is_not_slept_through(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["begin"] = [Refusal("TariffInvalid")]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await attention_of(handle, "cannot begin: TariffInvalid")
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        result = await result_of(handle)

    assert result.state == "priced"


def holders(history: dict[str, Any], text: str) -> list[str]:
    """The attributes of the events whose payloads hold this text."""
    found = []
    for event in history["events"]:
        for name, attributes in event.items():
            if not isinstance(attributes, dict):
                continue
            plain = [
                base64.b64decode(data)
                for data in re.findall(r'"data": "([^"]*)"', json.dumps(attributes))
            ]
            if any(text.encode() in data for data in plain) or text in json.dumps(attributes):
                found.append(name)
    return found


async def test_a_failure_that_only_a_person_can_mend_pauses_and_is_tried_again(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["settle"] = [Refusal("SessionTooLong")]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        await attention_of(handle, "cannot settle: SessionTooLong")
        await handle.signal(
            contract.OPERATOR_DECIDED,
            OperatorDecision(event_id="d", action="retry"),
        )
        result = await result_of(handle)

    assert fake.script.names().count("settle") == 2
    assert result.state == "priced"


async def test_a_decision_without_a_reason_is_rejected(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update("resolve", {"action": "waive"})
        assert "say why" in str(refused.value.cause)
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        await result_of(handle)

    assert fake.script.orders("decide") == []


async def test_an_operator_ends_and_waives_a_session(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedSessions(settled=Settled(outcome="waived", currency="EUR"))
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        for action in ("waive", "force_end"):
            await handle.signal(
                contract.OPERATOR_DECIDED,
                OperatorDecision.model_validate({"event_id": action, "action": action}),
            )
        result = await result_of(handle)
        state = (await handle.describe()).typed_search_attributes.get(SESSION_STATE)

    (end,) = fake.script.orders("end")
    assert isinstance(end, EndOrder)
    assert end.reason == "forced"
    assert (result.state, result.outcome, state) == ("settled", "waived", "settled")


async def test_a_session_that_cannot_begin_waits_for_a_person_each_time(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["begin"] = [Refusal("TariffInvalid"), Refusal("TariffInvalid")]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        for number in (1, 2):
            await asked(fake, "begin", number)
            await attention_of(handle, "cannot begin: TariffInvalid")
            await handle.signal(
                contract.OPERATOR_DECIDED,
                OperatorDecision(event_id=f"d{number}", action="retry"),
            )
        await asked(fake, "begin", 3)
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        result = await result_of(handle)

    assert fake.script.names().count("begin") == 3
    assert result.state == "priced"
