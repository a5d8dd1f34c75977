"""Where only a person can decide: the session pauses, says why, and goes on from there."""

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import sessions as contract
from holdfast.contracts.names import SESSION_STATE
from holdfast.contracts.sessions import (
    EndOrder,
    OperatorDecision,
    Settled,
    SettleOrder,
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
            OperatorDecision(
                event_id="d1", action="settle_anyway", reason="meter checked", actor="temporal-ui"
            ),
        )
        await result_of(handle)

    last = fake.script.orders("settle")[-1]
    assert answer == "noted: settle_anyway"
    assert isinstance(last, SettleOrder)
    assert (last.override, last.reason, last.actor) == (True, "meter checked", "temporal-ui")


async def test_a_failure_that_only_a_person_can_mend_pauses_and_is_tried_again(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["settle"] = [Refusal("TariffUnsupported")]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        await attention_of(handle, "cannot settle: TariffUnsupported")
        await handle.signal(
            contract.OPERATOR_DECIDED,
            OperatorDecision(event_id="d", action="retry", reason="tariff mended", actor="key:1"),
        )
        result = await result_of(handle)

    assert fake.script.names().count("settle") == 2
    assert result.state == "priced"


async def test_a_decision_without_a_reason_is_rejected(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(
                "resolve",
                OperatorDecision(event_id="d", action="waive", reason=" ", actor="temporal-ui"),
            )
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        await result_of(handle)

    (order,) = fake.script.orders("settle")
    assert isinstance(order, SettleOrder)
    assert not order.waive


async def test_an_operator_ends_and_waives_a_session(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedSessions(settled=Settled(outcome="waived", currency="EUR"))
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        for action in ("waive", "force_end"):
            await handle.signal(
                contract.OPERATOR_DECIDED,
                OperatorDecision.model_validate(
                    {"event_id": action, "action": action, "reason": "broken", "actor": "key:1"}
                ),
            )
        result = await result_of(handle)
        state = (await handle.describe()).typed_search_attributes.get(SESSION_STATE)

    (settle,) = fake.script.orders("settle")
    (end,) = fake.script.orders("end")
    assert isinstance(settle, SettleOrder)
    assert isinstance(end, EndOrder)
    assert (settle.waive, settle.reason, end.reason, end.note) == (
        True,
        "broken",
        "forced",
        "broken",
    )
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
                OperatorDecision(
                    event_id=f"d{number}", action="retry", reason="mended", actor="key:1"
                ),
            )
        await asked(fake, "begin", 3)
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        result = await result_of(handle)

    assert fake.script.names().count("begin") == 3
    assert result.state == "priced"
