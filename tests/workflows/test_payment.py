"""Payment: holds that are confirmed, forgotten, captured, released, and providers that refuse."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import payments as contract
from holdfast.contracts.names import ATTENTION
from holdfast.contracts.payments import (
    AmountSignal,
    CaptureOrder,
    NoticeSignal,
    PaymentDecision,
    PaymentDecisionOrder,
    PaymentResolution,
    PaymentResult,
    PaymentSeen,
    ReasonSignal,
    ReleaseOrder,
    StartPayment,
    WriteOffOrder,
)
from holdfast.testing import NOTED, Refusal, SteppedPayments
from tests.workflows.running import ORGANIZATION, finished, pass_time, running

WAITING = PaymentSeen(state="action_required")
HELD = PaymentSeen(state="held", held_minor=6000)


def start(kind: str = "hold", **fields: Any) -> StartPayment:
    return StartPayment.model_validate(
        {
            "payment_id": uuid4(),
            "organization": "acme",
            "organization_id": ORGANIZATION,
            "kind": kind,
            "amount_minor": 6000,
            "currency": "EUR",
            **fields,
        }
    )


async def result_of(handle: WorkflowHandle[Any, Any]) -> PaymentResult:
    return PaymentResult.model_validate(await finished(handle))


async def asked(fake: SteppedPayments, name: str, times: int = 1) -> None:
    for _ in range(1500):
        if fake.script.names().count(name) >= times:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name} was asked {fake.script.names().count(name)} times")


def capture(event_id: str = "settle", amount: int = 1000) -> AmountSignal:
    return AmountSignal(event_id=event_id, amount_minor=amount)


async def test_a_hold_is_captured_once_for_the_first_amount_asked(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedPayments()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        for event_id, amount in (("settle", 1000), ("settle", 1000), ("again", 2000)):
            await handle.signal(contract.CAPTURE_ASKED, capture(event_id, amount))
        result = await result_of(handle)

    (order,) = fake.script.orders("capture")
    assert isinstance(order, CaptureOrder)
    assert (order.amount_minor, result.state, result.captured_minor) == (1000, "captured", 1000)


async def test_a_webhook_that_never_comes_is_replaced_by_looking(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedPayments()
    fake.script.answers = {"hold": [WAITING], "look": [WAITING, HELD]}
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await asked(fake, "hold")
        await pass_time(time_skipping, timedelta(minutes=1))
        await asked(fake, "look", 2)
        await handle.signal(contract.CAPTURE_ASKED, capture())
        result = await result_of(handle)

    assert result.state == "captured"


async def test_a_webhook_only_makes_it_look_again(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedPayments()
    fake.script.answers = {"hold": [WAITING], "look": [HELD]}
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await asked(fake, "hold")
        notice = NoticeSignal(event_id="evt_1", type="payment_intent.amount_capturable_updated")
        await handle.signal(contract.PROVIDER_NOTICED, notice)
        await handle.signal(contract.PROVIDER_NOTICED, notice)
        await asked(fake, "look")
        await handle.signal(contract.CAPTURE_ASKED, capture())
        await result_of(handle)

    assert fake.script.names() == ["hold", "look", "capture"]


async def test_a_hold_that_nobody_confirms_is_released(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedPayments()
    fake.script.answers = {"hold": [WAITING], "look": [WAITING] * 100}
    async with running(
        time_skipping.client, contract.WORKFLOW, start(hold_timeout_s=600), fake.activities()
    ) as handle:
        result = await result_of(handle)

    (order,) = fake.script.orders("release")
    assert isinstance(order, ReleaseOrder)
    assert (result.state, order.reason) == ("released", "not confirmed in time")


async def test_a_hold_without_a_session_is_given_back_in_minutes(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedPayments()
    began = await time_skipping.get_current_time()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(hold_timeout_s=900), fake.activities()
    ) as handle:
        result = await result_of(handle)

    assert result.state == "released"
    assert await time_skipping.get_current_time() - began >= timedelta(seconds=900)
    assert fake.script.names() == ["hold", "look", "release"]


async def test_a_hold_of_an_open_session_is_kept_and_warned_about_before_it_expires(
    time_skipping: WorkflowEnvironment,
) -> None:
    now = await time_skipping.get_current_time()
    claimed = HELD.model_copy(update={"claimed": True, "capture_before": now + timedelta(days=2)})
    fake = SteppedPayments()
    fake.script.answers = {"hold": [claimed], "look": [claimed] * 1000}
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await asked(fake, "hold")
        await pass_time(time_skipping, timedelta(hours=30))
        await asked(fake, "attention")
        shown = (await handle.describe()).typed_search_attributes.get(ATTENTION)
        await handle.signal(contract.CAPTURE_ASKED, capture())
        result = await result_of(handle)

    assert shown == "hold_expires_soon"
    assert result.state == "captured"


async def test_a_release_before_the_hold_is_asked_for_needs_no_hold(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedPayments()
    released = start(release=ReasonSignal(event_id="cancel", reason="never started"))
    async with running(
        time_skipping.client, contract.WORKFLOW, released, fake.activities()
    ) as handle:
        await result_of(handle)

    assert fake.script.names() == ["release"]


async def test_a_declined_charge_is_a_result(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedPayments()
    fake.script.answers = {"charge": [PaymentSeen(state="failed", decline_code="lost_card")]}
    async with running(
        time_skipping.client, contract.WORKFLOW, start("off_session"), fake.activities()
    ) as handle:
        result = await result_of(handle)

    assert (result.state, result.captured_minor) == ("failed", 0)


async def test_an_unknown_answer_is_asked_again_until_it_is_known(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedPayments()
    fake.script.answers = {"charge": [ConnectionError("gone")] * 5}
    async with running(
        time_skipping.client, contract.WORKFLOW, start("off_session"), fake.activities()
    ) as handle:
        result = await result_of(handle)

    assert fake.script.names() == ["charge"] * 6
    assert result.state == "captured"


async def test_a_refusing_provider_needs_attention_and_is_tried_again(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedPayments()
    fake.script.answers = {"charge": [Refusal("PaymentProviderUnusable")]}
    async with running(
        time_skipping.client, contract.WORKFLOW, start("off_session"), fake.activities()
    ) as handle:
        await asked(fake, "attention")
        shown = (await handle.describe()).typed_search_attributes.get(ATTENTION)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update("resolve", {"action": "retry"})
        assert "say why" in str(refused.value.cause)
        await handle.execute_update(
            "resolve",
            PaymentResolution(action="retry", reason="new key"),
        )
        result = await result_of(handle)

    (noted,) = fake.script.orders("decide")
    assert isinstance(noted, PaymentDecisionOrder)
    assert noted.reason == "new key"
    assert shown == "provider: PaymentProviderUnusable"
    assert result.state == "captured"


async def test_a_person_may_write_it_off(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedPayments()
    fake.script.answers = {"charge": [Refusal("PaymentProviderUnusable")]}
    async with running(
        time_skipping.client, contract.WORKFLOW, start("off_session"), fake.activities()
    ) as handle:
        await asked(fake, "attention")
        await handle.signal(
            contract.OPERATOR_DECIDED,
            PaymentDecision(event_id="d", action="write_off", audit_id=NOTED),
        )
        result = await result_of(handle)

    assert fake.script.names()[:3] == ["charge", "attention", "write_off"]
    (order,) = fake.script.orders("write_off")
    assert isinstance(order, WriteOffOrder)
    assert order.audit_id == NOTED
    assert result.state == "failed"


async def test_a_payment_that_is_built_again_knows_that_it_was_given_up(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedPayments()
    fake.script.answers = {"charge": [Refusal("PaymentProviderUnusable")]}
    decision = PaymentDecision(event_id="d", action="write_off", audit_id=NOTED)
    again = start("off_session", rebuilt=True, decisions=(decision,))
    async with running(time_skipping.client, contract.WORKFLOW, again, fake.activities()) as handle:
        result = await result_of(handle)

    assert fake.script.names() == ["charge", "attention", "write_off", "attention"]
    assert result.state == "failed"
