"""ChargingSession: hours in milliseconds, with activities that keep what they were asked."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from holdfast.contracts import sessions as contract
from holdfast.contracts.names import ATTENTION, SESSION_STATE
from holdfast.contracts.sessions import (
    Cancelled,
    CancelOrder,
    ChargingStateSignal,
    Check,
    EndOrder,
    EventSignal,
    OperatorDecision,
    SessionResult,
    Settled,
    SettleOrder,
    StartRefusedSignal,
    StartSession,
    StopOrder,
    TransactionEndedSignal,
    TransactionStartedSignal,
    TripwireSignal,
)
from holdfast.testing import Refusal, SteppedSessions
from tests.workflows.running import ORGANIZATION, running

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def start(*, started: bool = True, **fields: Any) -> StartSession:
    return StartSession(
        session_id=uuid4(),
        organization="acme",
        organization_id=ORGANIZATION,
        station="CP-1",
        evse=1,
        started_at=NOON if started else None,
        **fields,
    )


def ended(event_id: str = "ended", *, complete: bool = True) -> TransactionEndedSignal:
    return TransactionEndedSignal(
        event_id=event_id, at=NOON, reason="EVDisconnected", complete=complete
    )


async def result_of(handle: WorkflowHandle[Any, Any]) -> SessionResult:
    return SessionResult.model_validate(await handle.result())


async def attention_of(handle: WorkflowHandle[Any, Any], reason: str) -> None:
    """Wait until the workflow asks for attention."""
    for _ in range(200):
        description = await handle.describe()
        if description.typed_search_attributes.get(ATTENTION) == reason:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"no attention {reason!r}")


async def asked(fake: SteppedSessions, name: str, times: int) -> None:
    """Wait until an activity was asked so often."""
    for _ in range(300):
        if fake.script.names().count(name) >= times:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name} was asked {fake.script.names().count(name)} times")


async def test_an_ordinary_session_is_settled_and_its_history_stays_short(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        for number, state in enumerate(("suspended_ev", "charging")):
            await asked(fake, "begin", 1)
            await handle.signal(
                contract.CHARGING_STATE_CHANGED,
                ChargingStateSignal(event_id=f"state{number}", at=NOON, state=state),
            )
            await asyncio.sleep(0.1)
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        result = await result_of(handle)
        history = await handle.fetch_history()

    assert fake.script.names() == ["begin", "settle"]
    assert (result.state, result.amount_minor, result.energy_wh) == ("priced", 1234, 20_000)
    assert len(history.events) <= 60


async def test_a_repeated_end_changes_nothing(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        for event_id in ("ended", "ended", "ended again"):
            await handle.signal(contract.TRANSACTION_ENDED, ended(event_id))
        await result_of(handle)

    assert fake.script.names().count("settle") == 1


async def test_an_ordered_session_that_never_starts_is_cancelled_in_time(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    began = await time_skipping.get_current_time()
    async with running(
        time_skipping.client,
        contract.WORKFLOW,
        start(started=False, start_timeout_s=300),
        fake.activities(),
    ) as handle:
        result = await result_of(handle)

    (order,) = fake.script.orders("cancel")
    assert isinstance(order, CancelOrder)
    assert order.reason == "start_timeout"
    assert result.state == "failed"
    assert await time_skipping.get_current_time() - began >= timedelta(seconds=300)


async def test_a_refused_start_is_cancelled_at_once(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(started=False), fake.activities()
    ) as handle:
        await handle.signal(
            contract.START_REFUSED, StartRefusedSignal(event_id="order", order_state="rejected")
        )
        result = await result_of(handle)

    (order,) = fake.script.orders("cancel")
    assert isinstance(order, CancelOrder)
    assert (result.state, order.reason) == ("failed", "start_refused")


async def test_a_start_that_wins_the_race_against_the_timeout_goes_on(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["cancel"] = [Cancelled(closed=False)]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(started=False), fake.activities()
    ) as handle:
        await asked(fake, "begin", 1)
        await handle.signal(
            contract.START_REFUSED, StartRefusedSignal(event_id="order", order_state="expired")
        )
        await asked(fake, "begin", 2)
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        result = await result_of(handle)

    assert result.state == "priced"


async def test_a_remote_start_is_watched_from_the_reported_start(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(started=False), fake.activities()
    ) as handle:
        await handle.signal(
            contract.TRANSACTION_STARTED, TransactionStartedSignal(event_id="started", at=NOON)
        )
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        await result_of(handle)

    assert fake.script.names()[-1] == "settle"
    assert "cancel" not in fake.script.names()


async def test_a_stop_is_ordered_again_until_the_charger_obeys(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["check"] = [Check(verdict="stop", reason="energy", tripwire_version=2)]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRIPWIRE_CROSSED, TripwireSignal(event_id="wire", version=1))
        await asked(fake, "stop", 1)
        for _ in range(4):
            await time_skipping.sleep(timedelta(seconds=61))
        await attention_of(handle, "stop_ignored")
        await time_skipping.sleep(timedelta(hours=2))
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        result = await result_of(handle)
        left = (await handle.describe()).typed_search_attributes.get(ATTENTION)

    attempts = [
        order.attempt for order in fake.script.orders("stop") if isinstance(order, StopOrder)
    ]
    assert attempts == list(range(1, len(attempts) + 1))
    assert len(attempts) >= 5
    assert result.state == "priced"
    assert left is None


async def test_a_zombie_is_ended_at_its_last_register(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedSessions()
    fake.script.answers["check"] = [
        Check(verdict="silent", reason="silence", tripwire_version=2),
        Check(verdict="zombie", reason="zombie", tripwire_version=2),
    ]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRIPWIRE_CROSSED, TripwireSignal(event_id="a", version=1))
        await attention_of(handle, "silent")
        await handle.signal(contract.TRIPWIRE_CROSSED, TripwireSignal(event_id="b", version=2))
        result = await result_of(handle)

    (order,) = fake.script.orders("end")
    assert isinstance(order, EndOrder)
    assert order.reason == "zombie"
    assert result.state == "priced"


async def test_a_silent_session_that_is_heard_again_needs_no_attention(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.script.answers["check"] = [Check(verdict="silent", reason="silence", tripwire_version=2)]
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRIPWIRE_CROSSED, TripwireSignal(event_id="a", version=1))
        await attention_of(handle, "silent")
        await handle.signal(
            contract.CHARGING_STATE_CHANGED,
            ChargingStateSignal(event_id="s", at=NOON, state="charging"),
        )
        await asked(fake, "attention", 2)
        await handle.signal(contract.TRANSACTION_ENDED, ended())
        await result_of(handle)

    assert fake.script.names().count("attention") == 2


async def test_settlement_waits_for_what_the_station_still_owes(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRANSACTION_ENDED, ended(complete=False))
        await asyncio.sleep(0.3)
        waited = "settle" not in fake.script.names()
        await handle.signal(contract.GAPS_CLOSED, EventSignal(event_id="gaps"))
        await result_of(handle)

    assert waited
    assert fake.script.names() == ["begin", "settle"]


async def test_settlement_does_not_wait_for_ever(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedSessions()
    began = await time_skipping.get_current_time()
    async with running(
        time_skipping.client, contract.WORKFLOW, start(), fake.activities()
    ) as handle:
        await handle.signal(contract.TRANSACTION_ENDED, ended(complete=False))
        await result_of(handle)

    assert await time_skipping.get_current_time() - began >= timedelta(seconds=120)


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


async def test_an_end_without_a_start_is_settled(time_skipping: WorkflowEnvironment) -> None:
    fake = SteppedSessions()
    async with running(
        time_skipping.client,
        contract.WORKFLOW,
        start(started=False, ended_at=NOON),
        fake.activities(),
    ) as handle:
        result = await result_of(handle)

    assert fake.script.names() == ["begin", "settle"]
    assert result.state == "priced"


async def test_a_session_built_again_goes_on_where_its_rows_are(
    time_skipping: WorkflowEnvironment,
) -> None:
    fake = SteppedSessions()
    fake.plan = fake.plan.model_copy(update={"ended": True, "state": "ended"})
    async with running(
        time_skipping.client, contract.WORKFLOW, start(rebuilt=True), fake.activities()
    ) as handle:
        result = await result_of(handle)

    assert result.state == "priced"


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
